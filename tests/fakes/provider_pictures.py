"""The pictures of the fake provider: those that it is shown, and those that it draws."""

import base64
import binascii
import hashlib
import struct
import zlib
from collections.abc import Collection
from functools import lru_cache
from io import BytesIO

from PIL import Image

from tests.fakes.provider_order import Order, Refusal, Seen

_DATA_URI = "data:image/"
_ADDRESSES = ("http://", "https://")


def look_at(data: bytes, kind: str, name: str) -> Seen:
    """Decode a reference as a provider would: one that is no picture is refused."""
    try:
        with Image.open(BytesIO(data)) as picture:
            picture.load()
            width, height = picture.size
            form = (picture.format or "").lower()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as exc:
        message = "Invalid image file or mode for image, please check your image file."
        raise Refusal(message, param=name, code="invalid_image_file") from exc
    return Seen(kind, len(data), width, height, form)


def look_at_text(text: str, name: str, forms: Collection[str]) -> Seen:
    """Decode a reference that came as text: an address, a data URI or bare base64.

    An address is taken as it is: nothing is fetched.
    """
    kind = _kind_of(text)
    if kind not in forms:
        expected = " or ".join(sorted(forms))
        raise Refusal(f"Invalid '{name}': expected {expected}, got {kind}.", param=name)
    if kind == "url":
        return Seen("url", 0, 0, 0, "")
    encoded = text.partition(",")[2] if kind == "data_uri" else text
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error as exc:
        raise Refusal(f"Invalid '{name}': invalid base64 data.", param=name) from exc
    return look_at(data, kind, name)


def _kind_of(text: str) -> str:
    if text.startswith(_ADDRESSES):
        return "url"
    return "data_uri" if text.startswith(_DATA_URI) else "base64"


def draw(order: Order, number: int) -> bytes:
    """Draw a picture of one colour, of the size asked, that seed and prompt decide."""
    told = f"{order.seed} {number} {order.prompt}"
    red, green, blue = hashlib.sha256(told.encode()).digest()[:3]
    return _flat(order.width, order.height, (red, green, blue), order.form)


@lru_cache(maxsize=16)
def _flat(width: int, height: int, colour: tuple[int, int, int], form: str) -> bytes:
    buffer = BytesIO()
    options = {"compress_level": 1} if form == "png" else {"quality": 80}
    Image.new("RGB", (width, height), colour).save(buffer, form.upper(), **options)
    return buffer.getvalue()


def bomb() -> bytes:
    """Return a PNG of a few bytes that says it has 60000 x 60000 pixels."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
