"""Whether the process lives, and whether it may be sent visitors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import Resolver404, resolve
from django.views.decorators.http import require_safe

from skewproof.errors import ManifestError, SkewproofError, quote
from skewproof.release import known_release_id
from skewproof.storage import find_release_storage

if TYPE_CHECKING:
    from collections.abc import Callable

DRAIN_SETTING = "SKEWPROOF_DRAIN_FILE"
DRAIN_VARIABLE = "DRAIN_FILE"
NAMES = ("livez", "readyz", "metrics")
"""How the paths end that are asked by the address of a process, and not by a visitor."""
BY_ADDRESS = "asked_by_address"
"""The attribute of a view for such a path: only ours have it."""


@require_safe
def livez(request: HttpRequest) -> HttpResponseBase:  # noqa: ARG001 - a view
    """Answer 200 as long as the process can answer at all."""
    return forbid_caching(HttpResponse("alive\n", content_type="text/plain"))


@require_safe
def readyz(request: HttpRequest) -> HttpResponseBase:  # noqa: ARG001 - a view
    """Answer 200 when pages can be rendered, else 503 and why not."""
    why_not = find_obstacle()
    state = {"ready": why_not is None, "release": known_release_id(), **(why_not or {})}
    return forbid_caching(JsonResponse(state, status=503 if why_not else 200))


def find_health_view(request: HttpRequest) -> Callable[[HttpRequest], HttpResponseBase] | None:
    """Return the health check that the project's URLs have for a request, or None.

    Only a path that ends in the name of one is looked up, as this is done for every request.
    """
    if request.path_info.rpartition("/")[2] not in NAMES:
        return None
    try:
        view = resolve(request.path_info).func
    except Resolver404:
        return None
    return view if view in (livez, readyz) or hasattr(view, BY_ADDRESS) else None


def find_obstacle() -> dict[str, str] | None:
    """Return the reason not to send visitors here, in a word and in a sentence, or None."""
    if is_draining():
        return {"reason": "draining", "detail": "this process is being taken out of service"}
    try:
        storage = find_release_storage()
        # In DEBUG, Django serves unhashed names and no manifest is read.
        if storage is not None and not settings.DEBUG:
            storage.assert_ready()
    except ManifestError as error:
        return {"reason": f"manifest {error.reason}", "detail": str(error)}
    except SkewproofError as error:
        return {"reason": "configuration", "detail": str(error)}
    except Exception as error:  # of a library, while the storage is made
        return {"reason": "configuration", "detail": f"{type(error).__name__}: {quote(error)}"}
    return None


def is_draining() -> bool:
    """Return whether the file exists that says that this process is on its way out."""
    named = getattr(settings, DRAIN_SETTING, None) or os.environ.get(DRAIN_VARIABLE)
    return bool(named) and Path(str(named)).exists()


def forbid_caching(response: Any) -> HttpResponseBase:
    """Forbid every cache to keep the answer."""
    response.headers["Cache-Control"] = "no-store"
    answer: HttpResponseBase = response
    return answer
