/** Brings a photograph nearer where the pointer is. */

import { all } from "shop/dom";

export function magnify(selector) {
  for (const figure of all(selector)) {
    figure.addEventListener("pointermove", (event) => {
      const box = figure.getBoundingClientRect();
      figure.style.setProperty("--x", `${(100 * (event.clientX - box.left)) / box.width}%`);
      figure.style.setProperty("--y", `${(100 * (event.clientY - box.top)) / box.height}%`);
      figure.classList.add("near");
    });
    figure.addEventListener("pointerleave", () => figure.classList.remove("near"));
  }
}
