// The explore page: visits the shop, judges every visit as the lab does, and shows what came of it.

import { keep, remember } from "./bounds.js";
import { Chart } from "./chart.js";
import { find, formatTime, make, say, toneOf } from "./elements.js";
import { EvidenceTable, sentencesOf } from "./evidence.js";
import { Frames } from "./frames.js";
import { describeVisit, Grid } from "./grid.js";
import { CHECKERS, conclude, conclusionOf, judgeRun, NOT_APPLICABLE } from "./judge.js";
import { CacheLever, Pins } from "./levers.js";
import { Marks } from "./marks.js";
import { Mix } from "./mix.js";
import { keepVisiting, Pace } from "./pace.js";
import { Records } from "./records.js";
import { Seen, Tour } from "./tour.js";
import { BASE, STATIC, Visitor } from "./visits.js";

const RECENT = 40; // visits that the headline is about
const KNOWN = 600; // URLs of assets
const STALLED = 15_000; // milliseconds without a visit
const LINGER = 8_000; // milliseconds that a broken page is shown before a newer one takes its place
const HUSH = 4_000; // milliseconds between two things that a screen reader is told

const began = performance.now();
const clock = () => (performance.now() - began) / 1000;

// Everything that "start over" forgets.
const makeState = () => ({
  mix: new Mix(),
  marks: new Marks(),
  seen: new Seen(),
  recent: [],
  urls: new Map(),
  totals: CHECKERS.map(() => ({ judged: 0, faults: 0, doubts: 0, last: null, excuse: null })),
  count: 0,
  chosen: null,
  shownAt: -Infinity,
});
let state = makeState();

const records = new Records();
const pace = new Pace();
let visitor = null;
let visitors = 0;
let isPaused = false;
let lastVisit = performance.now();

// What a screen reader is told. News come one at a time; of those that come too fast only the last is said. An answer
// to what somebody has just done is said at once, and news wait for it.
const news = { waiting: null, timer: null };
const sayNews = (text) => {
  say(find("news"), text);
  news.waiting = null;
  news.timer = setTimeout(() => (news.waiting === null ? (news.timer = null) : sayNews(news.waiting)), HUSH);
};
const tell = (text) => {
  if (news.timer) news.waiting = text;
  else sayNews(text);
};
const answer = (text) => {
  clearTimeout(news.timer);
  const { waiting } = news;
  sayNews(text);
  news.waiting = waiting;
};

const chart = new Chart(find("chart"), find("numbers"), () => state.marks.list);
const evidence = new EvidenceTable(find("evidence"));
const frames = new Frames(find("frames"));
const capacity = matchMedia("(max-width: 40rem)").matches ? 63 : 120;
const grid = new Grid(find("grid"), capacity, (visit) => choose(visit));
const tour = new Tour(find("steps"), find("to-tour"), [...document.querySelectorAll('input[name="way"]')], {
  tell,
  answer,
});

const runOf = (visit) => ({ static: STATIC, records: records.known, fetches: visit.fetches });

const showVisit = (visit) => {
  evidence.show(visit, records.known, STATIC);
  frames.showBroken(visit, runOf(visit));
  grid.mark(visit);
  find("hint").hidden = true;
  state.shownAt = performance.now();
};

const choose = (visit) => {
  state.chosen = visit;
  find("follow").hidden = false;
  showVisit(visit);
  answer(`Shown below: ${describeVisit(visit)}`);
  find("what").scrollIntoView({ block: "start" });
};

// Nothing is taken away from who looks at it.
const isLookedAt = (place) => place.matches(":hover") || place.contains(document.activeElement);

// The last broken page is shown by itself, unless somebody has chosen one; each stays for a while.
const follow = (visit) => {
  frames.note(visit);
  if (!["wrong", "broken"].includes(visit.conclusion) || state.chosen) return;
  const isDue =
    performance.now() - state.shownAt > LINGER && (state.shownAt === -Infinity || !isLookedAt(find("what")));
  if (isDue && (frames.findRight(visit, runOf(visit)) !== null || state.shownAt === -Infinity)) showVisit(visit);
};

const judge = (visit) => {
  const run = runOf(visit);
  visit.findings = judgeRun(run).findings;
  visit.conclusion = conclusionOf(run, visit);
  visit.sentence = sentencesOf(visit)[0] ?? null;
  visit.findings.forEach(({ judged, faults, doubts, status, reason, evidence: [first] }, index) => {
    const total = state.totals[index];
    total.excuse = status === NOT_APPLICABLE ? reason : null;
    total.judged += judged;
    total.faults += faults;
    total.doubts += doubts;
    total.last = first?.sentence.replace(/^at [\d.]+ s /, "") ?? total.last;
  });
};

