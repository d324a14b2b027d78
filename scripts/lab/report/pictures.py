"""What visitors saw, beside what they should have seen: the pictures that a browser took."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.camera import SUFFIX
from lab.history import Run

MOST = 1 << 20
"""Bytes of a picture; those of the lab have some 10,000."""


@dataclass(frozen=True)
class Picture:
    """What a release looked like, as URLs that hold the pictures.

    Attributes:
        release: whose page it is.
        t: when it was taken, in seconds.
        served: as it was served.
        whole: as it should be.
    """

    release: str
    t: float
    served: str
    whole: str | None

    @property
    def at(self) -> str:
        """When, for reading."""
        return f"{self.t:.2f}"


def find_pictures(run: Run, history: Path) -> Iterator[Picture]:
    """The first picture of each release that is not what it should be, to the byte.

    One browser draws one page twice alike, so that no picture is shown of what nobody could see.
    """
    found: set[str] = set()
    for event in run.events:
        release, name = event.release, event.detail.get("picture")
        if event.event != "pictured" or not release or release in found:
            continue
        served = read_picture(history.parent, str(name))
        whole = read_picture(history.parent.parent, f"{release}{SUFFIX}")
        if served and served != whole:
            found.add(release)
            yield Picture(release, event.t, served, whole)


def read_picture(folder: Path, name: str) -> str | None:
    """A picture of a folder as a URL; None where it is none: a history may name anything."""
    if Path(name).name != name or not name.endswith(SUFFIX):
        return None
    try:
        with (folder / name).open("rb") as file:
            content = file.read(MOST + 1)
    except (OSError, ValueError):
        return None
    if len(content) > MOST or content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        return None
    return f"data:image/webp;base64,{b64encode(content).decode()}"
