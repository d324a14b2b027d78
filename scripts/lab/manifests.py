"""Manifests that somebody gives: what a release of another site consists of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.errors import LabError, UnavailableError, describe
from lab.history import Answer, Asset, Record

_NAMED = re.compile(r"(?P<release>[\w.+-]*)=(?P<place>.+)", re.DOTALL)
Get = Callable[[str], tuple[Answer, bytes]]


def read_manifests(said: Iterable[str], get: Get) -> list[Record]:
    """Read what `--manifest` names.

    Args:
        said: `RELEASE=PLACE`, or only a place, a file or a URL: of what names no release.
        get: asks for a URL.

    Raises:
        LabError: one is not there or no manifest, or two are of one release.
    """
    records: dict[str, Record] = {}
    for each in said:
        named = _NAMED.fullmatch(each)
        release, place = (named["release"], named["place"]) if named else ("", each)
        if release in records:
            raise LabError(
                f"manifest {each}: there is another of {release or 'no release'}; "
                "a release has one, as in --manifest v1=FILE --manifest v2=FILE"
            )
        records[release] = make_record(release, place, read_text(place, get))
    return list(records.values())


def read_text(place: str, get: Get) -> str:
    """Return the content of a file, or what a URL answers."""
    if not place.startswith(("http://", "https://")):
        try:
            return Path(place).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise LabError(f"manifest {place}: cannot be read: {describe(error)}") from error
    answer, content = get(place)
    if answer.status != 200:
        raise UnavailableError(f"manifest {place}: answered {answer.status or answer.error}")
    return content.decode("utf-8", "replace")


def make_record(release: str, place: str, text: str) -> Record:
    """Return what a manifest of Django says, or a record of the lab, which also knows digests."""
    document = parse(text)
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict) or not all(isinstance(name, str) for name in paths.values()):
        raise LabError(
            f'manifest {place}: it has no "paths"; give the staticfiles.json that collectstatic '
            "writes"
        )
    digests: dict[str, Any] = document.get("assets") or {}
    try:
        assets = {name: Asset(**digests.get(name, {})) for name in sorted(set(paths.values()))}
    except (TypeError, AttributeError) as error:
        raise LabError(f"manifest {place}: its digests are not those of a record") from error
    return Record(release, paths, assets)


def parse(text: str) -> Any:
    """Return a JSON document, or None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
