// Each release's own record: the names and digests of its files, as its build wrote them down. A gateway that cannot choose
// the release passes the question to any of them, so the answer may be another's: then the page asks again, so many times.

import { remember } from "./bounds.js";

const FRESH = 60_000; // milliseconds: a release may be built again under its name
const PATIENCE = 5_000;
const TRIES = 30;
const MOST = 8; // releases

const isRecord = (document, release) =>
  document?.release === release && typeof document.paths === "object" && typeof document.assets === "object";

export class Records {
  known = new Map();
  asked = new Map();

  // Ask for a release's record where there is none or it is old. Resolves when there is nothing to wait for.
  want(release, now = performance.now()) {
    if (!release) return null;
    const state = this.asked.get(release) ?? { tries: 0, next: 0, pending: null };
    remember(this.asked, release, state, MOST);
    if (!state.pending && now >= state.next && state.tries < TRIES) {
      state.pending = this.ask(release, state).finally(() => (state.pending = null));
    }
    return this.known.has(release) ? null : state.pending;
  }

  async ask(release, state) {
    const document = await this.fetch(release).catch(() => null);
    if (isRecord(document, release)) {
      remember(this.known, release, document, MOST);
      state.tries = 0;
      state.next = performance.now() + FRESH;
    } else {
      state.tries += 1;
      state.next = performance.now() + Math.min(250 * 2 ** state.tries, 10_000);
    }
  }

  async fetch(release) {
    const how = { credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
    const response = await fetch(`/lab/record?release=${encodeURIComponent(release)}`, how);
    return response.ok ? response.json() : null;
  }

  // What is left to be known of these releases, in words; empty when all is.
  lacking(releases) {
    const without = releases.filter((release) => !this.known.has(release));
    const over = without.filter((release) => this.asked.get(release)?.tries >= TRIES);
    if (over.length) return `No record of ${over.join(" and ")} came in ${TRIES} tries: start over to ask again.`;
    return without.length ? `Waiting for the record of ${without.join(" and ")}.` : "";
  }

  forget() {
    this.known.clear();
    this.asked.clear();
  }
}
