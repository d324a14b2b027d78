"""Every response says which release has made it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http.response import HttpResponseBase

from skewproof.errors import ReleaseIdError
from skewproof.release import release_id
from skewproof.storage import find_backend, find_release_storage, is_release_backend

if TYPE_CHECKING:
    from django.http import HttpRequest

HEADER = "X-Release"
Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class ReleaseMiddleware:
    """Adds X-Release to every response; first in MIDDLEWARE, to error pages as well.

    Without a release id the server does not start. Where releases mean nothing, there is just no
    header: with any other storage, as in a project's own tests, and in DEBUG without an id.
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        if not is_release_backend(find_backend()):
            raise MiddlewareNotUsed("the storage of static files is none of skewproof's")
        try:
            self.release = release_id()
        except ReleaseIdError as error:
            if settings.DEBUG:
                raise MiddlewareNotUsed(str(error)) from error
            raise
        # Django makes storages without a lock, so threads that begin at once would make one each,
        # and each would ask the store. Here is one thread. What is wrong with it, /readyz says.
        with suppress(Exception):
            find_release_storage()
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        """Have the request answered, and stamp the answer."""
        answer = self.get_response(request)
        if self.is_async:
            return self.stamp_later(cast("Awaitable[HttpResponseBase]", answer))
        return self.stamp(cast("HttpResponseBase", answer))

    async def stamp_later(self, answer: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        """Stamp a response once it is there."""
        return self.stamp(await answer)

    def stamp(self, response: HttpResponseBase) -> HttpResponseBase:
        """Return the response with the header."""
        response.headers[HEADER] = self.release
        return response
