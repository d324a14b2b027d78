"""A namespace of the lab's: what runs in it, what Kubernetes says of that, and its end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lab.deadline import POLL_SECONDS, wait_until
from lab.errors import LabError, UnavailableError
from lab.stacks.build import LINES
from lab.stacks.kubernetesapi import Cluster, Object, path_of
from lab.stacks.kubernetesobjects import age_of, exit_codes, has_run, how_ended, waits_of
from lab.stacks.processes import last_lines

LABEL = "skewproof-lab/stack"
"""The label of a namespace that a lab has made; its value is the name of the stack."""
APPS, BATCH = "apps/v1", "batch/v1"
PARTS = {"minio": "StatefulSet", "web": "Deployment", "gateway": "Deployment"}
START_SECONDS, JOB_SECONDS, DOWN_SECONDS = 120.0, 600.0, 180.0
HOPELESS = {"ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"}
REFUSALS = ("exceeded quota", "violates PodSecurity", "failed quota")
"""What an event says of a pod that will not be created, however long one waits."""
EVENTS = 5


def namespace_of(stack: str) -> str:
    """Return the namespace of a stack."""
    return f"skewproof-{stack.replace('_', '-')}".rstrip("-")


class Namespace:
    """One namespace, which carries the name of its stack as a label."""

    def __init__(self, cluster: Cluster, stack: str) -> None:
        self.cluster, self.stack = cluster, stack
        self.name = namespace_of(stack)
        self.place = path_of("v1", "Namespace", None, self.name)

    def path(self, kind: str, name: str = "", api: str = "v1") -> str:
        """Return where an object of this stack is."""
        return path_of(api, kind, self.name, name)

    def pods(self, app: str, *, ended: bool = False) -> list[Object]:
        """Return the pods of a part, the oldest first; also those that have come to their end."""
        found = self.cluster.items(self.path("Pod"), labelSelector=f"app={app}")
        return sorted((each for each in found if ended or not has_run(each)), key=age_of)

    def await_part(self, app: str) -> None:
        """Wait until all pods of a part are ready."""
        path = self.path(PARTS[app], app, APPS)

        def is_up() -> bool:
            found = self.cluster.get(path)
            status, wanted = found["status"], found["spec"]["replicas"]
            return bool(status.get("readyReplicas", 0) == wanted)

        self.await_pods(app, is_up, f"{app} does not get ready")

    def await_job(self, name: str, app: str) -> bool:
        """Wait for the end of a Job; return whether it did what it was to do."""
        path = self.path("Job", name, BATCH)
        self.await_pods(
            app,
            lambda: how_ended(self.cluster.get(path)) is not None,
            f"{name} runs on",
            JOB_SECONDS,
        )
        return bool(how_ended(self.cluster.get(path)))

    def await_pods(
        self, app: str, holds: Callable[[], bool], what: str, seconds: float = START_SECONDS
    ) -> None:
        """Wait for something that pods do, unless there is no hope.

        Raises:
            UnavailableError: it did not happen in time, or cannot; with why.
        """

        def holds_or_may() -> bool:
            if holds():
                return True
            self.require_hope(app)
            time.sleep(4 * POLL_SECONDS)
            return False

        wait_until(holds_or_may, seconds, what, lambda: self.describe(app))

    def require_hope(self, app: str) -> None:
        """See that nothing forbids a part to start.

        Raises:
            UnavailableError: something does.
        """
        for pod in self.pods(app):
            for reason, message in waits_of(pod):
                if reason in HOPELESS:
                    raise UnavailableError(
                        f"a node does not get an image ({reason}: {message}): run "
                        '"lab build --engine kubernetes", with --images if it does not say '
                        "how the nodes get images"
                    )
        for event in self.events():
            if any(words in event for words in REFUSALS):
                raise UnavailableError(f"Kubernetes does not let {app} start: {event}")

    def events(self) -> list[str]:
        """Return the warnings of the namespace, the last one at the end, each on one line."""
        found = self.cluster.items(self.path("Event"), fieldSelector="type=Warning")
        found.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime")))
        return [
            f"{each['involvedObject']['name']}: {each.get('reason')}: "
            f"{' '.join(str(each.get('message')).split())}"
            for each in found
        ]

    def describe(self, app: str) -> str:
        """Return what there is to know of a part that does not do what it should."""
        lines = self.events()[-EVENTS:]
        for pod in self.pods(app, ended=True):
            name = pod["metadata"]["name"]
            reasons = [f"{reason} {message}".strip() for reason, message in waits_of(pod)]
            lines.append(f"{name}: {'; '.join(reasons) or pod['status']['phase']}")
            log = self.cluster.log(self.name, name, LINES)
            lines.append(log or self.cluster.log(self.name, name, LINES, previous=True))
        return "\n".join(filter(None, lines))

    def find_missing(self) -> list[str]:
        """Return the parts that should run and do not."""
        found = {app: self.cluster.find(self.path(kind, app, APPS)) for app, kind in PARTS.items()}
        return [
            app
            for app, part in found.items()
            if not part or not part["status"].get("readyReplicas")
        ]

    def logs(self, service: str, lines: int = 20) -> str:
        """Return the last lines that a part, or a replica, wrote."""
        pods = self.pods(service, ended=True)
        names = [each["metadata"]["name"] for each in pods] or [service]
        return "\n".join(filter(None, (self.cluster.log(self.name, n, lines) for n in names)))

    def run_pod(self, template: Object, *command: str) -> str:
        """Run a command in a pod of its own; return what it wrote.

        Raises:
            UnavailableError: it failed; with its last line.
        """
        name = f"job-{uuid.uuid4().hex[:10]}"
        metadata = {"name": name, "labels": template["metadata"]["labels"]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        pod["spec"]["containers"][0]["command"] = [*command]
        self.create(pod)
        path, app = self.path("Pod", name), metadata["labels"]["app"]
        try:
            self.await_pods(app, lambda: has_run(self.cluster.get(path)), f"{name} runs on")
            log = self.cluster.log(self.name, name)
            if any(exit_codes(self.cluster.get(path))):
                raise UnavailableError(f"{' '.join(command)} fails: {last_lines(log, 1)}")
        finally:
            self.cluster.delete(path, gracePeriodSeconds=0)
        return log

    def create(self, thing: Object) -> None:
        """Create an object in the namespace, or the namespace itself."""
        self.cluster.create(thing, None if thing["kind"] == "Namespace" else self.name)

    def remove(self, logs: Path) -> None:
        """Delete the namespace with all that is in it; what its pods wrote is kept."""
        if not self.is_ours():
            return
        with suppress(LabError, OSError):  # no log is worth a namespace left behind
            self.keep_logs(logs)
        self.cluster.delete(self.place)
        with suppress(LabError):  # they end in any case, but then they first drain
            self.end_pods()
        wait_until(
            lambda: self.cluster.find(self.place) is None,
            DOWN_SECONDS,
            f"the namespace {self.name} is still being deleted",
            lambda: "\n".join(self.events()[-EVENTS:]),
        )

    def end_pods(self) -> None:
        """Let no pod take its time: nobody visits a stack that is taken down."""
        for pod in self.cluster.items(self.path("Pod")):
            self.cluster.delete(self.path("Pod", pod["metadata"]["name"]), gracePeriodSeconds=1)

    def is_ours(self) -> bool:
        """Return whether the namespace is there, and the stack's.

        Raises:
            LabError: it is somebody else's.
        """
        found = self.cluster.find(self.place)
        if found is None:
            return False
        if found["metadata"].get("labels", {}).get(LABEL) != self.stack:
            raise LabError(
                f"the namespace {self.name} is not this lab's, for it has no label "
                f"{LABEL}={self.stack}: the lab leaves it alone"
            )
        return True

    def keep_logs(self, logs: Path) -> None:
        """Write down what the pods wrote."""
        logs.mkdir(parents=True, exist_ok=True)
        for pod in self.cluster.items(self.path("Pod")):
            name = pod["metadata"]["name"]
            log = self.cluster.log(self.name, name)
            (logs / f"{name}.log").write_text(log)
