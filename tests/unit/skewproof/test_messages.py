"""What is read from the text of obstore's errors (ADR 29): real messages, and the library today."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError
from obstore.store import S3Store

from skewproof.stores.fast import PHRASES, is_decided, is_taken, read_cause, says

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from obstore.store import ClientConfig, ObjectStore, RetryConfig

PATIENCE = 0.3  # seconds


@dataclass(frozen=True)
class Sample:
    """An answer of a server, and the error that obstore 0.12 makes of it.

    Attributes:
        answer: Status and code of the service; 0 for a lost connection, None for no answer.
        kind: The class of the error.
        text: What the message begins with, without the request and how long it took.
        more: What else stands in it, of all that follows.
        says: Which of the PHRASES it says.
        cause: What a person is told.
    """

    answer: tuple[int | None, str]
    kind: type[Exception]
    text: str
    says: set[str]
    cause: str
    more: str = ""
    is_taken: bool = False
    is_undecided: bool = False
    retries: int = 0
    do: str = "create"


ANSWERED = " - Server returned non-2xx status code: "
EXISTS = f"Object at location a already exists{{}}: Error performing PUT{ANSWERED}"
SAMPLES = {
    "a missing object": Sample(
        (404, "NoSuchKey"),
        FileNotFoundError,
        f"Object at location a not found: Error performing GET{ANSWERED}404 Not Found: ",
        set(),
        "404 Not Found (NoSuchKey): Not yours.",
        "<Code>NoSuchKey</Code>",
        do="get",
    ),
    "a missing bucket": Sample(
        (404, "NoSuchBucket"),
        FileNotFoundError,
        f"Object at location a not found: Error performing GET{ANSWERED}404 Not Found: ",
        {"the bucket is missing"},
        "404 Not Found (NoSuchBucket): Not yours.",
        "<Code>NoSuchBucket</Code>",
        do="get",
    ),
    "a taken name": Sample(
        (412, "PreconditionFailed"),
        AlreadyExistsError,
        EXISTS.format(": Request precondition failure for path a") + "412 Precondition Failed: ",
        set(),
        "412 Precondition Failed (PreconditionFailed): Not yours.",
        is_taken=True,
    ),
    "a write that met a deletion": Sample(
        (409, "ConditionalRequestConflict"),
        AlreadyExistsError,
        EXISTS.format("") + "409 Conflict: ",
        {"a conflict", "the write met a deletion"},
        "409 Conflict (ConditionalRequestConflict): Not yours.",
        "<Code>ConditionalRequestConflict</Code>",
        is_undecided=True,
    ),
    "a bucket in another region": Sample(
        (301, "PermanentRedirect"),
        GenericError,
        "Generic S3 error: Error performing PUT - Received redirect without LOCATION, "
        "this normally indicates an incorrectly configured region",
        {"a redirect"},
        "Generic S3 error: Error performing PUT - Received redirect without LOCATION, "
        "this normally indicates an incorrectly configured region",
    ),
    "a request that the store does not know": Sample(
        (501, "NotImplemented"),
        GenericError,
        f"Generic S3 error: Error performing PUT{ANSWERED}501 Not Implemented: ",
        set(),
        "501 Not Implemented (NotImplemented): Not yours.",
        "<Code>NotImplemented</Code>",
    ),
    "a busy store": Sample(
        (503, "SlowDown"),
        GenericError,
        "Generic S3 error: Error performing PUT, after 2 retries, max_retries: 2, "
        f"retry_timeout: 5s {ANSWERED}503 Service Unavailable: ",
        set(),
        "503 Service Unavailable (SlowDown): Not yours.",
        "<Code>SlowDown</Code>",
        is_undecided=True,
        retries=2,
    ),
    "a lost connection": Sample(
        (0, ""),
        GenericError,
        "Generic S3 error: Error performing PUT - HTTP error: error sending request",
        set(),
        "Generic S3 error: Error performing PUT - HTTP error: error sending request",
        is_undecided=True,
    ),
    "a connection that is lost each time": Sample(
        (0, ""),
        GenericError,
        "Generic S3 error: Error performing PUT, after 2 retries, max_retries: 2, "
        "retry_timeout: 5s  - HTTP error: error sending request",
        set(),
        "Generic S3 error: Error performing PUT, after 2 retries, max_retries: 2, "
        "retry_timeout: 5s  - HTTP error: error sending request",
        is_undecided=True,
        retries=2,
        do="replace",
    ),
    "no answer": Sample(
        (None, ""),
        GenericError,
        "Generic S3 error: Error performing PUT - HTTP error: error sending request",
        set(),
        "Timeout",
        "kind: Timeout",
        is_undecided=True,
    ),
    "a deletion that is refused": Sample(
        (200, "AccessDenied"),
        GenericError,
        "Generic S3 error: DeleteObjects request failed for key a: Not yours. (code: AccessDenied)",
        {"the deletion is refused"},
        "Not yours.",
        'code: "AccessDenied",\n        message: "Not yours."',
        is_undecided=True,  # as it would be of a write
        do="delete",
    ),
}
DOES: dict[str, Callable[[ObjectStore], Any]] = {
    "get": lambda store: obstore.get(store, "a"),
    "create": lambda store: obstore.put(store, "a", b"x", mode="create"),
    "replace": lambda store: obstore.put(store, "a", b"x", use_multipart=False),
    "delete": lambda store: obstore.delete(store, ["a", "b"]),
}


class Handler(BaseHTTPRequestHandler):
    """Answers everything with what the server was told."""

    server: Server

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, code = self.server.answer
        if status is None:
            self.server.closing.wait()
        if not status:
            self.close_connection = True
            return
        error = f"<Error><Key>a</Key><Code>{code}</Code><Message>Not yours.</Message></Error>"
        body = (f"<DeleteResult>{error}</DeleteResult>" if status == 200 else error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A store that gives one answer."""

    answer: tuple[int | None, str] = (404, "")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.closing = threading.Event()

    def store(self, retries: int) -> ObjectStore:
        url = f"http://127.0.0.1:{self.server_port}"
        client: ClientConfig = {"allow_http": True, "timeout": timedelta(seconds=PATIENCE)}
        pause = timedelta(milliseconds=10)
        retry: RetryConfig = {
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=5),
            "backoff": {"init_backoff": pause, "max_backoff": pause, "base": 2},
        }
        return S3Store(
            "bucket",
            config={"aws_endpoint_url_s3": url, "region": "us-east-1"},
            client_options=client,
            retry_config=retry,
            access_key_id="key",
            secret_access_key="secret",
        )


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


