// Six steps from two releases in one bucket to the cure. Each is ticked when the page has seen it happen.

import { make } from "./elements.js";

const ENOUGH = 10; // whole pages of each of two releases
const CURED = 40; // whole pages in a row
const START = 5; // seconds after a change of strategy in which workers are fresh because their replicas are

export const STEPS = [
  {
    title: "Two releases, one bucket",
    why: "Two releases of one shop serve side by side, as in the middle of a rolling deployment. The gateway draws one for each page. The static files of both lie in one bucket.",
    compose: ["docker compose up -d"],
    make: ["make explore"],
    look: "Squares of both releases, and none that is broken.",
    isSeen: (seen) => [...seen.wholeOf.values()].filter((count) => count >= ENOUGH).length >= 2,
  },
  {
    title: "Django's own way",
    why: "The stock storage of django-storages keeps one manifest, the list of static files, for all releases. Whoever publishes last overwrites it.",
    compose: ["STATICFILES_STRATEGY=shared docker compose up -d"],
    make: ["make down", "make explore STRATEGY=shared"],
    look: "The strategy changes to shared.",
    isSeen: (seen) => seen.strategies.has("shared"),
  },
  {
    title: "Fresh workers",
    why: "A process reads the manifest once and keeps it for life. Fresh workers read it anew, and find that of the last publish. Crashes, scaling and max_requests bring fresh workers all the time.",
    compose: ["make recycle"],
    make: ["make recycle"],
    look: "A mark “Fresh workers”, and from then on squares that are not whole. Some may have been so before: a worker that starts after the last publish needs no recycling.",
    isSeen: (seen) => seen.recycled.has("shared"),
  },
  {
    title: "It answers 200, and is wrong",
    why: "For a file that the other release changed, a page now gets the other release's. No status code tells.",
    look: "An amber square with ≠. Click it: the page as visitors get it, beside the page as it should look.",
    isSeen: (seen) => seen.conclusions.has("wrong"),
  },
  {
    title: "It answers 500",
    why: "For a file that the other release removed, the manifest has no entry, and Django fails to render the page.",
    look: "A red square with ✕. Click it: the error names the file.",
    isSeen: (seen) => seen.conclusions.has("broken"),
  },
  {
    title: "The cure",
    why: "With skewproof each release has a manifest of its own, and a publish never touches what another release serves. Recycle the workers as often as you like.",
    compose: ["docker compose up -d", "make recycle"],
    make: ["make down", "make explore", "make recycle"],
    look: `The strategy skewproof, a mark “Fresh workers”, and then ${CURED} whole pages in a row.`,
    isSeen: (seen) =>
      seen.hadTrouble && seen.recycled.has("skewproof") && seen.strategy === "skewproof" && seen.wholeInRow >= CURED,
  },
];

// What of all that the page has seen so far.
export class Seen {
  wholeOf = new Map();
  strategies = new Set();
  conclusions = new Set();
  recycled = new Set();
  strategy = null;
  since = 0;
  hadTrouble = false;
  wholeInRow = 0;

  take({ page, conclusion }, marks) {
    if (page.strategy && page.strategy !== this.strategy) {
      this.strategy = page.strategy;
      this.since = page.t;
      this.strategies.add(page.strategy);
      this.recycled.delete(page.strategy);
    }
    this.conclusions.add(conclusion);
    this.wholeInRow = conclusion === "whole" ? this.wholeInRow + 1 : 0;
    if (["wrong", "broken"].includes(conclusion)) this.hadTrouble = true;
    if (conclusion === "whole" && page.release)
      this.wholeOf.set(page.release, (this.wholeOf.get(page.release) ?? 0) + 1);
    if (this.wholeOf.size > 50) this.wholeOf.delete(this.wholeOf.keys().next().value);
    if (marks.some(({ kind, t }) => kind === "recycle" && t > this.since + START)) this.recycled.add(this.strategy);
  }
}

const makeCommand = (command, answer) => {
  const button = make("button", { type: "button", class: "copy", "aria-label": `Copy ${command}` }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command).then(
      () => answer(`Copied: ${command}`),
      () => answer("This browser lets nobody copy here: select the command instead."),
    );
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return make("div", { class: "command" }, make("code", {}, command), button);
};

export class Tour {
  constructor(place, link, choices, { tell, answer }) {
    this.place = place;
    this.link = link;
    this.tell = tell;
    this.answer = answer;
    this.ticked = new Set();
    for (const choice of choices) choice.addEventListener("change", () => this.choose(choice.value));
    this.choices = choices;
    this.show("compose");
  }

  // Who has chosen needs no guess any more.
  choose(way) {
    this.isGuessed = true;
    this.show(way);
  }

  // The lab's own stacks have replicas whose names say so: then it is make that started them.
  guess(replica) {
    if (this.isGuessed || !replica) return;
    this.isGuessed = true;
    const way = /^web-.+-\d+$/.test(replica) ? "make" : "compose";
    for (const choice of this.choices) choice.checked = choice.value === way;
    this.show(way);
  }

  show(way) {
    this.items = STEPS.map((step) =>
      make(
        "li",
        {},
        make(
          "details",
          {},
          make("summary", {}, make("h3", {}, step.title), make("span", { class: "tick" })),
          make("p", {}, step.why),
          ...(step[way] ?? []).map((command) => makeCommand(command, this.answer)),
          make("p", { class: "look" }, make("b", {}, "Look for: "), step.look),
        ),
      ),
    );
    this.place.replaceChildren(...this.items);
    this.update();
  }

  take(seen) {
    STEPS.forEach((step, index) => {
      if (this.ticked.has(index) || !step.isSeen(seen)) return;
      this.ticked.add(index);
      this.update();
      this.tell(`Seen, step ${index + 1} of ${STEPS.length}: ${step.title}`);
    });
  }

  update() {
    const current = STEPS.findIndex((_step, index) => !this.ticked.has(index));
    this.link.textContent = current < 0 ? "all seen" : `next: ${current + 1}. ${STEPS[current].title}`;
    this.items.forEach((item, index) => {
      const isSeen = this.ticked.has(index);
      const state = isSeen ? "seen" : index === current ? "current" : "ahead";
      item.querySelector(".tick").textContent = isSeen ? "✓ seen" : "";
      if (item.dataset.state !== state) item.firstElementChild.open = state === "current";
      item.dataset.state = state;
      if (index === current) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
  }

  clear() {
    this.ticked.clear();
    this.update();
  }
}
