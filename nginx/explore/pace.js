// How fast the page visits: one page at a time, at most four a second, half of that when answers get slow, none while
// nobody looks.

export const FASTEST = 250; // milliseconds from one visit to the next
const SLOWEST = 8000;
const SLOW = 1000; // a visit that takes longer halves the pace
const QUICK = 10; // that many quick ones in a row double it again

export class Pace {
  interval = FASTEST;
  quick = 0;

  note(ms) {
    this.quick = ms > SLOW ? 0 : this.quick + 1;
    if (ms > SLOW) this.interval = Math.min(2 * this.interval, SLOWEST);
    else if (this.quick >= QUICK && this.interval > FASTEST) {
      this.interval = Math.max(this.interval / 2, FASTEST);
      this.quick = 0;
    }
  }

  describe() {
    const rate = 1000 / this.interval;
    return rate >= 1 ? `at most ${rate} pages a second` : `at most a page every ${1 / rate} seconds`;
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Visits for ever, while `isAwake`; what a visit throws is told to `fail`, and the next one comes all the same.
export const keepVisiting = async (visit, pace, { isAwake, fail }) => {
  for (;;) {
    if (!isAwake()) {
      await sleep(FASTEST);
      continue;
    }
    const began = performance.now();
    try {
      await visit();
    } catch (error) {
      fail(error);
    }
    const took = performance.now() - began;
    pace.note(took);
    await sleep(Math.max(pace.interval - took, 0));
  }
};
