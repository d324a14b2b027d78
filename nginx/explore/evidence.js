// What one visit met: its page and each asset, what was expected, and what came.

import { formatTime, make, say } from "./elements.js";
import { SIGNS, WORDS } from "./grid.js";
import { displayAsset, displayPage, findOwn, findOwner, hasCome, nameAsset } from "./judge.js";

const SENTENCES = 3; // the table has the rest

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

// Whose asset came, by the records; of a release that has not answered there is none.
const findSource = (run, fetch, name) => {
  const record = run.records.get(fetch.release);
  if (!hasCome(fetch) || name === null || !record) return "–";
  if (Object.hasOwn(record.assets, name)) return fetch.release;
  return findOwner(run, name)[0] ?? `not ${fetch.release}`;
};

const stateOf = (faults) => {
  if (!faults.length) return "whole";
  return faults.every(({ checker }) => checker === "asset of its release") ? "wrong" : "broken";
};

const cell = (text, ...notes) => make("td", {}, text, ...notes.filter(Boolean).map((note) => make("small", {}, note)));

const makePageRow = (fetch, faults) => [
  make("th", { scope: "row" }, displayPage(fetch.url), make("small", {}, "the page")),
  cell(fetch.error ?? `${fetch.status}`, fetch.retried && "asked again"),
  cell("any"),
  cell(fetch.release ?? "not known"),
  cell(short(fetch.sha256)),
  makeVerdict(faults),
];

const makeAssetRow = (run, fetch, faults) => {
  const name = nameAsset(run, fetch.url);
  const own = name === null ? null : findOwn(run, name, fetch.release);
  const wanted = own && run.records.get(fetch.release).assets[own]?.sha256;
  return [
    make("th", { scope: "row" }, displayAsset(run, fetch.url), make("small", {}, HOW[fetch.how] ?? fetch.how)),
    cell(fetch.error ?? `${fetch.status}`, fetch.retried && "asked again", fetch.cached && "had it already"),
    cell(fetch.release ?? "not known", own !== name && own),
    cell(findSource(run, fetch, name)),
    cell(short(fetch.sha256), wanted && wanted !== fetch.sha256 && `wanted ${short(wanted)}`),
    makeVerdict(faults),
  ];
};

const makeVerdict = (faults) => {
  const state = stateOf(faults);
  const words = faults.length ? faults.map(({ checker }) => checker).join(", ") : "as it should be";
  return make("td", {}, make("b", { class: `sign ${state}` }, SIGNS[state] || "✓"), ` ${words}`);
};

const makeRow = (run, fetch, faults) => {
  const cells = fetch.role === "page" ? makePageRow(fetch, faults) : makeAssetRow(run, fetch, faults);
  return make("tr", { "data-state": stateOf(faults) }, ...cells);
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
      .replaceChildren(...[...sentences, ...doubts].slice(0, SENTENCES).map((sentence) => make("li", {}, sentence)));
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
