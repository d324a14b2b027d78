"""The pages of the demo site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path
from django.views.generic import TemplateView

from shop import views
from shop.catalog import KINDS, PRODUCTS
from shop.sitemap import Pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponseBase

PIECES = {"products": PRODUCTS, "kinds": KINDS}


def page(template: str, **context: object) -> Callable[..., HttpResponseBase]:
    """Return the view of a page that is nothing but its template."""
    return TemplateView.as_view(template_name=template, extra_context=context)


urlpatterns = [
    path("", page("home.html", **PIECES), name="home"),
    path("catalogue/", page("catalogue.html", **PIECES), name="catalogue"),
    path("products/<slug:slug>/", views.product, name="product"),
    path("cart/", page("cart.html"), name="cart"),
    path("cart/add/", views.add_to_cart, name="cart-add"),
    path("cart/remove/", views.remove_from_cart, name="cart-remove"),
    path("about/", page("about.html"), name="about"),
    path("workshop/", page("workshop.html"), name="workshop"),
    path("sitemap.xml", sitemap, {"sitemaps": {"pages": Pages}}, name="sitemap"),
    path("robots.txt", TemplateView.as_view(template_name="robots.txt", content_type="text/plain")),
    path("record.json", views.record, name="record"),
    path("admin/", admin.site.urls),
    path("", include("skewproof.urls")),
]

handler500 = "shop.views.server_error"
