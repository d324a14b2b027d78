// What happens elsewhere, told from what pages and assets say and from nothing else: each step is a mark.

import { isRefused } from "./judge.js";
import { keep } from "./bounds.js";

const WINDOW = 400; // pages that are looked back on
const SURE = 1e-6; // the chance of being silent by luck, below which who is silent counts as gone
const FEWEST = 60; // pages of silence, at least: the share may just have become small
const FRESH = 5; // answers of a replica, all of workers that were not there before
const RECENT = 40; // pages whose mix is compared with that of the pages before
const SHIFT = 4.5; // standard deviations between the two: once in some 150,000 looks by luck
const SETTLED = 6; // pages in a row of another strategy: on the way there they come by turns
const CALM = 30; // whole pages in a row, after which trouble counts as over
const MOST = 100;

const percent = (share) => `${Math.round(100 * share)} %`;

// Notices when somebody answers for the first time, and when they have been silent for longer than their share explains.
class Presence {
  recent = [];
  present = new Set();
  known = new Set();
  last = new Map();

  take(key, t) {
    keep(this.recent, key, WINDOW);
    this.last.set(key, t);
    const came = this.present.has(key) ? null : key;
    const isNew = !this.known.has(key);
    this.present.add(key);
    if (this.known.size < 1000) this.known.add(key);
    const gone = [...this.present].filter((each) => this.isGone(each));
    return { came, isNew, gone: gone.map((each) => ({ who: each, since: this.forget(each) })) };
  }

  isGone(key) {
    const last = this.recent.lastIndexOf(key);
    const silence = this.recent.length - 1 - last;
    const before = this.recent.slice(0, last + 1);
    const share = before.filter((each) => each === key).length / Math.max(before.length, 1);
    return last < 0 || (silence >= FEWEST && (1 - share) ** silence < SURE);
  }

  // Returns when they answered last.
  forget(key) {
    const since = this.last.get(key);
    this.present.delete(key);
    this.last.delete(key);
    return since;
  }

  // Pages that were asked for by release tell nothing of who is there.
  pause() {
    this.recent = [];
  }
}

// Notices when all that a replica answers with are workers that were not there before.
class Workers {
  replicas = new Map();

  take(key, pid, t) {
    const seen = this.replicas.get(key) ?? { old: new Set(), fresh: new Map(), answers: 0 };
    if (!this.replicas.has(key)) this.replicas.set(key, seen);
    if (this.replicas.size > 50) this.replicas.delete(this.replicas.keys().next().value);
    seen.answers += 1;
    if (seen.old.has(pid)) {
      // An old one still answers, so the others are no replacement: they had only been silent.
      seen.fresh.forEach((_since, each) => seen.old.add(each));
      seen.fresh.clear();
      seen.inRow = 0;
      return null;
    }
    if (seen.answers <= FRESH) {
      seen.old.add(pid);
      return null;
    }
    if (!seen.fresh.has(pid)) seen.fresh.set(pid, t);
    seen.inRow = (seen.inRow ?? 0) + 1;
    if (seen.inRow < FRESH) return null;
    const since = Math.min(...seen.fresh.values());
    seen.old = new Set(seen.fresh.keys());
    seen.fresh.clear();
    seen.inRow = 0;
    return since;
  }
}

// Notices when the recent mix differs from that before by more than luck.
class Shares {
  recent = [];
  before = new Map();
  counted = 0;

  take(release) {
    keep(this.recent, release, RECENT + 1);
    if (this.recent.length <= RECENT) return null;
    const [left] = this.recent.splice(0, 1);
    this.before.set(left, (this.before.get(left) ?? 0) + 1);
    this.counted += 1;
    if (this.counted < RECENT) return null;
    const shares = this.count();
    if (![...shares].some(([each, share]) => this.differs(each, share))) return null;
    this.before.clear();
    this.counted = 0;
    return shares;
  }

  count() {
    const releases = new Set([...this.recent, ...this.before.keys()].toSorted());
    return new Map(
      [...releases].map((each) => [each, this.recent.filter((one) => one === each).length / this.recent.length]),
    );
  }

  differs(release, share) {
    const was = (this.before.get(release) ?? 0) / this.counted;
    const pooled = (was * this.counted + share * RECENT) / (this.counted + RECENT);
    const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / this.counted + 1 / RECENT));
    return deviation > 0 && Math.abs(was - share) / deviation > SHIFT;
  }
}

