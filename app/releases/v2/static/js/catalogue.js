/** Shows the pieces of one kind. */

import { all, announce, on } from "shop/dom";

on("click", "[data-filter]", (button) => {
  const wanted = button.dataset.filter;
  for (const other of all("[data-filter]")) other.setAttribute("aria-pressed", other === button);
  const pieces = all("[data-kind]");
  for (const piece of pieces) piece.hidden = Boolean(wanted) && piece.dataset.kind !== wanted;
  announce(`${pieces.filter((piece) => !piece.hidden).length} pieces`);
});
