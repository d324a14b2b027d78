"""The pages of the shop, as a search engine or a probe wants to know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.sitemaps import Sitemap
from django.urls import reverse

from shop.catalog import PRODUCTS

if TYPE_CHECKING:
    Paths = Sitemap[str]
else:
    Paths = Sitemap  # generic only for type checkers


class Pages(Paths):
    """Every page that anybody may see."""

    def items(self) -> list[str]:
        """Return the path of each page."""
        names = ("home", "catalogue", "cart", "about", "workshop")
        products = (reverse("product", args=[product.slug]) for product in PRODUCTS)
        return [*(reverse(name) for name in names), *products]

    def location(self, item: str) -> str:
        """Return the path; the framework adds this host."""
        return item
