"""A cell: one scenario under one strategy, carried out on a stack and written down."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

from lab.camera import SUFFIX, Camera, CameraError
from lab.deadline import POLL_SECONDS, wait_until
from lab.errors import LabError, UnavailableError
from lab.history import About, Fetch, History, open_history
from lab.matrix.breakpoint import Breakpoint, Pause
from lab.matrix.scenarios import Scenario, Step
from lab.matrix.stack import MatrixStack
from lab.probe import Limits, Probe, Site
from lab.runs.rollout import find_rewritten
from lab.stacks.model import Publish, Say
from lab.stacks.stack import require_success

RELEASES = ("v1", "v2")
FIRST = RELEASES[0]
READY_SECONDS = 60.0
FEWEST, MOST = 5, 30
"""Writes that go through before a publish is paused half-way; the smallest has more."""
VISITORS = 2
VISIT_SECONDS = 60.0


class PausedPublish:
    """Runs a publish job until it is paused or has ended."""

    def __init__(self, stack: MatrixStack, release: str, point: Breakpoint) -> None:
        self.stack, self.release = stack, release
        self.done: Publish | None = None
        self.failed: LabError | None = None
        self.pause = Pause(stack.pause_folder)
        shutil.rmtree(self.pause.folder, ignore_errors=True)
        self.pause.write(point)
        self.resources = ExitStack()
        changes = self.resources.enter_context(stack.pausing(self.pause))
        self.thread = threading.Thread(target=self.run, args=(changes,), daemon=True)
        self.thread.start()
        while self.thread.is_alive() and not self.pause.is_paused():
            time.sleep(POLL_SECONDS)
        self.was_paused = self.thread.is_alive()

    def run(self, changes: dict[str, str]) -> None:
        """Run the job to its end."""
        try:
            self.done = self.stack.publish_in(self.release, changes)
        except LabError as error:
            self.failed = error

    def end(self, *, killed: bool) -> Publish | None:
        """Let it go on to its end, or kill it where it is; return how it ended."""
        if killed:
            self.stack.machine.kill_publish(self.release)
        self.pause.resume(dropped=killed)
        self.thread.join()
        self.resources.close()
        if self.failed and not killed:
            raise self.failed
        return self.done


class Cell:
    """The verbs of the scenarios, on a stack that is as new."""

    def __init__(
        self,
        stack: MatrixStack,
        probe: Probe,
        history: History,
        seed: str,
        camera: Camera | None = None,
    ) -> None:
        self.stack, self.probe, self.history, self.camera = stack, probe, history, camera
        self.chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be guessed
        self.paused: PausedPublish | None = None
        self.tab: list[str] = []
        self.before: dict[str, dict[str, str]] = {}
        self.pictures = count(1)

    def carry_out(self, steps: Iterable[Step]) -> None:
        """Take one step after the other."""
        try:
            for step in steps:
                self.history.add_event("step", step.release, what=str(step))
                release = (step.release,) if step.release else ()
                VERBS[step.verb](self, *release, **step.options)
        finally:
            if self.paused:
                self.paused.end(killed=True)

    def begin(self) -> None:
        """Publish v1, and let a replica of it draw all the traffic."""
        for release in RELEASES:
            if (built := self.stack.build_image(release)) is not None:
                require_success(built)
        self.publish(FIRST)
        self.stack.add_replica(FIRST)
        self.stack.start_gateway({FIRST: 100})
        self.note_serving()

    def publish(self, release: str) -> None:
        """Run the publish job; where the assets are in the image, the build has done it."""
        if self.stack.kind.keeps != "image":
            require_success(self.stack.publish(release))

    def pause_publish(self, release: str, *, at: str) -> None:
        """Begin to publish, and pause the publish there: half-way at its worst moment."""
        kind = self.stack.kind
        if at == "half-way" and not kind.alone:
            at = "rewrite"
        used = frozenset(f"static/{name}" for name in self.stack.record(FIRST)["assets"])
        after = self.chance.randint(FEWEST, MOST)
        self.paused = PausedPublish(
            self.stack, release, Breakpoint(at=at, used=used, manifest=kind.hashed, after=after)
        )
        self.history.add_event("paused", release, at=at, after=after, paused=self.paused.was_paused)

    def resume_publish(self) -> None:
        """Let the publish that is paused go on to its end."""
        if self.paused and (done := self.paused.end(killed=False)):
            require_success(done)
        self.paused = None

    def kill_publish(self) -> None:
        """Kill the publish that is paused."""
        if self.paused:
            self.paused.end(killed=True)
        self.paused = None

    def start(self, release: str) -> None:
        """Start a replica; whether it draws traffic is another step."""
        self.stack.add_replica(release)
        self.note_serving()

    def stop(self, release: str) -> None:
        """Stop the replicas of a release."""
        for replica in self.stack.replicas(release):
            self.stack.drain(replica)
        self.note_serving()

    def recycle(self, release: str) -> None:
        """Give every replica fresh workers."""
        for replica in self.stack.replicas(release):
            self.stack.recycle(replica)

    def route(self, *, if_ready: bool = False, **weights: int) -> None:
        """Give out the traffic.

        Args:
            if_ready: a release without a ready replica leaves the traffic as it is; else all
                replicas are waited for.
            weights: percent by release.
        """
        if not if_ready:
            for release in weights:
                self.await_ready(release)
        routed = all(self.stack.members(release) for release in weights)
        self.history.add_event("weights", None, weights=weights, routed=routed)
        if routed:
            self.stack.route(weights)
            self.note_serving()

    def note_serving(self) -> None:
        """Write down who serves from now on, and which share."""
        replicas = {release: len(self.stack.replicas(release)) for release in RELEASES}
        self.history.add_event("serving", None, weights=self.stack.weights, replicas=replicas)

    def await_ready(self, release: str) -> None:
        """Wait until all replicas of a release are ready."""
        wait_until(
            lambda: self.stack.members(release) == self.stack.replicas(release),
            READY_SECONDS,
            f"{release} is not ready",
            lambda: "",
        )

    def look(self, *, cached: bool = False) -> list[Fetch]:
        """See every page of each release in the traffic, and all that it names.

        Args:
            cached: by way of the gateway's cache; else at the store itself.
        """
        seen = [self.probe.crawl_once(name, hard=not cached) for name in self.stack.weights]
        self.take_pictures(hard=not cached)
        return [fetch for fetches in seen for fetch in fetches]

    def take_pictures(self, *, hard: bool = True) -> None:
        """Keep what the entrance of each release in the traffic looks like, if somebody wants it.

        Only after a look, which has loaded all that a process loads: a picture changes nothing.
        """
        if self.camera is None:
            return
        for release in self.stack.weights:
            file = self.history.path.with_suffix(f".{next(self.pictures)}-{release}{SUFFIX}")
            try:
                file.write_bytes(self.camera.take(self.stack.base, release, hard=hard))
                self.history.add_event("pictured", release, picture=file.name)
            except CameraError as error:
                self.history.add_event("not-pictured", release, why=str(error))

    def look_at_pages(self) -> None:
        """See every page, and nothing that it names."""
        site = replace(self.probe.site, limits=Limits(assets=0))
        with Probe(site, self.history) as probe:
            for release in self.stack.weights:
                probe.crawl_once(release)

    def glance(self) -> None:
        """Look by way of the cache, and do not judge: what matters is what the cache keeps."""
        path = self.history.path.with_suffix(".glance")
        with History(path) as unjudged, Probe(self.probe.site, unjudged) as probe:
            for release in self.stack.weights:
                probe.crawl_once(release)
        path.unlink()

    def recycle_under_load(self, release: str, *, times: int) -> None:
        """Give every replica fresh workers so many times, while visitors look."""
        with Probe(self.probe.site, self.history) as load:
            load.start(VISITORS, release=release, hard=True)
            for _ in range(times):
                self.recycle(release)
                if not load.await_round(VISIT_SECONDS):
                    raise UnavailableError(f"{VISITORS} visitors did not see {release}")
        self.take_pictures()

    def open_tab(self) -> None:
        """Look, and remember what the pages may still load later."""
        static = self.probe.site.static or ""
        urls = [fetch.url for fetch in self.look() if fetch.role == "asset"]
        self.tab = [*dict.fromkeys(url for url in urls if url.startswith(static))]

    def return_to_tab(self) -> None:
        """Load all of it once more, at the store itself."""
        self.probe.ask_for(self.tab, FIRST)

    def take_inventory(self) -> None:
        """Remember what is stored, and since when."""
        self.before = self.stack.inventory()

    def compare(self, release: str) -> None:
        """Write down which of v1's assets the publish has touched."""
        assets = self.stack.record(FIRST)["assets"]
        touched = find_rewritten(assets, self.before, self.stack.inventory())
        self.history.add_event("rewritten", release, assets=touched, of=len(assets))

    def retire(self, release: str) -> None:
        """Clean up after a release, as those do who have the strategy."""
        cleans = self.stack.kind.cleans
        if cleans == "unreachable":
            self.stack.prune_releases()
        elif cleans == "prefix":
            prefix = f"static/{self.stack.kind.prefix_of(release)}"
            self.stack.delete([key for key in self.stack.inventory() if key.startswith(prefix)])

    def prune(self) -> None:
        """Delete v1's assets at once; without a way of one's own, whatever is as old as they."""
        if self.stack.kind.cleans == "unreachable":
            self.stack.prune_releases("--min-age", "0")
        elif self.stack.kind.cleans == "prefix":
            self.retire(FIRST)
        else:
            now = self.stack.inventory()
            old = [key for key in self.before if now.get(key) == self.before[key]]
            self.stack.delete(old)

    def damage(self) -> None:
        """Look, and flip one byte of an asset that the pages of v1 name."""
        static = self.probe.site.static or ""
        seen = sorted({each.url for each in self.look() if each.role == "asset"})
        url = self.chance.choice([each for each in seen if each.startswith(static)])
        key = f"static/{url.removeprefix(static).lstrip('/')}"
        self.stack.flip(key)
        self.history.add_event("damaged", FIRST, key=key)

    def verify(self) -> None:
        """Have damage looked for and mended, by those who have the strategy that does so."""
        if self.stack.kind.cleans == "unreachable":
            self.stack.verify_releases()

    def let_store_away(self) -> None:
        """Let the store not answer any more."""
        self.stack.let_store_away()

    def bring_store_back(self) -> None:
        """Let it answer again, with all that it held."""
        self.stack.bring_store_back()


