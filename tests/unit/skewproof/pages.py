"""A site with the health checks, a page with a stylesheet, and one that fails."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import include, path


def page(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view
    return HttpResponse(static("css/site.css"))


async def slow(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view
    return HttpResponse("slow")


def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError(request.path)


class Pages:
    """The URLs, for ROOT_URLCONF."""

    urlpatterns = (
        path("", include("skewproof.urls")),
        path("page", page),
        path("slow", slow),
        path("broken", broken),
    )
