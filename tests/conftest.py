"""The folder of a test sets its marker; no test looks for a ComfyUI that it has not started."""

import os
from pathlib import Path

import pytest

_FOLDERS = ("unit", "integration", "e2e")

# By default the one at 127.0.0.1:8188 would be watched, and used if there is one.
os.environ["KOMADORI_COMFYUI__SERVERS"] = "[]"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder."""
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0]
        if folder in _FOLDERS:
            item.add_marker(folder)
