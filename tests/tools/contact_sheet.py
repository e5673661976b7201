"""Put screenshots of every page on one sheet: ``python tests/tools/contact_sheet.py SHOTS_FOLDER SHEET.png``.

Files are named PAGE-WIDTHl.png (light) or PAGE-WIDTHd.png (dark); a row of the sheet is a page, a column a width and a theme.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

MODES = ("1440l", "1440d", "420l", "420d")
WIDTHS = {"1440l": 560, "1440d": 560, "420l": 210, "420d": 210}
GAP, LABEL, TALLEST = 14, 22, 760


def sheet(folder: Path) -> Image.Image:
    """Give the sheet of all screenshots in a folder."""
    pages = list(dict.fromkeys(path.stem.rsplit("-", 1)[0] for path in sorted(folder.glob("*-1440l.png"))))
    rows = [[_small(folder / f"{page}-{mode}.png", WIDTHS[mode]) for mode in MODES] for page in pages]
    heights = [max(image.height for image in row) + LABEL + GAP for row in rows]
    whole = Image.new("RGB", (sum(WIDTHS.values()) + GAP * (len(MODES) + 1), sum(heights) + GAP), "#8a8f98")
    draw, top = ImageDraw.Draw(whole), GAP
    for page, row, height in zip(pages, rows, heights):
        left = GAP
        for mode, image in zip(MODES, row):
            draw.text(
                (left, top), f"{page}, {mode[:-1]} px, {'dark' if mode.endswith('d') else 'light'}", fill="#ffffff"
            )
            whole.paste(image, (left, top + LABEL))
            left += WIDTHS[mode] + GAP
        top += height
    return whole


def _small(path: Path, width: int) -> Image.Image:
    if not path.exists():
        return Image.new("RGB", (width, 40), "#c0392b")
    with Image.open(path) as image:
        image = image.convert("RGB")
        scaled = image.resize((width, max(1, image.height * width // image.width)), Image.Resampling.LANCZOS)
    return scaled.crop((0, 0, width, min(scaled.height, TALLEST)))


if __name__ == "__main__":
    sheet(Path(sys.argv[1])).save(sys.argv[2], optimize=True)
