"use strict";
// Draws each chart from the columns of its table when the run that it belongs to is opened.
(() => {
  const KINDS = {
    fetches: { bars: true, stacked: true, height: 150 },
    faults: { bars: true, stacked: true, height: 150 },
    latency: { height: 150 },
    weights: { steps: true, stacked: true, height: 110, top: 100 },
    replicas: { steps: true, stacked: true, height: 110 },
  };
  const FONT = "12px system-ui, sans-serif";
  const ROOM = 14; // above a chart, for the numbers of the events
  const HALF = 24; // beside a chart, for the half of the last second's number that stands out
  const plots = new Map();
  const tester = document.body.appendChild(document.createElement("span"));
  tester.hidden = true;

  // A canvas does not know the colours of the style sheet by their names.
  const tone = (name) => {
    tester.style.color = `var(--${name})`;
    return getComputedStyle(tester).color;
  };

  const readTable = (table, chart, end) => {
    const heads = [...table.tHead.rows[0].cells];
    const columns = heads.map((head, index) => index).filter((index) => heads[index].dataset.chart === chart);
    const step = Number(table.dataset.step) || null;
    const data = [[], ...columns.map(() => [])];
    const push = (x, values) => [x, ...values].forEach((value, index) => data[index].push(value));
    const nothing = columns.map(() => null);
    for (const row of table.tBodies[0].rows) {
      const x = Number(row.cells[0].textContent);
      const last = data[0].at(-1);
      if (step && last !== undefined && x - last > 1.5 * step) push(last + step, nothing);
      push(x, columns.map((index) => (row.cells[index].textContent.trim() === "" ? null : Number(row.cells[index].textContent))));
    }
    const before = data.slice(1).map((values) => values.at(-1));
    if (step) push(data[0].at(-1) + step, nothing);
    else if (data[0].at(-1) < end) push(end, before);
    return { data, names: columns.map((index) => heads[index].textContent), tones: columns.map((index) => heads[index].dataset.tone) };
  };

  // Each series on top of those before it; the highest is drawn first, and the others over it.
  const stack = (data) => {
    const sums = data[0].map(() => 0);
    return data.slice(1).map((values) => values.map((value, index) => (value === null ? null : (sums[index] += value))));
  };

  const drawMarks = (marks) => (plot) => {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    let free = -Infinity;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = tone("soft");
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    marks.forEach((t, index) => {
      const x = Math.round(plot.valToPos(t, "x", true));
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const half = ctx.measureText(index + 1).width / 2 + 2 * ratio;
      if (x - half < free) return;
      ctx.fillText(index + 1, x, bbox.top - 3 * ratio);
      free = x + half;
    });
    ctx.restore();
  };

  const draw = (place) => {
    const charts = place.closest(".charts");
    const start = Number(charts.dataset.start);
    const end = Number(charts.dataset.end);
    const kind = KINDS[place.dataset.chart];
    const { data, names, tones } = readTable(document.getElementById(place.dataset.table), place.dataset.chart, end);
    const marks = [...charts.parentElement.querySelectorAll(".marks li")].map((item) => Number(item.dataset.t));
    const heights = kind.stacked ? stack(data) : data.slice(1);
    const order = kind.stacked ? names.map((name, index) => index).reverse() : names.map((name, index) => index);
    const series = order.map((index) => ({
      label: names[index],
      stroke: tone(tones[index]),
      fill: kind.stacked ? tone(tones[index]) : undefined,
      width: kind.bars ? 0 : 2,
      paths: kind.bars ? uPlot.paths.bars({ size: [1], align: 1 }) : kind.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: kind.stacked ? { show: false } : { show: true, size: 5 },
      value: (_plot, _value, _series, at) => (at === null || data[index + 1][at] === null ? "–" : `${data[index + 1][at]}`),
    }));
    const axis = { stroke: tone("soft"), font: FONT, grid: { stroke: tone("rule"), width: 1 }, ticks: { stroke: tone("rule"), width: 1 } };
    const options = {
      width: place.clientWidth,
      height: kind.height,
      padding: [ROOM, HALF, 0, 0],
      cursor: { drag: { x: false, y: false }, sync: { key: charts.parentElement.id } },
      legend: { live: true },
      scales: { x: { time: false, range: [start, end] }, y: { range: (_plot, _low, high) => [0, kind.top ?? (high * 1.05 || 1)] } },
      axes: [
        { ...axis, size: 30, values: (_plot, ticks) => ticks.map((tick) => `${tick} s`) },
        { ...axis, size: 56, space: 24, values: (_plot, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? tick.toLocaleString("en") : "")) },
      ],
      series: [{ label: "at", value: (_plot, value) => (value === null ? "–" : `${value} s`) }, ...series],
      hooks: { draw: [drawMarks(marks)] },
    };
    plots.get(place)?.destroy();
    plots.set(place, new uPlot(options, [data[0], ...order.map((index) => heights[index])], place));
  };

  const redraw = () => plots.forEach((_plot, place) => draw(place));
  const widths = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const plot = plots.get(target);
      if (plot && contentRect.width) plot.setSize({ width: contentRect.width, height: KINDS[target.dataset.chart].height });
    }
  });
  const open = (run) => {
    for (const place of run.querySelectorAll(".plot")) {
      if (!plots.has(place)) {
        draw(place);
        widths.observe(place);
      }
    }
  };
  const follow = () => {
    const run = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest(".run");
    if (!run) return;
    run.open = true;
    open(run);
    run.scrollIntoView();
    run.querySelector("summary").focus();
  };

  for (const run of document.querySelectorAll(".run")) {
    run.addEventListener("toggle", () => run.open && open(run));
    if (run.open) open(run);
  }
  addEventListener("hashchange", follow);
  follow();

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.textContent = isDark() ? "Light colours" : "Dark colours";
    redraw();
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  dark.addEventListener("change", show);
  show();
})();
