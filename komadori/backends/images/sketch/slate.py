"""The slate: the only text in the picture, small, in Latin letters."""

from PIL import Image, ImageDraw, ImageFont

from komadori.backends.images.sketch.ink import Colour
from komadori.domain.story import Panel, Shot

_CODES = {Shot.WIDE: "WS", Shot.MEDIUM: "MS", Shot.CLOSE_UP: "CU", Shot.OVER_THE_SHOULDER: "OTS"}


def draw_slate(picture: Image.Image, panel: Panel, shot: Shot, ink: Colour) -> None:
    """Write scene, panel and shot into the lower left corner; nothing into tiny pictures."""
    unit = picture.height / 720
    if picture.height < 120 or picture.width < 160:
        return
    text = f"S{panel.scene.number}  {panel.number:02d}  {_CODES[shot]}"
    font = ImageFont.load_default(size=max(9, round(19 * unit)))
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    wide, high = right - left + 22 * unit, bottom - top + 14 * unit
    x, y = 16 * unit, picture.height - 16 * unit - high
    draw.rectangle(
        (x, y, x + wide, y + high), fill=(252, 250, 244), outline=ink, width=max(1, round(2 * unit))
    )
    draw.text((x + 11 * unit - left, y + 7 * unit - top), text, font=font, fill=ink)
