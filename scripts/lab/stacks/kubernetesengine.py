"""The engine kubernetes: a stack is a namespace of the cluster of the current context."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

from lab.checkout import releases
from lab.errors import LabError, UnavailableError
from lab.stacks.build import image_of
from lab.stacks.kubernetesapi import Cluster, Object, RefusedError, path_of, reach_cluster
from lab.stacks.kubernetesimages import Brought, bring, choose_way
from lab.stacks.kubernetesmanifests import FOLDER, patch, read, render
from lab.stacks.kubernetesnamespace import LABEL, Namespace
from lab.stacks.kubernetesstack import KubernetesStack, prepare
from lab.stacks.model import Plan, Say
from lab.stacks.state import State

SERVERS = ("skewproof-minio:latest", "skewproof-setup:latest", "skewproof-gateway:latest")
"""The images beside those of the releases."""
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
DEADLINE_SECONDS = 45
"""The `progressDeadlineSeconds` of the lab's stacks: shorter than a team would have it."""
EPHEMERAL = FOLDER / "ephemeral"


class KubernetesEngine:
    """Builds images, brings them to the nodes, and fills a namespace for each stack."""

    name = "kubernetes"
    pauses = True

    def __init__(self) -> None:
        self.images = os.environ.get("LAB_IMAGES")
        """How the nodes get images; None for what follows from the context."""

    @cached_property
    def cluster(self) -> Cluster:
        """Reach the cluster of the current context."""
        return reach_cluster()

    def build(self, releases: Sequence[str], say: Say) -> None:
        """Build the images by Compose, and bring them to the nodes."""
        context = self.cluster.context
        way = choose_way(self.images, context)
        try:
            from lab.stacks.composeengine import ComposeEngine  # only who builds needs Docker

            ComposeEngine().build(releases, say)
        except UnavailableError as error:
            if way != "there":
                raise
            say(f"nothing is built here: {error}")
        say(f"bringing the images to {context} (--images {way})")
        bring(way, context, [*SERVERS, *map(image_of, releases)])

    def is_built(self, release: str) -> bool:
        """Return whether the nodes have the release's image."""
        return image_of(release) in Brought.load(self.cluster.context).images

    def up(self, plan: Plan, say: Say) -> KubernetesStack:
        """Start the stack; what had been started is deleted when something fails."""
        self.require_one_release(plan)
        self.require_images()
        self.require_new(plan.name)
        state = State(
            name=plan.name,
            engine=self.name,
            strategy=plan.strategy,
            port=plan.port,
            details={"context": self.cluster.context},
        )
        state.claim()
        stack = KubernetesStack(self.cluster, state)
        try:
            stack.start(plan, self.objects(plan, say), say)
        except BaseException:
            stack.down()
            raise
        return stack

    def attach(self, name: str) -> KubernetesStack | None:
        """Return the stack that `up` wrote down, in the cluster where it is."""
        state = State.load(name)
        if state is None or state.engine != self.name:
            return None
        self.cluster = reach_cluster(state.details["context"])
        return KubernetesStack(self.cluster, state)

    def objects(self, plan: Plan, say: Say) -> list[Object]:
        """Return deploy/kubernetes as it is for this plan, beside the publish Jobs."""
        things = render(FOLDER / "overlays" / plan.strategy)
        if not self.has_default_class():
            say(
                f"{self.cluster.context} has no default StorageClass: the store keeps its objects "
                "in an emptyDir, as long as its pod lives"
            )
            things = patch(things, EPHEMERAL, read(EPHEMERAL / "kustomization.yaml")[0])
        release = plan.publishes[0]  # a roll leads from it to the one that has the weight
        namespace = Namespace(self.cluster, plan.name)
        for thing in prepare(things, self.cluster.context, namespace.name, release):
            match thing["kind"], thing["metadata"]["name"]:
                case "Namespace", _:
                    thing["metadata"]["labels"][LABEL] = plan.name
                case "ConfigMap", "settings":
                    thing["data"]["PUBLIC_HOST"] = f"127.0.0.1:{plan.port}"
                case "Deployment", "web":
                    thing["spec"]["replicas"] = plan.replicas
                    thing["spec"]["progressDeadlineSeconds"] = DEADLINE_SECONDS
        return things

    def has_default_class(self) -> bool:
        """Return whether a claim without a class gets a volume; who may not ask takes it for so."""
        try:
            classes = self.cluster.items(path_of("storage.k8s.io/v1", "StorageClass"))
        except RefusedError as error:
            if error.status == 403:
                return True
            raise
        notes = [each["metadata"].get("annotations", {}) for each in classes]
        return any(each.get(DEFAULT_CLASS) == "true" for each in notes)

    def require_one_release(self, plan: Plan) -> None:
        """Refuse two releases at rest: one Deployment has one image.

        Raises:
            LabError: there are two.
        """
        if len(plan.weights) > 1:
            raise LabError(
                f"on kubernetes one release serves, not {' and '.join(plan.weights)}: "
                f'take --weights {next(iter(plan.weights))}=100, then "lab rollout"'
            )

    def require_images(self) -> None:
        """See that the nodes have an image for every pod.

        Raises:
            LabError: they do not.
        """
        there = Brought.load(self.cluster.context).images
        wanted = [*SERVERS, *map(image_of, releases())]
        if missing := [each for each in wanted if each not in there]:
            raise LabError(
                f"{self.cluster.context} was brought no image {', '.join(missing)}: "
                'run "lab build --engine kubernetes"'
            )

    def require_new(self, name: str) -> None:
        """Refuse a namespace that is there: of another checkout, or of somebody else.

        Raises:
            LabError: it is there.
        """
        namespace = Namespace(self.cluster, name)
        if self.cluster.find(namespace.place):
            raise LabError(
                f"{self.cluster.context} has a namespace {namespace.name}, which is not this "
                "checkout's: choose another --name, or delete it with "
                f'"kubectl delete namespace {namespace.name}"'
            )