VERBS: dict[str, Callable[..., object]] = {
    "publish": Cell.publish,
    "pause_publish": Cell.pause_publish,
    "resume_publish": Cell.resume_publish,
    "kill_publish": Cell.kill_publish,
    "start": Cell.start,
    "stop": Cell.stop,
    "recycle": Cell.recycle,
    "route": Cell.route,
    "look": Cell.look,
    "look_at_pages": Cell.look_at_pages,
    "glance": Cell.glance,
    "recycle_under_load": Cell.recycle_under_load,
    "open_tab": Cell.open_tab,
    "return_to_tab": Cell.return_to_tab,
    "take_inventory": Cell.take_inventory,
    "compare": Cell.compare,
    "retire": Cell.retire,
    "prune": Cell.prune,
    "damage": Cell.damage,
    "verify": Cell.verify,
    "let_store_away": Cell.let_store_away,
    "bring_store_back": Cell.bring_store_back,
}
"""What a step of a scenario may name."""


def run_cell(
    stack: MatrixStack,
    scenario: Scenario,
    seed: str,
    folder: Path,
    say: Say,
    camera: Camera | None = None,
) -> Path:
    """Carry a scenario out on a stack that has been made as new; returns the history."""
    about = About(
        folder=folder, base=stack.base, strategy=stack.kind.name, engine=stack.state.engine
    )
    with open_history(about, scenario.name, say) as history:
        for release in RELEASES:
            history.add_release(stack.record(release))
        with Probe(Site(base=stack.base, static=about.static), history) as probe:
            cell = Cell(stack, probe, history, seed, camera)
            cell.begin()
            cell.carry_out(scenario.steps)
            probe.ask_for_absent()
    return history.path
