from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shop.environment import BadVariableError, Environment, read_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    Python = Callable[..., subprocess.CompletedProcess[str]]

APP = Path(__file__).parents[3] / "app"
DEPLOYED = {
    "RELEASE_ID": "v1",
    "SECRET_KEY": "a key",
    "S3_ENDPOINT_URL": "http://minio:9000",
    "AWS_ACCESS_KEY_ID": "web",
    "AWS_SECRET_ACCESS_KEY": "web-secret",
}
OTHERS = (
    "STATICFILES_STRATEGY",
    "DEBUG",
    "PUBLIC_HOST",
    "S3_BUCKET",
    "AWS_REGION",
    "RELEASE_DIR",
    "DATABASE",
    "REPLICA",
    "DRAIN_FILE",
)
BAD = [
    ("RELEASE_ID", "../v1"),
    ("RELEASE_ID", "v1 beta"),
    ("STATICFILES_STRATEGY", "Shared"),
    ("DEBUG", "1"),
    ("PUBLIC_HOST", "http://shop.example"),
    ("PUBLIC_HOST", "shop.example:http"),
    ("PUBLIC_HOST", "shop.example:0"),
    ("PUBLIC_HOST", "shop.example:65536"),
    ("PUBLIC_HOST", "a host"),
    ("S3_ENDPOINT_URL", "minio:9000"),
    ("S3_ENDPOINT_URL", "http://minio:port"),
    ("S3_ENDPOINT_URL", "http://minio:9000/bucket"),
    ("S3_BUCKET", "My_Bucket"),
    ("AWS_REGION", "us east 1"),
    ("RELEASE_DIR", "/no/such/release"),
    ("DATABASE", "/no/such/folder/db.sqlite3"),
    ("DRAIN_FILE", "/no/such/folder/drain"),
    ("REPLICA", "web 1"),
    ("REPLICA", "web\n1"),
]
REQUIRED = ("SECRET_KEY", "S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Environment]:
    """Read a deployed environment, with changes."""

    def reading(**changed: str) -> Environment:
        for name in OTHERS:
            monkeypatch.delenv(name, raising=False)
        for name, value in {**DEPLOYED, **changed}.items():
            monkeypatch.setenv(name, value)
        return read_environment()

    return reading


def test_the_defaults_are_those_of_the_contract(read: Callable[..., Environment]) -> None:
    found = read()
    assert found.release == "v1"
    assert found.release_dir == APP / "releases" / "v1"
    assert found.strategy == "skewproof"
    assert not found.debug
    assert found.public_host == "127.0.0.1:8080"
    assert found.database == APP / "db.sqlite3"
    assert found.replica == socket.gethostname()
    assert found.drain_file is None
    assert found.store
    assert (found.store.bucket, found.store.region) == ("skewproof", "us-east-1")


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_one_line_with_its_name_and_value(
    read: Callable[..., Environment], name: str, value: str
) -> None:
    with pytest.raises(BadVariableError) as caught:
        read(**{name: value})
    message = str(caught.value)
    assert name in message
    assert repr(value) in message
    assert "\n" not in message


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_variable_that_is_empty_is_missing(
    read: Callable[..., Environment], name: str
) -> None:
    with pytest.raises(BadVariableError, match=f"{name} is .*required unless DEBUG=true"):
        read(**{name: ""})


def test_no_message_shows_a_secret(read: Callable[..., Environment]) -> None:
    with pytest.raises(BadVariableError) as caught:
        read(S3_ENDPOINT_URL="", AWS_SECRET_ACCESS_KEY="the-secret", SECRET_KEY="the-key")
    assert "the-" not in str(caught.value)


def test_development_needs_no_key_and_no_store(read: Callable[..., Environment]) -> None:
    found = read(DEBUG="true", **dict.fromkeys(REQUIRED, ""))
    assert found.debug
    assert found.store is None


@pytest.mark.parametrize(
    ("host", "name"),
    [("shop.example", "shop.example"), ("[::1]:8080", "[::1]"), ("127.0.0.1:8080", "127.0.0.1")],
)
def test_the_public_name_is_the_host_without_its_port(
    read: Callable[..., Environment], host: str, name: str
) -> None:
    assert read(PUBLIC_HOST=host).public_name == name


def test_a_release_may_be_named_otherwise_than_its_folder(
    read: Callable[..., Environment],
) -> None:
    found = read(RELEASE_ID="51f536d", RELEASE_DIR=str(APP / "releases" / "v2"))
    assert found.release_dir == APP / "releases" / "v2"


@pytest.mark.parametrize(
    ("name", "value"), [("RELEASE_ID", "../v1"), ("DEBUG", "yes"), ("PUBLIC_HOST", "a b")]
)
def test_manage_py_ends_with_one_line_and_code_78(python: Python, name: str, value: str) -> None:
    done = python("manage.py", "check", **{"RELEASE_ID": "v1", name: value})
    assert done.returncode == 78
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert name in done.stderr
    assert repr(value) in done.stderr


def test_without_a_release_id_nothing_starts(python: Python) -> None:
    done = python("manage.py", "check", RELEASE_ID="")
    assert done.returncode == 78
    assert "RELEASE_ID" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("DEBUG", "yes", "the environment variable DEBUG is 'yes': choose false or true"),
        ("DRAIN_SECONDS", "soon", "the environment variable DRAIN_SECONDS is 'soon': give seconds"),
    ],
)
def test_gunicorn_ends_on_a_bad_value_before_it_starts_a_worker(
    python: Python, tmp_path: Path, variable: str, value: str, complaint: str
) -> None:
    changed = {"RELEASE_ID": "v1", "DRAIN_FILE": str(tmp_path / "drain"), variable: value}
    changed["PYTHONWARNINGS"] = ""  # gunicorn has some of its own
    done = python("-m", "gunicorn", "--bind", "127.0.0.1:0", "shop.wsgi", **changed)
    assert done.returncode == 78
    assert f"gunicorn: {complaint}" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Booting worker" not in done.stderr


def test_the_tests_run_the_app_of_this_checkout() -> None:
    assert Path(sys.modules["shop"].__path__[0]) == APP / "shop"
