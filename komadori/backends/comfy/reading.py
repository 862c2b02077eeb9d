"""Takes from foreign JSON what is there; what is missing or of another kind is an empty value."""

from collections.abc import Mapping, Sequence
from typing import Any


def field_of(data: Any, name: str) -> Any:
    """Return a field of an object, or None."""
    return data.get(name) if isinstance(data, Mapping) else None


def text_of(data: Any, name: str) -> str:
    """Return a field as text, or ""."""
    value = field_of(data, name)
    return "" if value is None else str(value)


def items_of(value: Any) -> Sequence[Any]:
    """Return a list, or nothing."""
    return value if isinstance(value, list) else ()


def pairs_of(value: Any) -> list[tuple[str, Any]]:
    """Return the fields of an object, or nothing."""
    return list(value.items()) if isinstance(value, Mapping) else []


def number_of(value: Any) -> float:
    """Return a number, or 0."""
    return value if isinstance(value, (int, float)) else 0


def whole_of(value: Any) -> int:
    """Return a whole number, or 0."""
    return int(number_of(value))
