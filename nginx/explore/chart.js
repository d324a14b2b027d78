// Pages over time by what they came to, stacked, with the marks: uPlot as in the lab's report, and the same numbers as a table.

import { formatTime, make, toneOf } from "./elements.js";

const STEP = 2; // seconds
const STEPS = 150;
const SHORTEST = 30; // steps that are shown at first
const OUTCOMES = ["whole", "wrong", "broken", "refused", "unknown"];
const TITLES = {
  whole: "whole",
  wrong: "another release's",
  broken: "broken",
  refused: "not answered",
  unknown: "not known",
};
const HEIGHT = 180;
const FONT = "12px system-ui, sans-serif";

const colourOf = (outcome, release) =>
  outcome === "whole" ? `release-${toneOf(release)}` : outcome === "unknown" ? "soft" : `${outcome}-${toneOf(release)}`;

export class Chart {
  steps = new Map();
  keys = [];
  shown = "";

  constructor(place, table, listMarks) {
    this.place = place;
    this.table = table;
    this.listMarks = listMarks;
    new ResizeObserver(() => this.plot?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.forgetPlot());
  }

  add({ page, conclusion, at }) {
    const step = Math.floor(at / 1000 / STEP) * STEP;
    const key = `${conclusion} ${page.release ?? ""}`;
    if (!this.keys.includes(key)) {
      this.keys = [...this.keys, key]
        .toSorted((a, b) => this.rank(a) - this.rank(b) || a.localeCompare(b, "en", { numeric: true }))
        .slice(0, 24);
      this.forgetPlot();
    }
    const counts = this.steps.get(step) ?? new Map();
    counts.set(key, (counts.get(key) ?? 0) + 1);
    this.steps.set(step, counts);
    if (this.steps.size > STEPS) this.steps.delete(this.steps.keys().next().value);
  }

  // The first step that is shown: the chart grows until it has all of its steps.
  findBegin(end) {
    const first = this.steps.keys().next().value ?? end;
    return Math.max(Math.min(first, end - SHORTEST * STEP), end - (STEPS - 1) * STEP);
  }

  rank(key) {
    return OUTCOMES.indexOf(key.split(" ")[0]);
  }

  describe(key) {
    const [outcome, ...release] = key.split(" ");
    return [release.join(" ") || null, TITLES[outcome]].filter(Boolean).join(" ");
  }

  forgetPlot() {
    this.plot?.destroy();
    this.plot = null;
  }

  // Each key on top of those before it; the highest is drawn first, and the others over it.
  draw(now) {
    const end = Math.floor(now / 1000 / STEP) * STEP;
    const times = Array.from({ length: STEPS }, (_, index) => end - (STEPS - 1 - index) * STEP);
    const sums = times.map(() => 0);
    const heights = this.keys.map((key) =>
      times.map((time, index) => (sums[index] += this.steps.get(time)?.get(key) ?? 0)),
    );
    const data = [times, ...heights.toReversed()];
    if (!this.keys.length || !this.place.clientWidth) return;
    if (this.plot) this.plot.setData(data);
    else this.plot = new uPlot(this.makeOptions(), data, this.place);
  }

  // A canvas does not know the colours of the style sheet by their names.
  tone(name) {
    const tester = document.body.appendChild(make("span", { hidden: true }));
    tester.style.color = `var(--${name})`;
    const { color } = getComputedStyle(tester);
    tester.remove();
    return color;
  }

  makeOptions() {
    const axis = {
      stroke: this.tone("soft"),
      font: FONT,
      grid: { stroke: this.tone("rule"), width: 1 },
      ticks: { stroke: this.tone("rule"), width: 1 },
    };
    const series = this.keys.toReversed().map((key) => {
      const [outcome, ...release] = key.split(" ");
      const tone = this.tone(colourOf(outcome, release.join(" ")));
      return {
        label: this.describe(key),
        stroke: tone,
        fill: tone,
        width: 0,
        paths: uPlot.paths.bars({ size: [1], align: 1 }),
        points: { show: false },
      };
    });
    return {
      width: this.place.clientWidth,
      height: HEIGHT,
      padding: [14, 12, 0, 0],
      cursor: { show: false },
      legend: { live: false },
      scales: {
        x: { time: true, range: (_plot, _low, high) => [this.findBegin(high), high + STEP] },
        y: { range: (_plot, _low, high) => [0, high * 1.05 || 1] },
      },
      axes: [
        { ...axis, size: 30, space: 80, values: (_plot, ticks) => ticks.map((tick) => formatTime(1000 * tick)) },
        {
          ...axis,
          size: 36,
          space: 24,
          values: (_plot, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? `${tick}` : "")),
        },
      ],
      series: [{}, ...series],
      hooks: { draw: [(plot) => this.drawMarks(plot)] },
    };
  }

  drawMarks(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    let free = -Infinity;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = this.tone("ink");
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    for (const { number, at } of this.listMarks()) {
      const x = Math.round(plot.valToPos(at / 1000, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const half = ctx.measureText(number).width / 2 + 2 * ratio;
      if (x - half < free) continue;
      ctx.fillText(number, x, bbox.top - 3 * ratio);
      free = x + half;
    }
    ctx.restore();
  }

  fillTable() {
    const heads = ["from", ...this.keys.map((key) => this.describe(key))];
    const rows = [...this.steps]
      .toReversed()
      .map(([time, counts]) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, formatTime(1000 * time)),
          ...this.keys.map((key) => make("td", {}, `${counts.get(key) ?? 0}`)),
        ),
      );
    this.table.tHead.replaceChildren(make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head))));
    this.table.tBodies[0].replaceChildren(...rows);
  }

  clear() {
    this.steps.clear();
    this.keys = [];
    this.forgetPlot();
  }
}
