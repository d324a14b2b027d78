"""The cart: how many of what, kept in the visitor's signed cookie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.catalog import Product, euros, find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

KEY = "cart"
MOST = 12  # of one piece: the whole of a firing


@dataclass(frozen=True)
class Line:
    """One row of the cart; prices are in cents."""

    product: Product
    quantity: int

    @property
    def total(self) -> int:
        """The price of the row."""
        return self.product.price * self.quantity

    @property
    def cost(self) -> str:
        """The price of the row as it is written."""
        return euros(self.total)


@dataclass(frozen=True)
class Cart:
    """A value: changing it returns another one."""

    lines: tuple[Line, ...] = ()

    @classmethod
    def of(cls, request: HttpRequest) -> Cart:
        """Return the visitor's cart; pieces that are no longer sold are left out."""
        kept: Mapping[str, int] = request.session.get(KEY, {})
        found = ((find(slug), quantity) for slug, quantity in kept.items())
        return cls(tuple(Line(product, quantity) for product, quantity in found if product))

    @property
    def count(self) -> int:
        """How many pieces are in it."""
        return sum(line.quantity for line in self.lines)

    @property
    def total(self) -> int:
        """What all of it costs, in cents."""
        return sum(line.total for line in self.lines)

    @property
    def cost(self) -> str:
        """What all of it costs, as it is written."""
        return euros(self.total)

    def with_more(self, product: Product, quantity: int) -> Cart:
        """Return a cart with more of a piece, up to what a firing yields."""
        before = {line.product: line.quantity for line in self.lines}
        before[product] = min(before.get(product, 0) + quantity, MOST)
        return Cart(tuple(Line(*row) for row in before.items()))

    def without(self, product: Product) -> Cart:
        """Return a cart without a piece."""
        return Cart(tuple(line for line in self.lines if line.product != product))

    def save(self, request: HttpRequest) -> None:
        """Keep it in the visitor's session."""
        request.session[KEY] = {line.product.slug: line.quantity for line in self.lines}
