"""The port of the page, taken before anything else is started."""

import errno
import socket

from komadori.errors import KomadoriError

_BACKLOG = 128


class PortInUse(KomadoriError):
    """Another program listens on the port that was asked for."""


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address and refuses connections until `listen`.

    Who waits for the page by asking again should be refused at once, not left hanging.

    Raises:
        PortInUse: the message names --port.
    """
    with _bound(host, port) as probe:
        listen(probe)  # two sockets that are only bound do not notice each other
    return _bound(host, port)


def listen(listener: socket.socket) -> None:
    """Take connections from now on.

    Raises:
        PortInUse: another program was quicker.
    """
    try:
        listener.listen(_BACKLOG)
    except OSError as exc:
        raise _translated(exc, *listener.getsockname()[:2]) from exc


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms for each answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise _translated(exc, host, port) from exc
    return listener


def _translated(exc: OSError, host: str, port: int) -> KomadoriError:
    if exc.errno == errno.EADDRINUSE:
        return PortInUse(
            f"Port {port} is already in use. Choose another one with --port, "
            f"for example --port {port + 1}."
        )
    return KomadoriError(f"Cannot listen on {host}:{port}: {exc.strerror}.")
