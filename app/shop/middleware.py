"""Headers that tell which release, which replica and which of its workers answered."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.conf import settings

from skewproof.middleware import HEADER

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


class ReplicaMiddleware:
    """Names release, replica, worker and strategy on every response.

    skewproof's own middleware names the release under the strategy skewproof alone.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request and stamp the response."""
        response = self.get_response(request)
        response[HEADER] = settings.RELEASE
        response["X-Replica"] = settings.REPLICA
        # Asked for each time: with a preloaded app the workers are forks of one process.
        response["X-Pid"] = str(os.getpid())
        response["X-Strategy"] = settings.STATICFILES_STRATEGY
        return response
