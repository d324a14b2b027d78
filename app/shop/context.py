"""What every page is told: which release, replica and worker render it, and the cart's count."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.conf import settings

from shop.cart import Cart

if TYPE_CHECKING:
    from django.http import HttpRequest


def footer(_request: HttpRequest | None = None) -> dict[str, str | int]:
    """Return what the footer names; error pages use it without a request."""
    return {
        "release": settings.RELEASE,
        "strategy": settings.STATICFILES_STRATEGY,
        "replica": settings.REPLICA,
        "pid": os.getpid(),
    }


def cart(request: HttpRequest) -> dict[str, Cart]:
    """Return the visitor's cart."""
    return {"cart": Cart.of(request)}