// Notices when every page is of another strategy than before.
class Strategies {
  current = null;
  run = { strategy: null, since: 0, count: 0 };

  take(strategy, t) {
    if (strategy !== this.run.strategy) this.run = { strategy, since: t, count: 0 };
    this.run.count += 1;
    if (strategy === this.current || (this.current && this.run.count < SETTLED)) return null;
    const before = this.current;
    this.current = strategy;
    return before && { strategy, before, since: this.run.since };
  }
}

export class Marks {
  list = [];
  number = 0;
  releases = new Presence();
  replicas = new Presence();
  workers = new Workers();
  shares = new Shares();
  strategies = new Strategies();
  isStoreDown = false;
  isSilent = false;
  trouble = null;
  whole = 0;

  add(t, at, kind, text) {
    this.number += 1;
    keep(this.list, { number: this.number, t, at, kind, text }, MOST);
  }

  take(visit) {
    const say = (kind, text, t = visit.page.t) => this.add(t, visit.at - 1000 * (visit.page.t - t), kind, text);
    this.takeSilence(visit, say);
    this.takeStore(visit, say);
    if (visit.page.release) this.takeWho(visit, say);
    this.takeTrouble(visit, say);
  }

  takeSilence({ page }, say) {
    const isSilent = isRefused(page);
    if (isSilent && !this.isSilent)
      say("silence", page.error ? "The gateway does not answer" : `No replica answers (${page.status})`);
    if (!isSilent && this.isSilent) say("silence", "Pages come again");
    this.isSilent = isSilent;
  }

  takeStore({ fetches }, say) {
    const asked = fetches.filter((fetch) => fetch.role === "asset" && !fetch.cached && fetch.status !== null);
    const isDown = asked.some((fetch) => isRefused(fetch));
    if (isDown && !this.isStoreDown) say("store", "The store does not answer");
    if (!isDown && asked.length && this.isStoreDown) say("store", "The store answers again");
    if (asked.length) this.isStoreDown = isDown;
  }

  takeWho({ page, pinned }, say) {
    const { release, replica, pid } = page;
    const change = page.strategy ? this.strategies.take(page.strategy, page.t) : null;
    if (change) say("strategy", `Strategy ${change.strategy} in the place of ${change.before}`, change.since);
    if (pinned) {
      this.releases.pause();
      this.replicas.pause();
      this.shares.recent = [];
    } else this.takeMix(page, say);
    const since = replica && pid ? this.workers.take(`${release} ${replica}`, pid, page.t) : null;
    if (since !== null) say("recycle", `Fresh workers in ${replica} of ${release}`, since);
  }

  takeMix({ release, replica, t }, say) {
    const { came, isNew, gone } = this.releases.take(release, t);
    if (came) say("release", isNew ? `Release ${came} answers` : `Release ${came} answers again`);
    for (const { who, since } of gone) say("release", `Release ${who} answers no more`, since);
    if (replica) this.takeReplica(`${replica} of ${release}`, came !== null, t, say);
    const shares = this.shares.take(release);
    if (shares)
      say(
        "weights",
        `The mix shifts to about ${[...shares].map(([each, share]) => `${each} ${percent(share)}`).join(", ")}`,
      );
  }

  takeReplica(key, isOfNewRelease, t, say) {
    const { came, gone } = this.replicas.take(key, t);
    if (came && !isOfNewRelease) say("replica", `Replica ${came} comes`);
    // Of a release that has gone nobody expects a replica.
    const expected = gone.filter(({ who }) => this.releases.present.has(who.split(" of ").at(-1)));
    for (const { who, since } of expected) say("replica", `Replica ${who} leaves`, since);
  }

  takeTrouble({ conclusion, page, path }, say) {
    this.whole = conclusion === "whole" ? this.whole + 1 : 0;
    if (["broken", "wrong"].includes(conclusion) && !this.trouble) {
      this.trouble = conclusion;
      const what = conclusion === "broken" ? "broken page" : "page with another release's files";
      say("trouble", `First ${what}: ${page.release ?? "no release"} ${path}`);
    }
    if (this.trouble && this.whole >= CALM) {
      this.trouble = null;
      say("trouble", `Every page is whole again (${CALM} in a row)`);
    }
  }
}
