"""Chance that comes out the same every time: generators seeded by what they are for."""

import random
from hashlib import blake2b


def number_of(*parts: object) -> int:
    """Return 64 bits that depend on the parts alone (the same in every process)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def chance(*parts: object) -> random.Random:
    """Return a generator seeded by the parts."""
    return random.Random(number_of(*parts))
