"""Pictures that come in: what is kept, what is turned, what is refused."""

import hashlib
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from komadori.domain.ids import ArtifactId
from komadori.domain.requests import SIDE_MAX
from komadori.errors import RequestRejected
from komadori.pipeline.artifacts import BYTES_MAX, LocalFiles
from tests.unit.conftest import picture

RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def kept(files: LocalFiles, data: bytes) -> Image.Image:
    """Return what is in the store after a picture was put there."""
    return Image.open(BytesIO(files.read(files.put_picture(data).id)))


def two_halves(size: tuple[int, int] = (64, 36)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def looks_like(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    found = image.convert("RGB").getpixel(at)
    assert isinstance(found, tuple)
    return all(abs(one - other) < 40 for one, other in zip(found, colour, strict=True))


# --- kept --------------------------------------------------------------------------------------


def test_a_picture_is_kept_as_webp_with_a_thumbnail(files: LocalFiles) -> None:
    file = files.put_picture(encoded(two_halves((640, 360)), "PNG"))

    whole = files.read(file.id)
    with Image.open(files.path(file.id, thumbnail=True)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (480, 270))
    assert Image.open(BytesIO(whole)).format == "WEBP"
    assert (file.width, file.height, file.media_type) == (640, 360, "image/webp")
    assert (file.size_bytes, file.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())


def test_webp_within_the_limits_is_kept_byte_for_byte(files: LocalFiles) -> None:
    data = picture("WEBP")

    assert files.read(files.put_picture(data).id) == data


@pytest.mark.parametrize(
    ("format_", "media_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_a_reference_is_kept_as_it_was_uploaded(
    files: LocalFiles, format_: str, media_type: str
) -> None:
    data = encoded(two_halves((3000, 1500)), format_)

    file = files.put_reference(data)

    assert files.read(file.id) == data
    assert (file.media_type, file.size_bytes) == (media_type, len(data))
    assert (file.width, file.height) == (3000, 1500)
    with Image.open(files.path(file.id, thumbnail=True)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (480, 240))
        assert looks_like(thumbnail, (20, 120), RED)
    assert list(files.older_than(-60)) == [file.id]
    files.remove(file.id)
    assert list(files.older_than(-60)) == []


def test_a_reference_that_lies_on_its_side_is_told_and_shown_upright(files: LocalFiles) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = files.put_reference(encoded(two_halves((1600, 900)), "JPEG", exif=exif))

    assert (file.width, file.height) == (900, 1600)
    with Image.open(files.path(file.id, thumbnail=True)) as thumbnail:
        assert looks_like(thumbnail, (135, 20), RED)
        assert looks_like(thumbnail, (135, 460), BLUE)


def test_a_reference_that_cannot_be_sent_as_it_is_becomes_webp(files: LocalFiles) -> None:
    file = files.put_reference(encoded(two_halves(), "TIFF"))

    assert Image.open(BytesIO(files.read(file.id))).format == "WEBP"


@pytest.mark.parametrize("cut", [0.3, 0.9])
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_torn_reference_is_refused(files: LocalFiles, format_: str, cut: float) -> None:
    data = encoded(Image.effect_noise((600, 600), 80).convert("RGB"), format_)

    with pytest.raises(RequestRejected) as refusal:
        files.put_reference(data[: int(len(data) * cut)])

    assert refusal.value.code in ("picture_damaged", "picture_unknown")
    assert list(files.older_than(-60)) == []


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (20000, 100)])
def test_a_reference_too_small_to_show_anything_is_refused(
    files: LocalFiles, size: tuple[int, int]
) -> None:
    with pytest.raises(RequestRejected) as refusal:
        files.put_reference(encoded(Image.new("L", size), "PNG"))

    assert refusal.value.code == "picture_small"


def test_nothing_half_written_stays_behind(files: LocalFiles, tmp_path: Path) -> None:
    file = files.put_picture(picture())

    names = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert names == [f"{file.id}.thumb.webp", f"{file.id}.webp"]


def test_the_same_picture_twice_is_two_files(files: LocalFiles) -> None:
    first, second = files.put_picture(picture()), files.put_picture(picture())

    assert first.id != second.id
    assert first.sha256 == second.sha256


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_all_promised_formats_are_taken(format_: str, files: LocalFiles) -> None:
    assert kept(files, picture(format_)).size == (64, 36)


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_a_large_picture_is_reduced(format_: str, files: LocalFiles) -> None:
    image = kept(files, picture(format_, size=(3000, 1500)))

    assert image.size == (SIDE_MAX, SIDE_MAX // 2)


def test_a_very_long_picture_keeps_at_least_one_pixel(files: LocalFiles) -> None:
    assert kept(files, picture(size=(9000, 2))).size == (SIDE_MAX, 1)


def sideways(format_: str) -> bytes:
    """Return two halves, stored lying on their side as a phone does it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(two_halves().transpose(Image.Transpose.ROTATE_90), format_, exif=exif)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_lying_on_its_side_is_turned_upright(format_: str, files: LocalFiles) -> None:
    image = kept(files, sideways(format_))

    assert image.size == (64, 36)
    assert looks_like(image, (10, 18), RED)
    assert looks_like(image, (54, 18), BLUE)
    assert 0x0112 not in image.getexif()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_leads_to_the_same_picture(orientation: int, files: LocalFiles) -> None:
    undo = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    upright = two_halves()
    upright.paste((30, 200, 30), (0, 0, 20, 18))  # the upper left corner is told apart
    stored = upright
    for turn in undo[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation

    image = kept(files, encoded(stored, "PNG", exif=exif))

    assert image.size == upright.size
    assert looks_like(image, (5, 5), (30, 200, 30))
    assert looks_like(image, (10, 30), RED)
    assert looks_like(image, (54, 18), BLUE)


def test_damaged_exif_does_not_spoil_a_good_picture(files: LocalFiles) -> None:
    data = sideways("JPEG")
    torn = data.replace(b"Exif\0\0", b"Exif\0\0\xff\xff\xff", 1)

    assert kept(files, torn).format == "WEBP"


def test_of_an_animation_the_first_frame_is_kept(files: LocalFiles) -> None:
    frames = [Image.new("RGB", (64, 36), colour) for colour in (RED, BLUE, BLUE)]
    for format_ in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], format_, save_all=True, append_images=frames[1:])

        image = kept(files, data)

        assert not getattr(image, "is_animated", False)
        assert looks_like(image, (32, 18), RED)


def test_cmyk_becomes_rgb(files: LocalFiles) -> None:
    image = kept(files, encoded(two_halves().convert("CMYK"), "JPEG"))

    assert image.mode == "RGB"
    assert looks_like(image, (10, 18), RED)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_16_bits(*, transparent: int | None = None) -> bytes:
    """Return a gradient from black to white with 16 bits a pixel."""
    line = b"\0" + b"".join(struct.pack(">H", x * 65535 // 255) for x in range(256))
    parts = [png_chunk(b"IHDR", struct.pack(">IIBBBBB", 256, 16, 16, 0, 0, 0, 0))]
    if transparent is not None:
        parts.append(png_chunk(b"tRNS", struct.pack(">H", transparent)))
    parts += [png_chunk(b"IDAT", zlib.compress(line * 16)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("transparent", [None, 40_000])
def test_16_bits_a_pixel_keep_their_tones(transparent: int | None, files: LocalFiles) -> None:
    image = kept(files, png_of_16_bits(transparent=transparent)).convert("L")

    tones = [image.getpixel((x, 8)) for x in (5, 64, 128, 192, 250)]
    assert tones == pytest.approx([5, 64, 128, 192, 250], abs=6)


def test_transparency_is_kept(files: LocalFiles) -> None:
    clear = Image.new("RGBA", (64, 36), (0, 0, 0, 0))
    for data in (encoded(clear, "PNG"), encoded(clear.convert("P"), "GIF", transparency=0)):
        image = kept(files, data)

        assert image.mode == "RGBA"
        assert image.getpixel((5, 5))[3] == 0  # type: ignore[index]


# --- refused -----------------------------------------------------------------------------------


def png_claiming(width: int, height: int) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    line = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", line) + png_chunk(b"IEND", b"")


REFUSED = {
    "empty": (b"", "picture_empty", "0 bytes"),
    "a text file": (b"Once upon a time there was a bird.\n" * 20, "picture_unknown", "JPEG, PNG"),
    "html": (b"<!DOCTYPE html><svg/>", "picture_unknown", "not a picture"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "picture_unknown", "not a picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "picture_unknown", "not a picture"),
    "torn jpeg": (picture("JPEG", size=(640, 360))[:900], "picture_damaged", "cut short"),
    "torn png": (picture("PNG", size=(640, 360))[:90], "picture_damaged", "cut short"),
    "torn webp": (picture("WEBP", size=(640, 360))[:60], None, "."),
    "900 megapixels": (png_claiming(30_000, 30_000), "picture_pixels", "at most 50 megapixels"),
    "100 megapixels": (png_claiming(10_000, 10_000), "picture_pixels", "at most 50 megapixels"),
    "zip of text": (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
        + png_chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 80_000_000)),
        "picture_damaged",
        "damaged",
    ),
    "too many bytes": (b"\0" * (BYTES_MAX + 1), "picture_bytes", "20 MB; at most 20"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_picture_is_refused_with_a_reason_and_leaves_nothing(
    case: str, files: LocalFiles, tmp_path: Path
) -> None:
    data, code, sentence = REFUSED[case]

    with pytest.raises(RequestRejected, match=sentence) as refusal:
        files.put_picture(data)

    assert code in (refusal.value.code, None)
    assert list(tmp_path.iterdir()) == []


SOUND = [picture(format_, size=(40, 24)) for format_ in ("JPEG", "PNG", "WEBP", "GIF", "TIFF")]
SOUND.append(sideways("JPEG"))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of the damage as well
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sound=st.sampled_from(SOUND),
    hits=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=5),
    length=st.one_of(st.none(), st.integers(0, 600)),
)
def test_damaged_bytes_are_taken_or_refused_but_never_break_anything(
    tmp_path_factory: pytest.TempPathFactory,
    sound: bytes,
    hits: list[tuple[int, int]],
    length: int | None,
) -> None:
    data = bytearray(sound)
    for at, value in hits:
        data[at % len(data)] = value
    files = LocalFiles(tmp_path_factory.getbasetemp() / "damaged")

    try:
        file = files.put_picture(bytes(data[:length]))
    except RequestRejected:
        return

    files.remove(file.id)


# --- finding and forgetting --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "x" * 20, "A" * 20, "0" * 19, "0" * 21])
def test_an_id_never_becomes_a_path_of_somebodys_choice(name: str, files: LocalFiles) -> None:
    with pytest.raises(FileNotFoundError):
        files.path(ArtifactId(name))


def test_a_removed_picture_is_gone_and_removing_it_again_is_fine(
    files: LocalFiles, tmp_path: Path
) -> None:
    file = files.put_picture(picture())

    files.remove(file.id)
    files.remove(file.id)

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(FileNotFoundError):
        files.read(file.id)
