"""A stack whose replicas are the tasks of one Swarm service; the rest are containers of Compose.

Store, set-up, publish jobs and gateway are those of docker-compose.yml, as on the engine `compose`.
Swarm has one service, `web`, whose image is changed. See docs/adr/0042.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.models.services import Service
from docker.types import (
    EndpointSpec,
    Healthcheck,
    NetworkAttachmentConfig,
    Resources,
    RestartPolicy,
    RollbackConfig,
    ServiceMode,
    UpdateConfig,
)

from lab.checkout import ROOT, releases
from lab.deadline import wait_until
from lab.errors import LabError, UnavailableError
from lab.stacks.compose import ComposeMachine
from lab.stacks.composeproject import (
    LABEL,
    answered,
    environment_of,
    keep_log,
    logs_of,
    recycle_workers,
    remove_part,
)
from lab.stacks.model import Publish, Replica
from lab.stacks.orchestrator import Outcome, Phase, Progress
from lab.stacks.processes import last_lines
from lab.stacks.state import Recorded, State
from lab.stacks.swarmobjects import (
    WEB,
    container_id,
    is_as_wanted,
    is_manager,
    list_tasks,
    make_tmpfs,
    see,
)

OVERLAY = ROOT / "deploy" / "swarm" / "compose.yml"
NETWORKS = ("pages", "manifests")
"""The networks of docker-compose.yml in which the replicas are."""

SECOND = 1_000_000_000
"""What durations of a service are counted in."""
DELAY = 2 * SECOND
"""Between two replacements. Without it Swarm may begin the next one before it looks whether the
first has failed, and overlook that: see docs/swarm.md."""
MONITOR = 5 * SECOND
"""A task that ends this soon after it got ready has failed; the last one is watched so long."""
HEALTH_INTERVAL = 2 * SECOND
"""Shorter than the image's: Swarm goes on when it has seen that a new task is healthy."""
HEALTH_TIMEOUT = 10 * SECOND
"""Longer than the image's: a busy machine must not be taken for a release that is broken."""
CONVERGE_SECONDS = 180.0
GONE_SECONDS = 60.0

OVER = {
    "completed": Outcome.DONE,
    "paused": Outcome.STALLED,
    "rollback_paused": Outcome.STALLED,
    "rollback_completed": Outcome.ROLLED_BACK,
}
"""How a roll has ended, by what Swarm calls the state of an update."""


