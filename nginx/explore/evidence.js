// What one visit met: its page and each asset, what was expected, and what came.

import { formatTime, make, say } from "./elements.js";
import { SIGNS, WORDS } from "./grid.js";
import { displayAsset, displayPage, findOwn, findOwner, hasCome, nameAsset } from "./judge.js";

const short = (digest) => (digest ? `${digest.slice(0, 12)}…` : "–");

const HOW = {
  stylesheet: "stylesheet",
  "css-import": "imported by a stylesheet",
  "css-url": "named by a stylesheet",
  img: "picture",
  srcset: "picture",
  icon: "icon",
  svg: "drawing",
  module: "script",
  script: "script",
  "import-map": "script, by the import map",
  "js-import": "imported by a script",
  "js-dynamic": "imported later by a script",
  preload: "preloaded",
  modulepreload: "preloaded script",
};

// A row: the URL, how it was named, status, the release that was expected and came, its digest, and what is wrong.
const makeRow = (run, fetch, faults) => {
  const name = fetch.role === "page" ? null : nameAsset(run, fetch.url);
  const record = run.records.get(fetch.release);
  const isOwn = name !== null && record && Object.hasOwn(record.assets, name);
  const own = name === null ? null : findOwn(run, name, fetch.release);
  const wanted = own ? record.assets[own]?.sha256 : null;
  const came =
    fetch.role === "page"
      ? fetch.release
      : !hasCome(fetch) || name === null
        ? null
        : isOwn
          ? fetch.release
          : findOwner(run, name)[0];
  const state = !faults.length
    ? "whole"
    : faults.every(({ checker }) => checker === "asset of its release")
      ? "wrong"
      : "broken";
  return make(
    "tr",
    { "data-state": state },
    make(
      "th",
      { scope: "row" },
      fetch.role === "page" ? displayPage(fetch.url) : displayAsset(run, fetch.url),
      make("small", {}, fetch.role === "page" ? "the page" : (HOW[fetch.how] ?? fetch.how)),
    ),
    make(
      "td",
      {},
      fetch.error ?? `${fetch.status}`,
      fetch.retried ? make("small", {}, "asked again") : null,
      fetch.cached ? make("small", {}, "had it already") : null,
    ),
    make(
      "td",
      {},
      fetch.role === "page" ? "any" : (fetch.release ?? "not known"),
      own && own !== name ? make("small", {}, own) : null,
    ),
    make("td", {}, came ?? "–"),
    make(
      "td",
      { class: "digest" },
      short(fetch.sha256),
      wanted && wanted !== fetch.sha256 ? make("small", {}, `not ${short(wanted)}`) : null,
    ),
    make(
      "td",
      {},
      make("b", { class: `sign ${state}` }, SIGNS[state] || "✓"),
      ` ${state === "whole" ? "as it should be" : faults.map(({ checker }) => checker).join(", ")}`,
    ),
  );
};

// Which checkers blame which fetch.
const collectFaults = ({ fetches, findings }) => {
  const faults = fetches.map(() => []);
  for (const { checker, faulty, evidence } of findings)
    faulty.forEach((index, at) => faults[index].push({ checker, sentence: evidence[at].sentence }));
  return faults;
};

export const sentencesOf = (visit) => [
  ...new Set(
    collectFaults(visit)
      .flat()
      .map(({ sentence }) => sentence.replace(/^at [\d.]+ s /, "")),
  ),
];

export class EvidenceTable {
  constructor(place) {
    this.place = place;
  }

  show(visit, records, statics) {
    const run = { static: statics, records, fetches: visit.fetches };
    const faults = collectFaults(visit);
    const { page, path, conclusion, at } = visit;
    const order = visit.fetches
      .map((fetch, index) => index)
      .toSorted((a, b) => (faults[b].length > 0) - (faults[a].length > 0) || a - b);
    const sentences = sentencesOf(visit);
    const doubts = visit.findings
      .filter((finding) => finding.doubts)
      .map((finding) => `${finding.checker}: ${finding.reason}`);
    say(
      this.place.querySelector("[data-title]"),
      `${page.release ?? "No release"} ${path} at ${formatTime(at)}: ${WORDS[conclusion]}`,
    );
    say(
      this.place.querySelector("[data-who]"),
      page.replica
        ? `Answered by worker ${page.pid} of ${page.replica}, strategy ${page.strategy}, in ${page.ms} ms; ${visit.fetches.length - 1} assets.`
        : "",
    );
    this.place
      .querySelector("[data-sentences]")
      .replaceChildren(...[...sentences, ...doubts].slice(0, 8).map((sentence) => make("li", {}, sentence)));
    this.place
      .querySelector("tbody")
      .replaceChildren(...order.map((index) => makeRow(run, visit.fetches[index], faults[index])));
    this.place.hidden = false;
  }

  clear() {
    this.place.hidden = true;
    this.place.querySelector("tbody").replaceChildren();
  }
}
