"""The processes of one stack: started so that they can always be found again and stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from lab.checkout import ROOT
from lab.deadline import POLL_SECONDS, wait_until
from lab.errors import UnavailableError

# A shell that writes its pid and its session down and then becomes the program: there is no moment
# at which the program runs and nobody knows it, however the lab ends.
NOTE_AND_EXEC = 'echo "$$ $1" > "$2" && shift 2 && exec "$@"'
# In the background it is the child of no lab: a later one can stop it as well as its starter can.
LAUNCH = f"/bin/sh -c '{NOTE_AND_EXEC}' sh $$ \"$@\" &"
RUN = f'set -- $$ "$@"; {NOTE_AND_EXEC}'
CLOCK_SLACK = 2.0
"""Seconds by which a start may differ from its pid file's time; a reused pid differs by more."""
START_SECONDS = 10.0
STOP_SECONDS = 20.0
ORPHAN_SECONDS = 2.0
"""How long the children of a program may outlive it."""
JOB_STOP_SECONDS = 5.0
KILL_SECONDS = 5.0
JOB_SECONDS = 600.0
JOBS = "job-"
"""Begins the name of what comes to an end by itself."""

NOBODY = (0, 0)
Command = Sequence[str | Path]


def base_environment() -> dict[str, str]:
    """Return what every program gets: the way to others, and nothing of the user's AWS set-up."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}


def with_this_lab(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment such that Python finds this very lab, whatever may be installed."""
    places = (str(ROOT / "scripts"), environment.get("PYTHONPATH"))
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, places))}


def last_lines(text: str, lines: int) -> str:
    """Return the end of a log, without the empty lines around it."""
    return "\n".join(text.strip().splitlines()[-lines:])


