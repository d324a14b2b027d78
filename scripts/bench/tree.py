"""Trees of static files, the same for everybody who asks for the same number of files.

Stylesheets import each other and name images, fonts and source maps, scripts name source maps.
"""

from __future__ import annotations

import functools
import os
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20261123
SMALLEST, LARGEST = 1 << 10, 50 << 10  # bytes of a file, but for source maps
SHARES = {"css": 32, "css.map": 4, "js": 48, "js.map": 6, "png": 4, "svg": 3, "woff2": 3}
"""How the files divide, in hundredths: four in five may name others, and have to be looked into."""
FOLDER_SIZE = 50
HUBS = 10
"""So many stylesheets are imported by all others; Django gives up on longer chains of imports."""
LONG_AGO = 1_767_225_600  # 2026-01-01, before anything was stored
MEBIBYTE = 1 << 20


def chance_of(*key: object) -> random.Random:
    """Return a source of numbers that are always the same for the same key."""
    return random.Random(repr((SEED, *key)))  # noqa: S311 - no secret


def name_of(kind: str, number: int) -> str:
    """Return the name of one file; a source map has that of its file, with .map."""
    folder = kind.partition(".")[0]
    return f"site/{folder}/{number // FOLDER_SIZE:02}/{folder}-{number:04}.{kind}"


@functools.cache
def counts(files: int) -> dict[str, int]:
    """Return how many files of each kind there are."""
    found = {kind: files * share // 100 for kind, share in SHARES.items()}
    return {**found, "png": found["png"] + files - sum(found.values())}


def names(files: int) -> list[str]:
    """Return the names of all files."""
    return [name_of(kind, number) for kind, n in counts(files).items() for number in range(n)]


def changed_names(files: int, changed: int) -> list[str]:
    """Return the names of those that change, so many of all kinds but source maps."""
    written = [name for name in names(files) if not name.endswith(".map")]
    return chance_of("changes").sample(written, changed)


def content(files: int, name: str, edition: int = 0) -> bytes:
    """Return the bytes of one file of the tree; another edition has others."""
    chance = chance_of(name)
    size = round(SMALLEST * (LARGEST / SMALLEST) ** chance.random())
    kind = name.rpartition(".")[2]
    if kind == "map":
        return b'{"version":3,"sources":[],"names":[],"mappings":""}\n'
    if kind in ("png", "woff2"):
        return f"{kind} {edition}\n".encode() + chance.randbytes(size)
    if kind == "svg":
        picture = f'<path id="e{edition}" d="{numbers(chance, size)}"/>'
        return f'<svg xmlns="http://www.w3.org/2000/svg">{picture}</svg>\n'.encode()
    number = int(name.rpartition("-")[2].partition(".")[0])
    text = style if kind == "css" else script
    return text(counts(files), number, edition, size).encode()


def numbers(chance: random.Random, size: int) -> str:
    """Return so many characters of coordinates, as pictures have them."""
    return " ".join(f"{chance.randrange(10_000):04}" for _ in range(size // 5))


def style(count: dict[str, int], number: int, edition: int, size: int) -> str:
    """Return a stylesheet: an import, then rules of which a few show pictures, a font."""
    chance = chance_of("style", number)
    place = name_of("css", number)
    lines = [f"/* edition {edition} */"]
    if number >= HUBS:
        lines.append(f'@import "{relative(name_of("css", number % HUBS), place)}";')
    for kind in ("png", "png", "svg", "woff2"):
        if count[kind]:
            target = relative(name_of(kind, chance.randrange(count[kind])), place)
            lines.append(f".{kind}-{number} {{ background: url({target}) }}")
    lines += [
        f".rule-{number}-{rule} {{ margin: {chance.randrange(99)}px; color: #{rule:06x} }}"
        for rule in range(max(0, size - 300) // 48)
    ]
    if number < count["css.map"]:
        lines.append(f"/*# sourceMappingURL={place.rpartition('/')[2]}.map */")
    return "\n".join(lines) + "\n"


def script(count: dict[str, int], number: int, edition: int, size: int) -> str:
    """Return a script, with a source map where the tree has one for it."""
    chance = chance_of("script", number)
    lines = [f"// edition {edition}"]
    lines += [
        f"export const value{rule:04} = (x) => x * {chance.randrange(10_000):04};"
        for rule in range(size // 44)
    ]
    if number < count["js.map"]:
        lines.append(f"//# sourceMappingURL={name_of('js', number).rpartition('/')[2]}.map")
    return "\n".join(lines) + "\n"


def relative(target: str, place: str) -> str:
    """Return how a file at `place` names the target."""
    return os.path.relpath(target, os.path.dirname(place))  # noqa: PTH120 - no paths of this disk


def write_tree(folder: Path, files: int) -> None:
    """Make the folder hold the tree, nothing changed, all of it old."""
    for name in names(files):
        write_file(folder / name, content(files, name), LONG_AGO)


def change(folder: Path, files: int, changed: int, edition: int, modified: float) -> None:
    """Write another edition of some files, modified at that time."""
    for name in changed_names(files, changed):
        write_file(folder / name, content(files, name, edition), modified)


def write_big(folder: Path, files: int, mebibytes: int) -> None:
    """Write a few files of so many mebibytes: films, say."""
    for number in range(files):
        body = chance_of("big", number).randbytes(MEBIBYTE) * mebibytes
        write_file(folder / f"site/film/film-{number}.mp4", body, LONG_AGO)


def write_file(path: Path, body: bytes, modified: float) -> None:
    """Write a file as if it had been written then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    os.utime(path, (modified, modified))
