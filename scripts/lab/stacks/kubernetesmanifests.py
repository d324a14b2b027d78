"""deploy/kubernetes as objects: what `kubectl kustomize` makes of an overlay, without that program.

Only what those files use of kustomize is understood, and anything else is refused; a test compares
what the two make of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lab.checkout import ROOT
from lab.errors import LabError

FOLDER = ROOT / "deploy" / "kubernetes"
FILE = "kustomization.yaml"
KNOWN = {
    *("apiVersion", "kind", "namespace", "resources"),
    *("components", "images", "nameSuffix", "patches"),
}
WITHOUT_NAMESPACE = ("Namespace",)
Object = dict[str, Any]


def render(folder: Path) -> list[Object]:
    """Return the objects of a kustomization.

    Raises:
        LabError: it uses what is not understood here.
    """
    told = read(folder / FILE)[0]
    if unknown := sorted(told.keys() - KNOWN):
        raise LabError(f"{folder / FILE}: the lab does not understand {', '.join(unknown)}")
    things: list[Object] = []
    for name in told.get("resources", ()):
        path = folder / name
        things += render(path) if path.is_dir() else read(path)
    for name in told.get("components", ()):
        things = patch(things, folder / name, read(folder / name / FILE)[0])
    things = patch(things, folder, told)
    for thing in things:
        complete(thing, told)
    return things


def read(path: Path) -> list[Object]:
    """Return the documents of a file."""
    with path.open() as file:
        return [each for each in yaml.safe_load_all(file) if each]


def patch(things: list[Object], folder: Path, told: Mapping[str, Any]) -> list[Object]:
    """Return the objects with what the patches of a kustomization change."""
    changes = [each for entry in told.get("patches", ()) for each in read(folder / entry["path"])]
    return [
        merge_all(thing, [each for each in changes if name_of(each) == name_of(thing)])
        for thing in things
    ]


def merge_all(thing: Object, changes: list[Object]) -> Object:
    """Merge one change after the other."""
    for change in changes:
        thing = merge(thing, change)
    return thing


def name_of(thing: Object) -> tuple[str, str]:
    """Return what tells an object from the others."""
    return thing["kind"], thing["metadata"]["name"]


def merge(old: Any, new: Any) -> Any:
    """Merge as a strategic merge patch does: by key, and lists by name; None removes."""
    if isinstance(old, dict) and isinstance(new, dict):
        merged = {key: merge(old.get(key), value) for key, value in new.items()}
        return {key: each for key, each in {**old, **merged}.items() if each is not None}
    if is_named(old) and is_named(new):
        known = {each["name"]: each for each in old}
        changed = {each["name"]: merge(known.get(each["name"]), each) for each in new}
        return [*{**known, **changed}.values()]
    return new


def is_named(value: Any) -> bool:
    """Say whether a value is a list of things that have names."""
    return isinstance(value, list) and all(
        isinstance(each, dict) and "name" in each for each in value
    )


def complete(thing: Object, told: Mapping[str, Any]) -> None:
    """Set an object's namespace, the end of its name, and its images."""
    metadata = thing["metadata"]
    if "namespace" in told:
        place(thing, told["namespace"])
    metadata["name"] += told.get("nameSuffix", "")
    tags = {each["name"]: f"{each['name']}:{each['newTag']}" for each in told.get("images", ())}
    set_images(thing, tags)


def place(thing: Object, namespace: str) -> None:
    """Put an object into a namespace; a namespace gets that name."""
    if thing["kind"] in WITHOUT_NAMESPACE:
        thing["metadata"]["name"] = namespace
    else:
        thing["metadata"]["namespace"] = namespace


def set_images(thing: Object, images: Mapping[str, str], pull: str = "") -> None:
    """Give containers other images, by the name without its tag, and perhaps another policy."""
    for container in containers(thing):
        container["imagePullPolicy"] = pull or container["imagePullPolicy"]
        name = container["image"].rpartition("/")[2].partition(":")[0]
        container["image"] = images.get(name, container["image"])


def containers(thing: Any) -> list[Object]:
    """Return the containers of an object, wherever in it they are."""
    if isinstance(thing, list):
        return [found for each in thing for found in containers(each)]
    if not isinstance(thing, dict):
        return []
    here = [each for each in thing.get("containers", ()) if "image" in each]
    return here + [found for each in thing.values() for found in containers(each)]
