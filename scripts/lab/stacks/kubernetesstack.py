"""A stack on Kubernetes: Kubernetes replaces the replicas, the lab says which image and watches."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from lab.checkout import releases
from lab.deadline import wait_until
from lab.errors import LabError, UnavailableError
from lab.stacks.build import LINES, image_of
from lab.stacks.kubernetesapi import Cluster, Object, RefusedError
from lab.stacks.kubernetesimages import Brought
from lab.stacks.kubernetesmanifests import FOLDER, render, set_images
from lab.stacks.kubernetesnamespace import APPS, BATCH, START_SECONDS, Namespace
from lab.stacks.kubernetesobjects import (
    age_of,
    condition,
    exit_codes,
    is_owned,
    judge_roll,
    read_json,
    release_of,
    revision_of,
    waits_of,
)
from lab.stacks.model import Plan, Publish, Replica, Say
from lab.stacks.orchestrator import Outcome, Phase, Progress, Seen
from lab.stacks.processes import Processes, with_this_lab
from lab.stacks.stack import is_ready, require_success
from lab.stacks.state import Recorded, State

FORWARD = "forward"
"""The process that leads 127.0.0.1 to the gateway."""
PYTHON = ("python", "-IS", "-c")
HUP = "import os, signal; os.kill(1, signal.SIGHUP)"
CHILDREN = "print(open('/proc/1/task/1/children').read())"
LATER = (("Deployment", "web"), ("Deployment", "gateway"))
"""What is started when what it needs is there."""


class KubernetesStack(Recorded):
    """The objects of one namespace, and a process that leads to its gateway."""

    def __init__(self, cluster: Cluster, state: State) -> None:
        self.cluster, self.state = cluster, state
        self.namespace = Namespace(cluster, state.name)
        self.jobs = Processes(state.folder)
        self.records: dict[str, dict[str, Any]] = {}

    def start(self, plan: Plan, things: list[Object], say: Say) -> None:
        """Start what the plan names, in the order in which one part needs another.

        Raises:
            UnavailableError: a part did not start; with what Kubernetes and the part itself said.
        """
        say(f"starting minio in the namespace {self.namespace.name}")
        later = [each for each in things if (each["kind"], each["metadata"]["name"]) in LATER]
        for thing in things:
            if thing not in later:
                self.namespace.create(thing)
        self.namespace.await_part("minio")
        if not self.namespace.await_job("setup", "setup"):
            said = self.namespace.describe("setup")
            raise UnavailableError(f"the bucket could not be set up; its last words:\n{said}")
        for release in plan.publishes:
            say(f"publishing {release}")
            require_success(self.publish(release))
            if self.cluster.find(self.deployment):
                say(f"setting the release {release}")
                self.set_release(release, {})
                self.await_roll(release)
                continue
            say(f"starting {plan.replicas} replicas of {release}, and the gateway")
            for thing in later:
                self.namespace.create(thing)
            self.namespace.await_part("web")
            self.namespace.await_part("gateway")
        self.start_forward()

    def await_roll(self, release: str) -> None:
        """Wait until a release, and no other, serves."""

        def has_rolled() -> bool:
            seen = self.progress()
            return seen.outcome is Outcome.DONE and {each.phase for each in seen.replicas} == {
                Phase.READY
            }

        self.namespace.await_pods("web", has_rolled, f"the roll to {release} does not end")

    def start_forward(self) -> None:
        """Lead 127.0.0.1 to the gateway, and wait until a replica answers."""
        module = "lab.stacks.kubernetesforward"
        told = (self.cluster.context, self.namespace.name, "gateway", str(self.state.port))
        command = [sys.executable, "-m", module, *told]
        # All of the environment: a kubeconfig may name a program that logs in.
        self.jobs.start(FORWARD, command, with_this_lab(os.environ), self.folder)

        def answers() -> bool:
            self.jobs.require_running(FORWARD)
            return is_ready(self.base)

        problem = f"no replica answers at {self.base}"
        wait_until(answers, START_SECONDS, problem, lambda: self.jobs.log(FORWARD))

    def find_missing(self) -> list[str]:
        """Return the parts that should run and do not."""
        gone = [] if self.jobs.find(FORWARD) else [FORWARD]
        return gone + self.namespace.find_missing()

    def logs(self, service: str, lines: int = 20) -> str:
        """Return the last lines that a part, or a replica, wrote."""
        return self.namespace.logs(service, lines)

    def down(self) -> None:
        """Delete the namespace with all that is in it; what its pods wrote is kept."""
        self.jobs.stop_all()
        self.namespace.remove(self.jobs.log_folder)
        self.state.forget()

    def publish(self, release: str) -> Publish:
        """Run the release's one-shot publish Job to its end."""
        name, started = f"publish-{release}", time.monotonic()
        path = self.namespace.path("Job", name, BATCH)
        self.cluster.delete(path)
        wait_until(lambda: self.cluster.find(path) is None, START_SECONDS, f"{name} stays", str)
        self.namespace.create(self.publish_job(release))
        done = self.namespace.await_job(name, "publish")
        seconds = time.monotonic() - started
        selector = {"labelSelector": f"batch.kubernetes.io/job-name={name}"}
        pods = sorted(self.cluster.items(self.namespace.path("Pod"), **selector), key=age_of)
        code = 0 if done else next(exit_codes(pods[-1]), 1) if pods else 1
        log = self.namespace.logs(pods[-1]["metadata"]["name"], LINES) if pods else ""
        return Publish(release=release, exit_code=code, seconds=seconds, log=log)

    def publish_job(self, release: str) -> Object:
        """Return the publish Job of a release."""
        (job,) = prepare(
            render(FOLDER / "publish"), self.cluster.context, self.namespace.name, release
        )
        job["metadata"]["name"] = f"publish-{release}"
        return job

    def run(self, release: str, *command: str) -> Any:
        """Run another command as the publish Job would; return the JSON that it wrote."""
        template = self.publish_job(release)["spec"]["template"]
        return read_json(self.namespace.run_pod(template, *command))

    def inventory(self) -> dict[str, dict[str, Any]]:
        """Return every object of the store, as a publisher may list it."""
        listing: dict[str, dict[str, Any]] = self.run(
            releases()[0], "python", "manage.py", "inventory"
        )
        return listing

    def record(self, release: str) -> dict[str, Any]:
        """Return what the release's build wrote into its image."""
        if release not in self.records:
            self.records[release] = self.run(release, "cat", "record.json")
        return self.records[release]

    @property
    def deployment(self) -> str:
        """Return where the Deployment of the replicas is."""
        return self.namespace.path("Deployment", "web", APPS)

    def set_release(self, release: str, variables: Mapping[str, str]) -> None:
        """Say which image the replicas shall have, as `kubectl set image` does, and set env."""
        image = Brought.load(self.cluster.context).images[image_of(release)]
        container: Object = {"name": "web", "image": image}
        if variables:
            container["env"] = [{"name": key, "value": each} for key, each in variables.items()]
        self.cluster.patch(
            self.deployment, {"spec": {"template": {"spec": {"containers": [container]}}}}
        )

    def undo(self) -> None:
        """Go back to the template of before, as `kubectl rollout undo` does, also where paused."""
        deployment = self.cluster.get(self.deployment)
        sets = self.cluster.items(
            self.namespace.path("ReplicaSet", api=APPS), labelSelector="app=web"
        )
        mine = [each for each in sets if is_owned(each, deployment)]
        before = sorted(mine, key=revision_of)[:-1]
        if not before:
            raise LabError(f"stack {self.name} has rolled nothing yet that could be undone")
        template = before[-1]["spec"]["template"]
        template["metadata"]["labels"].pop("pod-template-hash", None)
        self.cluster.set(self.deployment, template=template, paused=False)

    def pause(self) -> None:
        """Let the roll go no further."""
        self.cluster.set(self.deployment, paused=True)

    def resume(self) -> None:
        """Let a paused roll go on."""
        self.cluster.set(self.deployment, paused=False)

    def lose(self, replica: Replica) -> None:
        """Evict a pod, as the drain of a node does."""
        metadata = {"name": replica.name, "namespace": self.namespace.name}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        path = self.namespace.path("Pod", replica.name) + "/eviction"

        def is_let() -> bool:
            try:
                self.cluster.ask("POST", path, body)
            except RefusedError as error:
                if error.status != 429:  # the PodDisruptionBudget, for a moment
                    raise
                return False
            return True

        wait_until(is_let, START_SECONDS, f"{replica.name} may not be evicted", str)

    def grow(self) -> None:
        """Ask for twice as many replicas; while paused, both releases get their share of them."""
        replicas = self.cluster.get(self.deployment)["spec"]["replicas"]
        self.cluster.set(self.deployment, replicas=2 * replicas)

    def recycle(self, replica: Replica) -> None:
        """HUP a replica, from a process in its container: gunicorn starts fresh workers."""
        before = self.workers(replica)
        self.cluster.run_in(self.namespace.name, replica.name, *PYTHON, HUP)
        wait_until(
            lambda: not before & self.workers(replica),
            START_SECONDS,
            f"{replica.name} still has its old workers",
            lambda: self.logs(replica.name),
        )

    def workers(self, replica: Replica) -> set[str]:
        """Return the process ids of gunicorn's workers: the children of process 1."""
        listed = self.cluster.run_in(self.namespace.name, replica.name, *PYTHON, CHILDREN)
        return set(listed.split())

    def progress(self) -> Progress:
        """Return the roll as it is now."""
        deployment = self.cluster.get(self.deployment)
        outcome, message = judge_roll(deployment)
        return Progress(
            replicas=[self.look_at(each) for each in self.namespace.pods("web")],
            outcome=outcome,
            message=message,
        )

    def look_at(self, pod: Object) -> Seen:
        """Return how far a pod is."""
        release, name = release_of(pod), str(pod["metadata"]["name"])
        if "deletionTimestamp" in pod["metadata"]:
            return Seen(release=release, name=name, phase=Phase.LEAVING)
        if condition(pod, "Ready").get("status") == "True":
            return Seen(release=release, name=name, phase=Phase.READY)
        why = "; ".join(f"{reason} {message}".strip() for reason, message in waits_of(pod))
        return Seen(release=release, name=name, phase=Phase.STARTING, why=why or self.why_not(pod))

    def why_not(self, pod: Object) -> str:
        """Return what the kubelet says of a pod that runs and is not ready."""
        if pod["status"]["phase"] != "Running":
            return str(condition(pod, "PodScheduled").get("message", ""))
        name = pod["metadata"]["name"]
        selector = f"type=Warning,involvedObject.name={name}"
        found = self.cluster.items(self.namespace.path("Event"), fieldSelector=selector)
        return " ".join(str(found[-1]["message"]).split()) if found else ""

    def replicas(self, release: str) -> list[Replica]:
        """Return the release's replicas that may draw traffic, oldest first."""
        seen = self.progress().replicas
        ready = [each for each in seen if each.release == release and each.phase is Phase.READY]
        return [Replica(each.release, each.name) for each in ready]


def prepare(things: list[Object], context: str, namespace: str, release: str) -> list[Object]:
    """Give objects the namespace of a stack and the images that the nodes have."""
    brought = Brought.load(context)
    images = {short.partition(":")[0]: name for short, name in brought.images.items()}
    images["skewproof-app"] = brought.images[image_of(release)]
    for thing in things:
        thing["metadata"].pop("namespace", None)
        set_images(thing, images, "IfNotPresent" if brought.pull else "Never")
        if thing["kind"] == "Namespace":
            thing["metadata"]["name"] = namespace
    return things
