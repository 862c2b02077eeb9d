"""Places in JSON, written as text: `data[].url` is the url of each item of data."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import StringConstraints

_NAME = r"[A-Za-z0-9_-]+"
ReadPath = Annotated[
    str, StringConstraints(pattern=rf"^{_NAME}(\[\])?(\.{_NAME}(\[\])?)*$", max_length=200)
]
"""Names with dots between them; [] after a name goes through all items of a list."""
WritePath = Annotated[
    str, StringConstraints(pattern=rf"^{_NAME}(\[\])?(\.{_NAME})*$", max_length=200)
]
"""Names with dots between them. [] is part of the name here: forms repeat `image[]`."""


def find(data: Any, path: str, *, skip: str | None = None) -> Iterator[Any]:
    """Yield what is at the path and is not null.

    `skip` names a field: items of lists in which it is true are passed over.
    """
    name, _, rest = path.partition(".")
    if not isinstance(data, dict):
        return
    value = data.get(name.removesuffix("[]"))
    items = value if name.endswith("[]") and isinstance(value, list) else [value]
    for item in items:
        if item is None or (skip and isinstance(item, dict) and item.get(skip) is True):
            continue
        if rest:
            yield from find(item, rest, skip=skip)
        else:
            yield item


def put(body: dict[str, Any], path: str, value: Any) -> None:
    """Set what is at the path, and make the objects on the way."""
    *parents, last = path.split(".")
    for name in parents:
        body = body.setdefault(name, {})
    body[last] = value
