"""Every response says which release has made it; health checks are answered before all else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http.response import HttpResponseBase

from skewproof.backends.loader import Fetch
from skewproof.errors import ReleaseIdError
from skewproof.health import find_health_view, livez
from skewproof.release import release_id
from skewproof.storage import find_backend, find_release_storage, is_release_backend

if TYPE_CHECKING:
    from django.http import HttpRequest

HEADER = "X-Release"
Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class ReleaseMiddleware:
    """Adds X-Release to every response; first in MIDDLEWARE, to error pages as well.

    Being first, it answers the health checks of the project's URLs itself: those who check a
    process by its address know no host, and a redirect to HTTPS would lead them nowhere.

    Without a release id the server does not start. Where releases mean nothing, there is just no
    header: with any other storage, as in a project's own tests, and in DEBUG without an id.
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        self.release = find_release()
        self._is_loaded = not self.release or settings.DEBUG  # then pages need no manifest
        # Django makes storages without a lock, so threads that begin at once would make one each,
        # and each would ask the store. Here is one thread, and no visitor waits for what it loads.
        # What is wrong, /readyz says.
        with suppress(Exception):
            storage = find_release_storage()
            if storage is not None and not self._is_loaded:
                storage.load_at_start()
                self._is_loaded = True
        self.is_async = iscoroutinefunction(get_response)
        self._loading: Fetch[None] | None = None
        self._has_failed = False
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        """Have the request answered, and stamp the answer."""
        if self.is_async:
            return self.answer_later(request)
        view = find_health_view(request)
        answer = view(request) if view else self.get_response(request)
        return self.stamp(cast("HttpResponseBase", answer))

    async def answer_later(self, request: HttpRequest) -> HttpResponseBase:
        """Have the request answered in an event loop, which waits for no store meanwhile."""
        if view := find_health_view(request):
            is_quick = view is livez
            answer = view(request) if is_quick else await asyncio.to_thread(view, request)
            return self.stamp(answer)
        if not self._is_loaded:
            await self.load_beside()
        return self.stamp(await cast("Awaitable[HttpResponseBase]", self.get_response(request)))

    async def load_beside(self) -> None:
        """Wait for a thread, one for all requests, to load what the first look-up would load.

        After a failure only the request that has it tried again waits for that.
        """
        if self._loading is None or self._loading.future.done():
            self._loading = Fetch(self.load)
        elif self._has_failed:
            return
        try:
            await asyncio.wrap_future(self._loading.future)
        except Exception:  # the page says what is wrong, if it names a file
            self._has_failed = True

    def load(self) -> None:
        """Load the manifest, if a page could need it."""
        storage = find_release_storage()
        if storage is not None:
            storage.hashed_files  # noqa: B018 - an attribute once it is there
        self._is_loaded = True

    def stamp(self, response: HttpResponseBase) -> HttpResponseBase:
        """Return the response with the header, if there is a release."""
        if self.release:
            response.headers[HEADER] = self.release
        return response


def find_release() -> str | None:
    """Return the release id, or None where releases mean nothing.

    Raises:
        ReleaseIdError: There is none, and the storage needs one.
    """
    if not is_release_backend(find_backend()):
        return None
    try:
        return release_id()
    except ReleaseIdError:
        if settings.DEBUG:
            return None
        raise
