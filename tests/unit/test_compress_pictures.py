"""Prepared pictures: small enough, upright, with their colours, and with nothing else on board."""

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from komadori.pipeline.compress import Prepared, Wanted
from komadori.pipeline.compressing.preparing import prepared

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 160, 60), (30, 40, 200), (255, 255, 255)
Colour = tuple[int, int, int]
JPEG, PNG, WEBP = "image/jpeg", "image/png", "image/webp"
# How a camera that was held so stores a picture that is upright to the eye.
HELD = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(colour: Colour = RED, size: tuple[int, int] = (96, 64)) -> Image.Image:
    return Image.new("RGB", size, colour)


def quarters(size: tuple[int, int] = (120, 80)) -> Image.Image:
    """Red, green, blue and white: no turn of it looks like another."""
    image = Image.new("RGB", size, WHITE)
    across, down = size[0] // 2, size[1] // 2
    image.paste(RED, (0, 0, across, down))
    image.paste(GREEN, (across, 0, size[0], down))
    image.paste(BLUE, (0, down, across, size[1]))
    return image


def noise(size: tuple[int, int], bands: int = 3) -> Image.Image:
    rng = np.random.default_rng(7)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], bands), dtype=np.uint8))


def camera(size: tuple[int, int] = (1500, 1000)) -> Image.Image:
    """Smooth shapes with some grain, as photographs have."""
    rng = np.random.default_rng(5)
    small = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
    pixels = np.asarray(small.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    return Image.fromarray(
        np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)
    )


def seen(picture: Prepared) -> Image.Image:
    image = Image.open(BytesIO(picture.data))
    image.load()
    assert image.size == (picture.width, picture.height)
    assert Image.MIME[image.format or ""] == picture.media_type
    return image


def colour_at(picture: Prepared, across: float = 0.5, down: float = 0.5) -> Colour:
    image = seen(picture).convert("RGB")
    found = image.getpixel((int(image.width * across), int(image.height * down)))
    assert isinstance(found, tuple)
    return int(found[0]), int(found[1]), int(found[2])


def is_near(found: Colour, wanted: Colour, tolerance: int = 14) -> bool:
    return all(abs(one - other) <= tolerance for one, other in zip(found, wanted, strict=True))


def is_upright(picture: Prepared) -> bool:
    return (
        picture.width > picture.height
        and is_near(colour_at(picture, 0.25, 0.25), RED)
        and is_near(colour_at(picture, 0.75, 0.25), GREEN)
        and is_near(colour_at(picture, 0.25, 0.75), BLUE)
        and is_near(colour_at(picture, 0.75, 0.75), WHITE)
    )


# --- the limit -----------------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", [JPEG, WEBP, PNG])
@pytest.mark.parametrize("limit_kb", [8, 40, 300])
def test_pure_noise_fits_as_text(media_type: str, limit_kb: int) -> None:
    wanted = Wanted(limit_kb=limit_kb, media_types=(media_type,))

    picture = prepared(saved(noise((900, 700))), wanted)

    assert picture.media_type == media_type
    assert len(picture.data_uri) <= limit_kb * 1024
    assert len(picture.data_uri) > limit_kb * 1024 * 0.5  # and the room is used


def test_the_limit_is_of_the_data_uri_and_not_of_the_picture() -> None:
    picture = prepared(saved(noise((900, 700))), Wanted(limit_kb=100))

    assert picture.data_uri.startswith("data:image/jpeg;base64,")
    assert len(picture.data) <= 75 * 1024


def test_a_photograph_fills_most_of_the_limit() -> None:
    picture = prepared(saved(camera((2400, 1600)), "JPEG", quality=95), Wanted(limit_kb=100))

    assert 90 * 1024 <= len(picture.data_uri) <= 100 * 1024


def test_a_large_photograph_is_reduced_and_says_so() -> None:
    picture = prepared(saved(plain(BLUE, (5000, 3000)), "JPEG"), Wanted())

    assert (picture.source_width, picture.source_height) == (5000, 3000)
    assert max(picture.width, picture.height) <= 2048
    assert "reduced" in picture.notes
    assert is_near(colour_at(picture), BLUE)


def test_a_picture_is_never_made_larger() -> None:
    picture = prepared(saved(quarters((120, 80))), Wanted())

    assert (picture.width, picture.height) == (120, 80)


@pytest.mark.parametrize("size", [(4001, 16), (16, 333), (2049, 2047), (3333, 2500)])
def test_odd_sizes_keep_their_shape(size: tuple[int, int]) -> None:
    wide = Image.new("RGB", (size[0], max(size[1], 64)), GREEN)

    picture = prepared(saved(wide), Wanted())

    assert picture.width / picture.height == pytest.approx(wide.width / wide.height, rel=0.1)


# --- orientation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", HELD)
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    turn = HELD[orientation]
    stored = quarters() if turn is None else quarters().transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation

    picture = prepared(saved(stored, kind, exif=exif, quality=95), Wanted())

    assert is_upright(picture)
    assert ("orientation" in picture.notes) == (orientation > 1)


