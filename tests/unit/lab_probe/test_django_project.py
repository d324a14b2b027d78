"""The gotcha in a project that knows nothing of ours: startproject, stock settings, real processes.

Two releases of it share a bucket, and a front sends visitors to one process after the other. While
a probe looks, release 2.0 is collected, the workers of 1.0 are recycled, and visitors move over.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.newcomer import Newcomer
from tests.s3servers import credentials, start

from lab.judge.findings import Status
from lab.judge.verdict import Verdict, judge_history
from lab.runs.external import ProbeRequest, probe_site
from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.s3servers import S3Server

pytestmark = pytest.mark.engine

DEADLINE = 60.0
SETTINGS = """
INSTALLED_APPS.append("storages")
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {{
    "staticfiles": {{
        "BACKEND": (BASE_DIR / "backend").read_text(),
        "OPTIONS": {{
            "bucket_name": "my-bucket",
            "location": "static",
            "custom_domain": "{domain}/my-bucket",
            "url_protocol": "http:",
        }},
    }},
}}
"""
STOCK = "storages.backends.s3.S3ManifestStaticStorage"
PER_RELEASE = "mysite.storage.Storage"
STORAGE = """
from storages.backends.s3 import S3ManifestStaticStorage

class Storage(S3ManifestStaticStorage):
    manifest_name = "staticfiles-{release}.json"
"""
URLS = """
from django.views.generic import TemplateView

urlpatterns += [
    path("", TemplateView.as_view(template_name="home.html")),
    path("old/", TemplateView.as_view(template_name="old.html")),
]
"""
PAGE = "{{% load static %}}<!doctype html>{}<footer>shop {}</footer>"
LINKS = "<link rel=stylesheet href=\"{{% static 'site.css' %}}\"><a href=/old/>old</a>"
SCRIPT = "<script src=\"{{% static 'old.js' %}}\"></script>"
FOOTER = r"<footer>shop ([\d.]+)</footer>"


class Deployment:
    """Two releases of a project, each a folder and, when it is served, a process."""

    def __init__(self, folder: Path, store: S3Server) -> None:
        self.store = store
        project = Newcomer(folder / "new")
        project.start_project()
        self.releases = {
            "1.0": self.write(folder / "1.0", "1.0", project.folder, "teal", SCRIPT),
            "2.0": self.write(folder / "2.0", "2.0", project.folder, "red", ""),
        }
        (folder / "1.0" / "static" / "old.js").write_text("old()\n")
        self.servers: dict[str, subprocess.Popen[bytes]] = {}
        self.ports: dict[str, int] = {}

    def write(
        self, folder: Path, release: str, project: Path, colour: str, script: str
    ) -> Newcomer:
        """Make a release of the project."""
        shutil.copytree(project, folder)
        environment = {
            "AWS_ENDPOINT_URL_S3": self.store.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.store.environ["MINIO_ROOT_USER"],
            "AWS_SECRET_ACCESS_KEY": self.store.environ["MINIO_ROOT_PASSWORD"],
        }
        made = Newcomer(folder, environment)
        domain = self.store.endpoint.removeprefix("http://")
        made.append("mysite/settings.py", SETTINGS.format(domain=domain))
        made.append("mysite/storage.py", STORAGE.format(release=release))
        made.append("mysite/urls.py", URLS)
        for name in ("static", "templates"):
            (folder / name).mkdir()
        (folder / "static" / "site.css").write_text(f"body {{ color: {colour} }}\n")
        (folder / "templates" / "home.html").write_text(format_page(LINKS, release))
        (folder / "templates" / "old.html").write_text(format_page(script, release))
        return made

    def use(self, backend: str) -> None:
        """Let new processes have another storage."""
        for made in self.releases.values():
            (made.folder / "backend").write_text(backend)

    def collect(self, release: str) -> None:
        """Run collectstatic; the admin's files would only take time.

        What it makes of the manifest is kept for processes that read one of their own release.
        """
        manage = self.releases[release].folder / "manage.py"
        command = (sys.executable, str(manage), "collectstatic", "--no-input", "-i", "admin")
        self.releases[release].run(*command)
        client, bucket = self.store.client("root"), self.store.bucket
        manifest = client.get_object(Bucket=bucket, Key="static/staticfiles.json")["Body"].read()
        client.put_object(Bucket=bucket, Key=f"static/staticfiles-{release}.json", Body=manifest)
        (self.releases[release].folder / "manifest.json").write_bytes(manifest)

    def serve(self, release: str) -> int:
        """Start gunicorn; returns its port."""
        port = self.ports[release] = free_port()
        made = self.releases[release]
        command = [sys.executable, "-m", "gunicorn", "mysite.wsgi", "-b", f"127.0.0.1:{port}"]
        with (made.folder / "log").open("w") as log:
            self.servers[release] = subprocess.Popen(
                command, cwd=made.folder, env=made.environ(), stdout=log, stderr=log
            )
        wait_until(lambda: answers(port), made.folder / "log")
        return port

    def recycle(self, release: str) -> None:
        """Let gunicorn replace its workers, as it does after max_requests, or when they crash."""
        log = self.releases[release].folder / "log"
        booted = log.read_text().count("Booting worker")
        self.servers[release].send_signal(signal.SIGHUP)
        wait_until(lambda: log.read_text().count("Booting worker") > booted, log)

    def stop(self) -> None:
        for server in self.servers.values():
            server.send_signal(signal.SIGQUIT)
        for server in self.servers.values():
            server.wait(DEADLINE)
        self.servers.clear()


def format_page(body: str, release: str) -> str:
    return PAGE.format(body, release).replace("{{", "{").replace("}}", "}")


def answers(port: int) -> bool:
    """Say whether anything listens; a request for a page would load the manifest."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/no-such-page/")
        return connection.getresponse().status == 404
    except OSError:
        return False
    finally:
        connection.close()


