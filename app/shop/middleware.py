"""Headers that tell which replica and which of its workers answered."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse


class ReplicaMiddleware:
    """Names replica, worker and strategy on every response; skewproof's own names the release."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request and stamp the response."""
        response = self.get_response(request)
        response["X-Replica"] = settings.REPLICA
        # Asked for each time: with a preloaded app the workers are forks of one process.
        response["X-Pid"] = str(os.getpid())
        response["X-Strategy"] = settings.STATICFILES_STRATEGY
        return response
