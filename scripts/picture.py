"""Make the moving picture of the README: two rollouts, as the explore page shows them.

    .venv/bin/python scripts/picture.py docs/images/explore.png

Under each strategy it starts a stack, opens the page in Chromium, lets "lab rollout" run, and takes
the page's headline, shares and visits over and over. Nothing is drawn but the titles. It takes some
minutes, and a machine that does nothing else: where pages time out, also skewproof's rollout fails.
"""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from PIL import Image
from playwright.sync_api import sync_playwright

from lab.camera import launch_chromium
from lab.checkout import APP
from lab.stacks.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser, Page, ViewportSize

FRAMES = 48
MILLISECONDS = 200
"""How long each of them is shown."""
REST = 2500
"""How long the last one is."""
CALM_SECONDS = 6.0
"""Before and after a rollout."""
PACE_SECONDS = 0.5
COLOURS = 96
MOST_BYTES = 3_000_000
VIEW: ViewportSize = {"width": 560, "height": 900}
GAP = 16
RIM = 4
"""Around a part, where the mark of a square may reach."""
PARTS = {"#headline": 86, "#shares": 44, "#grid": 222}
"""What is taken of the page, and how high the room for it is."""
FONT = APP / "releases" / "v1" / "static" / "fonts" / "karla-latin.woff2"
TITLE = """<style>
@font-face { font-family: Karla; src: url(data:font/woff2;base64,%s); font-weight: 200 800; }
body { margin: 0; padding: 10px 16px 8px; background: #fff; color: #111827;
       font: 400 19px/1.3 Karla; }
b { font-weight: 700; font-size: 23px; }
</style><b>%s</b><br>%s"""


@dataclass(frozen=True)
class Take:
    """A strategy, what stands above its picture, and how the lab judges the rollout."""

    strategy: str
    title: str
    words: str
    exit_code: int


TAKES = (
    Take(
        "shared", "One manifest for both releases", "stock storage, make rollout STRATEGY=shared", 1
    ),
    Take("skewproof", "The same with Skewproof", "make rollout", 0),
)


def lab(*arguments: object) -> list[str]:
    """Return the command line of a command of the lab."""
    return [sys.executable, "-m", "lab.cli", *map(str, arguments)]


def look(page: Page) -> Image.Image:
    """Return the parts of the page as they are now, one below the other."""
    whole = read(page.screenshot())
    picture = Image.new("RGB", (whole.width, sum(PARTS.values())), "white")
    top = 0
    for part, height in PARTS.items():
        if box := page.locator(part).bounding_box():
            x, y = int(box["x"]) - RIM, int(box["y"]) - RIM
            right, bottom = (x + int(box["width"]) + 2 * RIM, y + int(box["height"]) + 2 * RIM)
            picture.paste(whole.crop((x, y, right, min(bottom, y + height))), (x, top))
        top += height
    return picture


def watch(page: Page, rollout: subprocess.Popen[bytes]) -> Iterator[Image.Image]:
    """Yield pictures while a rollout runs, and for a moment before and after it."""
    end = None
    while end is None or time.monotonic() < end:
        yield look(page)
        time.sleep(PACE_SECONDS)
        if end is None and rollout.poll() is not None:
            end = time.monotonic() + CALM_SECONDS


def film(browser: Browser, take: Take) -> list[Image.Image]:
    """Return what the page shows of a rollout, evenly over its time, below a title.

    Raises:
        click.ClickException: the rollout did not come to what the picture says.
    """
    port = free_port()
    name = f"picture-{take.strategy}"
    place = ("--name", name, "--port", port, "--strategy", take.strategy)
    subprocess.run(lab("up", "--engine", "embedded", *place), check=True)
    try:
        page = browser.new_page(viewport=VIEW, color_scheme="light")
        page.goto(f"http://127.0.0.1:{port}/lab/")
        page.wait_for_timeout(1000 * CALM_SECONDS)
        rollout = subprocess.Popen(lab("rollout", "--name", name, "--visitors", 2))
        pictures = list(watch(page, rollout))
        page.close()
        if rollout.returncode != take.exit_code:
            raise click.ClickException(
                f"a rollout with {take.strategy} ended with {rollout.returncode}"
            )
    finally:
        subprocess.run(lab("down", "--name", name), check=True)
    title = read(draw_title(browser, take))
    return [below(title, picture) for picture in spread(pictures)]


def spread(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Return so many of them, evenly."""
    last = len(pictures) - 1
    return [pictures[round(last * number / (FRAMES - 1))] for number in range(FRAMES)]


def draw_title(browser: Browser, take: Take) -> bytes:
    """Return the words above a picture."""
    page = browser.new_page(viewport={"width": VIEW["width"], "height": 10})
    font = base64.b64encode(FONT.read_bytes()).decode()
    page.set_content(TITLE % (font, take.title, take.words))
    page.evaluate("document.fonts.ready")
    picture = page.screenshot(full_page=True)
    page.close()
    return picture


def read(png: bytes) -> Image.Image:
    """Return a picture."""
    return Image.open(io.BytesIO(png)).convert("RGB")


def below(title: Image.Image, picture: Image.Image) -> Image.Image:
    """Return a picture with its title above it."""
    whole = Image.new("RGB", (title.width, title.height + picture.height), "white")
    whole.paste(title, (0, 0))
    whole.paste(picture, ((title.width - picture.width) // 2, title.height))
    return whole


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Return two pictures side by side."""
    height = max(left.height, right.height)
    whole = Image.new("RGB", (left.width + GAP + right.width, height), "white")
    whole.paste(left, (0, 0))
    whole.paste(right, (left.width + GAP, 0))
    return whole


def animate(frames: Sequence[Image.Image]) -> bytes:
    """Return them as one animated PNG, whose frames have one palette and only what changes."""
    few = frames[:: max(1, len(frames) // 8)]
    sheet = Image.new("RGB", (few[0].width, few[0].height * len(few)))
    for number, frame in enumerate(few):
        sheet.paste(frame, (0, number * frame.height))
    palette = sheet.quantize(COLOURS)
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [MILLISECONDS] * len(others) + [REST]
    buffer = io.BytesIO()
    first.save(buffer, "PNG", save_all=True, append_images=others, duration=times, loop=0)
    return buffer.getvalue()


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def main(target: Path) -> None:
    """Write the picture to TARGET."""
    subprocess.run(lab("build", "--engine", "embedded"), check=True)
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        films = [film(browser, take) for take in TAKES]
        browser.close()
    content = animate([beside(*pair) for pair in zip(*films, strict=True)])
    if len(content) > MOST_BYTES:
        raise click.ClickException(f"{len(content):,} bytes are more than {MOST_BYTES:,}")
    target.write_bytes(content)
    click.echo(f"{target}: {FRAMES} frames, {len(content):,} bytes")


if __name__ == "__main__":
    main()
