"""Migrations lead an empty store to the shape that the code expects."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from komadori.queue.migrate import migrate
from komadori.queue.schema import metadata


@pytest.fixture
def engine(empty_store: Path) -> Engine:
    return create_engine(f"sqlite:///{empty_store}")


def test_an_empty_store_gets_all_tables(engine: Engine) -> None:
    tables = set(inspect(engine).get_table_names())

    assert tables == {*metadata.tables, "alembic_version"}


def test_the_migrated_shape_is_the_shape_in_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_indexes_are_for_the_same_rows_in_both_shapes(engine: Engine, tmp_path: Path) -> None:
    fresh = create_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    metadata.create_all(fresh)

    assert index_texts(engine) == index_texts(fresh)


def index_texts(engine: Engine) -> list[str]:
    query = text("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL ORDER BY 1")
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'komadori.db'}"
    migrate(url)
    with create_engine(url).begin() as connection:
        connection.execute(text("INSERT INTO sessions VALUES ('s1', 1.0)"))

    migrate(url)

    with create_engine(url).connect() as connection:
        assert connection.execute(text("SELECT id FROM sessions")).scalar_one() == "s1"


def test_the_folder_of_the_store_is_made(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path / 'new' / 'folder' / 'komadori.db'}")

    assert (tmp_path / "new" / "folder" / "komadori.db").is_file()
