"""Reference pictures: read safely, then pinned to the panel as small toned prints."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from komadori.backends.images.sketch.hand import Hand
from komadori.backends.images.sketch.ink import Colour, mixed
from komadori.backends.images.sketch.looks import Look
from komadori.backends.images.sketch.staging import Actor
from komadori.errors import BackendRefused

_MOST_PIXELS = 60_000_000
_PRINT = (150, 186)
_PRINT_PIXELS = 600


def read_prints(references: Mapping[str, bytes]) -> dict[str, Image.Image]:
    """Decode reference pictures, made small.

    Raises:
        BackendRefused: one of them is no picture; the message names its character.
    """
    return {name: read_print(name, data) for name, data in references.items()}


def read_print(name: str, data: bytes, side: int = _PRINT_PIXELS) -> Image.Image:
    """Decode a picture, made to fit a square of `side` pixels, on white where it is clear.

    Raises:
        BackendRefused: it is no picture; the message says whose it should have been.
    """
    try:
        with Image.open(BytesIO(data)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise BackendRefused(
                    f"the reference picture of {name} is larger than {_MOST_PIXELS:,} pixels"
                )
            opened.draft("RGB", (side, side))
            small = ImageOps.exif_transpose(opened).convert("RGBA")
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as exc:
        raise BackendRefused(
            f"the reference picture of {name} cannot be read: give a PNG, JPEG or WebP"
        ) from exc
    small.thumbnail((side, side))
    flat = Image.new("RGB", small.size, (255, 255, 255))
    flat.paste(small, mask=small.getchannel("A"))
    return flat


def dressed(looks: Mapping[str, Look], prints: Mapping[str, Image.Image]) -> dict[str, Look]:
    """Give characters the colour of the clothes in their reference pictures."""
    return {
        name: replace(look, cloth=_cloth(prints[name])) if name in prints else look
        for name, look in looks.items()
    }


def _cloth(picture: Image.Image) -> Colour:
    """Return the most usual colour of the lower middle, where clothes are."""
    wide, high = picture.size
    middle = picture.crop((wide // 4, high * 6 // 10, max(wide // 4 + 1, wide * 3 // 4), high))
    few = middle.resize((24, 24)).quantize(4)
    usual = int(np.bincount(np.asarray(few).ravel()).argmax())
    red, green, blue = (few.getpalette() or [160] * 12)[3 * usual : 3 * usual + 3]
    return mixed((red, green, blue), (236, 228, 214), 0.12)


def pin_prints(
    picture: Image.Image, actors: Sequence[Actor], prints: Mapping[str, Image.Image], hand: Hand
) -> None:
    """Pin the prints of those present to the upper corners, each on its character's side."""
    unit = picture.height / 720
    if min(picture.size) < 100:
        return
    present = [actor for actor in actors if actor.look.name in prints][:4]
    taken = {True: 0, False: 0}
    for step, actor in enumerate(present):
        left = actor.x * unit < picture.width / 2
        print_ = _print(prints[actor.look.name], hand, unit, 3.2 if step % 2 else -3.6)
        shift = taken[left] * (print_.width * 0.88)
        x = 12 * unit + shift if left else picture.width - print_.width - 12 * unit - shift
        picture.paste(print_, (round(x), round(10 * unit)), print_)
        taken[left] += 1


def _print(picture: Image.Image, hand: Hand, unit: float, turn: float) -> Image.Image:
    size = (max(8, round(_PRINT[0] * unit)), max(8, round(_PRINT[1] * unit)))
    cut = ImageOps.fit(picture, size, Image.Resampling.LANCZOS, centering=(0.5, 0.3))
    grey = ImageOps.autocontrast(cut.convert("L"), cutoff=2)
    toned = ImageOps.colorize(
        ImageOps.posterize(grey, 3), hand.ink, hand.paper, mid=mixed(hand.ink, hand.paper, 0.62)
    )
    toned = Image.blend(toned, cut, 0.3 * min(1.0, hand.saturation) * hand.tint)
    lines = ImageOps.invert(grey.filter(ImageFilter.SMOOTH_MORE).filter(ImageFilter.CONTOUR)).point(
        [0 if v < 40 else min(255, v * 2) for v in range(256)]
    )
    toned.paste(hand.ink, (0, 0, *size), ImageChops.multiply(lines, Image.new("L", size, 220)))
    rim, foot = max(2, round(8 * unit)), max(2, round(14 * unit))
    card = Image.new("RGBA", (size[0] + 2 * rim, size[1] + rim + foot), (253, 252, 248, 255))
    card.paste(toned, (rim, rim))
    draw = ImageDraw.Draw(card)
    draw.rectangle(
        (rim, rim, rim + size[0] - 1, rim + size[1] - 1),
        outline=hand.ink,
        width=max(1, round(1.6 * unit)),
    )
    draw.rectangle(
        (0, 0, card.width - 1, card.height - 1), outline=hand.ink, width=max(1, round(2 * unit))
    )
    return _taped(card, unit, turn)


def _taped(card: Image.Image, unit: float, turn: float) -> Image.Image:
    room = max(2, round(14 * unit))
    whole = Image.new("RGBA", (card.width + 2 * room, card.height + 2 * room), (0, 0, 0, 0))
    whole.paste(card, (room, room))
    tape = Image.new(
        "RGBA", (max(4, round(62 * unit)), max(3, round(22 * unit))), (226, 206, 150, 205)
    )
    whole.alpha_composite(tape, ((whole.width - tape.width) // 2, max(0, room - tape.height // 2)))
    return whole.rotate(turn, Image.Resampling.BICUBIC, expand=False)
