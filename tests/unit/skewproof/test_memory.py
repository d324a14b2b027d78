"""However large the static files are, a publish holds little of them in memory."""

from __future__ import annotations

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

from skewproof.publishing import publish
from skewproof.publishing.collection import MAPPED, Upload
from skewproof.publishing.publish import LIMIT, Budget, WriteCount

from .comparison import by_us, collecting

MIB = 2**20


def sparse(file: Path, size: int) -> Path:
    """Make a file of zeros, which takes no space on the disk."""
    with file.open("wb") as opened:
        opened.truncate(size)
    return file


def test_hashing_reads_in_parts(tmp_path: Path) -> None:
    for number in range(3):
        sparse(tmp_path / f"{number}.bin", 20 * MIB)
    with collecting([tmp_path]):
        tracemalloc.start()
        try:
            ours = by_us(ManifestStaticFilesStorage, digest=str)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(ours.paths) == 3
    assert peak < 4 * MIB


def test_files_that_are_sent_at_once_stay_within_the_budget(tmp_path: Path) -> None:
    uploads = [Upload(f"{n}", sparse(tmp_path / f"{n}", 5 * MIB)) for n in range(12)]
    uploads.append(Upload("larger", sparse(tmp_path / "larger", LIMIT + 1)))
    lock = threading.Lock()
    held: list[int] = []
    most: list[int] = []

    def put(_name: str, body: Any, _headers: dict[str, str]) -> bool:
        with lock:
            held.append(len(body))
            most.append(sum(held))
        assert body[0] == 0
        with lock:
            held.remove(len(body))
        return True

    tally = WriteCount()
    publish.write(uploads, put, 8, tally, lambda _: None)
    assert tally.sent == 12 * 5 * MIB + LIMIT + 1
    assert max(most) == LIMIT + 1


def test_a_file_waits_until_there_is_room() -> None:
    budget = Budget(10)
    entered, leave = threading.Event(), threading.Event()

    def hold(size: int) -> None:
        with budget.spend(size):
            entered.set()
            assert leave.wait(10)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hold, 8)
        assert entered.wait(10)
        entered.clear()
        second = pool.submit(hold, 3)
        assert not entered.wait(0.05)
        leave.set()
        assert entered.wait(10)
        first.result()
        second.result()


@pytest.mark.parametrize("size", [0, MAPPED - 1, MAPPED])
def test_a_file_has_the_same_bytes_read_or_mapped(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    upload = Upload("file", tmp_path / "file")
    with upload.open() as body:
        assert bytes(body) == upload.body()
        assert len(body) == size
        assert isinstance(body, bytes) == (size < MAPPED)


def test_a_mapped_file_that_is_still_held_hides_no_error(tmp_path: Path) -> None:
    upload = Upload("file", sparse(tmp_path / "file", MAPPED))
    held = []

    def fail(body: Any) -> None:
        held.append(memoryview(body))
        raise OSError("the store")

    with pytest.raises(OSError, match="the store"), upload.open() as body:
        fail(body)
    assert held[0][0] == 0
