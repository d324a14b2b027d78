// Who answers: the share of each release, and its replicas with their workers, as far as pages say.

import { keep } from "./bounds.js";

const RECENT = 100; // pages
const SILENT = 300_000; // milliseconds until a replica is no longer listed
const WORKERS = 8; // of a replica that are listed, the newest last

export class Mix {
  pages = [];
  replicas = new Map();
  releases = [];
  strategy = null;

  take({ page, at, pinned }) {
    if (page.strategy) this.strategy = page.strategy;
    if (!page.release) return;
    if (!this.releases.includes(page.release)) keep(this.releases, page.release, 8);
    if (!pinned) keep(this.pages, page.release, RECENT);
    if (page.replica) this.takeReplica(page, at);
  }

  takeReplica({ release, replica, pid }, at) {
    const key = `${release} ${replica}`;
    const known = this.replicas.get(key) ?? { release, replica, workers: [], answers: 0 };
    known.workers = [...known.workers.filter((each) => each.pid !== pid), { pid, at }].slice(-WORKERS);
    known.answers += 1;
    known.at = at;
    this.replicas.set(key, known);
    for (const [other, { at: last }] of this.replicas) if (at - last > SILENT) this.replicas.delete(other);
  }

  // [release, percent of the last pages], by release.
  shares() {
    const total = this.pages.length;
    const present = this.releases
      .toSorted()
      .map((release) => [release, this.pages.filter((each) => each === release).length]);
    return present.filter(([, count]) => count).map(([release, count]) => [release, Math.round((100 * count) / total)]);
  }

  // A worker that has not answered for a while, while its replica has, is of the past.
  listReplicas(now) {
    return [...this.replicas.values()]
      .toSorted((a, b) =>
        `${a.release} ${a.replica}`.localeCompare(`${b.release} ${b.replica}`, "en", { numeric: true }),
      )
      .map((each) => ({
        ...each,
        silent: Math.round((now - each.at) / 1000),
        pids: each.workers.filter(({ at }) => each.at - at < 30_000).map(({ pid }) => pid),
      }));
  }
}
