"""What needs more than a template: products, the cart, the page of an error, and the record."""

from __future__ import annotations

import html
import sys
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseServerError
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from shop.cart import MOST, Cart
from shop.catalog import PRODUCTS, Product, find
from shop.context import footer

if TYPE_CHECKING:
    from django.http import HttpRequest


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one piece; a release may have a template for it alone."""
    shown = find_or_404(slug)
    others = [other for other in PRODUCTS if other != shown and other.kind == shown.kind]
    context = {"product": shown, "others": others[:3]}
    return render(request, [f"products/{slug}.html", "product.html"], context)


@require_POST
def add_to_cart(request: HttpRequest) -> HttpResponse:
    """Put a piece into the cart."""
    chosen = find_or_404(request.POST.get("slug", ""))
    Cart.of(request).with_more(chosen, quantity(request)).save(request)
    return redirect("cart")


@require_POST
def remove_from_cart(request: HttpRequest) -> HttpResponse:
    """Take a piece out of the cart."""
    Cart.of(request).without(find_or_404(request.POST.get("slug", ""))).save(request)
    return redirect("cart")


@require_safe
def record(request: HttpRequest) -> HttpResponse:
    """Answer with what the build of this release has written down of it, see ``manage.py record``.

    The gateway may send who asks for a release to another one; that one has nothing to say.
    """
    file = settings.BASE_DIR / "record.json"
    asked = request.GET.get("release", settings.RELEASE)
    if asked != settings.RELEASE or not file.is_file():
        raise Http404("that is no release with a record here")
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(file.read_bytes(), content_type="application/json", headers=headers)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Show what went wrong, big and clear: a demo hides nothing, and has nothing to hide.

    The page names no static file, since those may be what is missing.
    """
    error = sys.exc_info()[1]
    # In text content quotation marks are harmless; escaped, they would spoil excerpts of the page.
    message = SafeString(html.escape(str(error), quote=False))
    context = {**footer(), "kind": type(error).__name__, "message": message}
    return HttpResponseServerError(render_to_string("500.html", context))


def find_or_404(slug: str) -> Product:
    """Return the piece with this slug."""
    found = find(slug)
    if found is None:
        raise Http404(f"no piece is called {slug!r}")
    return found


def quantity(request: HttpRequest) -> int:
    """Return how many the form asks for; what is no number means one."""
    asked = request.POST.get("quantity", "1")
    # Nobody buys a number of ten digits, and Python refuses to read one of some thousands.
    return min(max(int(asked[:9]), 1), MOST) if asked.isdecimal() else 1