const take = (visit) => {
  visit.at = Date.now();
  judge(visit);
  state.count += 1;
  keep(state.recent, { conclusion: visit.conclusion, release: visit.page.release }, RECENT);
  for (const fetch of visit.fetches) if (fetch.role === "asset") remember(state.urls, fetch.url, true, KNOWN);
  state.mix.take(visit);
  const before = state.marks.number;
  state.marks.take(visit);
  const marks = state.marks.list.filter(({ number }) => number > before);
  marks.forEach(addMark);
  state.seen.take(visit, marks);
  tour.guess(visit.page.replica);
  tour.take(state.seen);
  grid.add(visit);
  chart.add(visit);
  follow(visit);
};

const visitOnce = async () => {
  const mine = state;
  if (!visitor || visitor.isDone) visitor = await Visitor.arrive(`${(visitors += 1)}`);
  const visit = await visitor.visit(clock, pins.pin);
  await records.want(visit.page.release);
  lastVisit = performance.now();
  if (mine !== state) return; // somebody has started over meanwhile
  take(visit);
  showHeadline();
};

// what is shown beside the squares

const addMark = ({ number, at, kind, text }) => {
  const list = find("marks");
  list.prepend(make("li", { value: number, "data-kind": kind }, make("time", {}, formatTime(at)), ` ${text}`));
  while (list.children.length > 50) list.lastElementChild.remove();
  find("no-marks").hidden = true;
  tell(text);
};

const countRecent = (conclusion) => state.recent.filter((each) => each.conclusion === conclusion).length;

const headline = () => {
  const last = state.recent.length;
  if (!last) return ["unknown", "Looking", "the first pages are on their way"];
  const [broken, wrong, refused, unknown] = ["broken", "wrong", "refused", "unknown"].map(countRecent);
  const parts = [
    [broken, "broken"],
    [wrong, "with another release's files"],
    [refused, "not answered"],
  ].filter(([count]) => count);
  if (parts.length)
    return [
      "fail",
      "Broken",
      `${parts.map(([count, words]) => `${count} ${words}`).join(", ")}, of the last ${last} pages`,
    ];
  if (unknown)
    return [
      "unknown",
      "Not known",
      records.lacking(state.mix.releases) || `${unknown} of the last ${last} pages could not be judged`,
    ];
  return ["pass", "Whole", last < RECENT ? `every page so far` : `each of the last ${last} pages`];
};

let told = "";
const showHeadline = () => {
  const [kind, word, rest] = headline();
  const place = find("headline");
  place.dataset.state = kind;
  place.querySelector("b").className = `status ${kind}`;
  say(place.querySelector("b"), word);
  say(place.querySelector("span"), rest);
  if (told && told !== word) tell(`${word}: ${rest}`);
  if (told !== word) document.title = `${word} · Explore the rollout · Skewproof`;
  told = word;
};

const showShares = () => {
  const shares = state.mix.shares();
  find("shares").replaceChildren(
    ...shares.map(([release, percent]) => {
      const bar = make("div", { "data-tone": toneOf(release) }, `${release} ${percent} %`);
      bar.style.flexGrow = percent;
      return bar;
    }),
  );
  find("shares").setAttribute(
    "aria-label",
    shares.length
      ? `Shares of the last pages: ${shares.map(([release, percent]) => `${release} ${percent} %`).join(", ")}`
      : "No page yet",
  );
};

const showReplicas = () => {
  const rows = state.mix
    .listReplicas(Date.now())
    .map(({ release, replica, pids, answers, silent }) =>
      make(
        "tr",
        { "data-silent": silent > 20 },
        make("th", { scope: "row" }, replica),
        make("td", {}, release),
        make("td", {}, pids.join(" ")),
        make("td", {}, `${answers}`),
        make("td", {}, `${silent} s ago`),
      ),
    );
  find("replicas").tBodies[0].replaceChildren(...rows);
};

