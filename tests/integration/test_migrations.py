"""Migrations are applied by one process at a time, whoever else starts at the same moment."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from komadori.settings import ROOT

pytestmark = pytest.mark.integration

_MIGRATE = "import sys; from komadori.queue.migrate import migrate; migrate(sys.argv[1])"


def test_migrations_at_the_same_moment_do_not_meet(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'komadori.db'}"
    command = [sys.executable, "-c", _MIGRATE, url]

    together = [
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    errors = [process.communicate(timeout=60)[1] for process in together]

    assert [process.returncode for process in together] == [0] * 4, errors
    engine = create_engine(url)
    assert {"jobs", "steps", "attempts"} <= set(inspect(engine).get_table_names())
    with engine.connect() as connection:
        assert len(connection.execute(text("SELECT * FROM alembic_version")).all()) == 1
    engine.dispose()


def test_a_store_that_is_up_to_date_is_left_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'komadori.db'}"
    command = [sys.executable, "-c", _MIGRATE, url]

    for _ in range(2):
        subprocess.run(command, cwd=ROOT, check=True, timeout=60)

    engine = create_engine(url)
    assert "jobs" in inspect(engine).get_table_names()
    engine.dispose()
