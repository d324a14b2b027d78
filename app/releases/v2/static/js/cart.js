/** Release v2: the sum follows the number, and the bar shows the way to free delivery. */

import { announce, on, one } from "shop/dom";
import { euros } from "shop/money";

const FREE = 12000;

function showDelivery(place) {
  const total = Number(place.dataset.total);
  place.style.setProperty("--part", `${Math.min(100, (100 * total) / FREE)}%`);
  one(".delivery__words", place).textContent =
    total >= FREE ? "The straw and the post are on us." : `Another ${euros(FREE - total)}, and the straw and the post are on us.`;
}

export function watchCart() {
  on("input", "[data-buy] input", (input) => {
    const form = input.form;
    const sum = Number(form.dataset.price) * Math.max(1, Number(input.value) || 1);
    one("[data-total]", form).textContent = euros(sum);
    announce(`Together ${euros(sum)}`);
  });
  const delivery = one("[data-delivery]");
  if (delivery) showDelivery(delivery);
}
//# sourceMappingURL=cart.js.map
