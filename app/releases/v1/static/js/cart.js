/** Release v1: the sum beside the button follows the number. */

import { announce, on, one } from "shop/dom";
import { euros } from "shop/money";

export function watchCart() {
  on("input", "[data-buy] input", (input) => {
    const form = input.form;
    const sum = Number(form.dataset.price) * Math.max(1, Number(input.value) || 1);
    one("[data-total]", form).textContent = euros(sum);
    announce(`Together ${euros(sum)}`);
  });
}
//# sourceMappingURL=cart.js.map
