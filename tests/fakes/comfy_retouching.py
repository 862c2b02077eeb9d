"""The nodes of the fake ComfyUI that take pictures and give pictures, by the name of the class."""

import math
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageChops, ImageFilter, ImageOps

from tests.fakes.comfy_drawing import Conditioning, Latent, Picture, draw

Given = dict[str, Any]


def _each(given: Given, change: Callable[[Picture], Picture]) -> tuple[Picture, ...]:
    pictures = given.get("image", given.get("images"))
    return tuple(change(one) for one in pictures or ())


def _scaled(given: Given) -> tuple[Picture, ...]:
    def change(one: Picture) -> Picture:
        width, height = given["width"], given["height"]
        width = width or max(1, round(one.width * height / one.height)) if height else width
        height = height or max(1, round(one.height * width / one.width)) if width else height
        if not width:
            return one
        how = _method(given)
        if given.get("crop") == "center":
            return ImageOps.fit(one, (width, height), how)
        return one.resize((width, height), how)

    return _each(given, change)


def _method(given: Given) -> Image.Resampling:
    names = {
        "nearest-exact": Image.Resampling.NEAREST,
        "bilinear": Image.Resampling.BILINEAR,
        "area": Image.Resampling.BOX,
        "bicubic": Image.Resampling.BICUBIC,
    }
    return names.get(given.get("upscale_method", ""), Image.Resampling.LANCZOS)


def _resized_by(given: Given, factor: Callable[[Picture], float]) -> tuple[Picture, ...]:
    def change(one: Picture) -> Picture:
        by = factor(one)
        return one.resize((max(1, round(one.width * by)), max(1, round(one.height * by))))

    return _each(given, change)


def _to_megapixels(given: Given) -> tuple[Picture, ...]:
    wanted = given["megapixels"] * 1024 * 1024
    return _resized_by(given, lambda one: math.sqrt(wanted / (one.width * one.height)))


_BLENDS: dict[str, Callable[[Picture, Picture], Picture]] = {
    "multiply": ImageChops.multiply,
    "screen": ImageChops.screen,
    "overlay": ImageChops.overlay,
    "soft_light": ImageChops.soft_light,
    "difference": ImageChops.difference,
}


def _blended(given: Given) -> tuple[Picture, ...]:
    mode = _BLENDS.get(given["blend_mode"], lambda _under, over: over)
    pairs = zip(given["image1"], given["image2"], strict=False)
    drawn = []
    for under, over in pairs:
        fitted = over.resize(under.size)
        drawn.append(Image.blend(under, mode(under, fitted), given["blend_factor"]))
    return tuple(drawn)


def _batched(given: Given) -> tuple[Picture, ...]:
    first = given["image1"]
    return (*first, *(one.resize(first[0].size) for one in given["image2"]))


def _stitched(given: Given) -> tuple[Picture, ...]:
    """Put the second beside or below the first, as high or as wide as that."""
    if "image2" not in given:
        return tuple(given["image1"])
    first, second = given["image1"][0], given["image2"][0]
    gap, is_beside = given["spacing_width"], given["direction"] in ("left", "right")
    if is_beside:
        second = second.resize((max(1, second.width * first.height // second.height), first.height))
        size, corner = (first.width + gap + second.width, first.height), (first.width + gap, 0)
    else:
        second = second.resize((first.width, max(1, second.height * first.width // second.width)))
        size, corner = (first.width, first.height + gap + second.height), (0, first.height + gap)
    sheet = Image.new("RGB", size, given["spacing_color"])
    sheet.paste(first, (0, 0))
    sheet.paste(second, corner)
    return (sheet,)


def _noised(given: Given) -> tuple[Picture, ...]:
    def change(one: Picture) -> Picture:
        noise = draw(Conditioning("noise"), Latent(*one.size), given["seed"]).pictures[0]
        return Image.blend(one, noise, given["strength"])

    return _each(given, change)


def _lettered(given: Given) -> tuple[Picture, ...]:
    def change(one: Picture) -> Picture:
        words = Conditioning(given["text"])
        return Image.blend(one, draw(words, Latent(*one.size), 0).pictures[0], 0.3)

    return _each(given, change)


def _empty_picture(given: Given) -> tuple[Picture, ...]:
    value = given["color"]
    colour = ((value >> 16) & 255, (value >> 8) & 255, value & 255)
    return (Image.new("RGB", (given["width"], given["height"]), colour),) * given["batch_size"]


def _cropped(given: Given) -> tuple[Picture, ...]:
    x, y = given["x"], given["y"]
    return _each(given, lambda one: one.crop((x, y, x + given["width"], y + given["height"])))


def _decoded(given: Given) -> tuple[Picture, ...]:
    latent: Latent = given["samples"]
    blank = Image.new("RGB", (latent.width, latent.height), (128, 128, 128))
    return latent.pictures or (blank,) * latent.count


PICTURES: dict[str, Callable[[Given], Any]] = {
    "EmptyImage": _empty_picture,
    "ImageScale": _scaled,
    "ImageScaleBy": lambda given: _resized_by(given, lambda _: given["scale_by"]),
    "ImageScaleToTotalPixels": _to_megapixels,
    "ImageBlend": _blended,
    "ImageInvert": lambda given: _each(given, ImageOps.invert),
    "ImageBlur": lambda given: _each(
        given, lambda one: one.filter(ImageFilter.GaussianBlur(given["blur_radius"]))
    ),
    "ImageBatch": _batched,
    "ImageStitch": _stitched,
    "RepeatImageBatch": lambda given: given["image"] * given["amount"],
    "ImageFromBatch": lambda given: given["image"][given["batch_index"] :][: given["length"]],
    "ImageAddNoise": _noised,
    "ImageCrop": _cropped,
    "TextOverlay": _lettered,
    "VAEDecode": _decoded,
    "VAEDecodeTiled": _decoded,
}
