"""docs/kubernetes.md: what it shows of other people's tools publishes before it rolls."""

from __future__ import annotations

from typing import Any

import yaml
from tests.docs.project import ROOT, read_document

from lab.stacks.kubernetesmanifests import FOLDER, render
from skewproof.metrics import STATES

PAGE = read_document("docs/kubernetes.md")


def shown(name: str) -> list[dict[str, Any]]:
    """The documents of a block, by the file that its first line names."""
    (text,) = [
        each.content
        for each in PAGE.fences
        if each.content.splitlines()[0].endswith(f"{name}.yaml")
    ]
    return [*yaml.safe_load_all(text)]


def annotations(job: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = job["metadata"]["annotations"]
    return found


def test_helm_publishes_before_it_installs_and_before_it_upgrades() -> None:
    (job,) = shown("templates/publish")
    told = annotations(job)
    assert set(told["helm.sh/hook"].split(",")) == {"pre-install", "pre-upgrade"}
    assert told["helm.sh/hook-delete-policy"] == "before-hook-creation"
    assert all(isinstance(each, str) for each in told.values())  # Helm refuses numbers


def test_argo_cd_publishes_before_it_syncs() -> None:
    (job,) = [
        yaml.safe_load(each.content)
        for each in PAGE.fences
        if each.content.startswith("# publish.yaml")
    ]
    assert annotations(job) == {
        "argocd.argoproj.io/hook": "PreSync",
        "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
        "argocd.argoproj.io/sync-wave": "1",
    }


def test_flux_waits_for_the_job_before_it_rolls() -> None:
    first, then = shown("flux")
    assert then["spec"]["dependsOn"] == [{"name": first["metadata"]["name"]}]
    assert first["metadata"]["namespace"] == then["metadata"]["namespace"]
    assert first["spec"]["wait"] is True
    for each in (first, then):
        folder = ROOT / each["spec"]["path"]
        assert (folder / "kustomization.yaml").exists()
        assert each["spec"].keys() >= {"interval", "prune", "sourceRef"}


def test_every_hook_runs_the_command_of_the_manifests() -> None:
    (real,) = render(FOLDER / "publish")
    wanted = real["spec"]["template"]["spec"]["containers"][0]["command"]
    hooks = [each.content for each in PAGE.fences if "kind: Job" in each.content]
    assert len(hooks) == 2
    for hook in hooks:
        spec = yaml.safe_load(hook)["spec"]["template"]["spec"]
        assert spec["containers"][0]["command"] == wanted
        assert spec["restartPolicy"] == "Never"


def test_the_alert_asks_for_a_state_that_there_is() -> None:
    (rules,) = shown("rules")
    (rule,) = rules["groups"][0]["rules"]
    assert any(f'skewproof_manifest{{state="{state}"}}' in rule["expr"] for state in STATES)
