// A square for each of the last visits. The newest takes the place of the oldest, so that nothing else moves.

import { formatTime, make, shorten, toneOf } from "./elements.js";

export const SIGNS = { whole: "", wrong: "≠", broken: "✕", refused: "!", unknown: "?" };
export const WORDS = {
  whole: "whole",
  wrong: "of another release",
  broken: "broken",
  refused: "not answered",
  unknown: "not known",
};

export const describeVisit = ({ page, path, conclusion, at, sentence }) =>
  `${page.release ?? "no release"} ${path} at ${formatTime(at)}: ${WORDS[conclusion]}${sentence ? `. ${sentence}` : ""}`;

export class Grid {
  constructor(place, capacity, choose) {
    this.place = place;
    this.choose = choose;
    this.visits = [];
    this.next = 0;
    this.cells = Array.from({ length: capacity }, () => make("li"));
    place.append(...this.cells);
    place.addEventListener("keydown", (event) => this.move(event));
    place.addEventListener("click", ({ target }) => this.pick(target.closest("button")));
  }

  add(visit) {
    const cell = this.cells[this.next];
    const hadFocus = cell.contains(document.activeElement);
    const button = make(
      "button",
      {
        type: "button",
        tabindex: "-1",
        "data-state": visit.conclusion,
        "data-tone": toneOf(visit.page.release),
        "aria-pressed": "false",
      },
      make("span", {}, shorten(visit.page.release)),
      make("b", {}, SIGNS[visit.conclusion]),
    );
    button.setAttribute("aria-label", describeVisit(visit));
    button.title = describeVisit(visit);
    cell.replaceChildren(button);
    this.visits[this.next] = visit;
    this.newest?.classList.remove("newest");
    this.newest = cell;
    cell.classList.add("newest");
    this.next = (this.next + 1) % this.cells.length;
    if (hadFocus) button.focus();
    if (hadFocus || !this.place.querySelector('button[tabindex="0"]')) this.focusable(button);
  }

  // One stop for the tabulator; arrows go on from there.
  focusable(button) {
    for (const each of this.place.querySelectorAll('button[tabindex="0"]')) each.tabIndex = -1;
    button.tabIndex = 0;
  }

  move(event) {
    const columns = getComputedStyle(this.place).gridTemplateColumns.split(" ").length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const from = this.cells.findIndex((cell) => cell.contains(document.activeElement));
    if (from < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const button = this.cells[from + steps[event.key]]?.firstElementChild;
    if (!button) return;
    this.focusable(button);
    button.focus();
  }

  pick(button) {
    if (!button) return;
    this.focusable(button);
    this.choose(this.visits[this.cells.indexOf(button.parentElement)]);
  }

  // Show which visit the evidence is of.
  mark(visit) {
    for (const each of this.place.querySelectorAll('[aria-pressed="true"]')) each.setAttribute("aria-pressed", "false");
    const index = this.visits.indexOf(visit);
    if (index >= 0) this.cells[index].firstElementChild.setAttribute("aria-pressed", "true");
  }

  clear() {
    this.visits = [];
    this.next = 0;
    for (const cell of this.cells) {
      cell.replaceChildren();
      cell.classList.remove("newest");
    }
  }
}
