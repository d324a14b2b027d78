/** This winter a spoon rest comes with an order above 90 euros: says how far away it is. */

import { one } from "shop/dom";
import { euros } from "shop/money";

const ENOUGH = 9000;
const place = one("[data-promo]");
const total = Number(place?.dataset.total);

if (total >= ENOUGH) {
  place.textContent = "A spoon rest comes with this order, dipped in cobalt by Tobias.";
} else if (total > 0) {
  place.textContent = `Another ${euros(ENOUGH - total)}, and a spoon rest comes with it, dipped in cobalt by Tobias.`;
}
