"""JSON as it is kept in the store: compact, UTF-8 as it is, no NaN."""

import json
from typing import Any

Json = Any


def to_json(value: Json) -> str:
    """Return compact JSON. Raises ValueError for NaN and infinities, which JSON does not know."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_json(text: str) -> Json:
    """Return the value of a JSON text."""
    return json.loads(text)
