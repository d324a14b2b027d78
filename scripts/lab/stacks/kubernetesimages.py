"""How the nodes of a cluster get the images that were built here.

What was brought to which cluster is written down in .lab/build/kubernetes.json: `lab up` and
`lab rollout` go by that.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from lab.checkout import build_folder
from lab.errors import LabError, UnavailableError
from lab.stacks.processes import Processes, last_lines

FILE = "kubernetes.json"
LINES = 5
KINDS = re.compile(r"(?:kind|k3d|minikube|ctr)(?:=.+)?|registry=.+|there")
WAYS = "kind[=CLUSTER], k3d[=CLUSTER], minikube[=PROFILE], ctr[=SOCKET], registry=HOST/PATH, there"


@dataclass(kw_only=True)
class Brought:
    """What the nodes of one cluster have: each image by its short name, as pods have to name it.

    Attributes:
        context: which cluster.
        images: `skewproof-app:v1-django5.2` and the others -> the name in a pod.
        pull: whether the nodes fetch them from a registry.
    """

    context: str
    images: dict[str, str] = field(default_factory=dict)
    pull: bool = False

    def save(self) -> None:
        """Write it beside and rename it into place."""
        path = build_folder() / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{FILE}.{os.getpid()}")
        beside.write_text(json.dumps(asdict(self), indent=1))
        beside.rename(path)

    @classmethod
    def load(cls, context: str) -> Brought:
        """Return what the nodes of this cluster have; nothing of what another one has."""
        try:
            found = cls(**json.loads((build_folder() / FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return cls(context=context)
        return found if found.context == context else cls(context=context)


def choose_way(asked: str | None, context: str) -> str:
    """Return the way that was asked for, or the one that follows from the name of the context.

    Raises:
        LabError: no way follows from it, or none is of that name.
    """
    if asked:
        if not KINDS.fullmatch(asked):
            raise LabError(f"no way to bring images: {asked}; there are {WAYS}")
        return asked
    for prefix, way in (("kind-", "kind"), ("k3d-", "k3d")):
        if context.startswith(prefix):
            return f"{way}={context.removeprefix(prefix)}"
    if context == "minikube":
        return "minikube"
    if context == "docker-desktop":
        return "there"
    raise LabError(f"how do the nodes of {context} get the images? say it by --images: {WAYS}")


def bring(way: str, context: str, images: Sequence[str]) -> Brought:
    """Bring images to the nodes of a cluster.

    Raises:
        UnavailableError: its program is missing, or fails.
    """
    kind, _, where = way.partition("=")
    names = {image: image for image in images}
    if kind == "registry":
        names = {image: push(image, f"{where.rstrip('/')}/{image}") for image in images}
    elif kind == "kind":
        run("kind", "load", "docker-image", *named("--name", where), *images)
    elif kind == "k3d":
        run("k3d", "image", "import", *named("--cluster", where), *images)
    elif kind == "minikube":
        run("minikube", *named("--profile", where), "image", "load", *images)
    elif kind == "ctr":
        save_into(
            ["ctr", *named("--address", where), "-n", "k8s.io", "images", "import", "-"], images
        )
    brought = Brought.load(context)
    brought.pull = kind == "registry"
    brought.images.update(names)
    brought.save()
    return brought


def push(image: str, name: str) -> str:
    """Push an image under a name, and return the name with the digest that the registry gave it.

    By the name alone, a node that has an image of an earlier build would run that one.

    Raises:
        UnavailableError: Docker or the registry does not do it.
    """
    run("docker", "tag", image, name)
    run("docker", "push", "--quiet", name)
    digests = run("docker", "inspect", "--format", '{{join .RepoDigests " "}}', name).split()
    start = f"{name.rpartition(':')[0]}@"
    found = next((each for each in digests if each.startswith(start)), None)
    if found is None:
        raise UnavailableError(f"the registry has given {name} no digest")
    return f"{name}@{found.removeprefix(start)}"


def named(option: str, value: str) -> list[str]:
    """Return an option with its value, if there is one."""
    return [option, value] if value else []


def run(*command: str) -> str:
    """Run a program that has to succeed, and return what it says.

    Raises:
        UnavailableError: it is missing, or fails; with its last lines.
    """
    require_program(command[0])
    jobs = Processes(build_folder())
    done = jobs.run(f"{command[0]}-{os.getpid()}", command, os.environ, build_folder())
    if done.returncode:
        tail = last_lines(done.stdout + done.stderr, LINES)
        raise UnavailableError(f"{' '.join(command[:3])} fails; its last words:\n{tail}")
    return done.stdout


def save_into(command: Sequence[str], images: Sequence[str]) -> None:
    """Hand images from the Docker Engine to a program, without a file between.

    Raises:
        UnavailableError: one of the two fails.
    """
    docker = require_program("docker")
    require_program(command[0])
    with subprocess.Popen([docker, "save", *images], stdout=subprocess.PIPE) as source:
        done = subprocess.run(
            command, stdin=source.stdout, capture_output=True, text=True, check=False
        )
    if source.returncode or done.returncode:
        tail = last_lines(done.stdout + done.stderr, LINES)
        raise UnavailableError(f"the images do not get to the node; its last words:\n{tail}")


def require_program(name: str) -> str:
    """Find a program.

    Raises:
        UnavailableError: there is none.
    """
    if found := shutil.which(name):
        return found
    raise UnavailableError(f"there is no {name} on PATH: install it, or choose another --images")