def test_a_large_photograph_held_sideways_is_turned_after_it_was_reduced() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stored = quarters((4200, 2800)).transpose(Image.Transpose.ROTATE_90)

    picture = prepared(saved(stored, "JPEG", exif=exif), Wanted())

    assert is_upright(picture)
    assert picture.source_width < picture.source_height


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow's, while it opens the file
def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = saved(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff nonsense")

    assert is_upright(prepared(data, Wanted()))


# --- colour --------------------------------------------------------------------------------------


def swapped_profile() -> bytes:
    """A profile whose red is blue, so that ignoring it cannot go unnoticed."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    icc = icc.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    return icc.replace(b"rXYZ", b"-XYZ").replace(b"bXYZ", b"rXYZ").replace(b"-XYZ", b"bXYZ")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_icc_profile_is_applied(kind: str) -> None:
    picture = prepared(saved(plain(RED), kind, icc_profile=swapped_profile()), Wanted())

    assert is_near(colour_at(picture), (RED[2], RED[1], RED[0]))
    assert "icc" in picture.notes


def test_an_icc_profile_is_applied_beneath_transparency_too() -> None:
    image = plain(RED).convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))

    wanted = Wanted(media_types=(PNG,), keep_alpha=True)

    picture = prepared(saved(image, icc_profile=swapped_profile()), wanted)

    assert is_near(colour_at(picture), (RED[2], RED[1], RED[0]))
    assert seen(picture).getchannel("A").getextrema() == (0, 255)


def test_a_broken_icc_profile_is_ignored() -> None:
    picture = prepared(saved(plain(RED), icc_profile=b"sRGB, or so it says" * 20), Wanted())

    assert is_near(colour_at(picture), RED)
    assert "icc_ignored" in picture.notes


@pytest.mark.parametrize("size", [(96, 64), (3000, 2000)])
def test_cmyk_becomes_the_same_colour_in_rgb(size: tuple[int, int]) -> None:
    printed = Image.new("CMYK", size, (0, 220, 220, 30))

    picture = prepared(saved(printed, "JPEG"), Wanted())

    assert is_near(colour_at(picture), (225, 31, 31), 20)
    assert seen(picture).mode == "RGB"


@pytest.mark.parametrize("level", [0, 30, 128, 200, 255])
def test_sixteen_bits_keep_their_brightness(level: int) -> None:
    deep = Image.fromarray(np.full((64, 96), level * 257, dtype=np.uint16))

    picture = prepared(saved(deep), Wanted())

    assert is_near(colour_at(picture), (level, level, level), 3)
    assert "sixteen_bit" in picture.notes


def test_grey_stays_grey() -> None:
    picture = prepared(saved(camera((1800, 1200)).convert("L")), Wanted(limit_kb=60))

    assert seen(picture).mode == "L"


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: plain(RED).quantize(), RED),
        (lambda: Image.new("LA", (96, 64), (90, 255)), (90, 90, 90)),
        (lambda: Image.new("LA", (96, 64), (90, 0)), WHITE),
        (lambda: Image.new("1", (96, 64), 1), WHITE),
        (lambda: Image.new("1", (96, 64), 0), (0, 0, 0)),
        (lambda: Image.new("RGBA", (96, 64), (*GREEN, 255)), GREEN),
    ],
    ids=["palette", "grey with alpha", "clear grey", "white bit", "black bit", "opaque alpha"],
)
def test_every_kind_of_pixel_keeps_its_colour(
    make: Callable[[], Image.Image], wanted: Colour
) -> None:
    assert is_near(colour_at(prepared(saved(make()), Wanted())), wanted)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "AVIF"])
def test_rarer_formats_are_read(kind: str) -> None:
    assert is_upright(prepared(saved(quarters(), kind), Wanted()))


# --- transparency --------------------------------------------------------------------------------


def cut_out(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Clear above, half clear red below; what is clear is green beneath."""
    image = Image.new("RGBA", size, (*GREEN, 0))
    image.paste((*RED, 128), (0, size[1] // 2, *size))
    return image


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_laid_on_white(kind: str) -> None:
    picture = prepared(saved(cut_out(), kind), Wanted())

    assert is_near(colour_at(picture, 0.5, 0.2), WHITE)
    assert is_near(colour_at(picture, 0.5, 0.8), (227, 142, 142))
    assert "flattened" in picture.notes


def test_a_transparent_colour_of_a_palette_is_laid_on_white() -> None:
    image = plain(RED).quantize()
    index = image.getpixel((0, 0))

    picture = prepared(saved(image, transparency=index), Wanted())

    assert is_near(colour_at(picture), WHITE)


@pytest.mark.parametrize("media_type", [WEBP, PNG])
@pytest.mark.parametrize("size", [(96, 64), (3000, 2000)])
def test_transparency_is_kept_where_the_receiver_wants_it(
    media_type: str, size: tuple[int, int]
) -> None:
    wanted = Wanted(media_types=(JPEG, media_type), keep_alpha=True)

    picture = prepared(saved(cut_out(size)), wanted)

    alpha = seen(picture).convert("RGBA").getchannel("A")
    assert picture.media_type == media_type
    assert alpha.getpixel((10, 2)) == 0
    assert alpha.getpixel((10, picture.height - 3)) == pytest.approx(128, abs=6)


def test_an_opaque_picture_is_a_jpeg_even_where_transparency_is_wanted() -> None:
    opaque = Image.new("RGBA", (96, 64), (*RED, 255))

    picture = prepared(saved(opaque), Wanted(media_types=(JPEG, WEBP), keep_alpha=True))

    assert picture.media_type == JPEG


def test_transparent_noise_fits_too() -> None:
    wanted = Wanted(limit_kb=60, media_types=(PNG,), keep_alpha=True)

    assert len(prepared(saved(noise((600, 400), bands=4)), wanted).data_uri) <= 60 * 1024


# --- films ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_film_gives_its_first_frame(kind: str) -> None:
    frames = [plain(BLUE), plain(GREEN)]
    data = saved(plain(RED), kind, save_all=True, append_images=frames, duration=50)

    picture = prepared(data, Wanted(media_types=(JPEG, WEBP)))

    assert is_near(colour_at(picture), RED, 20)
    assert not getattr(seen(picture), "is_animated", False)
    assert "first_frame" in picture.notes


# --- what travels along --------------------------------------------------------------------------


def with_a_place() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Somebody"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    return exif


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", JPEG), ("WEBP", WEBP)])
def test_a_file_that_fits_is_passed_on_without_its_metadata(kind: str, media_type: str) -> None:
    image = camera((400, 300))
    data = saved(image, kind, exif=with_a_place(), xmp=b"<x:xmpmeta>secret place</x:xmpmeta>")

    picture = prepared(data, Wanted(media_types=(media_type,)))

    assert "pass_through" in picture.notes
    assert b"Somebody" in data
    assert b"secret place" in data
    assert b"Somebody" not in picture.data
    assert b"secret place" not in picture.data
    assert not seen(picture).getexif()
    assert np.array_equal(seen(picture), Image.open(BytesIO(data)))  # not encoded again


def test_what_is_appended_to_a_jpeg_stays_behind() -> None:
    data = saved(plain(RED), "JPEG") + saved(plain(BLUE), "JPEG", exif=with_a_place())

    picture = prepared(data, Wanted())

    assert "pass_through" in picture.notes
    assert b"Somebody" not in picture.data
    assert picture.data.count(b"\xff\xd9") == 1


def test_a_progressive_jpeg_is_passed_on_whole() -> None:
    image = camera((400, 300))
    data = saved(image, "JPEG", progressive=True, comment=b"of my holidays")

    picture = prepared(data, Wanted())

    assert "pass_through" in picture.notes
    assert b"holidays" not in picture.data
    assert np.array_equal(seen(picture), Image.open(BytesIO(data)))


@pytest.mark.parametrize("media_type", [JPEG, PNG, WEBP])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_that_is_made_anew_has_no_metadata(kind: str, media_type: str) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    words = b"<x:xmpmeta>secret place</x:xmpmeta>"
    data = saved(camera((900, 600)), kind, exif=with_a_place(), xmp=words, icc_profile=icc)

    picture = prepared(data, Wanted(limit_kb=20, media_types=(media_type,)))

    assert "pass_through" not in picture.notes
    assert b"Somebody" not in picture.data
    assert b"secret place" not in picture.data
    assert not {"icc_profile", "exif", "xmp", "comment"} & set(seen(picture).info)


def test_a_webp_is_not_passed_on_to_a_receiver_of_jpeg() -> None:
    assert prepared(saved(plain(), "WEBP"), Wanted()).media_type == JPEG


def test_a_transparent_webp_is_passed_on_only_where_transparency_is_wanted() -> None:
    data = saved(cut_out(), "WEBP")

    kept = prepared(data, Wanted(media_types=(WEBP,), keep_alpha=True))
    flat = prepared(data, Wanted(media_types=(WEBP,)))

    assert "pass_through" in kept.notes
    assert seen(flat).mode == "RGB"


# --- what can be wanted --------------------------------------------------------------------------


def test_a_receiver_of_nothing_we_make_is_told_so() -> None:
    with pytest.raises(ValueError, match="image/jpeg"):
        Wanted(media_types=("image/tiff",))


def test_a_limit_below_all_use_is_told_so() -> None:
    with pytest.raises(ValueError, match="limit_kb"):
        Wanted(limit_kb=1)


def test_the_limit_counts_the_head_of_the_data_uri() -> None:
    most = Wanted(limit_kb=300).bytes_max(JPEG)

    encoded = struct.pack(f"{most}x")
    picture = Prepared(
        data=encoded,
        media_type=JPEG,
        width=1,
        height=1,
        source_bytes=1,
        source_width=1,
        source_height=1,
        seconds=0,
    )

    assert 300 * 1024 - 4 < len(picture.data_uri) <= 300 * 1024
