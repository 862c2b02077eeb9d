"""Sessions: whose jobs are whose. Keys are the caller's secrets; only their hashes are kept."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from komadori.domain.ids import SessionId, new_id
from komadori.errors import RequestRejected
from komadori.queue import schema
from komadori.queue.store import Store

T = TypeVar("T")

KEY_MIN_CHARS = 16
KEY_MAX_CHARS = 256
LINK_LIFE_S = 24 * 3600.0
_keys = schema.session_keys


class Sessions:
    """Opens sessions by key. The store is reached through `executor`, never from the event loop."""

    def __init__(self, store: Store, executor: ThreadPoolExecutor) -> None:
        self._store = store
        self._executor = executor

    async def open_with_api_key(self, key: str) -> SessionId:
        """Return the session of an API caller's key, making it on first use.

        Raises:
            RequestRejected: the key has fewer than 16 or more than 256 characters.
        """
        if not isinstance(key, str) or not KEY_MIN_CHARS <= len(key) <= KEY_MAX_CHARS:
            raise RequestRejected(
                f"session_key: it must be a secret text of {KEY_MIN_CHARS} to {KEY_MAX_CHARS} "
                "characters. Choose one and keep it: it opens your jobs again.",
                code="session_key",
                least=KEY_MIN_CHARS,
                most=KEY_MAX_CHARS,
            )
        return await self._run(self._open, key, "api")

    async def open_with_cookie(self, key: str) -> SessionId:
        """Return the session of a browser's cookie key, making it on first use."""
        return await self._run(self._open, key, "cookie")

    async def new_link(self, session: SessionId) -> str:
        """Return a token that opens this session in another browser, once, within a day."""
        return await self._run(self._new_link, session)

    async def link_is_open(self, token: str) -> bool:
        """Whether `join` would take this token."""
        return await self._run(self._link_is_open, token)

    async def join(self, token: str, cookie_key: str) -> bool:
        """Let a browser's cookie key open the session of a link's token. False: no such link."""
        return await self._run(self._join, token, cookie_key)

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, call, *args)

    def _open(self, key: str, kind: str) -> SessionId:
        hashed = _hash(key, kind)
        with self._store.read() as connection:
            known = _session_of(connection, hashed)
        return known or self._make(hashed, kind)

    def _make(self, hashed: str, kind: str) -> SessionId:
        session = SessionId(new_id())
        try:
            with self._store.write() as connection:
                now = self._store.now(connection)
                connection.execute(insert(schema.sessions).values(id=session, created_at=now))
                _add_key(connection, hashed, session, kind, now)
        except IntegrityError:  # the same key came in at the same moment
            with self._store.read() as connection:
                known = _session_of(connection, hashed)
            if known is None:
                raise
            return known
        return session

    def _new_link(self, session: SessionId) -> str:
        token = secrets.token_urlsafe(24)
        with self._store.write() as connection:
            now = self._store.now(connection)
            connection.execute(delete(_keys).where(_keys.c.expires_at < now))
            _add_key(connection, _hash(token, "link"), session, "link", now, now + LINK_LIFE_S)
        return token

    def _link_is_open(self, token: str) -> bool:
        with self._store.read() as connection:
            now = self._store.now(connection)
            return _session_of(connection, _hash(token, "link"), now) is not None

    def _join(self, token: str, cookie_key: str) -> bool:
        link, cookie = _hash(token, "link"), _hash(cookie_key, "cookie")
        with self._store.write() as connection:
            now = self._store.now(connection)
            session = _session_of(connection, link, now)
            if session is None:
                return False
            connection.execute(delete(_keys).where(_keys.c.key_hash.in_([link, cookie])))
            _add_key(connection, cookie, session, "cookie", now)
        return True


def _hash(key: str, kind: str) -> str:
    """Keys of different kinds never meet, even when they are the same text."""
    return hashlib.sha256(f"{kind}:{key}".encode("utf-8", "surrogatepass")).hexdigest()


def _session_of(connection: Connection, hashed: str, now: float | None = None) -> SessionId | None:
    query = select(_keys.c.session_id).where(_keys.c.key_hash == hashed)
    if now is not None:
        query = query.where(_keys.c.expires_at >= now)
    return connection.execute(query).scalar_one_or_none()


def _add_key(
    connection: Connection,
    hashed: str,
    session: SessionId,
    kind: str,
    now: float,
    expires_at: float | None = None,
) -> None:
    connection.execute(
        insert(_keys).values(
            key_hash=hashed, session_id=session, kind=kind, created_at=now, expires_at=expires_at
        )
    )
