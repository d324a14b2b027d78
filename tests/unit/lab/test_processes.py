from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.deadline import wait_until
from lab.errors import UnavailableError
from lab.stacks.processes import NOTE_AND_EXEC, Processes, base_environment, is_alive

WAIT = "import time; time.sleep(600)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {WAIT!r}])
print(child.pid, flush=True)
child.wait()
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    started = Processes(tmp_path / "stack")
    yield started
    started.stop_all()


def python(code: str) -> list[str | Path]:
    return [sys.executable, "-c", code]


def start(processes: Processes, name: str, code: str) -> psutil.Process:
    processes.start(name, python(code), base_environment(), Path("/"))
    process = processes.find(name)
    assert process
    return process


def test_a_service_is_found_again_by_another_lab_and_stopped(processes: Processes) -> None:
    process = start(processes, "waiter", WAIT)
    other = Processes(processes.pids.parent)
    assert other.services() == ["waiter"]
    assert other.find("waiter") == process
    other.stop("waiter")
    assert not is_alive(process)
    assert other.names() == []


def test_a_service_is_nobodys_child_and_has_a_session_of_its_own(processes: Processes) -> None:
    process = start(processes, "waiter", WAIT)
    assert process.ppid() != os.getpid()
    assert os.getsid(process.pid) != os.getsid(0)


def test_what_a_service_has_started_goes_with_it(processes: Processes) -> None:
    start(processes, "parent", PARENT)
    wait_until(lambda: bool(processes.log("parent")), 10, "no child", lambda: "")
    child = psutil.Process(int(processes.log("parent")))
    processes.stop("parent")
    assert not is_alive(child)


def test_what_outlives_a_program_that_was_killed_goes_when_it_is_stopped(
    processes: Processes, tmp_path: Path
) -> None:
    processes.pids.mkdir(parents=True)
    processes.start("parent", python(PARENT), base_environment(), tmp_path / "stack")
    wait_until(lambda: bool(processes.log("parent")), 10, "no child", lambda: "")
    orphan = psutil.Process(int(processes.log("parent")))
    processes.send("parent", signal.SIGKILL)
    wait_until(lambda: processes.find("parent") is None, 10, "still there", lambda: "")
    assert is_alive(orphan)
    processes.stop("parent")
    assert not is_alive(orphan)


def test_a_service_that_ignores_sigterm_is_killed(processes: Processes) -> None:
    process = start(processes, "stubborn", STUBBORN)
    processes.stop("stubborn", seconds=0.2)
    assert not is_alive(process)


def test_a_pid_that_belongs_to_another_program_by_now_is_let_alone(processes: Processes) -> None:
    process = start(processes, "waiter", WAIT)
    pid_file = processes.pids / "waiter"
    long_ago = time.time() - 3600
    os.utime(pid_file, (long_ago, long_ago))
    assert processes.find("waiter") is None
    processes.stop("waiter")
    assert is_alive(process)
    process.kill()


def test_a_program_that_is_not_there_is_named_with_what_the_shell_said(
    processes: Processes,
) -> None:
    def run() -> None:
        processes.start("nobody", ["/no/such/program"], base_environment(), Path("/"))
        wait_until(lambda: processes.require_running("nobody") is None, 10, "", lambda: "")
        wait_until(lambda: processes.find("nobody") is None, 10, "runs", lambda: "")
        processes.require_running("nobody")

    with pytest.raises(UnavailableError, match=r"nobody ended; its last words:\n.*not found"):
        run()


def test_a_service_that_ends_at_once_is_told_by_its_last_words(processes: Processes) -> None:
    start_and_end = "print('the disk is full'); raise SystemExit(1)"
    processes.pids.mkdir(parents=True)
    with pytest.raises(UnavailableError, match="the disk is full"):  # noqa: PT012 - either may
        processes.start("short", python(start_and_end), base_environment(), Path("/"))
        wait_until(lambda: processes.find("short") is None, 10, "still runs", lambda: "")
        processes.require_running("short")


def test_a_job_returns_what_it_wrote_and_its_code(processes: Processes) -> None:
    code = "import sys; print('done'); print('but', file=sys.stderr); sys.exit(3)"
    done = processes.run("job", python(code), base_environment(), Path("/"))
    assert (done.returncode, done.stdout, done.stderr) == (3, "done\n", "but\n")
    assert processes.names() == []


def test_an_interrupt_stops_a_job_and_what_it_started(processes: Processes, tmp_path: Path) -> None:
    family: list[psutil.Process] = []

    def interrupt() -> None:
        def children() -> list[psutil.Process]:
            job = processes.find("job-parent")
            return [job, *job.children()] if job else []

        wait_until(lambda: len(children()) == 2, 20, "no job", lambda: "")
        family.extend(children())
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        processes.run("parent", python(PARENT), base_environment(), tmp_path)
    thread.join()
    assert len(family) == 2
    assert not [process for process in family if is_alive(process)]
    assert processes.names() == []


def test_a_job_that_does_not_end_is_stopped(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.stacks.processes.JOB_SECONDS", 0.2)
    with pytest.raises(UnavailableError, match="job-waiter did not end in"):
        processes.run("waiter", python(WAIT), base_environment(), Path("/"))
    assert processes.names() == []


def test_jobs_are_no_services_but_are_stopped_with_them(processes: Processes) -> None:
    process = start(processes, "job-publish", WAIT)
    assert processes.services() == []
    processes.stop_all()
    assert not is_alive(process)


def test_programs_get_nothing_of_the_users_aws_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    assert "AWS_PROFILE" not in base_environment()
    assert base_environment()["PATH"] == os.environ["PATH"]


def test_what_is_started_while_all_is_being_stopped_is_stopped_as_well(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an interrupt that came when a shell was about to become a program."""
    plain_end, late = processes.end, []

    def end(name: str) -> None:
        plain_end(name)
        if name == "first":
            late.append(start(processes, "late", WAIT))

    start(processes, "first", WAIT)
    monkeypatch.setattr(processes, "end", end)
    processes.stop_all()
    assert [is_alive(each) for each in late] == [False]
    assert processes.names() == []
    assert not processes.pids.exists()


def test_what_would_begin_after_all_has_been_stopped_does_not(
    processes: Processes, tmp_path: Path
) -> None:
    start(processes, "first", WAIT)
    processes.stop_all()
    said = tmp_path / "said"
    command = ["/bin/sh", "-c", NOTE_AND_EXEC, "sh", "1", processes.pids / "late", "touch", said]
    assert subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode
    assert not said.exists()


def test_a_pid_file_that_says_nothing_is_not_waited_for_for_ever(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.stacks.processes.KILL_SECONDS", 0.1)
    processes.pids.mkdir(parents=True)
    (processes.pids / "empty").touch()
    processes.stop_all()
    assert not processes.pids.exists()
