"""Which pictures are taken from a backend, and what Pillow raises for one that is broken."""

import struct

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
"""Pillow tries no others: what nobody sends need not be safe to open."""
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    RuntimeError,
    struct.error,
)
"""What Pillow raises for a picture that is damaged: each of its formats has errors of its own."""