class Processes:
    """Services and jobs of one stack, each in a session of its own and with a pid file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pids = folder / "pids"
        self.log_folder = folder / "logs"

    def start(self, name: str, command: Command, env: Mapping[str, str], cwd: Path) -> None:
        """Start a service; its output goes to logs/<name>.log.

        Raises:
            UnavailableError: it did not start, or ended at once.
        """
        pid_file = self.prepare(name)
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
            lambda: read_pids(pid_file) != NOBODY,
            START_SECONDS,
            f"{name} did not start",
            lambda: self.log(name),
        )
        self.require_running(name)

    def run(
        self, name: str, command: Command, env: Mapping[str, str], cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run a job to its end; an interrupt, or JOB_SECONDS, stops it with all that it started.

        A session of its own keeps a Ctrl-C at the terminal from it: the lab says when it stops.

        Raises:
            UnavailableError: it took too long.
        """
        name = JOBS + name
        pid_file = self.prepare(name)
        job = subprocess.Popen(
            ["/bin/sh", "-c", RUN, "sh", pid_file, *command],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, complaints = job.communicate(timeout=JOB_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"{name} did not end in {JOB_SECONDS:.0f} s") from error
        finally:
            self.stop(name)
            with job:  # closes its pipes, and waits for what has been stopped
                pass
        return subprocess.CompletedProcess(job.args, job.returncode, output, complaints)

    def prepare(self, name: str) -> Path:
        """Make the folders of a program, forget an older one of its name; return its pid file."""
        self.pids.mkdir(parents=True, exist_ok=True)
        self.log_folder.mkdir(parents=True, exist_ok=True)
        pid_file = self.pids / name
        pid_file.unlink(missing_ok=True)
        return pid_file

    def names(self) -> list[str]:
        """Return everything that was started and not stopped, in the order of the starts."""
        files = [path for path in self.pids.glob("*") if read_pids(path) != NOBODY]
        return [path.name for path in sorted(files, key=lambda path: path.stat().st_mtime_ns)]

    def services(self) -> list[str]:
        """Return the names of those that do not end by themselves."""
        return [name for name in self.names() if not name.startswith(JOBS)]

    def find(self, name: str) -> psutil.Process | None:
        """Return the running process of that name; None when it is gone, or its pid was reused."""
        pid_file = self.pids / name
        pid, _session = read_pids(pid_file)
        if not pid:
            return None
        try:
            process = psutil.Process(pid)
            same = abs(process.create_time() - pid_file.stat().st_mtime) < CLOCK_SLACK
        except (OSError, psutil.NoSuchProcess):
            return None
        return process if same and is_alive(process) else None

    def require_running(self, name: str) -> None:
        """See that a service has not ended.

        Raises:
            UnavailableError: it has; with its last words.
        """
        if self.find(name) is None:
            raise UnavailableError(f"{name} ended; its last words:\n{self.log(name)}")

    def send(self, name: str, signum: signal.Signals) -> None:
        """Send a signal to a program, and not to its children."""
        if process := self.find(name):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signum)

    def stop(
        self,
        name: str,
        seconds: float = STOP_SECONDS,
        signum: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Send the signal, wait, and kill with its children what is still there."""
        survivors: list[psutil.Process] = []
        if process := self.find(name):
            family = family_of(process)
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signum)
            wait_for_end([process], seconds)
            survivors = wait_for_end(family, ORPHAN_SECONDS)
        kill([*survivors, *self.session(name)])
        (self.pids / name).unlink(missing_ok=True)

    def end(self, name: str) -> None:
        """Kill a program with all its children."""
        if process := self.find(name):
            kill(family_of(process))
        kill([*self.session(name)])  # also what it started meanwhile
        (self.pids / name).unlink(missing_ok=True)

    def session(self, name: str) -> Iterator[psutil.Process]:
        """Yield whatever is left of a program, also when it was killed and its children were not.

        The session's number might be somebody else's by now: only who works in our folder is ours.
        """
        _pid, session = read_pids(self.pids / name)
        for pid in psutil.pids() if session else ():
            with suppress(OSError, psutil.Error):
                if os.getsid(pid) == session:
                    process = psutil.Process(pid)
                    if Path(process.cwd()).is_relative_to(self.folder):
                        yield process

    def stop_all(self) -> None:
        """End the last started first: nothing is drained, and only a job may clean up.

        An interrupt may come while a program is being started. It is there before it says so; the
        folder where it would say it goes only when nobody has, and without it, it does not begin.
        """
        deadline = time.monotonic() + KILL_SECONDS
        while self.pids.is_dir():
            for name in reversed(self.names()):
                if name.startswith(JOBS):
                    self.stop(name, seconds=JOB_STOP_SECONDS)
                else:
                    self.end(name)
                deadline = time.monotonic() + KILL_SECONDS
            if time.monotonic() > deadline:  # what is left has said nothing, and never will
                shutil.rmtree(self.pids)
            with suppress(OSError):
                self.pids.rmdir()
                break
            time.sleep(POLL_SECONDS)

    def log(self, name: str, lines: int = 20) -> str:
        """Return the last lines that a service wrote."""
        path = self.log_folder / f"{name}.log"
        return last_lines(path.read_text(errors="replace"), lines) if path.exists() else ""


def read_pids(pid_file: Path) -> tuple[int, int]:
    """Return the pid and the session in a file; NOBODY when it says nothing, or is not there."""
    try:
        pid, session = map(int, pid_file.read_text().split())
    except (FileNotFoundError, ValueError):
        return NOBODY
    return pid, session


def kill(processes: Sequence[psutil.Process]) -> None:
    """End them at once."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_for_end(processes, KILL_SECONDS)


def wait_for_end(family: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all of them have ended; returns those that have not in time.

    A zombie has ended: it waits for its parent, which may take its time, and may be process 1.
    """
    deadline = time.monotonic() + seconds
    while left := [process for process in family if is_alive(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    return left


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs, and is neither gone nor a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family_of(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and everything that it started."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [process]
