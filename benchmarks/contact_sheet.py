"""Makes a contact sheet: a story through the splitter and the sketch backend, panels side by side.

    python benchmarks/contact_sheet.py komadori/ui/samples/en.txt --panels 12 --output sheet.webp

It also prints how long each panel took, in seconds of its thread's own time.
"""

import argparse
import asyncio
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from komadori.backends.images.protocol import PictureOrder
from komadori.backends.images.sketch import SketchBackend
from komadori.domain.requests import StoryboardRequest
from komadori.domain.story import Drawing, Storyboard, Style
from komadori.pipeline.splitting import split

PAPER = (250, 248, 244)
INK = (27, 26, 24)


def main() -> None:
    """Read the arguments, draw, save."""
    options = _options()
    story = options.story.read_text(encoding="utf-8")
    style = Style(**dict(pair.split("=", 1) for pair in options.style))
    board = split(StoryboardRequest(story=story, panels=options.panels, style=style))
    pictures = asyncio.run(_drawn(board, style, options.seed))
    _sheet(pictures, options.columns, options.width, options.gutter).save(
        options.output, quality=86
    )
    print(f"{len(pictures)} panels, {options.output}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("story", type=Path, help="a text file, Chinese or English")
    parser.add_argument("--panels", type=int, default=12)
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("sheet.webp"), help=".webp or .png")
    parser.add_argument("--width", type=int, default=520, help="of one panel, in pixels")
    parser.add_argument("--gutter", type=int, default=10, help="between panels, in pixels")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--style", nargs="*", default=[], metavar="FIELD=WORDS", help="such as art_style=manga"
    )
    return parser.parse_args()


class _Quiet:
    """Nobody listens."""

    def report(self, fraction: float, message: str = "") -> None:
        """Say nothing."""
        del fraction, message

    def timed(self, stage: str) -> AbstractContextManager[None]:
        """Time nothing."""
        del stage
        return nullcontext()

    def span(self, stage: str, began: float, ended: float) -> None:
        """Note nothing."""
        del stage, began, ended


def _order(drawing: Drawing) -> PictureOrder:
    return PictureOrder(
        drawing=drawing,
        prompt="",
        references=(),
        seed=drawing.seed,
        width=drawing.width,
        height=drawing.height,
    )


async def _drawn(board: Storyboard, style: Style, seed: int) -> list[Image.Image]:
    backend = SketchBackend()
    pictures = []
    for panel in board.panels:
        started = time.process_time()
        drawing = Drawing(panel=panel, cast=board.cast, style=style, seed=seed + panel.number)
        data = await backend.draw(_order(drawing), _Quiet())
        took = time.process_time() - started
        who = ", ".join(panel.characters)
        print(f"panel {panel.number:2d}: {took:.3f} s, {len(data) // 1024} KB, {panel.shot}: {who}")
        pictures.append(Image.open(BytesIO(data)).convert("RGB"))
    return pictures


def _sheet(pictures: list[Image.Image], columns: int, width: int, gutter: int) -> Image.Image:
    """Place the pictures in rows, each with an ink border."""
    height = round(width * pictures[0].height / pictures[0].width)
    rows = -(-len(pictures) // columns)
    size = (columns * (width + gutter) + gutter, rows * (height + gutter) + gutter)
    sheet = Image.new("RGB", size, PAPER)
    for number, picture in enumerate(pictures):
        x = gutter + number % columns * (width + gutter)
        y = gutter + number // columns * (height + gutter)
        sheet.paste(INK, (x, y, x + width, y + height))
        sheet.paste(
            picture.resize((width - 4, height - 4), Image.Resampling.LANCZOS), (x + 2, y + 2)
        )
    return sheet


if __name__ == "__main__":
    main()
