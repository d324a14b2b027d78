"""A publish is broken at every single request, in every way that a network or a disk knows."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import threading
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.unit.skewproof.forks import Ended
from tests.unit.skewproof.places import BucketPlace, DirectoryPlace
from tests.unit.skewproof.project import Project
from tests.unit.skewproof.proxy import Failure, proxying

from skewproof.stores.directory import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.unit.skewproof.forks import Lane
    from tests.unit.skewproof.places import Place
    from tests.unit.skewproof.proxy import Fault, Request

FIRST = {"a.css": "b { background: url(b.svg) }\n", "b.svg": "<svg/>", "c.txt": "c", "e.js": "e"}
NEXT = {"a.css": FIRST["a.css"], "b.svg": "<svg id='2'/>", "d.txt": "d", "e.js": "e"}
OTHER = {**NEXT, "b.svg": "<svg id='3'/>"}
MANIFEST = "releases/{}/staticfiles.json"
# 1 manifest asked for, 1 intent, 1 to see that the store does not overwrite it, 1 listing of
# intents, 1 of assets, 3 assets, 2 copies (one is as it was), 1 manifest, 1 intent taken away, and
# 1 listing of assets to look again.
REQUESTS = 13
HEAD = "at every single request or write"
PAUSE = 0.2  # seconds between two rounds of the reader
HERE = "tests.unit.skewproof.sabotage"


@dataclass(frozen=True)
class Kind:
    """A way in which one request, or from it on every one, goes wrong.

    Attributes:
        name: As the report says it.
        how: See proxy.Failure and sabotage.DISKS; "killed" ends the process.
        after: Whether the store carries the request out first.
        lasting: Whether all that follow go wrong as well.
        other: What another publish does meanwhile: its release and its files.
    """

    name: str
    how: int | str
    after: bool = False
    lasting: bool = False
    other: tuple[str, str] | None = None


def network_kinds() -> Iterator[Kind]:
    """Yield the kinds for a store behind a network."""
    ways: dict[str, int | str] = {
        "no answer": "silence",
        "500": 500,
        "503 SlowDown": 503,
        "connection reset": "reset",
    }
    for name, how in ways.items():
        for when, after in {"before": False, "after": True}.items():
            for span, lasting in {"once": False, "from then on": True}.items():
                yield Kind(f"{name}, {when} it is carried out, {span}", how, after, lasting)
    yield Kind("killed before it is carried out", "killed", lasting=True)
    yield Kind("killed after it is carried out", "killed", after=True, lasting=True)
    yield from pairs("nothing")


def disk_kinds() -> Iterator[Kind]:
    """Yield the kinds for a directory."""
    yield Kind("killed before it is carried out", "killed", lasting=True)
    yield Kind("disk full, once", "full")
    yield Kind("disk full, from then on", "full for ever", lasting=True)
    yield from pairs("waits")


def pairs(how: str) -> Iterator[Kind]:
    """Yield the kinds in which another publish runs as a whole, while this one waits."""
    yield Kind("waits for another publish of the same", how, other=("v2", "next"))
    yield Kind("waits for another publish of its id with other files", how, other=("v2", "other"))
    yield Kind("waits for a publish of another release", how, other=("v3", "other"))


@dataclass
class Report:
    """What was broken, and what came of it."""

    points: Counter[tuple[str, str]] = field(default_factory=Counter)
    reads: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, store: str, kind: Kind, number: int, found: list[str]) -> None:
        """Note a point, and what was wrong."""
        self.points[store, kind.name] += 1
        where = f"{store}, {kind.name}, at the {number}. request"
        self.violations += [f"{where}: {each}" for each in found]

    def lines(self) -> list[str]:
        """Return a table in Markdown, and the sum."""
        stores = sorted({store for store, _ in self.points})
        kinds = dict.fromkeys(kind.name for kind in (*network_kinds(), *disk_kinds()))
        rows = [
            [kind, *(str(self.points[store, kind] or "") for store in stores)] for kind in kinds
        ]
        cells = [[HEAD, *stores], ["---"] * (1 + len(stores)), *rows]
        return [*(f"| {' | '.join(row)} |" for row in cells), "", self.summary()]

    def summary(self) -> str:
        """Return the numbers in one line."""
        return (
            f"faults: {self.points.total():,} injection points, {self.reads:,} reads of other "
            f"releases' assets meanwhile, {len(self.violations)} violations"
        )


class Reader(threading.Thread):
    """Reads all assets of a release, over and over, through connections of its own."""

    def __init__(self, place: Place, names: set[str]) -> None:
        super().__init__()
        self._place = place
        self._expected = {name: place.read(name) for name in sorted(names)}
        self._stopped = threading.Event()
        self.reads = 0
        self.faults: list[str] = []

    def run(self) -> None:
        while not self._stopped.wait(PAUSE):
            self.look()

    def look(self) -> None:
        """Read everything once."""
        for name, found in self.found():
            self.reads += 1
            if found != self._expected[name]:
                self.faults.append(f"{name} was {found!r}")

    def found(self) -> Iterator[tuple[str, bytes]]:
        if not isinstance(self._place, BucketPlace):
            for name in self._expected:
                yield name, self._place.read(name)
            return
        server = self._place.server
        connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=10)
        try:
            for name in self._expected:
                connection.request("GET", f"/{server.bucket}/{self._place.key(name)}")
                answer = connection.getresponse()
                yield name, answer.read() if answer.status == 200 else str(answer.status).encode()
        finally:
            connection.close()

    def stop(self) -> None:
        self._stopped.set()
        self.join()


class Bench:
    """A place in a store that holds one release, in which the next is published and broken."""

    def __init__(self, place: Place, folder: Path, connect: Callable[[Path], Lane]) -> None:
        folder.mkdir()
        self.place = place
        self.folder = folder
        self.lane, self.second = connect(folder / "said"), connect(folder / "said-too")
        self.projects = {name: Project(folder / name, place) for name in ("first", "next", "other")}
        for project, tree in zip(self.projects.values(), (FIRST, NEXT, OTHER), strict=True):
            project.write(tree)
        self.planted: list[list[Any]] = []
        self.requests = 0
        assert self.run("v1", "first").code == 0
        self.before = place.entries()
        names = {
            f"static/{name}" for name in self.projects["first"].manifest("v1")["paths"].values()
        }
        self.guarded = names | {MANIFEST.format("v1")}
        self.bodies = {key: place.read(key) for key in self.before}
        self.reader = Reader(place, names)
        assert self.run("v2", "next").code == 0
        self.after = contents(place.entries())
        self.clear()

    def order(self, release: str, files: str, **options: Any) -> dict[str, Any]:
        """Return a publish as forks.Lane wants it."""
        return {
            "environ": {"RELEASE_ID": release, "TMPDIR": str(self.folder)},
            "settings": {
                "STATICFILES_DIRS": [str(self.projects[files].source)],
                "STORAGES": {"staticfiles": self.place.configured(**options)},
            },
            "before": [*self.planted],
            "arguments": ["collectstatic", "--no-input"],
        }

    def kinds(self) -> Iterator[Kind]:
        """Yield all ways to break a publish, those that take long first."""
        raise NotImplementedError

    def broken(self, kind: Kind, number: int) -> tuple[Ended, Ended | None]:
        """Publish with a fault; return how that ended, and the other publish if there was one."""
        raise NotImplementedError

    def judged(self, kind: Kind, number: int) -> list[str]:
        """Break one publish, and say what is wrong then."""
        ended, other = self.broken(kind, number)
        found = list(
            self.violations_of_two(kind, ended, other) if other else self.violations(kind, ended)
        )
        self.clear()
        return found

    def run(self, release: str, files: str) -> Ended:
        return self.lane.run(self.order(release, files))

    def clear(self) -> None:
        """Make the store what it was before."""
        there = self.place.entries()
        self.place.delete_all(there.keys() - self.before.keys())
        for key, entry in self.before.items():
            if there.get(key, ("", ""))[1] != entry[1]:
                self.place.write(key, self.bodies[key])

    def violations(self, kind: Kind, ended: Ended) -> Iterator[str]:
        """Yield what is wrong after a publish has come to its end, in one way or another."""
        there = self.place.entries()
        yield from self.harm(there)
        committed = MANIFEST.format("v2") in there
        if committed:
            yield from self.lacks("v2", there)
        yield from said_wrongly(kind, ended, committed)
        again = self.run("v2", "next")
        if again.code != 0 or ("was published already" in again.said) != committed:
            yield f"the next run exits with {again.code}: {again.said}"
        there = self.place.entries()
        yield from self.harm(there)
        if contents(there) != self.after:
            yield f"after the next run there is {contents(there)} instead of {self.after}"

    def violations_of_two(self, kind: Kind, ended: Ended, other: Ended) -> Iterator[str]:
        """Yield what is wrong after two publishes at once."""
        assert kind.other
        there = self.place.entries()
        yield from self.harm(there)
        for release in {"v2", kind.other[0]}:
            yield from self.lacks(release, there)
        expected = {
            ("v2", "next"): ["is published:", "was published already"],
            ("v2", "other"): ["is published:", "with other content"],
            ("v3", "other"): ["is published:", "is published:"],
        }[kind.other]
        codes = {"with other content": 3}
        for first, second in (expected, expected[::-1]):
            if first in ended.said and second in other.said:
                if (ended.code, other.code) != (codes.get(first, 0), codes.get(second, 0)):
                    yield f"the exit codes are {ended.code} and {other.code}"
                break
        else:
            yield f"they said {ended.said!r} and {other.said!r}"
        if kind.other == ("v2", "other"):
            paths = self.projects["next"].manifest("v2")["paths"]
            is_ours = f"static/{paths['b.svg']}" in self.after
            if is_ours != ("is published:" in ended.said):
                yield "the manifest is not that of the one who published"

    def harm(self, there: dict[str, tuple[str, str]]) -> Iterator[str]:
        """Yield what has happened to the release that was there before."""
        for key in sorted(self.guarded):
            if there.get(key) != self.before[key]:
                yield f"{key} was {self.before[key]} and is {there.get(key)}"
        yield from self.reader.faults
        self.reader.faults.clear()

    def lacks(self, release: str, there: dict[str, tuple[str, str]]) -> Iterator[str]:
        """Yield what a release lacks whose manifest is there."""
        for asset in self.projects["next"].manifest(release)["paths"].values():
            digest = there.get(f"static/{asset}", ("", ""))[1].strip('"')
            if not digest or digest[:12] not in asset:
                yield f"release {release} is there, and {asset} is {digest or 'not'}"


def contents(entries: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Return what is stored; a manifest holds a date, and who dies leaves intents and files."""
    return {
        key: "" if key.startswith("releases/") else entry[1]
        for key, entry in entries.items()
        if "_intents" not in key and PREFIX not in key
    }