const showVerdicts = () => {
  CHECKERS.forEach((_checker, index) => {
    const total = state.totals[index];
    const status = total.excuse ? NOT_APPLICABLE : conclude(total);
    const [verdict, judged, faults] = [...find("verdicts").tBodies[0].rows[index].cells].slice(1);
    verdict.firstElementChild.className = `status ${status.toLowerCase().replace("/", "")}`;
    say(verdict.firstElementChild, status);
    say(judged, total.judged.toLocaleString("en"));
    say(faults, total.faults.toLocaleString("en"));
    say(
      verdict.parentElement.cells[0].querySelector("small"),
      total.last ?? total.excuse ?? (total.doubts ? `${total.doubts} could not be judged` : ""),
    );
  });
};

const describeState = () => {
  if (isPaused) return "Paused.";
  if (document.hidden) return "Stopped while this tab is hidden.";
  if (performance.now() - lastVisit > STALLED)
    return `No visit has ended for ${Math.round((performance.now() - lastVisit) / 1000)} s.`;
  return `This tab asks for ${pace.describe()}, one at a time.`;
};

const tick = () => {
  const now = Date.now();
  if (!document.hidden) {
    chart.draw(now);
    showShares();
    showReplicas();
    showVerdicts();
    if (find("more-numbers").open) chart.fillTable();
  }
  pins.offer(
    state.mix
      .shares()
      .map(([release]) => release)
      .concat(pins.pin && !state.mix.shares().some(([release]) => release === pins.pin) ? [pins.pin] : [])
      .toSorted(),
  );
  find("side").disabled = state.mix.releases.length < 2;
  say(find("strategy"), state.mix.strategy ?? "–");
  say(find("count"), state.count.toLocaleString("en"));
  say(find("pace"), describeState());
  say(find("lacking"), records.lacking(state.mix.releases));
};

// levers

const pins = new Pins(find("pins"), (release) =>
  answer(release ? `Visits go to ${release} only` : "Visits go where the gateway draws"),
);
pins.render();
new CacheLever(find("drop"), find("dropped"), () => [...state.urls.keys()]);

const showSideBySide = async () => {
  const releases = state.mix.releases.toSorted().slice(-2);
  const pages = await Promise.all(
    releases.map(async (release) => {
      const guest = new Visitor("side by side");
      guest.ahead = ["/"];
      return { release, ...(await guest.visit(clock, release)) };
    }),
  );
  state.chosen = pages;
  find("follow").hidden = false;
  evidence.clear();
  grid.mark(null);
  find("hint").hidden = true;
  frames.show(
    ...pages.map(({ release, html, page }) => ({
      html,
      title: `The shop as ${release} serves it now`,
      words: `The shop as ${page.release ?? "nobody"} serves it now: answered ${page.status ?? page.error}`,
      state: page.status === 200 ? "whole" : "broken",
    })),
  );
  find("what").scrollIntoView({ block: "start" });
};

const startOver = () => {
  state = makeState();
  visitor = null;
  told = "";
  records.forget();
  for (const part of [grid, chart, evidence, frames, tour]) part.clear();
  find("marks").replaceChildren();
  find("no-marks").hidden = false;
  find("hint").hidden = false;
  find("follow").hidden = true;
  showHeadline();
  tick();
  news.waiting = null;
  answer("Started over");
};

const pause = () => {
  isPaused = !isPaused;
  lastVisit = performance.now();
  say(find("pause"), isPaused ? "Go on" : "Pause");
  tick();
};

find("side").addEventListener("click", showSideBySide);
find("over").addEventListener("click", startOver);
find("pause").addEventListener("click", pause);
find("follow").addEventListener("click", () => {
  state.chosen = null;
  state.shownAt = -Infinity;
  find("follow").hidden = true;
});
find("more-numbers").addEventListener("toggle", () => chart.fillTable());
document.addEventListener("visibilitychange", () => (lastVisit = performance.now()));

for (const { promise } of CHECKERS) {
  find("verdicts").tBodies[0].append(
    make(
      "tr",
      {},
      make("th", { scope: "row" }, promise, make("small", {})),
      make("td", {}, make("b", { class: "status unknown" }, "UNKNOWN")),
      make("td", {}, "0"),
      make("td", {}, "0"),
    ),
  );
}

if (crypto.subtle) {
  setInterval(tick, 1000);
  keepVisiting(visitOnce, pace, {
    isAwake: () => !isPaused && !document.hidden,
    fail: (error) => say(find("trouble"), `A visit failed inside this page: ${error.message}`),
  });
} else {
  say(
    find("trouble"),
    `Browsers compute digests only for addresses that they trust: open http://127.0.0.1:${location.port}/lab/, or use HTTPS. ${BASE} is neither.`,
  );
}
