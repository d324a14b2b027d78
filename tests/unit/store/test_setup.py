from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.s3servers import SCRIPTS, credentials, run_script

from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from tests.s3servers import S3Server

NEW_SECRET = "another-secret-than-before"


def told(**changes: str | None) -> dict[str, str]:
    """Make a good environment with some changes; None takes a variable away."""
    url = f"http://127.0.0.1:{free_port()}"
    environ = {**credentials(), "S3_ENDPOINT_URL": url, "STORE_TIMEOUT": "1", **changes}
    return {name: value for name, value in environ.items() if value is not None}


def assert_one_line(done: subprocess.CompletedProcess[str], environ: Mapping[str, str]) -> str:
    """See that it failed with one line on stderr and no secret in it, and return that line."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    for name in ("MINIO_ROOT_PASSWORD", "PUBLISHER_SECRET_KEY", "WEB_SECRET_KEY"):
        assert not environ.get(name) or environ[name] not in done.stdout + done.stderr
    return lines[0]


@pytest.mark.engine
class TestOnARealServer:
    def test_the_second_run_changes_nothing(self, s3_server: S3Server) -> None:
        *parts, last = s3_server.set_up().splitlines()
        assert parts
        assert all(line.endswith(": as it should be") for line in parts)
        assert last == f"store {s3_server.endpoint}: set up"

    def test_objects_outlive_another_run(self, s3_server: S3Server) -> None:
        kept: dict[str, Any] = {"Bucket": s3_server.bucket, "Key": "static/kept"}
        s3_server.client("root").put_object(**kept, Body=b"kept")
        s3_server.set_up()
        assert s3_server.client("root").get_object(**kept)["Body"].read() == b"kept"
        s3_server.client("root").delete_object(**kept)

    @pytest.mark.parametrize("role", ["publisher", "web"])
    def test_a_changed_secret_is_applied_and_the_old_one_refused(
        self, changing_server: S3Server, role: str
    ) -> None:
        changing_server.set_up()
        changed = changing_server.with_environ(**{f"{role.upper()}_SECRET_KEY": NEW_SECRET})
        changed.set_up()
        assert knows(changed, role)
        assert not knows(changing_server, role)

    def test_a_replaced_key_is_taken_away(self, changing_server: S3Server) -> None:
        changing_server.set_up()
        changed = changing_server.with_environ(PUBLISHER_ACCESS_KEY="next-publisher")
        changed.set_up()
        assert knows(changed, "publisher")
        assert not knows(changing_server, "publisher")

    def test_a_policy_that_somebody_changed_is_put_right(self, changing_server: S3Server) -> None:
        changing_server.set_up()
        changing_server.client("root").delete_bucket_policy(Bucket=changing_server.bucket)
        assert "public: policy applied" in changing_server.set_up()

    def test_refused_root_credentials_end_it_at_once(self, s3_server: S3Server) -> None:
        environ = {**s3_server.environ, "MINIO_ROOT_PASSWORD": NEW_SECRET, "STORE_TIMEOUT": "60"}
        began = time.monotonic()
        done = run_script(SCRIPTS / "setup.py", environ)
        line = assert_one_line(done, environ)
        assert done.returncode == 77
        assert "MINIO_ROOT_PASSWORD" in line
        assert time.monotonic() - began < 30

    def test_a_store_that_hangs_at_first_is_waited_for(self, s3_server: S3Server) -> None:
        server = s3_server.launched.process
        os.killpg(server.pid, signal.SIGSTOP)
        try:
            setup = begin(s3_server.environ)
            with pytest.raises(subprocess.TimeoutExpired):
                setup.wait(2)
        finally:
            os.killpg(server.pid, signal.SIGCONT)
        assert setup.communicate(timeout=60)[0].endswith("set up\n")
        assert setup.returncode == 0

    def test_another_server_than_minio_is_told_from_it(
        self, s3_kind: str, s3_server: S3Server
    ) -> None:
        done = run_script(SCRIPTS / "setup.py", {**s3_server.environ, "STORE_ADMIN": "minio"})
        if s3_kind == "minio":
            assert done.returncode == 0
        else:
            assert done.returncode == 70
            assert "set STORE_ADMIN=none" in assert_one_line(done, s3_server.environ)


def knows(server: S3Server, role: str) -> bool:
    try:
        server.client(role).get_bucket_location(Bucket=server.bucket)
    except ClientError as error:
        return error.response["Error"]["Code"] == "AccessDenied"
    return True


def begin(environ: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPTS / "setup.py")],
        env={"PATH": os.environ["PATH"], **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def settings() -> Iterator[ModuleType]:
    """The module beside setup.py, which is a folder of scripts and no package."""
    spec = spec_from_file_location("store_settings", SCRIPTS / "settings.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their annotations up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


class TestBadInput:
    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("S3_ENDPOINT_URL", None, "S3_ENDPOINT_URL is not set: expected http://HOST:PORT"),
            ("S3_ENDPOINT_URL", "minio:9000", 'S3_ENDPOINT_URL="minio:9000": expected http'),
            ("S3_ENDPOINT_URL", "http://minio/path", 'S3_ENDPOINT_URL="http://minio/path": exp'),
            ("S3_BUCKET", "No_Bucket", 'S3_BUCKET="No_Bucket": expected 3 to 63'),
            ("S3_BUCKET", "a..b", 'S3_BUCKET="a..b": expected 3 to 63'),
            ("AWS_REGION", "us east", 'AWS_REGION="us east": expected a region'),
            ("MINIO_ROOT_USER", None, "MINIO_ROOT_USER is not set: expected 3 to 128"),
            ("MINIO_ROOT_PASSWORD", "short", "MINIO_ROOT_PASSWORD (a secret of 5 characters)"),
            ("PUBLISHER_ACCESS_KEY", "a=b,c", 'PUBLISHER_ACCESS_KEY="a=b,c": expected'),
            ("PUBLISHER_SECRET_KEY", None, "PUBLISHER_SECRET_KEY is not set: expected 8"),
            ("WEB_ACCESS_KEY", "", "WEB_ACCESS_KEY is not set"),
            ("WEB_SECRET_KEY", "with a space", "WEB_SECRET_KEY (a secret of 12 characters)"),
            ("STORE_ADMIN", "seaweedfs", 'STORE_ADMIN="seaweedfs": expected minio or none'),
            ("STORE_TIMEOUT", "soon", 'STORE_TIMEOUT="soon": expected a number of seconds'),
            ("STORE_TIMEOUT", "0", 'STORE_TIMEOUT="0": expected a number of seconds above 0'),
        ],
    )
    def test_a_bad_variable_is_named_with_its_value(
        self, settings: ModuleType, name: str, value: str | None, expected: str
    ) -> None:
        with pytest.raises(settings.SettingError, match=f"^{re.escape(expected)}"):
            settings.Settings.read(told(**{name: value}))

    def test_the_job_says_so_in_one_line_and_exits_with_64(self) -> None:
        environ = told(S3_BUCKET="No_Bucket")
        done = run_script(SCRIPTS / "setup.py", environ)
        assert done.returncode == 64
        assert assert_one_line(done, environ).startswith('setup: S3_BUCKET="No_Bucket": expected')

    def test_two_roles_with_one_key_are_refused(self, settings: ModuleType) -> None:
        environ = told(WEB_ACCESS_KEY="the-same", PUBLISHER_ACCESS_KEY="the-same")
        with pytest.raises(settings.SettingError, match="expected three different keys"):
            settings.Settings.read(environ)

    def test_without_an_admin_api_no_other_identity_is_asked_for(
        self, settings: ModuleType
    ) -> None:
        environ = told(STORE_ADMIN="none", WEB_ACCESS_KEY=None, PUBLISHER_SECRET_KEY=None)
        assert settings.Settings.read(environ).identities == ()

    @pytest.mark.parametrize("content", ["{", "[]", "{}", None])
    def test_a_broken_policy_file_is_named(self, tmp_path: Path, content: str | None) -> None:
        scripts = tmp_path / "minio"
        shutil.copytree(SCRIPTS, scripts)
        path = scripts / "policies" / "public.json"
        path.unlink()
        if content is not None:
            path.write_text(content)
        environ = told()
        done = run_script(scripts / "setup.py", environ)
        assert done.returncode == 64
        assert f"policy file {path}: " in assert_one_line(done, environ)

    def test_the_file_for_seaweedfs_is_refused_likewise(self) -> None:
        environ = told(WEB_SECRET_KEY="short")
        done = run_script(SCRIPTS / "seaweed.py", environ)
        assert (done.returncode, done.stdout) == (64, "")
        assert assert_one_line(done, environ).startswith("seaweed: WEB_SECRET_KEY (a secret of 5")


def test_the_file_for_seaweedfs_holds_the_policy_files_word_for_word() -> None:
    content = json.loads(run_script(SCRIPTS / "seaweed.py", told(S3_BUCKET="a-bucket")).stdout)
    policies = {entry["name"]: json.loads(entry["content"]) for entry in content["policies"]}
    for role in ("publisher", "web"):
        written = (SCRIPTS / "policies" / f"{role}.json").read_text()
        assert policies[role] == json.loads(written.replace("{bucket}", "a-bucket"))
    rights = {
        entry["name"]: entry.get("actions", entry.get("policyNames"))
        for entry in content["identities"]
    }
    assert rights == {"root": ["Admin"], "publisher": ["publisher"], "web": ["web"]}


class TestStoreThatFails:
    def test_a_store_that_is_down_ends_it_in_bounded_time(self) -> None:
        environ = told()
        began = time.monotonic()
        done = run_script(SCRIPTS / "setup.py", environ)
        assert done.returncode == 69
        assert "not ready after 1 s (Could not connect" in assert_one_line(done, environ)
        assert time.monotonic() - began < 20

    def test_a_host_without_an_address_ends_it_likewise(self) -> None:
        environ = told(S3_ENDPOINT_URL="http://store.invalid:9000")
        done = run_script(SCRIPTS / "setup.py", environ)
        assert done.returncode == 69
        assert "store.invalid" in assert_one_line(done, environ)

    def test_a_store_that_never_answers_ends_it_in_bounded_time(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            environ = told(S3_ENDPOINT_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
            began = time.monotonic()
            done = run_script(SCRIPTS / "setup.py", environ)
        assert done.returncode == 69
        assert "Read timeout" in assert_one_line(done, environ)
        assert time.monotonic() - began < 20

    def test_the_last_answer_of_a_store_that_never_gets_ready_is_shown(
        self, fake_store: FakeStore
    ) -> None:
        fake_store.answers = [(503, b"<Error><Code>ServerNotInitialized</Code></Error>")]
        environ = told(S3_ENDPOINT_URL=fake_store.url)
        done = run_script(SCRIPTS / "setup.py", environ)
        assert done.returncode == 69
        assert "ListBuckets answers ServerNotInitialized" in assert_one_line(done, environ)

    def test_what_is_no_store_at_all_is_waited_for_in_vain(self, fake_store: FakeStore) -> None:
        fake_store.answers = [(200, b"<html>Welcome to nginx!<p></html>")]
        environ = told(S3_ENDPOINT_URL=fake_store.url)
        done = run_script(SCRIPTS / "setup.py", environ)
        assert done.returncode == 69
        assert_one_line(done, environ)

    def test_a_store_that_goes_away_in_the_middle_is_said_to(self, fake_store: FakeStore) -> None:
        fake_store.answers = [(200, b"<ListAllMyBucketsResult/>"), None]
        environ = told(S3_ENDPOINT_URL=fake_store.url)
        done = run_script(SCRIPTS / "setup.py", environ)
        assert done.returncode == 69
        assert "went away during the set-up" in assert_one_line(done, environ)

    def test_sigterm_ends_the_waiting_at_once(self, fake_store: FakeStore) -> None:
        fake_store.answers = [(503, b"<Error><Code>ServerNotInitialized</Code></Error>")]
        setup = begin(told(S3_ENDPOINT_URL=fake_store.url, STORE_TIMEOUT="600"))
        assert fake_store.asked.wait(30)
        setup.terminate()
        setup.communicate(timeout=20)
        assert setup.returncode == 143


class FakeStore(ThreadingHTTPServer):
    """Gives its answers in turn, and the last for ever; None closes the connection."""

    answers: list[tuple[int, bytes] | None]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FakeHandler)
        self.answers = []
        self.asked = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class FakeHandler(BaseHTTPRequestHandler):
    server: FakeStore

    def answer(self) -> None:
        answers = self.server.answers
        given = answers.pop(0) if len(answers) > 1 else answers[0]
        self.server.asked.set()
        self.close_connection = True
        if given is not None:
            status, body = given
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_HEAD = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def fake_store() -> Iterator[FakeStore]:
    with FakeStore() as store:
        thread = threading.Thread(target=store.serve_forever)
        thread.start()
        try:
            yield store
        finally:
            store.shutdown()
            thread.join()