def said_wrongly(kind: Kind, ended: Ended, committed: bool) -> Iterator[str]:
    """Yield what is wrong with the way in which a publish ended."""
    if kind.how == "killed":
        expected = {-signal.SIGKILL}
    elif str(kind.how).startswith("full"):
        expected = {4} if not committed else {0, 4}
    else:
        expected = {4} if kind.lasting else {0}
    if ended.code not in expected:
        yield f"it ended with {ended.code} instead of {expected}: {ended.said}"
    if ended.code == 0 and not committed:
        yield f"it says that it went well, and there is no manifest: {ended.said}"
    if ended.code == 4 and (ended.said.count("\n") != 1 or "run the same" not in ended.said):
        yield f"what it says is of no help: {ended.said}"


class BucketBench(Bench):
    """A bucket, behind a proxy."""

    def __init__(self, *arguments: Any, stack: ExitStack) -> None:
        super().__init__(*arguments)
        assert isinstance(self.place, BucketPlace)
        self.proxy = stack.enter_context(proxying(self.place.server.endpoint))
        self.broken(Kind("", "nothing"), 0)
        self.requests = len(self.proxy.requests)
        self.clear()

    def kinds(self) -> Iterator[Kind]:
        return network_kinds()

    def broken(self, kind: Kind, number: int) -> tuple[Ended, Ended | None]:
        started = threading.Event()
        pids: list[int] = []
        other: list[Ended] = []

        def start(pid: int) -> None:
            pids.append(pid)
            started.set()

        def happens() -> None:
            self.reader.look()
            if kind.how == "killed":
                started.wait()
                os.kill(pids[0], signal.SIGKILL)
            if kind.other:
                other.append(self.second.run(self.order(*kind.other)))
                self.reader.look()

        how = "reset" if kind.how == "killed" else kind.how

        def fault(current: int, _: Request) -> Fault:
            if current == number:
                return Failure(how, kind.after, happens)
            if current < number or not number or not kind.lasting:
                return None
            return "dead" if kind.how == "killed" else Failure(how, kind.after)

        self.proxy.reset(fault)
        order = self.order("v2", "next", endpoint_url=self.proxy.endpoint)
        # What heals is tried again until it has; what does not is given up soon.
        patience = {"silence": 0.6 if kind.lasting else 1}.get(str(kind.how), 10)
        order["before"].append([f"{HERE}.impatient", patience, 1 if kind.lasting else 3])
        ended = self.lane.run(order, start)
        self.proxy.over.set()
        return ended, other[0] if other else None


