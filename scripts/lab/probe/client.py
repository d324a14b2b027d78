"""One visitor's HTTP: a GET, its answer to the end or to a bound, and each failure by its name."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING

import requests
import urllib3
from requests.adapters import HTTPAdapter

from lab.history import Answer
from lab.judge.mime import is_html, read_essence
from lab.probe.documents import decode
from lab.probe.links import resolve_url
from lab.probe.manners import OVER, UNASKED, Manners
from lab.probe.wire import Adapter, Bounds, Session, UnaskedError, bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lab.probe.site import Site

USER_AGENT = "skewproof-probe/1"
EXCERPT = 300
CHUNK = 1 << 16
REDIRECT_BYTES, ERROR_BYTES = 1 << 14, 1 << 18
"""Bytes that are read of a body that nobody needs, and of what stands in the place of one."""
WORD = 300
"""Characters of a header that are kept."""
NOT_LATE = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.NameResolutionError)
"""Failures to connect: urllib3 derives them from its time-out, but no time has run out."""
CUT = (
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
    RemoteDisconnected,
    IncompleteRead,
)
FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    HTTPException,
    OSError,
    ValueError,
)
DECODED = {"", "identity", "gzip", "x-gzip", "deflate", "br", "zstd"}
"""The content codings that urllib3 takes off."""
LATE = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)


@dataclass(frozen=True, slots=True)
class Body:
    """A decoded body, whole unless it went past a bound."""

    content: bytes
    truncated: bool


def make_session(*, verify: bool = True) -> requests.Session:
    """Return a session that never retries by itself and ignores the environment's proxies.

    Args:
        verify: whether a certificate has to be one that is trusted.
    """
    session = Session()
    session.verify = verify
    session.headers["User-Agent"] = USER_AGENT
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter(pool_connections=8, pool_maxsize=2, max_retries=0))
    return session


class Client:
    """The HTTP of one visitor: cookies and open connections are its own."""

    def __init__(
        self,
        site: Site,
        session: requests.Session,
        clock: Callable[[], float],
        *,
        pin: str | None = None,
        hard: bool = False,
        manners: Manners | None = None,
    ) -> None:
        self.site = site
        self.manners = manners or Manners(site)
        self.session = session
        self.clock = clock
        self.headers = {"Cache-Control": "no-cache", "Pragma": "no-cache"} if hard else {}
        if pin is not None:
            session.cookies.set(site.pin, pin)

    def get(
        self, url: str, *, excerpt: bool = False, end: float = math.inf
    ) -> tuple[Answer, bytes]:
        """GET a URL; return what came and the body, empty where it failed.

        Args:
            url: an absolute URL.
            excerpt: keep the beginning of the body of an answer of 400 and above.
            end: when it has to be over, where it is a part of something greater.
        """
        while True:
            self.manners.await_turn(url)
            answer, content = self.get_once(url, excerpt=excerpt, end=end)
            if not self.manners.wants_another_try(url, answer):
                return answer, content

    def get_once(self, url: str, *, excerpt: bool, end: float) -> tuple[Answer, bytes]:
        """GET a URL, once more only where an idle connection was closed as it was used again."""
        began = self.clock()
        bounds = self.make_bounds(min(end, began + self.site.limits.total))
        with bounded(bounds):
            answer, content = self.get_bounded(url, began, bounds, excerpt=excerpt)
        if answer.error == "timeout" and self.clock() >= bounds.end == self.manners.last_moment:
            answer = replace(answer, error=OVER)
        return answer, content

    def make_bounds(self, end: float) -> Bounds:
        """Return what holds for a request that has to be over by a moment."""
        limits = self.site.limits
        return Bounds(
            end=min(end, self.manners.last_moment),
            connect=limits.connect,
            read=limits.read,
            reach=self.manners.reach,
            clock=self.clock,
        )

    def get_bounded(
        self, url: str, began: float, bounds: Bounds, *, excerpt: bool
    ) -> tuple[Answer, bytes]:
        """GET a URL while the bounds hold."""
        retried = False
        try:
            got = self.try_connection(url, bounds)
            if got is None:
                # https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1: the server closed an idle
                # connection just as it was used again; a GET may be sent once more, as browsers do.
                retried = True
                self.session.close()
                got = self.request(url, bounds)
            answer = self.describe_answer(*got, url, excerpt=excerpt)
            content = got[1].content
        except FAILURES as error:
            answer, content = Answer(error=name_error(error)), b""
        return replace(answer, ms=(self.clock() - began) * 1000, retried=retried), content

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def try_connection(self, url: str, bounds: Bounds) -> tuple[requests.Response, Body] | None:
        """Return what came, or None where a reused connection was closed before anything did."""
        opened = self.count_connections(url)
        try:
            return self.request(url, bounds)
        except requests.ConnectionError as error:
            reused = opened > 0 and self.count_connections(url) == opened
            if reused and name_error(error) == "reset":
                return None
            raise

    def request(self, url: str, bounds: Bounds) -> tuple[requests.Response, Body]:
        """Send one request, and read its answer within the bounds."""
        with self.session.get(
            url,
            headers=self.headers,
            timeout=(bounds.left(bounds.connect), bounds.left(bounds.read)),
            allow_redirects=False,
            stream=True,
        ) as response:
            return response, self.read_body(response, bounds)

    def count_connections(self, url: str) -> int:
        """Return how many connections were opened so far: one more means a fresh one was used."""
        adapter = self.session.get_adapter(url)
        if not isinstance(adapter, HTTPAdapter):
            return 0
        # docs/adr/0030: urllib3 has no other way to tell.
        pools = adapter.poolmanager.pools
        return sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 - no dict

    def read_body(self, response: requests.Response, bounds: Bounds) -> Body:
        """Read a body to its end, a number of bytes or a moment: some never end."""
        most, content = self.choose_room(response), bytearray()
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            content += chunk
            if len(content) > most:
                return Body(bytes(content[:most]), truncated=True)
            bounds.left(math.inf)
        return Body(bytes(content), truncated=False)

    def choose_room(self, response: requests.Response) -> int:
        """Return how many bytes of a body are worth reading."""
        most = self.site.limits.body
        if response.is_redirect:
            return min(most, REDIRECT_BYTES)
        return min(most, ERROR_BYTES) if response.status_code >= 400 else most

    def describe_answer(
        self, response: requests.Response, body: Body, url: str, *, excerpt: bool
    ) -> Answer:
        """Return what is written down of an answer."""
        headers, content, site = response.headers, body.content, self.site
        location = headers.get("Location") if response.is_redirect else None
        is_whole = not body.truncated and is_decoded(headers.get("Content-Encoding"))
        return Answer(
            status=response.status_code,
            content_type=cut(headers.get("Content-Type")),
            cache_control=cut(headers.get("Cache-Control")),
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest() if is_whole else None,
            md5=hashlib.md5(content, usedforsecurity=False).hexdigest() if is_whole else None,
            release=cut(headers.get(site.release_header) or self.find_release(headers, content)),
            replica=cut(headers.get(site.replica_header)),
            pid=cut(headers.get(site.pid_header)),
            redirected_to=resolve_url(url, location) if location else None,
            nosniff=headers.get("X-Content-Type-Options", "").strip().lower() == "nosniff",
            truncated=body.truncated,
            excerpt=cut_excerpt(response, content) if excerpt else None,
            retry_after=cut(headers.get("Retry-After")),
        )

    def find_release(self, headers: Mapping[str, str], content: bytes) -> str | None:
        """Return the release that a page itself says it is of."""
        pattern, content_type = self.site.release_pattern, headers.get("Content-Type")
        if pattern is None or not is_html(read_essence(content_type)):
            return None
        found = pattern.search(decode(content, content_type, "html"))
        return found[min(1, pattern.groups)] if found else None


def follow(client: Client, url: str, hops: int = 5) -> tuple[Answer, bytes]:
    """GET a URL through so many redirects, within the time of one request.

    Return the last answer and its body.
    """
    _url, answer, content = follow_to(client, url, hops)
    return answer, content


def follow_to(client: Client, url: str, hops: int = 5) -> tuple[str, Answer, bytes]:
    """Follow a URL; return also the one that answered in the end."""
    end = client.clock() + client.site.limits.total
    answer, content = client.get(url, end=end)
    while answer.redirected_to and hops:
        url = answer.redirected_to
        answer, content = client.get(url, end=end)
        hops -= 1
    return url, answer, content


def cut(header: str | None) -> str | None:
    """Return as much of a header as is kept."""
    return header[:WORD] if header else header


def is_decoded(content_encoding: str | None) -> bool:
    """Say whether a body was decoded, so that its digests are those of what was encoded."""
    applied = {name.strip().lower() for name in (content_encoding or "").split(",")}
    return applied <= DECODED


def cut_excerpt(response: requests.Response, content: bytes) -> str | None:
    """Return the beginning of an error page, for the evidence."""
    if response.status_code < 400:
        return None
    return decode(content[: 4 * EXCERPT], response.headers.get("Content-Type"), "html")[:EXCERPT]


# By the types of what is wrapped, never by its message: docs/adr/0030.
def name_error(error: BaseException) -> str:
    """Return refused, reset, timeout, `unasked: …` or `other: …` for what a request failed with."""
    causes = list(iterate_causes(error))
    if unasked := next((cause for cause in causes if isinstance(cause, UnaskedError)), None):
        return f"{UNASKED}{unasked}"[:EXCERPT]
    for kinds, name in ((ConnectionRefusedError, "refused"), (CUT, "reset"), (LATE, "timeout")):
        if any(isinstance(cause, kinds) and type(cause) not in NOT_LATE for cause in causes):
            return name
    return f"other: {type(error).__name__}: {error}"[:EXCERPT]


def iterate_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those inside it: requests and urllib3 wrap each other's, in three ways."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        cause = pending.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            pending += [
                cause.__cause__,
                cause.__context__,
                getattr(cause, "reason", None),
                *cause.args,
            ]
