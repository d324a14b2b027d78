"""Our hashing and Django's on the same files; as a program, with whatever Django is there.

``python comparison.py FOLDER`` compares on the admin, on every folder in FOLDER and on the trees
that are made up here, and prints what differs as JSON.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.contrib.staticfiles.management.commands import collectstatic as djangos
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage
from django.core.management import CommandError
from django.test import override_settings

from skewproof.management.commands.collectstatic import Command
from skewproof.publishing.collection import Upload, collect_release
from skewproof.storage import FileSystemReleaseStorage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


Tree = dict[str, str | bytes]
OPTIONS = {
    "interactive": False,
    "verbosity": 2,
    "link": False,
    "clear": False,
    "dry_run": False,
    "ignore_patterns": [],
    "use_default_ignore_patterns": True,
    "post_process": True,
}
CHAIN: Tree = {f"{n}.js": f"import './{n + 1}.js';\n" for n in range(3)} | {"3.js": "last\n"}
# What Django has a rule for, or a habit.
TREES: dict[str, Tree] = {
    "names": {
        "a file.txt": "space",
        "ünïcode/ñ.css": "b { background: url('../a file.txt') url(../a%20file.txt) }",
        "percent%20sign.txt": "p",
        "percent sign.txt": "p",
        "hash#tag.txt": "h",
        "question?mark.txt": "q",
        "no_extension": "n",
        ".hidden": "not collected",
        "two.dots.min.js": "d\n//# sourceMappingURL=two.dots.min.js.map\n",
        "two.dots.min.js.map": "{}",
        "empty.css": "",
        "UPPER.CSS": "b { background: url(missing.png) }",
        "upper.css": "b { background: URL(UPPER.CSS) } @IMPORT 'empty.css';",
        "same.css": "b { background: url(empty.css) }",
        "sub/same.css": "b { background: url(../empty.css) }",
    },
    "references": {
        "a.css": "@import 'b.css'; @import url(b.css); @import url('c/c.css') print;\n"
        '@import"b.css";\n@import   "c/c.css";\n'
        "b { background: url(' x.svg') url(\"x.svg#i\") url('x.svg?v=1') url(x.svg?v=1#i) }\n"
        "i { background: url(/static/x.svg) url(/other/x.svg) url(//host/x.svg) url(data:,x) }\n"
        "u { background: url(#default#VML) url() url('') url(https://h/x.svg) url(c/) url(c) }\n"
        "/* url(x.svg) */ s { content: 'url(x.svg)' } /* @import 'b.css' */\n"
        "/*# sourceMappingURL=a.css.map */\n",
        "a.css.map": "{}",
        "b.css": "@font-face { src: url(f.eot); src: url('f.eot?#iefix'), url('f.eot?v=2#iefix') }",
        "c/c.css": "@import '../b.css?v=3'; b { background: url(../c/../x.svg) url(./../x.svg) }",
        "f.eot": "eot",
        "x.svg": "<svg/>",
        "crlf.css": "b {\r\n background: url(x.svg)\r\n}\r\n/*# sourceMappingURL=a.css.map */\r\n",
        "bom.css": "\ufeffb { background: url(x.svg) }",
        "map.js": "//# sourceMappingURL=data:application/json;base64,e30=\n",
        "indented.js": "x  //# sourceMappingURL=missing.map\n",
    },
    "modules": {
        "a.js": "import b from './b.js';\nimport * as c from \"./c/c.js\";\nimport './d.js';\n"
        "import {\n  x,\n  y\n} from './d.js';\nexport { z } from './d.js';\n"
        "const e = import('./e.js');\n// import './d.js';\nconst s = `import './d.js';`;\n",
        "b.js": "import { d } from '/static/d.js';\nexport default 1;\n",
        "c/c.js": "import('../e.js'); import{d}from'../d.js';\nimport x from 'bare';\n",
        "d.js": "export const d = 1, z = 2;\n//# sourceMappingURL=d.js.map\n",
        "d.js.map": "{}",
        "e.js": "import './d.js'\nimport './b.js'\n",
    },
    "a quote after a space": {"a.css": "b { background: url( 'x.svg' ) }", "x.svg": ""},
    "missing in a comment": {"a.css": "/* url(gone.png) */", "a.js": "// import './gone.js';\n"},
    "chain": CHAIN,
    "exports before imports": {
        "sub/y.js": "1\n",
        "x.js": "export const x = 1;\nimport y from './sub/y.js';\n",
    },
    "exports before imports of what comes later": {
        "x.js": "export const x = 1;\nimport y from './z/../sub.js';\n",
        "sub.js": "1\n",
        "z/z.js": "2\n",
    },
    "missing": {"deep/er/a.css": "i{}\nb { background: url(gone.png) }", "b.css": "url(gone.svg)"},
    "missing map": {"a.js": "x\n//# sourceMappingURL=a.js.map"},
    "not UTF-8": {"latin.css": b"b { content: '\xe9' }", "a.css": "@import 'latin.css'"},
    "not UTF-8 and missing": {"a/latin.css": b"\xe9", "b.css": "@import 'c.css'"},
    "hashed already": {
        "a.txt": "a",
        "a.0cc175b9c0f1.txt": "another",
        "a.css": "b { background: url(a.txt) url(a.0cc175b9c0f1.txt) }",
    },
    "nothing": {},
}
# By package: how many files at least, so that nobody compares nothing.
PACKAGES = {
    "django.contrib.admin": 120,
    "wagtail": 90,
    "oscar": 130,
    "grappelli": 500,
    "unfold": 35,
}


def static_folders(package: str) -> list[Path]:
    """Return a package's folders of static files; nothing of it is imported, nor needs to be."""
    found = importlib.util.find_spec(package)
    assert found, f"{package} is in no lock"
    assert found.origin
    root = Path(found.origin).parent
    return sorted(
        folder
        for folder in root.rglob("static")
        if folder.is_dir() and "project_template" not in folder.parts
    )


