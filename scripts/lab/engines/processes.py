"""The processes of one embedded stack: started so that they can always be found again and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from lab.errors import UnavailableError

# A shell that writes its own pid down and then becomes the program: there is no moment at which the
# program runs and nobody knows it, however the lab ends. It is nobody's child, so that a later lab
# can stop it as well as the one that started it.
RECORD_AND_EXEC = 'echo $$ > "$1" && shift && exec "$@"'
LAUNCH = f"/bin/sh -c '{RECORD_AND_EXEC}' sh \"$@\" &"
CLOCK_SLACK = 2.0
"""Seconds by which a process's start may differ from its pid file's time; a reused pid differs by more."""
LOWEST_PORT, HIGHEST_PORT = 20000, 32000
"""Below the ephemeral range, and with room for SeaweedFS, which adds 10,000 for its gRPC ports."""


def free_ports(count: int) -> list[int]:
    """Find ports of 127.0.0.1 that nobody listens on, starting at a place of this process's own."""
    found: list[int] = []
    span = HIGHEST_PORT - LOWEST_PORT
    start = (os.getpid() * 37 + time.monotonic_ns() // 1_000_000) % span
    for offset in range(span):
        port = LOWEST_PORT + (start + offset) % span
        if is_free(port) and is_free(port + 10_000):
            found.append(port)
            if len(found) == count:
                return found
    raise UnavailableError(f"no {count} free ports between {LOWEST_PORT} and {HIGHEST_PORT}")


def is_free(port: int) -> bool:
    """Whether 127.0.0.1:port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def require_free(port: int) -> None:
    """Refuse a port that somebody listens on."""
    if not is_free(port):
        raise UnavailableError(
            f"port {port} of 127.0.0.1 is in use: stop what listens there, or choose another with --port"
        )


def wait_until(
    ready: Callable[[], bool], seconds: float, what: str, state: Callable[[], str]
) -> None:
    """Poll until `ready`; after `seconds` say what was waited for and show `state`.

    Raises:
        UnavailableError: it was not ready in time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise UnavailableError(f"{what} after {seconds:.0f} s; its last words:\n{state()}")
        time.sleep(0.05)


class Processes:
    """The programs of one stack, each in a session of its own, with a pid file and a log."""

    def __init__(self, folder: Path) -> None:
        self.pids = folder / "pids"
        self.log_folder = folder / "logs"

    def start(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path
    ) -> None:
        """Start a program under `name`; its output goes to logs/<name>.log."""
        self.pids.mkdir(parents=True, exist_ok=True)
        self.log_folder.mkdir(parents=True, exist_ok=True)
        pid_file = self.pids / name
        with (self.log_folder / f"{name}.log").open("ab") as log:
            subprocess.run(
                ["/bin/sh", "-c", LAUNCH, "sh", pid_file, *command],
                check=True,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(
            lambda: self.find(name) is not None or bool(self.log(name)),
            5,
            f"{name} did not start",
            lambda: self.log(name),
        )

    def names(self) -> list[str]:
        """Every program that was started and not stopped, in the order of their starts."""
        files = [path for path in self.pids.glob("*") if path.stat().st_size]
        return [path.name for path in sorted(files, key=lambda path: path.stat().st_mtime_ns)]

    def find(self, name: str) -> psutil.Process | None:
        """The running process of that name; None when it is gone, or its pid is somebody else's."""
        try:
            pid_file = self.pids / name
            process = psutil.Process(int(pid_file.read_text()))
            same = abs(process.create_time() - pid_file.stat().st_mtime) < CLOCK_SLACK
            running = process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None
        return process if same and running else None

    def send(self, name: str, signum: signal.Signals) -> None:
        """Send a signal to a program (and not to its children)."""
        if process := self.find(name):
            process.send_signal(signum)

    def stop(self, name: str, seconds: float = 20) -> None:
        """SIGTERM, wait, and kill the whole session of what is still there."""
        process = self.find(name)
        if process is not None:
            family = [process, *process.children(recursive=True)]
            process.terminate()
            _, left = psutil.wait_procs(family, timeout=seconds)
            for survivor in left:
                survivor.kill()
            psutil.wait_procs(left, timeout=5)
        (self.pids / name).unlink(missing_ok=True)

    def stop_all(self) -> None:
        """Stop the last started first; nothing is drained."""
        for name in reversed(self.names()):
            self.send(name, signal.SIGQUIT if name.startswith("web-") else signal.SIGTERM)
            self.stop(name, seconds=5)

    def log(self, name: str, lines: int = 20) -> str:
        """The last lines that the program wrote."""
        path = self.log_folder / f"{name}.log"
        if not path.exists():
            return ""
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
