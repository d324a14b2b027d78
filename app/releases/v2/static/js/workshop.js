/** The workshop: what is fetched late, and what to say when it is no longer there. */

import { announce, on, one } from "shop/dom";

on("click", "[data-throw]", async (button) => {
  button.disabled = true;
  try {
    const { start } = await import("shop/viewer");
    start(one("[data-wheel]"));
    announce("The wheel turns");
  } catch (error) {
    console.error(error);
    button.insertAdjacentHTML("afterend", '<p class="late">The wheel did not arrive: its module is not there.</p>');
  }
});

on("click", "[data-unfold]", (button) => {
  one("[data-note]").hidden = false;
  button.setAttribute("aria-expanded", "true");
});
