"""Takes out of a JPEG or WebP file what is not pixels: places, names, comments, previews."""

import re
import struct

_SOI = b"\xff\xd8"
_EOI, _SOS, _COMMENT = 0xD9, 0xDA, 0xFE
_METADATA = frozenset({*range(0xE1, 0xEE), 0xEF, _COMMENT})
"""APP1 to APP13, APP15, comments. APP0 (density) and APP14 (Adobe's colour transform) stay."""
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker that is neither an escaped 255 nor one of those that restart the decoder."""
_WEBP_METADATA = (b"EXIF", b"XMP ", b"ICCP")
_WEBP_METADATA_FLAGS = 0b0010_1100
"""Of the VP8X chunk's first byte: ICC, EXIF, XMP."""
_WEBP_PICTURE = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH")


def stripped_jpeg(data: bytes) -> bytes | None:
    """Return the file up to its first end, without metadata; None if it is built oddly.

    What is appended to a JPEG is often another picture, with a place of its own.
    """
    if data[:2] != _SOI:
        return None
    kept, at = bytearray(_SOI), 2
    while at + 2 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _EOI:
            return bytes(kept) + data[at : at + 2]
        end = _end_of(data, at)
        if marker not in _METADATA:
            kept += data[at:end]
        at = end
    return None


def _end_of(data: bytes, at: int) -> int:
    """Return where the segment ends, with the scan that follows it if it begins one."""
    if at + 4 > len(data):
        return len(data)
    (length,) = struct.unpack_from(">H", data, at + 2)
    end: int = at + 2 + length
    if data[at + 1] != _SOS:
        return end
    found = _END_OF_SCAN.search(data, end)
    return found.start() if found else len(data)


def stripped_webp(data: bytes) -> bytes | None:
    """Return the file with its picture only; None for films and whatever is built oddly."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kept, at = bytearray(b"WEBP"), 12
    while at + 8 <= len(data):
        name = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        end = at + 8 + length + length % 2
        if at + 8 + length > len(data) or (name == b"VP8X" and length < 1):
            return None
        if name in _WEBP_PICTURE:
            kept += _without_flags(data[at:end]) if name == b"VP8X" else data[at:end]
        elif name not in _WEBP_METADATA:
            return None
        at = end
    return b"RIFF" + struct.pack("<I", len(kept)) + bytes(kept)


def _without_flags(chunk: bytes) -> bytes:
    return chunk[:8] + bytes([chunk[8] & ~_WEBP_METADATA_FLAGS & 0xFF]) + chunk[9:]
