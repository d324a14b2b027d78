"""What a history consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1

Role = Literal["page", "asset"]


@dataclass(frozen=True, slots=True)
class Header:
    """What ran: `static` is the URL prefix of hashed assets, null where nobody knows it."""

    strategy: str | None
    engine: str | None
    action: str
    base: str
    static: str | None
    started: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Asset:
    """The body that a release's build made for one hashed name; a manifest does not know it."""

    sha256: str | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A release as its build made it: source name to hashed name, hashed name to body.

    `release` is empty where it stands for what names no release.
    """

    release: str
    paths: Mapping[str, str]
    assets: Mapping[str, Asset]
    django: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the stack, `t` seconds after the run began."""

    t: float
    event: str
    release: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request: a status, or the error that stood in its place.

    Digests are those of the decoded body; None when none came, or not to its end (`truncated`).
    """

    status: int | None = None
    error: str | None = None
    content_type: str | None = None
    cache_control: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    ms: float = 0.0
    release: str | None = None
    replica: str | None = None
    pid: str | None = None
    redirected_to: str | None = None
    nosniff: bool = False
    truncated: bool = False
    retried: bool = False
    excerpt: str | None = None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Fetch:
    """A page, or an asset for the page that needs it; `release` is the one that the page named.

    `how="watch"` is a poll of one asset with no page, `how="absent"` asks for a name that no
    release has, to see how a miss is answered.
    """

    t: float
    role: Role
    url: str
    page: str | None
    via: str | None
    how: str
    release: str | None
    visitor: str
    answer: Answer
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A whole history, as read.

    `prefixes` are the URLs under which a foreign site has the files of the records, as its own URLs
    tell: nobody said it beforehand.
    """

    header: Header | None
    records: Mapping[str, Record] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    fetches: tuple[Fetch, ...] = ()
    ended: bool = False
    damage: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reuse:
    """That a page also needs what fetch `fetch` brought, named by the file of fetch `via`."""

    fetch: int
    how: str
    via: int


class HistoryError(LabError):
    """A history that cannot be written or read."""
