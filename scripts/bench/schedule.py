"""Which runs are made, in which order: repeats outermost, peers innermost and taking turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.peers import AGAIN, COLD, Hasher
from bench.runs import Cell, Runs, append
from bench.sequence import Sequence
from bench.servers import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence as List
    from pathlib import Path

    from bench.peers import Peer

LONG = 60.0
"""Seconds of a cold run from which on a peer is not measured with changed files."""


@dataclass(frozen=True)
class Schedule:
    """What is to be measured.

    Attributes:
        cells: Where; those that matter most come first.
        peers: Who.
        situations: In which situations, of those that a peer has.
        repeats: How often, at most.
        budget: Seconds for all repeats of one peer in one cell; the first is made in any case.
        file: The results, where what is there already is not run again.
    """

    cells: List[Cell]
    peers: List[Peer]
    situations: List[str]
    repeats: int
    budget: float
    file: Path

    def run(self, say: Callable[[str], None]) -> None:
        """Make the runs that the file lacks."""
        for repeat in range(1, self.repeats + 1):
            for number, cell in enumerate(self.cells):
                sequences = list(self.sequences(cell, repeat, repeat + number))
                if sequences:
                    self.run_block(cell, sequences, say)

    def sequences(self, cell: Cell, repeat: int, turn: int) -> Iterator[Sequence]:
        """Yield what one repeat of a cell lacks; in each another peer comes first."""
        runs = Runs.read(self.file)
        first = turn % len(self.peers)
        for peer in (*self.peers[first:], *self.peers[:first]):
            wanted = tuple(each for each in peer.situations if each in self.situations)
            there = [run for run in runs.runs if (run.cell, run.peer) == (cell, peer.name)]
            spent = sum(run.seconds for run in there)
            done = {run.repeat for run in there}
            fits = not done or spent + spent / len(done) <= self.budget
            if wanted and repeat not in done and fits and peer.is_here() and fits_in(cell, peer):
                yield Sequence(peer, cell, repeat, wanted)

    def run_block(
        self, cell: Cell, sequences: List[Sequence], say: Callable[[str], None]
    ) -> None:
        """Run each peer once, all against the same store."""
        with serving(cell.store, cell.latency) as servers:
            for sequence in sequences:
                runs = []
                for run in sequence.run(servers):
                    runs.append(run)
                    say(
                        f"{cell.tree}, {cell.latency} ms, {run.repeat}: {run.peer} {run.situation}: "
                        f"{run.seconds:.2f} s, {run.total} requests"
                    )
                    if run.situation == AGAIN and runs[0].situation == COLD and runs[0].seconds > LONG:
                        break
                # A sequence counts when it is whole, so that an interrupted one is run again.
                append(self.file, runs)


def fits_in(cell: Cell, peer: Peer) -> bool:
    """Return whether a peer belongs into a cell: where nothing is sent, no latency matters."""
    return not (cell.latency and isinstance(peer, Hasher))