@dataclass(frozen=True)
class Outcome:
    """What hashing has come to: the files by their names, what was said, or what was wrong."""

    paths: dict[str, str]
    hash: str
    assets: dict[str, str]
    copies: dict[str, str]
    said: str
    error: str

    def differences(self, other: Outcome) -> list[str]:
        """Return what differs, in words."""
        return [
            f"{field.name}: {difference}"
            for field in fields(self)
            for difference in compared(getattr(self, field.name), getattr(other, field.name))
        ]


def compared(one: Any, other: Any) -> Iterator[str]:
    """Yield what differs between two values, or two mappings."""
    if isinstance(one, dict):
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                yield f"{name}: {one.get(name)!r} and {other.get(name)!r}"
    elif one != other:
        yield f"{one!r} and {other!r}"


class Aggregating(ManifestStaticFilesStorage):
    """Django's support for imports of modules."""

    support_js_module_import_aggregation = True


def digest(file: Path) -> str:
    """Return what tells one content from another, and begins with the hash in an asset's name."""
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def by_django(cls: type[ManifestStaticFilesStorage], **options: Any) -> Outcome:
    """Hash as Django's own collectstatic does."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "files")
        manifests = StaticFilesStorage(location=Path(folder, "manifest"), base_url="/static/")
        local = cls(location=files, base_url=settings.STATIC_URL, manifest_storage=manifests)
        command, out = prepared(djangos.Command, options)
        command.storage = local
        error = failure(command.collect)
        digests = {
            path.relative_to(files).as_posix(): digest(path)
            for path in files.rglob("*")
            if path.is_file()
        }
    if error:
        return Outcome({}, "", {}, {}, out.getvalue(), error)
    names = set(local.hashed_files.values())
    assets = {name: each for name, each in digests.items() if name in names}
    copies = {name: each for name, each in digests.items() if name not in names}
    return Outcome(local.hashed_files, local.manifest_hash, assets, copies, out.getvalue(), "")


def digest_of(upload: Upload) -> str:
    """Return the digest of what would be sent, which is read once more for it."""
    with upload.content.open() as body:
        return hashlib.md5(body, usedforsecurity=False).hexdigest()


def by_us(cls: type[ManifestStaticFilesStorage], **options: Any) -> Outcome:
    """Hash as a publish does."""
    storage_class = type("Storage", (FileSystemReleaseStorage,), {"hashing": cls})
    command, out = prepared(Command, options)
    with tempfile.TemporaryDirectory() as folder:
        storage = storage_class(location=Path(folder, "store"))
        found = []
        error = failure(
            lambda: found.append(collect_release(storage, Path(folder, "local"), command.fill))
        )
        if error:
            return Outcome({}, "", {}, {}, out.getvalue(), error)
        assets = {each.name: digest_of(each) for each in found[0].assets}
        copies = {each.name: digest_of(each) for each in found[0].copies}
        return Outcome(found[0].paths, found[0].hash, assets, copies, out.getvalue(), "")


def prepared(made: type[Any], options: Mapping[str, Any]) -> tuple[Any, StringIO]:
    """Return a command with its options set, and what it will have said."""
    out = StringIO()
    command = made(stdout=out, stderr=out, no_color=True)
    command.set_options(**{**OPTIONS, "ignore_patterns": [], **options})
    return command, out


def failure(work: Any) -> str:
    """Return the error that the work ends in, on one line and without the address of an object."""
    try:
        work()
    except (CommandError, ValueError, RuntimeError) as error:
        one_line = " ".join(map(str.strip, str(error).splitlines()))
        return re.sub(r"<\S+ object at \w+>", "<storage>", one_line)
    return ""


def compare(
    directories: Sequence[Path | tuple[str, Path]],
    cls: type[ManifestStaticFilesStorage],
    **options: Any,
) -> tuple[Outcome, Outcome]:
    """Hash the files of the directories both ways."""
    with collecting(directories):
        return by_django(cls, **options), by_us(cls, **options)


@contextmanager
def collecting(directories: Sequence[Path | tuple[str, Path]], **changed: Any) -> Iterator[None]:
    """Be a project whose static files are in the directories."""
    values = {
        "INSTALLED_APPS": ["django.contrib.staticfiles"],
        "STATICFILES_DIRS": directories,
        "STATIC_ROOT": None,
        "STATIC_URL": "/static/",
    }
    with override_settings(**{**values, **changed}):
        yield


@contextmanager
def written(tree: Tree) -> Iterator[Path]:
    """Write a tree of files into a directory that goes again."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in tree.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        yield Path(folder)


CLASSES = {"as it is": ManifestStaticFilesStorage, "imports": Aggregating}


def main(folder: Path) -> None:
    """Compare on the admin, on folders of files and on the made-up trees."""
    settings.configure()
    django.setup()
    admin = Path(django.__file__).parent / "contrib" / "admin" / "static"
    with ExitStack() as trees:
        places = {each.name: each for each in (admin, *sorted(folder.iterdir()))}
        places |= {name: trees.enter_context(written(tree)) for name, tree in TREES.items()}
        compared_on = {
            (name, kind): compare([place], cls)
            for name, place in places.items()
            for kind, cls in CLASSES.items()
        }
    report = {
        "django": django.get_version(),
        "files": {name: len(one.paths) for (name, _), (one, _) in compared_on.items()},
        "differences": {
            f"{name}, {kind}": one.differences(other)
            for (name, kind), (one, other) in compared_on.items()
        },
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
