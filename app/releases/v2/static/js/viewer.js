/** Release v2: the wheel. Three levers, celadon, and a pot that can be pulled at. */

import { all, one } from "shop/dom";
import { outline } from "shop/profile";

const LEVERS = { belly: 0.55, neck: 0.5, rim: 0.6 };
const [WIDTH, HEIGHT, BASE, STEP, COUNT] = [960, 640, 570, 2.9, 160];

/** One ring of the pot: light from the left, and the bare clay of the foot. */
function ring(pen, radius, i, turn) {
  const y = BASE - i * STEP;
  const glazed = i > 9 + Math.sin(turn * 0.7);
  const light = pen.createLinearGradient(WIDTH / 2 - radius, 0, WIDTH / 2 + radius, 0);
  light.addColorStop(0, glazed ? "#2c6b4f" : "#7a5134");
  light.addColorStop(0.3 + 0.03 * Math.sin(turn + y / 11), glazed ? "#a9d6bb" : "#c9986b");
  light.addColorStop(0.62, glazed ? "#4f9a76" : "#a87750");
  light.addColorStop(1, glazed ? "#163f30" : "#4d3220");
  pen.fillStyle = light;
  pen.beginPath();
  pen.ellipse(WIDTH / 2, y, radius, radius * 0.22, 0, 0, 2 * Math.PI);
  pen.fill();
}

function draw(canvas, levers, turn) {
  const pen = canvas.getContext("2d");
  const radii = outline(levers, COUNT).map((radius) => radius * 230);
  pen.clearRect(0, 0, WIDTH, HEIGHT);
  radii.forEach((radius, i) => ring(pen, radius, i, turn));
  const top = radii.at(-1);
  pen.fillStyle = "#12352a";
  pen.beginPath();
  pen.ellipse(WIDTH / 2, BASE - COUNT * STEP, top * 0.92, top * 0.19, 0, 0, 2 * Math.PI);
  pen.fill();
}

/** Pulling at the canvas moves the belly. */
function pull(canvas, levers) {
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) levers.belly = Math.min(1, Math.max(0, levers.belly + event.movementX / 300));
  });
}

/** Put the wheel into the place of its photograph. */
export function start(place) {
  const levers = { ...LEVERS };
  const inputs = Object.entries(LEVERS).map(
    ([name, value]) => `<label>${name}<input type="range" name="${name}" min="0" max="1" step="0.01" value="${value}"></label>`,
  );
  place.innerHTML = `<canvas width="${WIDTH}" height="${HEIGHT}" aria-label="A turning pot"></canvas><div class="studio__levers">${inputs.join("")}</div>`;
  for (const input of all("input", place)) {
    input.addEventListener("input", () => {
      levers[input.name] = Number(input.value);
    });
  }
  const canvas = one("canvas", place);
  pull(canvas, levers);
  const turn = (now) => {
    draw(canvas, levers, now / 160);
    if (canvas.isConnected) requestAnimationFrame(turn);
  };
  requestAnimationFrame(turn);
}
//# sourceMappingURL=viewer.js.map
