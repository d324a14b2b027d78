/** Release v1: the wheel. Two levers, and cobalt. */

import { one } from "shop/dom";
import { outline } from "shop/profile";

const LEVERS = { belly: 0.6, neck: 0.35 };
const [WIDTH, HEIGHT] = [960, 640];

/** One ring of the pot: light from the left, darker where it turns away. */
function ring(pen, radius, y, turn) {
  const light = pen.createLinearGradient(WIDTH / 2 - radius, 0, WIDTH / 2 + radius, 0);
  light.addColorStop(0, "#16308c");
  light.addColorStop(0.3 + 0.03 * Math.sin(turn + y / 9), "#5f83ee");
  light.addColorStop(0.6, "#1d3fb8");
  light.addColorStop(1, "#0a1846");
  pen.fillStyle = light;
  pen.beginPath();
  pen.ellipse(WIDTH / 2, y, radius, radius * 0.22, 0, 0, 2 * Math.PI);
  pen.fill();
}

function draw(canvas, levers, turn) {
  const pen = canvas.getContext("2d");
  const radii = outline({ ...levers, rim: 0.3 }, 150);
  pen.clearRect(0, 0, WIDTH, HEIGHT);
  radii.forEach((radius, i) => ring(pen, radius * 230, 560 - i * 2.9, turn));
  const top = radii.at(-1) * 230;
  pen.fillStyle = "#081237";
  pen.beginPath();
  pen.ellipse(WIDTH / 2, 560 - 150 * 2.9, top * 0.9, top * 0.19, 0, 0, 2 * Math.PI);
  pen.fill();
}

/** Put the wheel into the place of its photograph. */
export function start(place) {
  const levers = { ...LEVERS };
  place.innerHTML = `<canvas width="${WIDTH}" height="${HEIGHT}" aria-label="A turning pot"></canvas><div class="levers">${Object.keys(
    LEVERS,
  )
    .map((name) => `<label>${name}<input type="range" name="${name}" min="0" max="1" step="0.01" value="${LEVERS[name]}"></label>`)
    .join("")}</div>`;
  place.addEventListener("input", ({ target }) => {
    levers[target.name] = Number(target.value);
  });
  const canvas = one("canvas", place);
  const turn = (now) => {
    draw(canvas, levers, now / 160);
    if (canvas.isConnected) requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
}
//# sourceMappingURL=viewer.js.map
