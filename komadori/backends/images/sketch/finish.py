"""The last step: layers become a picture, in the hand's manner."""

from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from komadori.backends.images.sketch import screens
from komadori.backends.images.sketch.hand import Hand
from komadori.backends.images.sketch.ink import Sheet


def finished(sheet: Sheet, hand: Hand) -> Image.Image:
    """Reduce the layers and put them together."""
    over = sheet.over
    colour, shade, ink = (
        layer.reduce(over) if over > 1 else layer
        for layer in (sheet.colour, sheet.shade, sheet.ink)
    )
    washed = _washed(colour, shade, hand, sheet)
    screened = _screened(colour, shade, hand, sheet)
    if screened is not None:
        ink = ImageChops.lighter(ink, screened)
    if hand.dry:
        ink = _broken(ink, hand.dry)
    if hand.grain:
        washed = _grained(washed, hand.grain)
    washed.paste(hand.ink, (0, 0, *washed.size), ink)
    return washed


def _washed(colour: Image.Image, shade: Image.Image, hand: Hand, sheet: Sheet) -> Image.Image:
    if hand.saturation != 1:
        colour = ImageEnhance.Color(colour).enhance(hand.saturation)
    if hand.gamma != 1:
        colour = colour.point(
            [round(255 * (level / 255) ** hand.gamma) for level in range(256)] * 3
        )
    if hand.contrast != 1:
        colour = ImageEnhance.Contrast(colour).enhance(hand.contrast)
    if hand.shade_wash:
        light = shade.point([255 - round(level * hand.shade_wash) for level in range(256)])
        if hand.wet:
            light = light.filter(ImageFilter.BoxBlur(2.5 * hand.wet))
        colour = ImageChops.multiply(colour, Image.merge("RGB", (light, light, light)))
    if hand.tint < 1:
        colour = Image.blend(Image.new("RGB", colour.size, hand.paper), colour, hand.tint)
    return _run(colour, hand.wet, sheet.scale / sheet.over) if hand.wet else colour


def _run(colour: Image.Image, wet: float, unit: float) -> Image.Image:
    """Let colour run a little, pool, and dry with darker edges."""
    soft = colour.filter(ImageFilter.BoxBlur(1.6 * wet * unit))
    wide = soft.resize((max(1, soft.width // 4), max(1, soft.height // 4)), Image.Resampling.BOX)
    wide = wide.filter(ImageFilter.BoxBlur(2.2 * unit)).resize(soft.size, Image.Resampling.BILINEAR)
    rim = ImageChops.subtract(wide, soft, scale=1 / (0.9 * wet))  # dark side of every border
    soft = ImageChops.subtract(soft, rim)
    pool = screens.pools(soft.size).point(
        [round(255 - wet * 0.22 * max(0, 150 - level)) for level in range(256)]
    )
    lift = screens.pools(soft.size).point(
        [round(wet * 0.16 * max(0, level - 120)) for level in range(256)]
    )
    soft = ImageChops.multiply(soft, Image.merge("RGB", (pool, pool, pool)))
    return ImageChops.add(soft, Image.merge("RGB", (lift, lift, lift)))


def _screened(
    colour: Image.Image, shade: Image.Image, hand: Hand, sheet: Sheet
) -> Image.Image | None:
    if hand.screen == "none":
        return None
    value = shade
    if hand.from_tone:
        dark = ImageOps.invert(colour.convert("L"))
        dark = dark.point(
            [min(255, round(max(0, level - 14) * hand.from_tone * 1.25)) for level in range(256)]
        )
        value = ImageChops.add(shade.point([round(level * 0.7) for level in range(256)]), dark)
    unit = sheet.scale / sheet.over
    period = max(hand.screen_period, 3.2 / unit)
    inked = _above(value, screens.screen(_kind(hand), colour.size, period, hand.screen_angle, unit))
    if hand.screen == "cross":
        deep = value.point([max(0, round((level - 70) * 1.2)) for level in range(256)])
        other = screens.screen("hatch", colour.size, period, hand.screen_angle + 1.15, unit)
        inked = ImageChops.lighter(inked, _above(deep, other))
    return inked.point([round(level * hand.screen_ink) for level in range(256)])


def _kind(hand: Hand) -> str:
    return "hatch" if hand.screen == "cross" else hand.screen


def _above(value: Image.Image, threshold: Image.Image) -> Image.Image:
    return ImageChops.subtract(value, threshold, scale=0.16)


def _broken(ink: Image.Image, dry: float) -> Image.Image:
    keep = screens.tooth(ink.size).point(
        [min(255, round(255 - dry * 2.4 * max(0, level - 118))) for level in range(256)]
    )
    return ImageChops.multiply(ink, keep)


def _grained(picture: Image.Image, grain: float) -> Image.Image:
    grey = screens.tooth(picture.size).point(
        [max(0, min(255, round(250 - grain * 0.42 * (128 - level)))) for level in range(256)]
    )
    return ImageChops.multiply(picture, Image.merge("RGB", (grey, grey, grey)))
