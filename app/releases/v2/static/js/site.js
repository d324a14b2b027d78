/** Release v2: what every page runs. */

import { watchCart } from "shop/cart";
import { all } from "shop/dom";

const RELEASE = "v2";
const page = document.body.dataset.release;

if (page !== RELEASE) {
  console.error(`This page is of release ${page}, its scripts are of release ${RELEASE}.`);
}
for (const link of all(".masthead__link")) {
  if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
}
watchCart();
//# sourceMappingURL=site.js.map
