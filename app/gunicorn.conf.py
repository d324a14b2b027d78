"""How gunicorn serves the shop; gunicorn reads this file from its working directory."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from shop.environment import BadVariableError, read_environment

EX_CONFIG = 78  # as manage.py


def refuse(why: str) -> NoReturn:
    """End the master with one line, before any worker is started."""
    print(f"gunicorn: {why}", file=sys.stderr, flush=True)
    sys.exit(EX_CONFIG)


def seconds(name: str, value: str) -> float:
    """Read a length of time."""
    if not value.replace(".", "", 1).isdecimal():
        refuse(f"the environment variable {name} is {value!r}: give seconds, such as 2")
    return float(value)


bind = os.environ.get("BIND", "0.0.0.0:8000")
workers = 2
threads = 4
graceful_timeout = 10
control_socket_disable = True
# Workers prove that they live by touching a file: never on a disk that may be slow or read-only.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None

drain_file = Path(os.environ.get("DRAIN_FILE", "/tmp/draining"))
drain_seconds = seconds("DRAIN_SECONDS", os.environ.get("DRAIN_SECONDS") or "2")
os.environ["DRAIN_FILE"] = str(drain_file)  # what /readyz looks at

# The master imports what is of no release, so that its forks have it: workers start in half the
# time. Settings, apps and the manifest are the workers' own, and each loads them anew.
LIBRARIES = (
    "django.core.handlers.wsgi",
    "django.db.backends.sqlite3.base",
    "django.db.models",
    "django.forms",
    "django.template.defaulttags",
    "django.views.generic",
    "storages.backends.s3",
)


def on_starting(server: Any) -> None:
    """Refuse a bad environment; forget the drain of a previous life, whose file is still there."""
    try:
        read_environment()
    except BadVariableError as error:
        refuse(str(error))
    drain_file.unlink(missing_ok=True)
    for library in LIBRARIES:
        import_module(library)


def when_ready(server: Any) -> None:
    """On SIGTERM fail readiness first, serve on for DRAIN_SECONDS, and only then stop."""
    stop = signal.getsignal(signal.SIGTERM)

    def drain(signum: int, frame: FrameType | None) -> None:
        drain_file.touch()
        signal.signal(signal.SIGALRM, lambda *_: stop(signum, frame))  # type: ignore[operator,misc]
        signal.setitimer(signal.ITIMER_REAL, drain_seconds)

    signal.signal(signal.SIGTERM, drain)


def post_fork(server: Any, worker: Any) -> None:
    """Give a worker the default SIGALRM back; only the master drains."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
