// What a visitor may do from here: nothing of it changes the stack. What does is a command to copy, in the tour.

import { make, say } from "./elements.js";

const AT_ONCE = 6;
const PATIENCE = 10_000; // milliseconds

// Read files past every cache on the way, so that the gateway keeps what the store has now. A few at a time.
export const readAnew = async (urls, tell) => {
  const waiting = [...urls];
  const counts = { came: 0, missing: 0, failed: 0 };
  const readNext = async () => {
    while (waiting.length) {
      const how = { credentials: "omit", cache: "reload", redirect: "manual", signal: AbortSignal.timeout(PATIENCE) };
      const status = await fetch(waiting.pop(), how).then(
        (response) => response.arrayBuffer().then(() => response.status),
        () => 0,
      );
      counts[status === 200 ? "came" : status === 404 ? "missing" : "failed"] += 1;
      tell(counts, urls.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readNext));
  return counts;
};

// The buttons that choose whom the page visits: all as the gateway draws, or one release.
export class Pins {
  pin = null;
  releases = [];

  constructor(place, changed) {
    this.place = place;
    this.changed = changed;
  }

  offer(releases) {
    if (releases.join() === this.releases.join()) return;
    this.releases = [...releases];
    if (this.pin && !releases.includes(this.pin)) this.pin = null;
    this.render();
  }

  render() {
    const focused = this.place.contains(document.activeElement) ? document.activeElement.dataset.pin : null;
    const buttons = [null, ...this.releases].map((release) => {
      const isChosen = this.pin === release;
      const button = make(
        "button",
        { type: "button", "aria-pressed": `${isChosen}`, "data-pin": release ?? "any" },
        release ? `Only ${release}` : "As the gateway draws",
      );
      button.addEventListener("click", () => {
        this.pin = release;
        this.render();
        this.changed(release);
      });
      return button;
    });
    this.place.replaceChildren(...buttons);
    if (focused) buttons.find((button) => button.dataset.pin === focused)?.focus();
  }
}

export class CacheLever {
  constructor(button, output, listUrls) {
    button.addEventListener("click", async () => {
      const urls = listUrls();
      if (button.disabled || !urls.length) return say(output, "No file is known yet.");
      button.disabled = true;
      const counts = await readAnew(urls, ({ came, missing, failed }, total) =>
        say(output, `${came + missing + failed} of ${total} files read`),
      );
      say(output, `${counts.came} files read from the store, ${counts.missing} not there, ${counts.failed} failed.`);
      button.disabled = false;
    });
  }
}