class DirectoryBench(Bench):
    """A directory, every change of which can be broken."""

    def __init__(self, *arguments: Any) -> None:
        self.said = arguments[1] / "said-by-the-disk"
        super().__init__(*arguments)
        self.broken(Kind("", "counted"), 0)
        self.requests = int(self.said.read_text(encoding="utf-8"))
        self.clear()

    def kinds(self) -> Iterator[Kind]:
        return disk_kinds()

    def order(self, release: str, files: str, **options: Any) -> dict[str, Any]:
        order = super().order(release, files, **options)
        return {**order, "before": [[f"{HERE}.no_sync"], *order["before"]]}

    def broken(self, kind: Kind, number: int) -> tuple[Ended, Ended | None]:
        assert isinstance(self.place, DirectoryPlace)
        other = {}
        if kind.other:
            output = str(self.folder / "said-by-the-other")
            order = self.order(*kind.other)
            other = {"address": self.lane.address, "output": output, "order": order}
        where = (str(self.place.root), number, str(self.said))
        order = self.order("v2", "next")
        order["before"] += [[f"{HERE}.at_write", kind.how, *where, other]]
        ended = self.lane.run(order)
        if not kind.other:
            return ended, None
        code, _, text = self.said.read_text(encoding="utf-8").partition(" ")
        return ended, Ended(int(code), text)