def without_request(message: str) -> str:
    """Return a message without the URL and the time that the request took."""
    head, slash, rest = message.partition(" http://127.0.0.1:")
    if not slash:
        return message
    took = rest.partition(" in ")[2]
    ends = [took.find(each) for each in (" - ", ", after ") if each in took]
    return head + took[min(ends) :]


def assert_understood(sample: Sample, error: Exception) -> None:
    assert {phrase for phrase in PHRASES if says(error, phrase)} == sample.says
    assert read_cause(str(error)) == sample.cause
    if issubclass(sample.kind, BaseError):
        assert is_decided(error) is not sample.is_undecided
    if sample.kind is AlreadyExistsError:
        assert is_taken(error) is sample.is_taken


@pytest.mark.parametrize("name", SAMPLES)
def test_a_message_of_the_library_is_understood(name: str) -> None:
    sample = SAMPLES[name]
    body = f"<Code>{sample.answer[1]}</Code><Message>Not yours.</Message>"
    code = body if "status code" in sample.text else ""
    error = sample.kind(f"{sample.text}{code}\n\nDebug source:\n{sample.more}")
    assert_understood(sample, error)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_library_still_says_so(name: str, server: Server) -> None:
    sample = SAMPLES[name]
    server.answer = sample.answer
    with pytest.raises(sample.kind) as caught:
        DOES[sample.do](server.store(sample.retries))
    message = without_request(str(caught.value))
    assert message.startswith(sample.text)
    assert sample.more in message
    assert_understood(sample, sample.kind(message))


def test_a_phrase_that_no_message_has_is_not_looked_for() -> None:
    assert set().union(*(sample.says for sample in SAMPLES.values())) == PHRASES.keys()


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("x status code: 403 Forbidden: <Code>AccessDenied</Code>", "403 Forbidden (AccessDenied)"),
        ("x status code: 502 Bad Gateway: <html>\n", "502 Bad Gateway"),
        ('one\nOs { message: "Connection refused" }', "Connection refused"),
        ('one\nerror: "failed to look up"', "failed to look up"),
        ("one\nkind: Timeout,", "Timeout"),
        ("just this\nand more", "just this"),
    ],
)
def test_the_cause_in_a_long_message_is_found(message: str, cause: str) -> None:
    assert read_cause(message) == cause
