"""The recipes of docs/servers.md, word for word, with the real nginx and the real Apache httpd."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.serverchecks import (
    CHECKS,
    PICTURES,
    Check,
    Write,
    check_hashed_names,
    check_manifests,
    check_misses,
    check_other_headers,
    check_types,
    check_unhashed_names,
    check_writing,
    fill,
)
from tests.docs.webservers import Site, recipe, serving
from tests.machine import lacks

from skewproof.publishing.collection import TYPES, guess_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVERS = [
    name for name, thing in (("nginx", "embedded"), ("apache", "apache")) if not lacks(thing)
]
TYPE = re.compile(r"^ +(?:AddType )?([a-z]+/[\w.+-]+) +([\w. ]+);?$", re.MULTILINE)
ENDINGS = (*(ending.removeprefix(".") for ending in TYPES), *PICTURES)


@pytest.fixture(scope="module")
def shop() -> Iterator[Path]:
    """What stands for /srv/shop, and may be read by every user of the machine."""
    with tempfile.TemporaryDirectory(prefix="skewproof-servers-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        fill(folder / "shop", ENDINGS)
        yield folder / "shop"


@pytest.fixture(scope="module", params=SERVERS)
def site(request: pytest.FixtureRequest, shop: Path) -> Iterator[Site]:
    """The shop behind a server on its recipe."""
    server = request.param
    with serving(server, recipe(server), shop, shop.parent / server) as found:
        yield found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_the_recipe_does_what_it_promises(check: Check, site: Site) -> None:
    assert list(check(site)) == []


def test_what_is_no_asset_is_the_applications(site: Site) -> None:
    assert site.get("/any/page/").body == b"the application"


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_the_recipe_knows_the_types_that_a_bucket_would_have(server: str) -> None:
    listed = {
        ending.removeprefix("."): kind
        for kind, endings in TYPE.findall(recipe(server))
        for ending in endings.split()
    }
    assert listed == {each: guess_headers(f"x.{each}")["Content-Type"] for each in ENDINGS}


def in_place(served: Path) -> Write:
    """Write as one does who knows nothing of readers: what is written is there at once."""

    def write(name: str, body: bytes) -> None:
        (served / name).parent.mkdir(exist_ok=True)
        with (served / name).open("wb") as file:
            file.write(body[: len(body) // 2])
            file.flush()
            os.fsync(file.fileno())
            file.write(body[len(body) // 2 :])

    return write


def test_a_publish_that_wrote_in_place_would_be_seen(site: Site) -> None:
    (fault,) = check_writing(site, in_place)
    assert fault.startswith("a file that is being written answers 200 ")


FAULTS: list[tuple[str, str, str, Check, str]] = [
    ("nginx", "location /static/ {", "location /static {", check_manifests, "is a manifest"),
    (
        "nginx",
        "location ~ /\\. {",
        "location ~ /\\.\\. {",
        check_misses,
        "/static/.hidden answers 200",
    ),
    ("nginx", "location ~ /\\. {", "location ~ /\\.\\. {", check_writing, "under another name"),
    ("nginx", "error_page 403 404 = @static_missing;", "", check_misses, "max-age=3600"),
    ("nginx", "immutable", "", check_hashed_names, "answers 200 public"),
    ("nginx", "no-store", "max-age=60", check_misses, "answers 404 max-age=60"),
    ("nginx", "\\.[0-9a-f]{12}(", "(", check_unhashed_names, "immutable"),
    ("nginx", " woff2;", " woff3;", check_types, "file.woff2 is 200 application/octet-stream"),
    ("nginx", "Allow-Origin *", "Allow-Origin shop.test", check_other_headers, "other origins"),
    ("apache", '(.*/)?\\."', '(.*/)?\\.\\."', check_writing, "under another name"),
    ("apache", "ErrorDocument 404 default", "", check_misses, "max-age=3600"),
    ("apache", 'always set Cache-Control "no-store"', 'set A "b"', check_misses, "answers 404 "),
    ("apache", "\\.[0-9a-f]{12}(", "(", check_unhashed_names, "immutable"),
    ("apache", ".woff2\n", ".woff3\n", check_types, "file.woff2 is 200 None"),
    ("apache", "SetHandler default-handler", "", check_types, "page.de.cgi.var.gz.js is 406"),
    ("apache", "/srv/shop/static", "/srv/shop", check_manifests, "is a manifest"),
]


@pytest.mark.parametrize(
    ("server", "rule", "instead", "check", "fault"),
    [each for each in FAULTS if each[0] in SERVERS],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_recipe_without_one_of_its_rules_is_seen(
    server: str, rule: str, instead: str, check: Check, fault: str, shop: Path
) -> None:
    assert rule in recipe(server)
    changed = recipe(server).replace(rule, instead)
    with tempfile.TemporaryDirectory(dir=shop.parent) as folder:
        Path(folder).chmod(0o755)
        with serving(server, changed, shop, Path(folder, "run")) as site:
            found = list(check(site))
    assert [each for each in found if fault in each]
