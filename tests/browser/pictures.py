"""The pictures of the README: taken by the browser, put side by side by it, and made small."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from lab.checkout import APP

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

WIDE: ViewportSize = {"width": 1600, "height": 100}
COLOURS = 256
FONT = APP / "releases" / "v1" / "static" / "fonts" / "karla-latin.woff2"
STYLE = """
@font-face { font-family: Karla; src: url(data:font/woff2;base64,%s); font-weight: 200 800; }
body { margin: 0; padding: 24px; display: grid; grid-template-columns: repeat(3, 1fr); gap: 24px;
       background: #fff; color: #111827; font: 400 23px/1.35 Karla; }
figure { margin: 0; display: grid; grid-template-rows: auto auto 1fr; }
b { padding: 9px 18px; border-radius: 12px 12px 0 0; background: var(--tone); color: #fff;
    font-size: 27px; }
img { display: block; width: 100%%; box-sizing: border-box; border: solid var(--tone);
      border-width: 0 3px 3px; }
figcaption { padding: 12px 4px 0; text-wrap: balance; }
"""
# The share of a picture's points that are red, green and blue enough to be called so.
SHARES = """async (source) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = new OffscreenCanvas(320, 200);
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0, 320, 200);
  const {data} = pen.getImageData(0, 0, 320, 200);
  const shares = {red: 0, green: 0, blue: 0};
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b] = data.slice(i, i + 3);
    if (r > 1.6 * Math.max(g, b)) shares.red += 1 / 64000;
    if (g > 1.15 * Math.max(r, b)) shares.green += 1 / 64000;
    if (b > 1.4 * Math.max(r, g)) shares.blue += 1 / 64000;
  }
  return shares;
}"""


@dataclass(frozen=True)
class Panel:
    """One picture among others, and what is said about it."""

    picture: bytes
    title: str
    caption: str
    tone: str

    @property
    def html(self) -> str:
        """The panel as a figure."""
        return (
            f'<figure style="--tone: {self.tone}"><b>{escape(self.title)}</b>'
            f'<img src="{data_url(self.picture)}">'
            f"<figcaption>{escape(self.caption)}</figcaption></figure>"
        )


def data_url(png: bytes) -> str:
    """A picture as a URL."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def side_by_side(chromium: Browser, panels: list[Panel]) -> bytes:
    """One picture of several."""
    page = chromium.new_page(viewport=WIDE)
    style = STYLE % base64.b64encode(FONT.read_bytes()).decode()
    page.set_content(f"<style>{style}</style>{''.join(panel.html for panel in panels)}")
    page.evaluate("document.fonts.ready")
    picture = page.screenshot(full_page=True)
    page.close()
    return picture


def shares(chromium: Browser, png: bytes) -> dict[str, float]:
    """How much of a picture is red, green and blue."""
    page = chromium.new_page()
    found: dict[str, float] = page.evaluate(SHARES, data_url(png))
    page.close()
    return found


def keep(folder: Path, name: str, png: bytes) -> None:
    """Write a picture; where Pillow is installed, of 256 colours and a third of the bytes."""
    try:
        from PIL import Image
    except ImportError:
        small = png
    else:
        buffer = io.BytesIO()
        image = Image.open(io.BytesIO(png)).convert("RGB")
        image.quantize(COLOURS, kmeans=3).save(buffer, "PNG", optimize=True)
        small = buffer.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(small)