class SwarmStack(Recorded):
    """Implements the Orchestrator protocol."""

    def __init__(self, client: docker.DockerClient, machine: ComposeMachine) -> None:
        self.client, self.machine, self.project = client, machine, machine.project
        self.state: State = machine.state
        self.service_name = f"{self.project.name}-{WEB}"
        self.undone = False
        """Whether the last roll was an undo: what Swarm calls a rollback was then asked for."""
        self.older: set[str] = set()
        """The tasks from before the last roll."""
        self.failures: dict[str, str] = {}
        """Why tasks of the last roll failed; Swarm forgets them when it has gone back."""

    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish job to its end."""
        return self.machine.collect(release, None)

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return every object of the store: key -> last_modified, etag, bytes."""
        return self.machine.inventory()

    def record(self, release: str) -> dict[str, Any]:
        """Return what the release's build wrote down: manifest and digests."""
        return self.machine.record(release)

    def replicas(self, release: str) -> list[Replica]:
        """Return the release's replicas that are ready, oldest first."""
        return [
            Replica(release, each.name)
            for each in self.progress().replicas
            if each.release == release and each.phase is Phase.READY
        ]

    @answered
    def logs(self, service: str, lines: int = 20) -> str:
        """Return the last lines that a service wrote."""
        if service != WEB:
            return self.machine.logs(service, lines)
        # Each container's: the logs of a service are one request, which may have no end (ADR 42).
        found = sorted(self.task_containers(), key=lambda each: str(each.attrs["Created"]))
        written = []
        for container in found:
            with suppress(NotFound):
                written.append(logs_of(container, lines))
        return last_lines("\n".join(written), lines)

    def find_missing(self) -> list[str]:
        """Return the parts that should run and do not."""
        return [*self.machine.find_missing(), *([] if self.find_service() else [WEB])]

    @answered
    def find_service(self) -> Service | None:
        """Return the service, if there is one."""
        try:
            found: Service = self.client.services.get(self.service_name)  # type: ignore[no-untyped-call]
        except NotFound:
            return None
        return found

    def service(self) -> Service:
        """Return the service as it is now.

        Raises:
            UnavailableError: somebody has removed it.
        """
        found = self.find_service()
        if found is None:
            raise UnavailableError(
                f"there is no service {self.service_name} any more: take the stack down"
            )
        return found

    @cached_property
    def images(self) -> dict[str, str]:
        """Return the release of each image, by its id: a tag may be given to another build.

        They are those of the containers that Compose has created, and that never run.
        """
        models = {each: self.project.container(f"web-{each}") for each in releases()}
        return {str(model.attrs["Image"]): release for release, model in models.items()}

    def image_of(self, release: str) -> str:
        """Return the id of a release's image."""
        return next(image for image, each in self.images.items() if each == release)

    @answered
    def create_service(self, release: str, replicas: int) -> None:
        """Create the service, like the container that Compose has created of the release."""
        model = self.project.container(f"web-{release}").attrs
        host = model["HostConfig"]
        resources = Resources(mem_limit=host["Memory"])
        resources["Limits"]["Pids"] = host["PidsLimit"]
        self.client.services.create(  # type: ignore[no-untyped-call]
            self.image_of(release),
            name=self.service_name,
            labels={f"{LABEL}.project": self.project.name},
            # An image that Compose has built names a service as well.
            container_labels={f"{LABEL}.project": self.project.name, f"{LABEL}.service": ""},
            env=self.environment(release),
            mode=ServiceMode("replicated", replicas=replicas),
            networks=[
                NetworkAttachmentConfig(self.project.network(each), aliases=[WEB])
                for each in NETWORKS
            ],
            # An address for each task: a virtual one for all of them needs IPVS.
            endpoint_spec=EndpointSpec(mode="dnsrr"),
            read_only=host["ReadonlyRootfs"],
            cap_drop=host["CapDrop"],
            mounts=[make_tmpfs(path, options) for path, options in host["Tmpfs"].items()],
            resources=resources,
            # The rest is the image's. Swarm ends a task that is unhealthy; Compose only says so.
            healthcheck=Healthcheck(interval=HEALTH_INTERVAL, timeout=HEALTH_TIMEOUT),
            stop_grace_period=model["Config"]["StopTimeout"] * SECOND,
            restart_policy=RestartPolicy(condition="any", delay=SECOND),
            update_config=UpdateConfig(
                parallelism=1,
                delay=DELAY,
                order="start-first",
                failure_action="rollback",
                monitor=MONITOR,
                max_failure_ratio=0,
            ),
            rollback_config=RollbackConfig(parallelism=1, order="start-first", monitor=MONITOR),
        )

    def environment(self, release: str) -> list[str]:
        """Return the variables of a task, which calls itself as this class does."""
        container = self.project.container(f"web-{release}")
        variables = environment_of(container.attrs["Config"])
        image = environment_of(self.client.images.get(self.image_of(release)).attrs["Config"])
        own = {key: value for key, value in variables.items() if image.get(key) != value}
        own["REPLICA"] = f"{WEB}.{{{{.Task.Slot}}}}.{{{{.Task.ID}}}}"
        return [f"{key}={value}" for key, value in own.items()]

    @answered
    def set_release(self, release: str, variables: Mapping[str, str]) -> None:
        """Say which image the tasks shall have from now on; return at once."""
        self.undone = False
        service = self.service()
        self.failures = {}
        self.older = {task["ID"] for task in list_tasks(service)}
        spec = service.attrs["Spec"]
        template = spec["TaskTemplate"]
        more = [f"{key}={value}" for key, value in variables.items()]
        container = {
            **template["ContainerSpec"],
            "Image": self.image_of(release),
            "Env": [*self.environment(release), *more],
        }
        self.client.api.update_service(
            service.id,
            service.version,
            task_template={**template, "ContainerSpec": container},
            name=spec["Name"],
            labels=spec["Labels"],
            mode=spec["Mode"],
            update_config=spec["UpdateConfig"],
            rollback_config=spec["RollbackConfig"],
            endpoint_spec=spec["EndpointSpec"],
        )

    def undo(self) -> None:
        """Go back to what was before, as `docker service rollback` does; the SDK cannot.

        Raises:
            LabError: there is nothing to go back to.
        """
        command = ["docker", "service", "rollback", "--detach", "--quiet", self.service_name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"Swarm does not go back: {last_lines(done.stderr, 1)}")
        self.undone = True

    def pause(self) -> None:
        """Refuse: Swarm has no word for it."""
        raise LabError("Swarm cannot pause an update")

    def resume(self) -> None:
        """Refuse, as `pause`."""
        raise LabError("Swarm cannot pause an update")

    @answered
    def lose(self, replica: Replica) -> None:
        """Send the container of a task a SIGTERM; return at once."""
        self.container_of(replica).kill("SIGTERM")

    @answered
    def recycle(self, replica: Replica) -> None:
        """HUP the container of a task: gunicorn starts fresh workers."""
        recycle_workers(self.container_of(replica))

    def container_of(self, replica: Replica) -> Container:
        """Return the container of a task."""
        task = replica.name.rpartition(".")[2]
        found = self.client.api.inspect_task(task)  # type: ignore[no-untyped-call]
        return self.client.containers.get(container_id(found))

    @answered
    def progress(self) -> Progress:
        """Return the roll as it is now."""
        service = self.service()
        tasks = sorted(list_tasks(service), key=lambda task: str(task["CreatedAt"]))
        seen = tuple(each for task in tasks if (each := see(task, self.images)))
        self.note_failures(tasks)
        status = service.attrs.get("UpdateStatus") or {}
        message = str(status.get("Message", ""))
        outcome = OVER.get(status.get("State", ""), Outcome.ROLLING)
        if outcome is Outcome.ROLLED_BACK and self.undone:
            outcome = Outcome.DONE
        elif outcome is Outcome.ROLLED_BACK:
            message = "; ".join([message, *[*self.failures.values()][-1:]])
        elif not status.get("State") and is_as_wanted(service, seen, self.images):
            outcome = Outcome.DONE
        return Progress(replicas=seen, outcome=outcome, message=message)

    def note_failures(self, tasks: Iterable[Mapping[str, Any]]) -> None:
        """Keep why tasks of this roll failed, with what their containers wrote last."""
        for task in tasks:
            name, status = task["ID"], task["Status"]
            if name in self.older or name in self.failures:
                continue
            if error := status.get("Err"):
                self.failures[name] = "; ".join([error, *self.last_words(task)])
            # Swarm ends one that is unhealthy, and says so only if the end is no clean one.
            elif status["State"] == "complete":
                self.failures[name] = "; ".join([self.name_end(task), *self.last_words(task)])

    def name_end(self, task: Mapping[str, Any]) -> str:
        """Return why a task ended that ended well, and was to run on."""
        with suppress(DockerException, requests.RequestException):
            container = self.client.containers.get(container_id(task))
            health = container.attrs["State"].get("Health") or {}
            if health.get("Status") == "unhealthy":
                return "task: unhealthy container"
        return "task: ended by itself"

    def last_words(self, task: Mapping[str, Any]) -> list[str]:
        """Return the last line that a task wrote, if its container is still there."""
        with suppress(DockerException, requests.RequestException):
            if line := logs_of(self.client.containers.get(container_id(task)), 1):
                return [line]
        return []

    def await_rolled(self, release: str) -> None:
        """Wait until the tasks have the release.

        Raises:
            UnavailableError: they do not get it.
        """
        now = self.progress()

        def is_rolled() -> bool:
            nonlocal now
            now = self.progress()
            if now.outcome in (Outcome.STALLED, Outcome.ROLLED_BACK):
                raise UnavailableError(f"{release} does not start: {now.message}")
            return now.outcome is Outcome.DONE and all(
                each.phase is Phase.READY for each in now.replicas
            )

        def state() -> str:
            whys = [f"{each.name} {each.phase}: {each.why}" for each in now.replicas if each.why]
            return "\n".join([*whys, self.logs(WEB)])

        wait_until(is_rolled, CONVERGE_SECONDS, f"{release} is not ready", state)

    def down(self) -> None:
        """Stop everything and remove what the stack stored; histories and logs stay."""
        self.remove_service()
        self.machine.down()

    @answered
    def remove_service(self) -> None:
        """Remove the service, and wait until nothing is left of its tasks."""
        if not is_manager(self.client):
            return
        if service := self.find_service():
            for container in self.task_containers():  # Swarm removes them with the service
                keep_log(container, self.machine.jobs.log_folder)
            service.remove()  # type: ignore[no-untyped-call]
        if self.task_containers():
            wait_until(
                lambda: not [each for each in self.task_containers() if each.status == "running"],
                GONE_SECONDS,
                f"tasks of {self.service_name} are still there",
                lambda: ", ".join(str(each.name) for each in self.task_containers()),
            )
        for container in self.task_containers():
            remove_part(container, self.machine.jobs.log_folder)

    def task_containers(self) -> list[Container]:
        """Return the containers of the service's tasks, also of those that have ended."""
        label = f"com.docker.swarm.service.name={self.service_name}"
        with suppress(APIError):  # one went away while they were listed
            return self.client.containers.list(
                all=True, filters={"label": label}, ignore_removed=True
            )
        return []
