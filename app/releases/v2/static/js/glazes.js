/** Shows what a glaze is made of, in parts of a hundred. */

import { all, announce, on, one } from "shop/dom";

const RECIPES = {
  celadon: { feldspar: 42, quartz: 27, whiting: 18, kaolin: 11, "red iron oxide": 2 },
  cobalt: { feldspar: 45, quartz: 24, whiting: 17, kaolin: 13, "cobalt carbonate": 1 },
};

const row = ([name, share]) =>
  `<li class="glazes__part">${name}<span class="glazes__bar" style="--share: ${share}%"></span>${share} %</li>`;

export function showRecipes() {
  on("click", "[data-glaze]", (chip) => {
    for (const other of all("[data-glaze]")) other.setAttribute("aria-pressed", other === chip);
    const parts = Object.entries(RECIPES[chip.dataset.glaze]);
    const list = one("[data-recipe]");
    list.innerHTML = parts.map(row).join("");
    list.hidden = false;
    announce(parts.map(([name, share]) => `${name} ${share} %`).join(", "));
  });
}
