"""A process that has imported everything, and forks one publish after the other in milliseconds.

It is a process of its own, since obstore has threads once it was used, and they do not survive a
fork. Each connection is served by a fork, and each publish is a fork of that.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
SETTINGS = {
    "SECRET_KEY": "only-for-tests",
    "INSTALLED_APPS": ["skewproof", "django.contrib.staticfiles"],
    "STATIC_URL": "/static/",
}


@dataclass(frozen=True)
class Ended:
    """How a publish has ended: its exit code, negative for a signal, and what it said."""

    code: int
    said: str


class Lane:
    """A connection, over which one publish after the other is run."""

    def __init__(self, address: str, output: Path) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(address)
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self._output = output

    def run(self, order: dict[str, Any], started: Callable[[int], None] = lambda _: None) -> Ended:
        """Run a publish to its end; say its pid as soon as it has one."""
        self._output.unlink(missing_ok=True)
        print(json.dumps({**order, "output": str(self._output)}), file=self._stream, flush=True)
        started(int(self._stream.readline()))
        code = int(self._stream.readline())
        return Ended(code, self._output.read_text(encoding="utf-8"))

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


@contextmanager
def forking(folder: Path) -> Iterator[Callable[[Path], Lane]]:
    """Run the process; yield a way to connect."""
    # A short name, as those of Unix sockets may have 107 bytes at most; it is in no directory.
    address = f"\0skewproof-forks-{os.getpid()}-{folder.name}"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'app'}:{ROOT}", "PYTHONHASHSEED": "0"}
    with subprocess.Popen(
        [sys.executable, "-W", "error", __file__, address[1:]],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == b"ready\n"
        lanes: list[Lane] = []

        def connect(output: Path) -> Lane:
            lanes.append(Lane(address, output))
            return lanes[-1]

        try:
            yield connect
        finally:
            for lane in lanes:
                lane.close()
            process.stdin.close()


def main(name: str) -> None:
    """Serve until the one who has started this is gone."""
    prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                serve(connection)
                os._exit(0)
            connection.close()


def prepare() -> None:
    """Import, and have botocore read its models, as long as there are no threads."""
    import gc

    import boto3
    import botocore.session
    import django
    from botocore.loaders import create_loader
    from django.conf import settings

    import skewproof.backends.s3
    import skewproof.management.commands.collectstatic
    import skewproof.stores.bucket
    import skewproof.stores.directory
    import skewproof.stores.fast  # noqa: F401

    loader = create_loader()
    botocore.session.create_loader = lambda *_: loader
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    boto3.session.Session(**keys).resource("s3", region_name="us-east-1")
    settings.configure(**SETTINGS)
    django.setup()
    gc.freeze()  # a collection in a fork would copy all that was imported


def serve(connection: socket.socket) -> None:
    """Run what is ordered, one publish after the other."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, connection.makefile("rw", encoding="utf-8") as stream:
        for line in stream:
            pid = os.fork()
            if pid == 0:
                run(json.loads(line))
            print(pid, file=stream, flush=True)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=stream, flush=True)


def run(order: dict[str, Any]) -> NoReturn:
    """Be a publish."""
    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.utils.module_loading import import_string

    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(order["environ"])
    code = 70
    try:
        for name, value in order["settings"].items():
            setattr(settings, name, value)
        for name, *arguments in order["before"]:
            import_string(name)(*arguments)
        execute_from_command_line(["manage.py", *order["arguments"]])
        code = 0
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
