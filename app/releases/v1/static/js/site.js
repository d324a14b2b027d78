/** Release v1: what every page runs. */

import { watchCart } from "shop/cart";
import { all } from "shop/dom";

const RELEASE = "v1";
const page = document.body.dataset.release;

if (page !== RELEASE) {
  console.error(`This page is of release ${page}, its scripts are of release ${RELEASE}.`);
}
for (const link of all(".menu a")) {
  if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
}
watchCart();
//# sourceMappingURL=site.js.map
