"""A deadline over a whole answer: timeouts of sockets begin anew with each byte that comes."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, ClassVar, Self

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_mine = threading.local()


class Deadline:
    """How long one answer may take. When that is over, its connection is cut."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self.cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_over = self._has_begun = False

    def __enter__(self) -> Self:
        _mine.deadline = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        _mine.deadline = None
        with self._lock:
            self._socket = None

    def begin(self, sock: socket.socket | None) -> None:
        """Count from here on: all is sent, and the answer is waited for."""
        with self._lock:
            self._socket = sock
        if self.is_over:
            self.cut()
        elif not self._has_begun:  # an answer may send us on to another address
            self._has_begun = True
            self._timer.start()

    def cut(self) -> None:
        """End the waiting: whoever reads finds the connection closed."""
        self.is_over = True
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


def _begin(sock: socket.socket | None) -> None:
    deadline: Deadline | None = getattr(_mine, "deadline", None)
    if deadline is not None:
        deadline.begin(sock)


class _Http(HTTPConnection):
    def getresponse(self) -> Any:
        _begin(self.sock)
        return super().getresponse()


class _Https(HTTPSConnection):
    def getresponse(self) -> Any:
        _begin(self.sock)
        return super().getresponse()


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class TimedAdapter(HTTPAdapter):
    """Has the connections of a session keep the deadline of the thread that asks."""

    _POOLS: ClassVar = {"http": _HttpPool, "https": _HttpsPool}

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools, of connections that tell when they wait."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._POOLS
