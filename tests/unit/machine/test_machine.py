from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.machine import LOOKS, RequirementError, check_required, lacks, left_out, required

from lab.camera import find_chromium

ROOT = Path(__file__).parents[3]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without any program on PATH, and without a Docker Engine."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


def reason(name: str) -> str:
    """Look afresh: `lacks` remembers."""
    found = lacks.__wrapped__(name)
    assert found is not None, name
    return found


class TestWhatIsMissing:
    @pytest.mark.usefixtures("bare")
    @pytest.mark.parametrize(
        "name", ["compose", "minio", "gcs", "azure", "chromium", "go", "registry"]
    )
    def test_a_bare_machine_says_why_it_lacks_a_program(self, name: str) -> None:
        assert "on PATH" in reason(name)

    @pytest.mark.usefixtures("bare")
    def test_of_the_browsers_that_playwright_has_downloaded_the_newest_is_taken(
        self, tmp_path: Path
    ) -> None:
        for number in ("999", "1000", "half-done"):
            path = tmp_path / f"chromium-{number}/chrome-linux/chrome"
            path.parent.mkdir(parents=True)
            path.touch()
        assert find_chromium() == tmp_path / "chromium-1000/chrome-linux/chrome"

    @pytest.mark.usefixtures("bare")
    def test_a_docker_without_an_engine_is_no_engine(self, tmp_path: Path) -> None:
        (tmp_path / "docker").symlink_to("/bin/true")
        assert "Docker does not answer at tcp://127.0.0.1:1" in reason("compose")

    @pytest.mark.usefixtures("bare")
    def test_a_reason_is_one_line(self) -> None:
        assert all("\n" not in reason(name) for name in ("compose", "minio", "chromium", "go"))

    def test_everything_that_may_be_required_is_looked_for(self) -> None:
        programs = {"minio", "seaweedfs", "gcs", "azure", "chromium", "go", "apache", "registry"}
        assert set(LOOKS) == {"compose", "embedded", "kubernetes", "swarm", "mounts"} | programs

    def test_nothing_left_out_is_said_as_well(self) -> None:
        assert left_out([]) == "left out: nothing"


class TestRequirements:
    def test_names_are_read_with_blanks_and_repetitions(self) -> None:
        assert required({"LAB_REQUIRE": " minio,embedded, minio,"}) == ("minio", "embedded")
        assert required({}) == ()

    def test_an_unknown_name_is_refused_with_those_that_there_are(self) -> None:
        with pytest.raises(RequirementError, match='unknown "podman": there are compose, embedded'):
            check_required({"LAB_REQUIRE": "podman"})

    def test_a_run_without_what_it_requires_fails_and_runs_no_test(self, tmp_path: Path) -> None:
        """A run of its own, of this very file, on a machine without minio."""
        environ = {"HOME": os.environ.get("HOME", "/"), "PATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-k", "TestWhatIsMissing", __file__],
            cwd=ROOT,
            env={**environ, "LAB_REQUIRE": "minio"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
        assert (
            "LAB_REQUIRE names what this machine lacks: minio (there is no minio on" in done.stderr
        )
        assert "passed" not in done.stdout