def break_everything(
    benches: list[tuple[str, Bench]], report: Report, sharing: Sequence[str] = ()
) -> None:
    """Break a publish at every request, in every way; several benches work at once.

    Args:
        benches: with the name of the store of each.
        report: what came of it.
        sharing: stores that see the same requests, and share them: each breaks its part of them.
    """
    jobs: dict[str, deque[tuple[Kind, int]]] = {}
    waiting = dict(benches)
    for store, bench in waiting.items():
        points = itertools.product(bench.kinds(), range(1, bench.requests + 1))
        first, step = (sharing.index(store), len(sharing)) if store in sharing else (0, 1)
        jobs[store] = deque(itertools.islice(points, first, None, step))

    def work(store: str, bench: Bench) -> None:
        bench.reader.start()
        # Some begin with what waits for time-outs, so that others can use the processor meanwhile.
        take = jobs[store].popleft if bench is waiting[store] else jobs[store].pop
        try:
            with suppress(IndexError):  # there is nothing left to do
                while True:
                    kind, number = take()
                    report.add(store, kind, number, bench.judged(kind, number))
        finally:
            bench.reader.stop()
            report.reads += bench.reader.reads

    with ThreadPoolExecutor(len(benches)) as pool:
        for done in [pool.submit(work, *each) for each in benches]:
            done.result()
