"""Fitting: a picture of exactly the size that was asked for, whatever came back."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from komadori.errors import OutcomeUnknown
from komadori.pipeline.fitting import PIXELS_MAX, fitted

RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 200, 30)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def plain(size: tuple[int, int], colour: Any = RED, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def is_about(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 30 for one, other in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_of_that_size_is_returned_as_it_came(kind: str) -> None:
    data = encoded(plain((128, 72)), kind)

    assert fitted(data, (128, 72)) is data


@pytest.mark.parametrize("kind", ["GIF", "AVIF"])
def test_a_picture_of_a_rarer_format_becomes_webp_at_its_own_size(kind: str) -> None:
    assert opened(fitted(encoded(plain((128, 72)), kind), (128, 72))).format == "WEBP"


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.integers(1, 200)] * 2), st.tuples(*[st.integers(1, 200)] * 2))
def test_it_has_exactly_that_size(given_size: tuple[int, int], size: tuple[int, int]) -> None:
    assert opened(fitted(encoded(plain(given_size)), size)).size == size


def test_another_aspect_keeps_the_middle_and_loses_the_rims() -> None:
    square = plain((300, 300), GREEN)
    square.paste(RED, (0, 0, 300, 60))
    square.paste(BLUE, (0, 240, 300, 300))

    fitting = opened(fitted(encoded(square), (160, 90)))

    assert (fitting.format, fitting.size) == ("WEBP", (160, 90))
    assert all(is_about(fitting.getpixel((80, y)), GREEN) for y in (8, 45, 82))


def test_the_same_aspect_loses_nothing() -> None:
    halves = plain((320, 180), RED)
    halves.paste(BLUE, (160, 0, 320, 180))

    fitting = opened(fitted(encoded(halves), (160, 90)))

    assert is_about(fitting.getpixel((2, 2)), RED)
    assert is_about(fitting.getpixel((157, 87)), BLUE)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_clear_stays_clear(mode: str) -> None:
    picture = plain((200, 200), (0, 0, 0, 0), "RGBA")
    picture.paste((250, 250, 250, 255), (50, 50, 150, 150))

    fitting = opened(fitted(encoded(picture.convert(mode)), (100, 50)))

    assert fitting.mode == "RGBA"
    assert fitting.getpixel((1, 25))[3] == 0
    assert fitting.getpixel((50, 25))[3] == 255


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "P"])
def test_any_kind_of_picture_becomes_one_of_colours(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"

    fitting = opened(fitted(encoded(plain((200, 100)).convert(mode), kind), (64, 64)))

    assert (fitting.mode, fitting.size) == ("RGB", (64, 64))


def test_sixteen_bits_keep_their_greys() -> None:
    fitting = opened(fitted(encoded(plain((90, 60), 128 * 256, "I;16")), (30, 20)))

    assert is_about(fitting.getpixel((15, 10)), (128, 128, 128))


def test_a_picture_on_its_side_is_turned_upright_before_it_is_cut() -> None:
    picture = plain((90, 160), RED)
    picture.paste(BLUE, (0, 80, 90, 160))
    exif = Image.Exif()
    exif[0x0112] = 8  # turn it by a quarter to the left

    fitting = opened(fitted(encoded(picture, "JPEG", exif=exif), (160, 90)))

    assert is_about(fitting.getpixel((10, 45)), RED)
    assert is_about(fitting.getpixel((150, 45)), BLUE)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow says so, and goes on
def test_a_damaged_exif_costs_no_picture() -> None:
    data = encoded(plain((90, 60)), "JPEG", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x09junk")

    assert opened(fitted(data, (30, 20))).size == (30, 20)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>502</html>",
        encoded(plain((300, 200)))[:90],
        encoded(plain((64, 36)), "JPEG")[:-60],
        b"\x89PNG\r\n\x1a\n" + b"\0" * 60,
        encoded(plain((300, 200)), "TIFF"),
    ],
    ids=["empty", "html", "cut short", "cut short at its size", "no png", "tiff"],
)
def test_what_is_not_a_picture_is_an_unknown_outcome(data: bytes) -> None:
    with pytest.raises(OutcomeUnknown, match="not a picture that can be read"):
        fitted(data, (64, 36))


@pytest.mark.parametrize("fault", [RuntimeError, TypeError, KeyError, EOFError])
def test_whatever_pillow_raises_for_a_broken_picture_is_an_unknown_outcome(
    monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    def load(_picture: Image.Image) -> None:
        raise fault("odd")

    data = encoded(plain((30, 20)))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)

    with pytest.raises(OutcomeUnknown, match="not a picture that can be read"):
        fitted(data, (64, 36))


def test_a_bomb_is_named_and_not_opened() -> None:
    bomb = encoded(Image.new("1", (20_000, PIXELS_MAX // 20_000 + 1)))

    with pytest.raises(OutcomeUnknown, match="20000x5001 pixels"):
        fitted(bomb, (64, 36))
