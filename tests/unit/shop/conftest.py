"""The shop as processes: each has its own environment, as settings are read once per process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APP = Path(__file__).parents[3] / "app"
SERVE = Path(__file__).with_name("serve.py")
RELEASES = ("v1", "v2")
EXPLORE = "/lab/"
# What every deployment sets. The store is never asked: nothing listens on port 1.
DEPLOYED = {
    "SECRET_KEY": "fifty characters that sign the sessions of these tests",
    "S3_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "web",
    "AWS_SECRET_ACCESS_KEY": "web-secret",
    "REPLICA": "web-7",
}


def variables(**changed: str) -> dict[str, str]:
    """Return the environment of a deployed process, with changes; empty values are unset ones."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**inherited, "PYTHONPATH": str(APP), "PYTHONWARNINGS": "error", **DEPLOYED, **changed}


def run(*words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program in the directory of the app, to its end."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=APP,
        env=variables(**changed),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass(frozen=True)
class Site:
    """A running shop, and what its visitors can ask."""

    release: str
    url: str
    pid: int

    def get(self, path: str) -> requests.Response:
        """Fetch a page as a new visitor, without following redirects."""
        return requests.get(self.url + path, timeout=10, allow_redirects=False)

    def crawl(self) -> dict[str, requests.Response]:
        """Fetch every page that links lead to, from the home page on, by path."""
        found: dict[str, requests.Response] = {}
        waiting = ["/"]
        while waiting:
            path = waiting.pop()
            if path not in found:
                found[path] = self.get(path)
                waiting += links(found[path].text)
        return found


def links(html: str) -> list[str]:
    """Return the paths of this site that a page links to; the explore page is the gateway's."""
    anchors = LexborHTMLParser(html).css("a[href]")
    paths = [str(anchor.attributes["href"]) for anchor in anchors]
    return [path for path in paths if path.startswith("/") and path != EXPLORE]


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in the directory of the app: words, and changed variables by name."""
    return run


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Site]]:
    """Start shops on free ports; all of them end with the tests."""
    started: list[subprocess.Popen[str]] = []

    def start(release: str, folder: Path, *options: str, **changed: str) -> Site:
        process = subprocess.Popen(
            [sys.executable, str(SERVE), str(folder), *options],
            cwd=APP,
            env=variables(RELEASE_ID=release, **changed),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        assert process.stdout
        port = process.stdout.readline().strip()
        assert port, f"the shop ended at once, with code {process.wait(10)}"
        return Site(release, f"http://127.0.0.1:{port}", process.pid)

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture(scope="session")
def sites(serve: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Site]:
    """Both releases, each with a manifest of its own."""
    return {
        release: serve(release, tmp_path_factory.mktemp(release), "--collect")
        for release in RELEASES
    }


@pytest.fixture(scope="session", params=RELEASES)
def site(sites: dict[str, Site], request: pytest.FixtureRequest) -> Site:
    """Each release in turn."""
    return sites[request.param]


@pytest.fixture(scope="session")
def pages(sites: dict[str, Site]) -> dict[str, dict[str, requests.Response]]:
    """Every page of each release, by path."""
    return {release: site.crawl() for release, site in sites.items()}


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What ``manage.py record`` says about each release."""
    found = {}
    for release in RELEASES:
        file = tmp_path_factory.mktemp("records") / f"{release}.json"
        done = run("manage.py", "record", str(file), RELEASE_ID=release)
        assert done.returncode == 0, done.stderr
        found[release] = json.loads(file.read_text("utf-8"))
    return found
