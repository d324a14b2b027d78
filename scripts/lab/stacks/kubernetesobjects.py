"""What the objects of a cluster say: pure functions of what its API has answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lab.stacks.orchestrator import Outcome

Object = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"
RELEASE = re.compile(r"skewproof-app:(.+)-django[\d.]+(?:@sha256:[\da-f]+)?$")
COUNTS = ("replicas", "updatedReplicas", "availableReplicas")
"""What a Deployment counts; all of them are as wanted when a roll has come to its end."""
HARMLESS = ("ContainerCreating", "PodInitializing")


def release_of(pod: Object) -> str:
    """Return the release that a pod of the app runs, by its image."""
    found = RELEASE.search(pod["spec"]["containers"][0]["image"])
    return found[1] if found else "?"


def judge_roll(deployment: Object) -> tuple[Outcome, str]:
    """Return how far a roll is, as `kubectl rollout status` has it, and what Kubernetes says."""
    spec, status = deployment["spec"], deployment["status"]
    failure, progressing = (
        condition(deployment, each) for each in ("ReplicaFailure", "Progressing")
    )
    message = str(failure.get("message", ""))
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return Outcome.ROLLING, message
    counts = {status.get(each, 0) for each in COUNTS}
    if counts == {spec["replicas"]}:
        return Outcome.DONE, message
    if spec.get("paused"):
        return Outcome.PAUSED, message
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        said = f"progressDeadlineSeconds exceeded: {progressing['message']}"
        return Outcome.STALLED, "; ".join(filter(None, (said, message)))
    return Outcome.ROLLING, message


def how_ended(job: Object) -> bool | None:
    """Return whether a Job has done what it was to do; None while it runs."""
    if condition(job, "Complete").get("status") == "True":
        return True
    return False if condition(job, "Failed").get("status") == "True" else None


def condition(thing: Object, kind: str) -> Object:
    """Return a condition of an object; empty if it has none of this kind."""
    found = [each for each in thing["status"].get("conditions", ()) if each["type"] == kind]
    return dict(found[0]) if found else {}


def waits_of(pod: Object) -> Iterator[tuple[str, str]]:
    """Yield what the containers of a pod wait for, or how they ended before."""
    for each in pod["status"].get("containerStatuses", ()):
        waiting = each.get("state", {}).get("waiting")
        if waiting and waiting["reason"] not in HARMLESS:
            yield waiting["reason"], " ".join(waiting.get("message", "").split())


def exit_codes(pod: Object) -> Iterator[int]:
    """Yield how the containers of a pod ended."""
    for each in pod["status"].get("containerStatuses", ()):
        if ended := each.get("state", {}).get("terminated"):
            yield int(ended["exitCode"])


def has_run(pod: Object) -> bool:
    """Say whether a pod has come to its end."""
    return bool(pod["status"]["phase"] in ("Succeeded", "Failed"))


def age_of(thing: Object) -> tuple[str, str]:
    """Return what puts the oldest first."""
    return thing["metadata"]["creationTimestamp"], thing["metadata"]["name"]


def is_owned(thing: Object, owner: Object) -> bool:
    """Say whether one object is another one's."""
    owners = thing["metadata"].get("ownerReferences", ())
    return any(each["uid"] == owner["metadata"]["uid"] for each in owners)


def revision_of(replica_set: Object) -> int:
    """Return the number that a Deployment has given to one of its ReplicaSets."""
    return int(replica_set["metadata"].get("annotations", {}).get(REVISION, 0))


def read_json(text: str) -> Any:
    """Return the JSON document in what a command wrote, among the lines of a log."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("{"))
    found, _ = json.JSONDecoder().raw_decode("\n".join(lines[start:]))
    return found
