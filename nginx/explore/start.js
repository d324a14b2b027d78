// Starts the page, and loads it again when a part of it is lost on the way: a browser drops what it is
// fetching while an interface of the machine comes or goes, as with every container, and a page
// without one of its modules would stand still. No module, so that it hears of those that fail.

"use strict";

const RELOADS = 5; // in a row, then somebody has to look
const WAIT = 1000; // milliseconds
const COUNT = "skewproof.reloads"; // for this tab

let isLost = false;
const loadAgain = async (part) => {
  if (isLost) return;
  isLost = true;
  const count = Number(sessionStorage.getItem(COUNT) ?? 0);
  if (count < RELOADS) {
    sessionStorage.setItem(COUNT, `${count + 1}`);
    setTimeout(() => location.reload(), WAIT);
    return;
  }
  sessionStorage.removeItem(COUNT);
  const name = new URL(part.src ?? part.href, location.href).pathname;
  const tell = () =>
    (document.getElementById("trouble").textContent =
      `This page is not complete: ${name}, or what it needs, did not load, ${RELOADS + 1} times. ` +
      "See whether the gateway runs, then load it again.");
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", tell);
  else tell();
};

// An error of a script or of a style sheet does not bubble, so it is caught on its way down.
const hear = ({ target }) => {
  if (target instanceof HTMLScriptElement || target instanceof HTMLLinkElement) loadAgain(target);
};
addEventListener("error", hear, true);

// All of it is there, also what modules import.
addEventListener("load", () => {
  removeEventListener("error", hear, true);
  if (!isLost) sessionStorage.removeItem(COUNT);
});
