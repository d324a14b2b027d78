"""The policy files: one for each role, with {bucket} where the bucket's name belongs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from settings import SettingError

FOLDER = Path(__file__).parent / "policies"


def read(role: str, bucket: str) -> dict[str, Any]:
    """Read a role's policy with the bucket's name filled in, or raise `SettingError`."""
    path = FOLDER / f"{role}.json"
    try:
        policy = json.loads(path.read_text(encoding="utf-8").replace("{bucket}", bucket))
    except (OSError, ValueError) as error:
        raise SettingError(f"policy file {path}: {error}") from error
    if not isinstance(policy, dict) or not policy.get("Statement"):
        raise SettingError(f'policy file {path}: expected an object with a "Statement"')
    return policy


def same(one: object, other: object) -> bool:
    """Tell whether two policies mean the same: servers reorder lists and unwrap lists of one."""
    return _canonical(one) == _canonical(other)


def _canonical(value: object) -> object:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items() if key != "Sid"}
    if isinstance(value, list):
        items = sorted((_canonical(item) for item in value), key=repr)
        return items[0] if len(items) == 1 else items
    return value
