"""What does not build, is not built or does not answer, on either engine."""

from __future__ import annotations

from tests.cli.checkouts import Checkout


def break_release(checkout: Checkout, release: str) -> None:
    """Let a stylesheet name a file that is not there."""
    sheet = next((checkout.folder / "app/releases" / release / "static").rglob("site.css"))
    sheet.write_text(sheet.read_text() + "\nbody { background: url(no-such-kiln.png); }\n")


def test_a_build_that_fails_shows_the_end_of_its_log(bare: Checkout, engine: str) -> None:
    break_release(bare, "v2")
    done = bare.lab("build", "v2", "--engine", engine)
    assert (done.code, done.out) == (69, "")
    first, *log = done.complaints
    assert "v2 does not build" in first or "docker compose build failed" in first
    assert "no-such-kiln.png" in "\n".join(log)
    assert len(log) <= 15


def test_a_release_that_is_not_built_for_an_engine_is_refused(bare: Checkout, engine: str) -> None:
    done = bare.lab("rollout", "--engine", engine, DJANGO="0.0")
    assert (done.code, done.out) == (64, "")
    assert done.complaints == [
        f"lab: release v1 is not built for the engine {engine}: "
        f'run "lab build v1 --engine {engine}"'
    ]


def test_where_no_docker_answers_compose_is_refused_and_auto_takes_embedded(
    bare: Checkout, port: int
) -> None:
    nobody = f"unix://{bare.folder}/nobody.sock"
    done = bare.lab("up", "--port", port, "--engine", "compose", DOCKER_HOST=nobody)
    assert (done.code, done.out) == (69, "")
    (line,) = done.complaints
    assert line.startswith(f"lab: Docker does not answer at {nobody}: start it, or choose --engine")
    done = bare.lab("up", "--port", port, DOCKER_HOST=nobody)
    assert "» engine embedded, for there is no compose: Docker does not answer" in done.err
    assert done.complaints == [
        'lab: release v1 is not built for the engine embedded: run "lab build v1 --engine embedded"'
    ]
