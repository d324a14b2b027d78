"""How gunicorn serves the shop; gunicorn reads this file from its working directory."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

bind = os.environ.get("BIND", "0.0.0.0:8000")
workers = 2
threads = 4
graceful_timeout = 10
# Workers prove that they live by touching a file: never on a disk that may be slow or read-only.
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None

drain_file = Path(os.environ.get("DRAIN_FILE", "/tmp/draining"))
drain_seconds = float(os.environ.get("DRAIN_SECONDS", "2"))
os.environ["DRAIN_FILE"] = str(drain_file)  # what /readyz looks at


def on_starting(server: Any) -> None:
    """Forget the drain of a previous life: a container that is started again keeps its files."""
    drain_file.unlink(missing_ok=True)


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
