"""deploy/kubernetes: what a team copies, and what the lab makes of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.errors import LabError
from lab.stacks.kubernetesmanifests import FOLDER, containers, merge, patch, read, render
from lab.strategies import COMPARED

OVERLAYS = [*(f"overlays/{strategy}" for strategy in COMPARED), "publish"]
THINGS = [thing for name in OVERLAYS for thing in render(FOLDER / name)]
KUBECTL = shutil.which("kubectl")
BESIDE_KUBECTL = pytest.mark.skipif(not KUBECTL, reason="there is no kubectl on PATH")
WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")


def find(kind: str, name: str, overlay: str = "overlays/skewproof") -> dict[str, Any]:
    """One object of an overlay."""
    things = render(FOLDER / overlay)
    return next(each for each in things if (each["kind"], each["metadata"]["name"]) == (kind, name))


def pod_specs() -> list[dict[str, Any]]:
    """Every specification of a pod."""

    def walk(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, list):
            return [found for each in value for found in walk(each)]
        if not isinstance(value, dict):
            return []
        here = [value] if "containers" in value else []
        return here + [found for each in value.values() for found in walk(each)]

    return walk(THINGS)


def in_order(value: Any) -> Any:
    """Lists of named things, by name: where the two programs put what was added differs."""
    if isinstance(value, dict):
        return {key: in_order(each) for key, each in value.items()}
    if isinstance(value, list):
        made = [in_order(each) for each in value]
        return sorted(
            made, key=lambda each: str(each.get("name") if isinstance(each, dict) else "")
        )
    return value


@BESIDE_KUBECTL
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_lab_renders_what_kubectl_renders(overlay: str) -> None:
    compare(FOLDER / overlay, render(FOLDER / overlay))


@BESIDE_KUBECTL
def test_a_component_is_rendered_as_kubectl_does(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(FOLDER, copy)
    overlay = copy / "overlays" / "shared" / "kustomization.yaml"
    overlay.write_text(overlay.read_text() + "components: [../../ephemeral]\n")
    compare(overlay.parent, render(overlay.parent))


def compare(folder: Path, rendered: list[dict[str, Any]]) -> None:
    done = subprocess.run(
        [str(KUBECTL), "kustomize", folder], capture_output=True, text=True, check=True
    )
    theirs = {
        (each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout)
    }
    ours = {(each["kind"], each["metadata"]["name"]): each for each in rendered}
    assert ours.keys() == theirs.keys()
    for key, thing in ours.items():
        assert in_order(thing) == in_order(theirs[key])


def test_what_the_lab_does_not_understand_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\nreplacements: []\n")
    with pytest.raises(LabError, match="the lab does not understand replacements"):
        render(tmp_path)


def test_a_patch_merges_by_name_and_removes_what_is_null() -> None:
    old = {"a": 1, "b": [{"name": "x", "v": 1}, {"name": "y", "v": 2}], "c": {"d": 1, "e": 2}}
    new = {"b": [{"name": "y", "v": 3}, {"name": "z"}], "c": {"d": None}}
    assert merge(old, new) == {
        "a": 1,
        "b": [{"name": "x", "v": 1}, {"name": "y", "v": 3}, {"name": "z"}],
        "c": {"e": 2},
    }


def test_a_cluster_without_a_storage_class_gets_an_empty_folder_instead_of_a_claim() -> None:
    folder = FOLDER / "ephemeral"
    things = render(FOLDER / "overlays" / "skewproof")
    told = read(folder / "kustomization.yaml")[0]
    (store,) = [each for each in patch(things, folder, told) if each["kind"] == "StatefulSet"]
    assert "volumeClaimTemplates" not in store["spec"]
    volumes = store["spec"]["template"]["spec"]["volumes"]
    assert {each["name"]: "emptyDir" in each for each in volumes} == {"data": True, "tmp": True}


@pytest.mark.parametrize("strategy", COMPARED)
def test_an_overlay_changes_the_strategy_and_nothing_else(strategy: str) -> None:
    base = render(FOLDER / "base")
    changed = [each for each in render(FOLDER / "overlays" / strategy) if each not in base]
    kinds = {each["kind"] for each in changed}
    if strategy == "skewproof":
        assert kinds == {"CronJob"}
    else:
        (settings,) = changed
        assert settings["data"]["STATICFILES_STRATEGY"] == strategy
    assert find("ConfigMap", "settings", f"overlays/{strategy}")["data"][
        "STATICFILES_STRATEGY"
    ] == (strategy)


def test_the_namespace_enforces_restricted_pods() -> None:
    labels = find("Namespace", "skewproof")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_pod_has_no_rights_and_limits_on_memory() -> None:
    specs = pod_specs()
    assert len(specs) == 4 * 3 + 1 + 1  # minio, setup, web, gateway by strategy; prune; publish
    for spec in specs:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "readOnlyRootFilesystem": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["imagePullPolicy"] == "IfNotPresent"


def test_no_probe_names_a_host() -> None:
    text = "".join(path.read_text() for path in FOLDER.rglob("*.yaml"))
    assert "httpHeaders" not in text
    (web,) = containers(find("Deployment", "web"))
    paths = {
        name: web[f"{name}Probe"]["httpGet"]["path"]
        for name in ("startup", "readiness", "liveness")
    }
    assert paths == {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"}


def test_a_roll_takes_no_pod_away_before_another_is_ready() -> None:
    spec = find("Deployment", "web")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    drain = int(find("ConfigMap", "settings")["data"]["DRAIN_SECONDS"])
    graceful = int(re.search(r"graceful_timeout = (\d+)", gunicorn())[1])  # type: ignore[index]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > drain + graceful
    assert find("PodDisruptionBudget", "web")["spec"]["maxUnavailable"] == 1


def gunicorn() -> str:
    return (FOLDER.parents[1] / "app" / "gunicorn.conf.py").read_text()


def test_every_part_that_is_asked_may_be_reached_by_those_who_ask() -> None:
    policies = [each for each in render(FOLDER / "base") if each["kind"] == "NetworkPolicy"]
    assert {"podSelector": {}, "policyTypes": ["Ingress"]} in [each["spec"] for each in policies]
    reached = {
        each["spec"]["podSelector"]["matchLabels"]["app"]
        for each in policies
        if each["spec"]["podSelector"]
    }
    assert reached == {"gateway", "web", "minio"}
    (store,) = [each for each in policies if each["metadata"]["name"] == "all-reach-the-store"]
    ((peer,),) = [rule["from"] for rule in store["spec"]["ingress"]]
    (allowed,) = peer["podSelector"]["matchExpressions"]
    apps = {thing["metadata"]["labels"]["app"] for thing in THINGS if thing["kind"] in WORKLOADS}
    assert set(allowed["values"]) == apps - {"minio"}


def test_the_secrets_of_one_role_are_not_in_the_pods_of_another() -> None:
    secrets = {
        name: {
            source["secretRef"]["name"] for source in (*found["envFrom"],) if "secretRef" in source
        }
        for name, kind, overlay in (
            ("web", "Deployment", "overlays/skewproof"),
            ("publish-v1", "Job", "publish"),
            ("minio", "StatefulSet", "overlays/skewproof"),
        )
        for found in containers(find(kind, name, overlay))
    }
    assert secrets == {
        "web": {"app", "web"},
        "publish-v1": {"app", "publisher"},
        "minio": {"store"},
    }