def wait_until(ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while not ready():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


class Front(BaseHTTPRequestHandler):
    """Asks one process after the other, as a gateway does in the middle of a rollout."""

    protocol_version = "HTTP/1.1"
    ports: list[int]
    turn: count[int]

    def do_GET(self) -> None:
        port = self.ports[next(self.turn) % len(self.ports)]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", self.path, headers={"Host": "127.0.0.1"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class FrontServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *arguments: object) -> None:
        """Say nothing: when the time is over, the probe goes away."""


@contextlib.contextmanager
def front(ports: list[int]) -> Iterator[str]:
    handler = type("Handler", (Front,), {"ports": ports, "turn": count()})
    server = FrontServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Looking:
    """A probe that looks until it is told that the time is over."""

    def __init__(self, url: str, work: Path, monkeypatch: pytest.MonkeyPatch, **wanted: object):
        self.over = threading.Event()
        self.folder = work / "probe"
        over = property(lambda _guest: self.over.is_set())
        monkeypatch.setattr("lab.checkout.WORK", work)
        monkeypatch.setattr("lab.probe.manners.Guest.over", over)
        look = ProbeRequest(url=url, seconds=3600.0, rate=50.0, **wanted)
        self.histories: list[Path] = []
        self.thread = threading.Thread(
            target=lambda: self.histories.append(probe_site(look, lambda _line: None)), daemon=True
        )
        self.thread.start()

    def await_pages(self, more: int) -> None:
        """Wait until so many more visits have begun."""
        wanted = self.pages() + more
        deadline = time.monotonic() + DEADLINE
        while self.pages() < wanted:
            assert self.thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def pages(self) -> int:
        return sum(file.read_text().count('"how":"seed"') for file in self.folder.glob("*.jsonl"))

    def end(self) -> Verdict:
        self.over.set()
        self.thread.join(DEADLINE)
        return judge_history(self.histories[0])


def look_during(
    roll: Callable[[Deployment, Looking], None],
    deployment: Deployment,
    folder: Path,
) -> Verdict:
    """Judge what visitors see of 1.0, of both, and of 2.0, while something is done."""
    ports = [deployment.serve("1.0")]
    with pytest.MonkeyPatch.context() as monkeypatch, front(ports) as url:
        looking = Looking(url, folder, monkeypatch, release_pattern=FOOTER)
        looking.await_pages(2)
        roll(deployment, looking)
        looking.await_pages(2)
        ports.append(deployment.serve("2.0"))
        looking.await_pages(3)
        del ports[0]
        looking.await_pages(2)
        return looking.end()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deployment")


@pytest.fixture(scope="module")
def deployment(folder: Path) -> Iterator[Deployment]:
    made_up = {**credentials(), "S3_BUCKET": "my-bucket"}
    with start("seaweedfs", folder / "seaweedfs", made_up) as server:
        server.set_up()
        made = Deployment(folder, server)
        made.use(STOCK)
        made.collect("1.0")
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def stock(deployment: Deployment, folder: Path) -> dict[str, Verdict]:
    """A rollout as most people do it: 2.0 is collected while 1.0 serves, whose workers come new.

    Judged by who looked meanwhile, and by who came when all of that had happened: with manifests,
    and without.
    """

    def roll(deployment: Deployment, looking: Looking) -> None:
        deployment.collect("2.0")
        looking.await_pages(1)
        deployment.recycle("1.0")

    meanwhile = look_during(roll, deployment, folder / "stock")
    manifests = tuple(
        f"{release}={made.folder / 'manifest.json'}"
        for release, made in deployment.releases.items()
    )
    with pytest.MonkeyPatch.context() as monkeypatch, front([deployment.ports["1.0"]]) as url:
        monkeypatch.setattr("lab.checkout.WORK", folder / "late")
        late = ProbeRequest(url=url, release_pattern=FOOTER, manifest=manifests)
        looks = {"late": late, "blind": ProbeRequest(url=url)}
        verdicts = {
            name: judge_history(probe_site(look, lambda _line: None))
            for name, look in looks.items()
        }
    deployment.stop()
    return {"meanwhile": meanwhile, **verdicts}


def test_the_gotcha_is_found_in_a_project_that_knows_nothing_of_ours(
    stock: dict[str, Verdict],
) -> None:
    verdict = stock["meanwhile"]
    wears, pages = verdict.finding("asset of its release"), verdict.finding("page answers")
    assert wears.first
    assert pages.first
    assert re.search(
        r"/static/site\.\w{12}\.css, which 1\.0's page / needs, answered 200, but is "
        r"(another version|what 2\.0 has) of what pages of 1\.0 had as /my-bucket/static/site\.",
        wears.first.sentence,
    )
    assert "page /old/ answered 500" in pages.first.sentence
    failed = [each.checker for each in verdict.findings if each.faults]
    assert failed == ["page answers", "asset of its release"]
    assert verdict.exit_code == 1
    assert verdict.releases["2.0"].pages > verdict.releases["2.0"].wrong == 0


def test_by_the_manifests_it_is_found_by_who_comes_late(stock: dict[str, Verdict]) -> None:
    wears = stock["late"].finding("asset of its release")
    assert wears.first
    assert re.search(
        r"site\.\w{12}\.css, which 1\.0's page / needs, answered 200, but is of 2\.0; "
        r"it should have been 1\.0's site\.",
        wears.first.sentence,
    )
    assert stock["blind"].finding("asset of its release").status is Status.NOT_APPLICABLE


def test_nothing_is_found_in_a_healthy_one(
    stock: dict[str, Verdict], deployment: Deployment, folder: Path
) -> None:
    """Each release reads its own manifest, by a class of the project's own."""
    assert stock  # both releases are collected
    deployment.use(PER_RELEASE)
    verdict = look_during(
        lambda deployment, _looking: deployment.recycle("1.0"), deployment, folder / "healthy"
    )
    assert [each for each in verdict.findings if each.faults] == []
    assert verdict.finding("asset of its release").status is Status.PASS
    assert verdict.finding("body matches hash").status is Status.PASS
    assert verdict.exit_code == 0
