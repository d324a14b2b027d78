"""A run of the matrix: which cells, by how many workers, kept where."""

from __future__ import annotations

import os
import queue
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from lab import checkout
from lab.camera import SUFFIX, Camera
from lab.errors import LabError
from lab.judge.findings import Status
from lab.judge.verdict import judge_history
from lab.matrix.cell import RELEASES, run_cell
from lab.matrix.result import Result, add_wanted, load_result, make_inapplicable, make_result
from lab.matrix.scenarios import SCENARIOS, Scenario
from lab.matrix.stack import MatrixStack
from lab.stacks.engines import reach_machine
from lab.stacks.lifecycle import take_away
from lab.stacks.model import Plan, Say
from lab.stacks.ports import free_port
from lab.stacks.stack import require_success
from lab.stacks.watchdog import Watchdog
from lab.strategies import CURE, STRATEGIES, Strategy

Chosen = tuple[Strategy, Scenario]


@dataclass(frozen=True, kw_only=True)
class MatrixRequest:
    """What a person asked for."""

    strategies: Sequence[str]
    scenarios: Sequence[str]
    run: str
    seed: int = 0
    workers: int = 2
    engine: str = "embedded"
    screenshots: bool = False

    @property
    def folder(self) -> Path:
        """Return where the cells of the run are kept."""
        return checkout.WORK / checkout.MATRIX / self.run

    @property
    def cells(self) -> list[Chosen]:
        """Return the cells, strategy by strategy."""
        return [
            (STRATEGIES[strategy], SCENARIOS[scenario])
            for strategy in self.strategies
            for scenario in self.scenarios
        ]

    def finished(self) -> list[Result]:
        """Return what has been run to its end, in order, beside what is expected today."""
        return [
            replace(found, expected=scenario.expected(strategy.name))
            for strategy, scenario in self.cells
            if (found := load_result(self.folder, strategy.name, scenario.name))
        ]

    def require_one_engine(self) -> None:
        """Refuse to go on with a run of another engine.

        Raises:
            LabError: it is one.
        """
        for result in self.finished():
            if result.engine != self.engine:
                raise LabError(f"run {self.run} is of --engine {result.engine}: give the same here")


def run_cells(request: MatrixRequest, say: Say) -> list[Result]:
    """Run the cells that have not been run; returns all that are there, in order.

    An interrupt ends it early: what has been finished is kept, and the rest is run by --resume.
    """
    request.require_one_engine()
    add_wanted(request.folder, ((each.name, scenario.name) for each, scenario in request.cells))
    waiting: queue.SimpleQueue[Chosen] = queue.SimpleQueue()
    count = 0
    for strategy, scenario in request.cells:
        if strategy.name in scenario.without:
            result = make_inapplicable(strategy, scenario)
            replace(result, engine=request.engine).save(request.folder)
        elif (done := load_result(request.folder, strategy.name, scenario.name)) is None or (
            done.status == Status.UNKNOWN
        ):
            waiting.put((strategy, scenario))
            count += 1
    if count:
        work(request, waiting, min(request.workers, count), say)
    return request.finished()


def work(
    request: MatrixRequest, waiting: queue.SimpleQueue[Chosen], workers: int, say: Say
) -> None:
    """Let the workers empty the queue, each on a stack of its own."""
    stopped = threading.Event()

    def empty(stack: MatrixStack) -> None:
        with suppress(queue.Empty):
            while not stopped.is_set():
                result = run_one(request, stack, *waiting.get_nowait(), camera)
                if not stopped.is_set():  # else its stack was stopped under it
                    replace(result, engine=request.engine).save(request.folder)
                    say(describe(result))

    with ExitStack() as resources:
        camera = resources.enter_context(Camera()) if request.screenshots else None
        stacks = [
            resources.enter_context(
                worker_stack(request.engine, f"matrix-{os.getpid()}-{number}", say)
            )
            for number in range(1, workers + 1)
        ]
        if camera:
            picture_references(camera, stacks[0], request.folder)
        with ThreadPoolExecutor(workers, thread_name_prefix="matrix") as pool:
            futures = [pool.submit(empty, stack) for stack in stacks]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:  # the first failure, or Ctrl-C: the cells that run end with it
                stopped.set()
                for stack in stacks:
                    stack.machine.break_off()
                raise


@contextmanager
def worker_stack(engine: str, name: str, say: Say) -> Iterator[MatrixStack]:
    """Make a stack with a store and nothing else; gone at the end, whatever the end is."""
    port = free_port()
    plan = Plan(name=name, strategy=CURE, port=port, weights={}, publishes=(), replicas=1)
    with Watchdog(engine, name):
        stack = MatrixStack(reach_machine(engine).claim(plan))
        try:
            say(f"starting {stack.machine.store}")
            stack.machine.start_store(is_open=True)
            yield stack
        finally:
            take_away(stack)
    # Only where all went well: else its logs are worth a look.
    shutil.rmtree(stack.folder)


def picture_references(camera: Camera, stack: MatrixStack, folder: Path) -> None:
    """Keep what each release should look like: as it does where nothing happens to it.

    No cell can show that at its begin: a page that is rendered has loaded what is to be loaded
    later.
    """
    stack.begin(STRATEGIES[CURE])
    for release in RELEASES:
        require_success(stack.publish(release))
        stack.add_replica(release)
    stack.start_gateway(dict.fromkeys(RELEASES, 100 // len(RELEASES)))
    for release in RELEASES:
        (folder / f"{release}{SUFFIX}").write_bytes(camera.take(stack.base, release))


def run_one(
    request: MatrixRequest,
    stack: MatrixStack,
    strategy: Strategy,
    scenario: Scenario,
    camera: Camera | None = None,
) -> Result:
    """Run one cell, and judge it; one that cannot be carried out is UNKNOWN."""
    seed = f"{request.seed}:{strategy.name}:{scenario.name}"
    began = time.monotonic()
    try:
        stack.begin(strategy, keeps_misses=scenario.keeps_misses)
        folder = request.folder / strategy.name
        history = run_cell(stack, scenario, seed, folder, lambda _line: None, camera)
        return make_result(
            strategy, scenario, judge_history(history), seed, time.monotonic() - began
        )
    except (LabError, BotoCoreError, ClientError) as error:
        expected = scenario.expected(strategy.name)
        why = " ".join(str(error).split())
        return Result(
            strategy=strategy.name,
            scenario=scenario.name,
            status=Status.UNKNOWN,
            expected=expected,
            reason=why,
            seed=seed,
        )


def describe(result: Result) -> str:
    """Return a cell that has been run, in a line."""
    surprise = f", expected {result.expected}" if result.surprises else ""
    return f"{result.strategy} x {result.scenario}: {result.status}{surprise}"
