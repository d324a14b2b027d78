"""However large the static files are, a publish holds little of them in memory."""

from __future__ import annotations

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from tests.unit.skewproof.comparison import by_us, collecting
from tests.unit.skewproof.memory import Memory, World

from skewproof.errors import SkewproofError
from skewproof.publishing import publish
from skewproof.publishing.collection import Upload
from skewproof.publishing.content import LARGE, MAPPED, Content, Shelf
from skewproof.publishing.publish import WriteCount
from skewproof.stores.store import LIMIT, Budget

MIB = 2**20


def sparse(file: Path, size: int) -> Content:
    """Make a file of zeros, which takes no space on the disk."""
    with file.open("wb") as opened:
        opened.truncate(size)
    return Content.of_file(str(file))


def test_hashing_reads_in_parts(tmp_path: Path) -> None:
    for number in range(3):
        sparse(tmp_path / f"{number}.bin", 20 * MIB)
    with collecting([tmp_path]):
        tracemalloc.start()
        try:
            ours = by_us(ManifestStaticFilesStorage)
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
    store = Memory(World())
    store.workers = 8
    publish.write(uploads, put, "v1", store, tally, lambda _: None)
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


@pytest.mark.parametrize("size", [0, MAPPED - 1, MAPPED, LARGE])
def test_a_file_has_the_same_bytes_read_or_mapped(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    (tmp_path / "file").write_bytes(data)
    content = Content.of_file(str(tmp_path / "file"))
    assert content == Content.of(data, str(tmp_path / "file"))
    with Upload("file", content).open() as body:
        assert bytes(body) == data
        assert isinstance(body, bytes) == (size < MAPPED)


@pytest.mark.parametrize("size", [10, MAPPED])
@pytest.mark.parametrize("now", [b"", b"x" * 10, b"x" * MAPPED, b"x" * (MAPPED + 1)])
def test_a_file_that_has_changed_since_it_was_hashed_is_not_sent(
    tmp_path: Path, size: int, now: bytes
) -> None:
    content = sparse(tmp_path / "file", size)
    (tmp_path / "file").write_bytes(now)
    with pytest.raises(SkewproofError, match=r"file was changed while it was being published"):
        content.read()


def test_what_is_rewritten_goes_to_the_disk_when_it_is_much(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "rewritten", limit=10)
    kept = [shelf.keep(data) for data in (b"12345678", b"123", b"12", b"1")]
    assert [type(each.source) for each in kept] == [bytes, str, bytes, str]
    assert [each.read() for each in kept] == [b"12345678", b"123", b"12", b"1"]


def test_a_mapped_file_that_is_still_held_hides_no_error(tmp_path: Path) -> None:
    upload = Upload("file", sparse(tmp_path / "file", MAPPED))
    held = []

    def fail(body: Any) -> None:
        held.append(memoryview(body))
        raise OSError("the store")

    with pytest.raises(OSError, match="the store"), upload.open() as body:
        fail(body)
    assert held[0][0] == 0
