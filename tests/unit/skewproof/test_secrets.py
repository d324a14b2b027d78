"""Whatever fails, nothing that is shown, logged or raised holds a secret.

A server sends back all that it gets, in each form that the libraries read; the commands and the
readiness check run against it, and everything that they say is searched.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import itertools
import json
import logging
import os
import traceback
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, quote_plus

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from google.oauth2.credentials import Credentials
from tests.unit.skewproof import echo
from tests.unit.skewproof.pages import Pages
from tests.unit.skewproof.project import TREE, Project

from lab.stacks.ports import free_port
from skewproof import redaction
from skewproof.errors import ManifestError, SkewproofError
from skewproof.redaction import redact
from skewproof.stores import bucket as of_buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.unit.skewproof.places import BucketPlace

# The libraries of Azure and Google leave connections to refused answers open.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SECRETS = {
    "secret key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzSECRETKEY",
    "session token": "TOKENSESSIONthatNoFormTells/1+2=",
    "endpoint password": "pw-of-the-endpoint",
    "proxy password": "pw-of-the-proxy",
    "web identity": "web-identity-of-a-pod",
    "SAS signature": "SAS/signature+of=",
    "account key": base64.b64encode(b"the key of an account of Azure..").decode(),
    "Google token": "opaque-token-of-Google",
}
KEYS = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": SECRETS["secret key"]}
# What a request is signed with is as good as a password for a quarter of an hour.
SIGNATURES = ("Signature=", "Credential=AKIA", "Bearer opaque", "SharedKey shop:")


def spellings(secret: str) -> set[str]:
    """Return a secret as URLs, headers and representations have it."""
    encoded = (base64.b64encode(f"user:{secret}".encode()), base64.b64encode(secret.encode()))
    return {secret, quote(secret, safe=""), quote_plus(secret), *map(bytes.decode, encoded)}


def assert_silent(said: str) -> None:
    for name, secret in SECRETS.items():
        for each in spellings(secret):
            assert each not in said, f"the {name} is shown: {said}"
    assert not [each for each in SIGNATURES if each in said], said


@dataclass
class SecretPlace:
    """A place of the tests that no server keeps."""

    backend: str
    options: dict[str, Any]
    environ: dict[str, str] = field(default_factory=dict)
    kind: ClassVar[str] = "echo"

    def configured(self, **more: Any) -> dict[str, Any]:
        return {"BACKEND": f"skewproof.storage.{self.backend}", "OPTIONS": {**self.options, **more}}


def s3(endpoint: str | None, environ: dict[str, str] | None = None, **more: Any) -> SecretPlace:
    address = {"endpoint_url": endpoint} if endpoint else {}
    named = {"bucket_name": "b", "region_name": "eu-west-1", "location": "static", **address}
    return SecretPlace("S3ReleaseStorage", {**named, **KEYS, **more}, environ or {})


# The ways of a publish: without boto3, obstore with its credentials, boto3 itself.
WAYS: dict[str, dict[str, Any]] = {
    "direct": {},
    "fast": {"security_token": SECRETS["session token"]},
    "rule": {"security_token": SECRETS["session token"], "conditional_writes": False},
}
BY_PASSWORD = f"user:{SECRETS['endpoint password']}@"
BY_PROXY = f"http://user:{SECRETS['proxy password']}@"


def refused(port: int, way: str) -> SecretPlace:
    return s3(f"http://127.0.0.1:{port}", **WAYS[way])


def refused_with_a_password(port: int, way: str) -> SecretPlace:
    return s3(f"http://{BY_PASSWORD}127.0.0.1:{port}", **WAYS[way])


def unreachable(_: int, way: str) -> SecretPlace:
    return s3(f"http://{BY_PASSWORD}127.0.0.1:{free_port()}", **WAYS[way])


def without_tls(port: int, way: str) -> SecretPlace:
    return s3(f"https://{BY_PASSWORD}127.0.0.1:{port}", **WAYS[way])


def at_an_impossible_port(_: int, way: str) -> SecretPlace:
    return s3(f"http://{BY_PASSWORD}127.0.0.1:port", **WAYS[way])


def at_an_address_without_a_scheme(_: int, way: str) -> SecretPlace:
    return s3(f"{BY_PASSWORD}127.0.0.1:1", **WAYS[way])


def at_an_address_with_a_slash(_: int, way: str) -> SecretPlace:
    return s3(f"http://user:{SECRETS['secret key']}@127.0.0.1:1", **WAYS[way])


def behind_a_proxy(port: int, way: str) -> SecretPlace:
    proxy = f"{BY_PROXY}127.0.0.1:{port}"
    return s3("http://store.invalid", {"HTTP_PROXY": proxy, "http_proxy": proxy}, **WAYS[way])


def behind_a_proxy_for_tls(port: int, way: str) -> SecretPlace:
    proxy = f"{BY_PROXY}127.0.0.1:{port}"
    return s3("https://store.invalid", {"HTTPS_PROXY": proxy, "https_proxy": proxy}, **WAYS[way])


def behind_a_proxy_that_is_down(_: int, way: str) -> SecretPlace:
    proxy = f"{BY_PROXY}127.0.0.1:{free_port()}"
    return s3("https://store.invalid", {"HTTPS_PROXY": proxy, "https_proxy": proxy}, **WAYS[way])


S3_CASES = (
    refused,
    refused_with_a_password,
    unreachable,
    without_tls,
    at_an_impossible_port,
    at_an_address_without_a_scheme,
    at_an_address_with_a_slash,
    behind_a_proxy,
    behind_a_proxy_for_tls,
    behind_a_proxy_that_is_down,
)
ANSWERS = (
    (403, echo.as_xml),
    (400, echo.as_html),
    (200, echo.as_html),
    (301, echo.as_xml),
    (500, echo.as_text),
)


def name_each(value: Any) -> str:
    return str(getattr(value, "__name__", value))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_buckets, "RETRIES", 0)
    monkeypatch.setattr(redaction, "_known", set())
    for name in os.environ:
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def everything_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Callable[[SecretPlace], str]:
    """Return a way to have everything said that a project at a place says."""
    caplog.set_level(logging.INFO)

    def say(place: SecretPlace) -> str:
        project = Project(tmp_path / "source", place)  # type: ignore[arg-type] # no place of its kind
        project.write(TREE)
        gc.freeze()  # to collect only what the commands leave behind: all of it takes half a second
        said = [run(project, *command) for command in COMMANDS] + list(ask(project))
        gc.collect()  # an object may complain when it goes
        gc.unfreeze()
        return "\n".join([*said, caplog.text, *capfd.readouterr()])

    return say


COMMANDS = (
    ("collectstatic", "--no-input", "-v2"),
    ("collectstatic", "--no-input", "--dry-run"),
    ("releases",),
    ("prune_releases", "--keep", "1"),
    ("check", "--deploy", "--tag", "staticfiles"),
)


def run(project: Project, *command: str) -> str:
    """Return what a command says, as a line and, with --traceback, in full."""
    out = StringIO()
    with project.active("v1"), contextlib.redirect_stderr(out):
        try:
            call_command(*command, stdout=out, stderr=out)
        except CommandError as error:
            out.writelines(traceback.format_exception(error))
    return out.getvalue()


def ask(project: Project) -> Iterator[str]:
    """Yield what the readiness check and a page say; the log of the page is kept by the test."""
    with project.active("v1", ROOT_URLCONF=Pages):
        answer = Client(raise_request_exception=False).get("/readyz")
        assert answer.status_code == 503
        assert json.loads(answer.text)["ready"] is False
        yield answer.text
        page = Client(raise_request_exception=False).get("/page")
        assert page.status_code == 500
        yield page.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", S3_CASES, ids=lambda case: case.__name__)
def test_a_store_on_s3_shows_no_secret_when_it_is(
    case: Callable[[int, str], SecretPlace],
    way: str,
    everything_said: Callable[[SecretPlace], str],
) -> None:
    with echo.echoing(403, echo.as_xml) as server:
        said = everything_said(case(server.port, way))
    assert "s3://b" in said
    assert_silent(said)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "form"), ANSWERS, ids=lambda each: getattr(each, "__name__", each)
)
def test_a_server_that_says_what_it_was_sent_is_not_repeated(
    status: int,
    form: Callable[[str], tuple[str, str]],
    way: str,
    everything_said: Callable[[SecretPlace], str],
) -> None:
    with echo.echoing(status, form) as server:
        said = everything_said(refused(server.port, way))
    assert any("AWS4-HMAC-SHA256 Credential=" in each for each in server.heard)
    assert_silent(said)


def test_what_libraries_log_of_their_requests_shows_no_secret(
    everything_said: Callable[[SecretPlace], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with echo.echoing(403, echo.as_xml) as server:
        said = everything_said(refused(server.port, "rule"))
    assert "CanonicalRequest" in said
    assert_silent(said)


@pytest.mark.parametrize("conditional", [True, False], ids=["fast", "rule"])
def test_a_role_that_is_refused_shows_no_token(
    conditional: bool, tmp_path: Path, everything_said: Callable[[SecretPlace], str]
) -> None:
    (tmp_path / "token").write_text(SECRETS["web identity"], encoding="utf-8")
    with echo.echoing(403, echo.as_sts) as server:
        environ = {
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/web",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{server.port}",
        }
        more = {"access_key": None, "secret_key": None, "conditional_writes": conditional}
        place = s3(f"http://127.0.0.1:{server.port}", environ, **more)
        said = everything_said(place)
    assert any(SECRETS["web identity"] in each for each in server.heard)
    assert "AssumeRoleWithWebIdentity" in said
    assert_silent(said)


def test_a_place_is_shown_without_the_password_in_its_address(
    s3_project: Project, bucket: BucketPlace
) -> None:
    endpoint = bucket.server.endpoint
    s3_project.options = {"endpoint_url": endpoint.replace("://", f"://{BY_PASSWORD}")}
    with s3_project.active("v1"):
        said = run(s3_project, "releases") + s3_project.storage().manifest_place("v1")
        for command in COMMANDS[:-1]:
            said += run(s3_project, *command)
    assert said.count(f" at {endpoint}") >= 4
    assert_silent(said)


def azure(port: int, **more: Any) -> SecretPlace:
    containers = {"azure_container": "static", "releases_container": "releases"}
    endpoint = f"http://127.0.0.1:{port}/shop"
    fields = {
        "key": f"AccountName=shop;AccountKey={SECRETS['account key']};BlobEndpoint={endpoint};",
        "token": f"BlobEndpoint={endpoint};SharedAccessSignature=sv=2025&sig="
        f"{quote(SECRETS['SAS signature'], safe='')}",
    }
    return SecretPlace(
        "AzureReleaseStorage", {**containers, "connection_string": fields[more["by"]]}
    )


@pytest.mark.parametrize("by", ["key", "token"])
@pytest.mark.parametrize(
    ("status", "form"), ANSWERS, ids=lambda each: getattr(each, "__name__", each)
)
def test_azure_shows_no_secret(
    status: int,
    form: Callable[[str], tuple[str, str]],
    by: str,
    everything_said: Callable[[SecretPlace], str],
) -> None:
    with echo.echoing(status, form) as server:
        said = everything_said(azure(server.port, by=by))
    assert any(each in "".join(server.heard) for each in ("SharedKey shop:", "sig=SAS%2F"))
    assert_silent(said)
    assert_silent(everything_said(azure(free_port(), by=by)))


@pytest.mark.parametrize(
    ("status", "form"),
    [(403, echo.as_json), (401, echo.as_json), (400, echo.as_text), (200, echo.as_html)],
    ids=name_each,
)
def test_google_cloud_shows_no_secret(
    status: int,
    form: Callable[[str], tuple[str, str]],
    everything_said: Callable[[SecretPlace], str],
) -> None:
    def google(port: int) -> SecretPlace:
        return SecretPlace(
            "GoogleCloudReleaseStorage",
            {
                "bucket_name": "b",
                "project_id": "p",
                "location": "static",
                "credentials": Credentials(SECRETS["Google token"]),
            },
            {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"},
        )

    with echo.echoing(status, form) as server:
        said = everything_said(google(server.port))
    assert_silent(said)
    assert_silent(everything_said(google(free_port())))
    if server.heard:
        assert SECRETS["Google token"] in "".join(server.heard)


OPTIONS = ("access_key", "secret_key", "security_token")
UNFIT = {
    "ends with a line break": "line break",
    "is not in ASCII": "not in ASCII",
    "has a line break inside": "control character",
}


def unfit(value: str) -> dict[str, str]:
    half = len(value) // 2
    return dict(
        zip(
            UNFIT,
            (f"{value}\n", f"{value}\u2026", f"{value[:half]}\n{value[half:]}"),
            strict=True,
        )
    )


@pytest.mark.parametrize(
    ("by", "option", "how", "way"),
    [
        *itertools.product(["option", "variable"], OPTIONS, UNFIT, ["fast"]),
        *itertools.product(["option"], OPTIONS, ["is not in ASCII"], ["direct", "rule"]),
    ],
)
def test_a_credential_that_no_header_can_carry_is_refused_before_any_request(
    by: str, option: str, how: str, way: str, everything_said: Callable[[SecretPlace], str]
) -> None:
    variables = {
        "access_key": "AWS_ACCESS_KEY_ID",
        "secret_key": "AWS_SECRET_ACCESS_KEY",
        "security_token": "AWS_SESSION_TOKEN",
    }
    value = {**KEYS, "security_token": SECRETS["session token"]}[option]
    wrong = unfit(value)[how]
    with echo.echoing(403, echo.as_xml) as server:
        place = refused(server.port, way)
        place.options.pop(option, None)
        if by == "option":
            place.options[option] = wrong
        else:
            place.environ = {variables[option]: wrong}
        said = everything_said(place)
    assert server.heard == []
    assert f"{option if by == 'option' else variables[option]}" in said
    assert UNFIT[how] in said
    assert wrong not in said
    assert value[: len(value) // 2] not in said
    assert_silent(said)


SAID = {
    "a URL with a password": ("http://user:pa55@store:9/b", "http://store:9/b"),
    "a URL whose password has an at": ("http://user:p@55@store/b", "http://store/b"),
    "a proxy without a scheme": ("user:pa55@proxy:3128", "proxy:3128"),
    "a signed URL": ("/b/k?X-Amz-Credential=A&X-Amz-Signature=5 failed", "/b/k?*** failed"),
    "a SAS token": ("https://a/c?sv=1&sig=5%3D", "https://a/c?***"),
    "a header": ("Authorization: Strange a b\nHost: x", "Authorization: ***\nHost: x"),
    "headers as a dictionary": (
        "{'Authorization': 'Strange a b', 'Host': 'x'}",
        "{'Authorization': '***', 'Host': 'x'}",
    ),
    "headers as bytes": ("{b'X-Amz-Security-Token': b'a'}", "{b'X-Amz-Security-Token': b'***'}"),
    "headers as pairs": ("('X-Amz-Security-Token', 'a')", "('X-Amz-Security-Token', '***')"),
    "a value that http.client refuses": (
        r"Invalid header value b'a\nb'",
        "Invalid header value b'***'",
    ),
    "XML": ("<SecretAccessKey>a b</SecretAccessKey>", "<SecretAccessKey>*** b</SecretAccessKey>"),
    "JSON": ('{"access_token": "a b", "x": 1}', '{"access_token": "***", "x": 1}'),
    "a connection string": ("AccountKey=a==;Suffix=b", "AccountKey=***"),
    "a key of its own form": ("AKIAIOSFODNN7EXAMPLE ya29.a-b", "*** ***"),
    "a private key": ("-----BEGIN RSA PRIVATE KEY-----\na\n-----END RSA PRIVATE KEY-----.", "***."),
    "a name at two resolutions": ("s3://b/img/logo@2x.png?", "s3://b/img/logo@2x.png?"),
    "a code": (
        "403 Forbidden (SignatureDoesNotMatch): no",
        "403 Forbidden (SignatureDoesNotMatch): no",
    ),
    "advice": (
        "no credentials: set AWS_SECRET_ACCESS_KEY",
        "no credentials: set AWS_SECRET_ACCESS_KEY",
    ),
}


@pytest.mark.parametrize(("said", "shown"), SAID.values(), ids=SAID)
def test_what_looks_like_a_secret_is_hidden_and_what_does_not_stays(said: str, shown: str) -> None:
    assert redact(said) == shown
    assert redact(shown) == shown


def test_a_known_value_is_hidden_in_every_spelling_and_a_short_one_as_a_word() -> None:
    secret = "a/b+c=long enough"
    redaction.remember(secret, "web")
    for each in (secret, quote(secret, safe=""), quote_plus(secret)):
        assert redact(f"x{each}x") == "x***x"
    assert redact("the web and its cobwebs") == "the *** and its cobwebs"


@pytest.mark.parametrize("kind", [SkewproofError, *SkewproofError.__subclasses__()])
def test_every_error_of_the_package_hides_what_it_quotes(
    kind: type[SkewproofError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "as-the-operator-set-it")
    reason = ("absent",) if issubclass(kind, ManifestError) else ()
    assert "it is ***" in str(kind(*reason, "it is as-the-operator-set-it"))
