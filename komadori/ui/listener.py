"""The socket that the page listens on, taken before anything else is started."""

import errno
import socket

from komadori.errors import KomadoriError


class PortInUse(KomadoriError):
    """Another program listens on the port that was asked for."""


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address, before the rest is started.

    Raises:
        PortInUse: the message names --port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms for each answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)  # two that are only bound do not notice each other; callers may wait
    except OSError as exc:
        listener.close()
        if exc.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"Port {port} is already in use. Choose another one with --port, "
                f"for example --port {port + 1}."
            ) from exc
        raise KomadoriError(f"Cannot listen on {host}:{port}: {exc.strerror}.") from exc
    return listener
