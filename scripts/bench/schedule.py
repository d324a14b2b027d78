"""Which runs are made, in which order: repeats outermost, peers innermost and taking turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.peers import AGAIN, COLD, OWN, WITH_COPIES, Hasher
from bench.runs import Cell, Runs, append
from bench.sequence import Sequence, number_of
from bench.servers import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.peers import Peer

ADMIN = 127
"""Static files of the admin, of which every tree has a copy."""
LONG = 30.0
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
        patience: Seconds of a cold run; a peer that would take longer, by what it took for a
            smaller tree, is left out.
        file: The results, where what is there already is not run again.
    """

    cells: tuple[Cell, ...]
    peers: tuple[Peer, ...]
    situations: tuple[str, ...]
    repeats: int
    budget: float
    patience: float
    file: Path

    def run(self, say: Callable[[str], None]) -> None:
        """Make the runs that the file lacks."""
        for repeat in range(1, self.repeats + 1):
            for number, cell in enumerate(self.cells):
                sequences = tuple(self.sequences(cell, repeat, repeat + number))
                if sequences:
                    self.run_block(cell, sequences, say)

    def sequences(self, cell: Cell, repeat: int, turn: int) -> Iterator[Sequence]:
        """Yield what one repeat of a cell lacks; in each another peer comes first."""
        first = turn % len(self.peers)
        for peer in (*self.peers[first:], *self.peers[:first]):
            wanted = tuple(each for each in peer.situations if each in self.situations)
            if wanted and belongs(cell, peer) and self.is_due(cell, peer, repeat):
                yield Sequence(peer, cell, repeat, wanted)

    def is_due(self, cell: Cell, peer: Peer, repeat: int) -> bool:
        """Return whether a repeat is lacking, and fits into the budget."""
        runs = Runs.read(self.file)
        there = [run for run in runs.runs if (run.cell, run.peer) == (cell, peer.name)]
        done = {run.repeat for run in there}
        if not done:
            return predicted(runs, cell, peer) <= self.patience
        spent = sum(run.seconds for run in there)
        return repeat not in done and spent + spent / len(done) <= self.budget

    def run_block(
        self, cell: Cell, sequences: tuple[Sequence, ...], say: Callable[[str], None]
    ) -> None:
        """Run each peer once, all against the same store."""
        with serving(cell.latency) as servers:
            for sequence in sequences:
                runs = []
                for run in sequence.run(servers):
                    runs.append(run)
                    say(
                        f"{cell.tree}, {cell.latency} ms, {run.repeat}: {run.peer} "
                        f"{run.situation}: {run.seconds:.2f} s, {run.total} requests"
                    )
                    if run.situation == AGAIN and runs[0].seconds > LONG:
                        break
                # A sequence counts when it is whole, so that an interrupted one is run again.
                append(self.file, runs)


def belongs(cell: Cell, peer: Peer) -> bool:
    """Return whether a peer is measured in a cell.

    Where nothing is sent no latency matters, and the films are there to show our own memory.
    """
    if isinstance(peer, Hasher):
        return not cell.latency and cell.tree != "films"
    return cell.tree != "films" or (peer in (OWN, WITH_COPIES) and not cell.latency)


def predicted(runs: Runs, cell: Cell, peer: Peer) -> float:
    """Return the seconds of a cold run by those of smaller trees; 0 where there are none."""
    files = ADMIN + number_of(cell.tree)
    found = {
        number_of(run.cell.tree): run.seconds * files / (ADMIN + number_of(run.cell.tree))
        for run in runs.runs
        if (run.peer, run.situation) == (peer.name, COLD)
        and run.cell.latency == cell.latency
        and number_of(run.cell.tree) < number_of(cell.tree)
    }
    return found[max(found)] if found else 0.0
