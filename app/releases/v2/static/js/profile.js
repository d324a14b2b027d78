/** The outline of a pot: its radius at each height, as shares of the largest. */

/** A smooth line through the points (Catmull and Rom, 1974), in so many steps. */
function smooth(points, steps) {
  const at = (i) => points[Math.min(Math.max(i, 0), points.length - 1)];
  const line = [];
  for (let step = 0; step <= steps; step += 1) {
    const place = (step / steps) * (points.length - 1);
    const i = Math.min(Math.floor(place), points.length - 2);
    const t = place - i;
    const [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    line.push(
      0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t ** 3),
    );
  }
  return line;
}

/** Radii from foot to rim; every lever goes from 0 to 1. */
export function outline({ belly, neck, rim }, steps = 60) {
  const middle = 0.45 + 0.55 * belly;
  const narrow = middle * (1 - 0.75 * neck);
  return smooth([0.42, middle * 0.9, middle, narrow, narrow * 0.95, narrow + 0.4 * rim], steps);
}
//# sourceMappingURL=profile.js.map
