"""Sessions: keys open them, nobody can read a key in the store, a link works once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from komadori.domain.ids import SessionId
from komadori.errors import RequestRejected
from komadori.queue import schema
from komadori.queue.sessions import LINK_LIFE_S, Sessions
from tests.unit.conftest import Spine

KEY = "correct horse battery staple"


@pytest.fixture
def sessions(spine: Spine) -> Iterator[Sessions]:
    with ThreadPoolExecutor(4) as executor:
        yield Sessions(spine.store, executor)


async def test_a_key_opens_its_session_again(sessions: Sessions) -> None:
    first = await sessions.open_with_api_key(KEY)

    assert await sessions.open_with_api_key(KEY) == first
    assert await sessions.open_with_api_key(KEY + "!") != first


async def test_a_cookie_and_an_api_key_of_the_same_text_are_two_sessions(
    sessions: Sessions,
) -> None:
    assert await sessions.open_with_cookie(KEY) != await sessions.open_with_api_key(KEY)


@pytest.mark.parametrize("key", ["", "x" * 15, "x" * 257, None, 7, ["x" * 16]])
async def test_a_key_that_cannot_be_is_refused(sessions: Sessions, key: Any) -> None:
    with pytest.raises(RequestRejected, match="secret text of 16 to 256 characters"):
        await sessions.open_with_api_key(key)


@pytest.mark.parametrize("key", ["x" * 16, "鳥" * 256, "\ud800" * 16])
async def test_any_text_of_the_right_length_is_a_key(sessions: Sessions, key: str) -> None:
    assert await sessions.open_with_api_key(key) == await sessions.open_with_api_key(key)


def test_no_key_is_in_the_store(spine: Spine, sessions: Sessions, tmp_path: Path) -> None:
    session = sessions._open(KEY, "api")
    sessions._open("cookie-" + KEY, "cookie")
    token = sessions._new_link(session)
    spine.submit(session)

    kept = b"".join(path.read_bytes() for path in tmp_path.glob("komadori.db*"))
    assert session.encode() in kept
    assert KEY.encode() not in kept
    assert token.encode() not in kept


def test_the_same_key_at_the_same_moment_opens_one_session(
    spine: Spine, sessions: Sessions
) -> None:
    start = Barrier(4)

    def open_it(_: int) -> SessionId:
        start.wait()
        return sessions._open(KEY, "api")

    with ThreadPoolExecutor(4) as pool:
        opened = set(pool.map(open_it, range(4)))

    assert len(opened) == 1
    assert len(spine.rows(schema.sessions)) == 1


async def test_a_link_takes_a_session_to_another_browser_once(sessions: Sessions) -> None:
    session = await sessions.open_with_cookie("first browser")
    token = await sessions.new_link(session)
    assert await sessions.link_is_open(token)

    assert await sessions.join(token, "second browser")

    assert await sessions.open_with_cookie("second browser") == session
    assert await sessions.open_with_cookie("first browser") == session
    assert not await sessions.link_is_open(token)
    assert not await sessions.join(token, "third browser")
    assert await sessions.open_with_cookie("third browser") != session


async def test_a_browser_that_joins_leaves_the_session_it_had(sessions: Sessions) -> None:
    session = await sessions.open_with_cookie("first browser")
    await sessions.open_with_cookie("second browser")

    assert await sessions.join(await sessions.new_link(session), "second browser")

    assert await sessions.open_with_cookie("second browser") == session


def test_of_two_who_join_at_the_same_moment_one_comes_in(spine: Spine, sessions: Sessions) -> None:
    token = sessions._new_link(sessions._open("first browser", "cookie"))
    start = Barrier(4)

    def join(number: int) -> bool:
        start.wait()
        return sessions._join(token, f"browser {number}")

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(join, range(4))) == [False, False, False, True]


async def test_a_link_ends_after_a_day_and_is_forgotten(spine: Spine, sessions: Sessions) -> None:
    session = await sessions.open_with_cookie("first browser")
    token = await sessions.new_link(session)

    spine.store.ahead_s = LINK_LIFE_S + 1

    assert not await sessions.link_is_open(token)
    assert not await sessions.join(token, "second browser")
    await sessions.new_link(session)
    assert len(spine.rows(schema.session_keys, kind="link")) == 1


@pytest.mark.parametrize("token", ["", "nonsense", "\ud800", "x" * 10_000])
async def test_an_unknown_link_opens_nothing(sessions: Sessions, token: str) -> None:
    assert not await sessions.link_is_open(token)
    assert not await sessions.join(token, "a browser")


async def test_a_link_is_no_key(sessions: Sessions) -> None:
    session = await sessions.open_with_cookie("first browser")
    token = await sessions.new_link(session)

    assert await sessions.open_with_cookie(token) != session
    assert await sessions.open_with_api_key(token) != session
