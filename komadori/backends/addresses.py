"""Which addresses a link that somebody else wrote may lead to, checked where the socket is opened.

A provider's answer, or a redirect, may name any address: the router, another container, a cloud's
metadata service. A name is looked up once, by the connector itself, and what the check lets pass is
what is connected to, so a second and different answer of the DNS is never asked for.
"""

import asyncio
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from komadori.errors import BackendDown, BackendRefused

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks a host and port up, and returns its addresses as text. Raises OSError."""

log = logging.getLogger(__name__)


class LinkNotAllowed(BackendRefused):
    """Limits of our own forbid to fetch what a link leads to, though it may be there.

    The message names the setting, where there is one.
    """


# https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-. `is_global` won't do: it
# lets multicast pass, and what it knows of the registries changes with Python's patch level.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: any IPv4 address may be inside, and nobody needs it any more
        "3fff::/20",
    )
)
# The address inside is the one that is reached: ::ffff:a.b.c.d, and NAT64 where there is only IPv6.
_IPV4_INSIDE = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)
_INSIDE = (
    "{host} is an address inside this network, and pictures are not fetched from there. "
    "If that is meant, set allow_private for the provider."
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the open Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if any(address in network for network in _IPV4_INSIDE):
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return (
        address.scope_id is None
        and address in _GLOBAL_UNICAST
        and not any(address in network for network in _NOT_PUBLIC_6)
    )


def checked_url(text: str, *, allow_private: bool) -> URL:
    """Return a link that may be followed, its names not yet looked up.

    Raises:
        BackendRefused: it is no link of http or https.
        LinkNotAllowed: it leads inside the network.
    """
    url = _parsed(text)
    if url.scheme not in ("http", "https"):
        raise BackendRefused(
            f"A picture's link begins with {url.scheme[:12] + ':' if url.scheme else 'no scheme'}, "
            "and only http and https are fetched. Check what the provider returns."
        )
    host = _host(url)
    if "@" in _as_written(text, url).raw_authority:
        raise BackendRefused(
            f"The picture's link to {host} holds a user or password, and none is sent. "
            "Check what the provider returns."
        )
    if not allow_private and _is_inside(host):
        log.warning("download refused: host=%s reason=private", host)
        raise LinkNotAllowed(_INSIDE.format(host=host))
    return _signed_as_written(text, url)


def next_url(current: URL, location: str, *, allow_private: bool) -> URL:
    """Return where a redirect leads, checked as the first link was.

    Raises:
        BackendRefused: it must not be followed; LinkNotAllowed: on our own account.
    """
    try:
        text = str(current.join(_as_written(location, _parsed(location))))
    except ValueError:
        raise _no_link() from None
    url = checked_url(text, allow_private=allow_private)
    if current.scheme == "https" and url.scheme == "http":
        raise LinkNotAllowed(
            f"{current.raw_host} redirects from https to http, where anybody on the way could "
            "change the picture, and no setting allows that. Check what the provider returns."
        )
    return url


class CheckedResolver(AbstractResolver):
    """Looks names up for aiohttp's connector, and keeps from it what must not be connected to.

    One is made for each download, which keeps what it has checked: a name is looked up once.
    aiohttp asks no resolver for an address in digits: `checked_url` checks those. Of several
    answers those that pass are used. Connecting only to them is as safe as refusing the name, and
    a public host that also announces an address of its own network goes on working.
    """

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._checked: dict[str, list[IPv4Address | IPv6Address]] = {}

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  # the interface has it
    ) -> list[ResolveResult]:
        """Return the addresses of a name that may be connected to.

        Raises:
            BackendDown: the name was not found.
            LinkNotAllowed: none of its addresses may be connected to.
        """
        if host not in self._checked:  # aiohttp asks again when a server hangs up on a GET
            self._checked[host] = await self._look_up(host, port)
        return [_result(host, port, address) for address in self._checked[host]]

    async def _look_up(self, host: str, port: int) -> list[IPv4Address | IPv6Address]:
        try:
            found = [ip_address(text) for text in await self._resolve(host, port)]
        except OSError as exc:
            raise BackendDown(
                f"{host} was not found: {exc.strerror or exc}. Check this machine's DNS, or try "
                "again later."
            ) from exc
        kept = [address for address in found if self._allow_private or is_public(address)]
        if not kept:
            log.warning("download refused: host=%s addresses=%s", host, ",".join(map(str, found)))
            raise LinkNotAllowed(_INSIDE.format(host=host))
        return kept

    async def close(self) -> None:
        """Nothing is held."""


async def system_addresses(host: str, port: int) -> Sequence[str]:
    """Look a name up as the system does."""
    infos = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return [str(address[0]) for *_, address in infos]


def _parsed(text: str) -> URL:
    try:
        return URL(text)
    except ValueError:  # its message may quote the link
        raise _no_link() from None


def _as_written(text: str, parsed: URL) -> URL:
    """The link without yarl's decoding and encoding, if it is encoded already."""
    is_plain = text.isascii() and text.isprintable() and " " not in text
    return URL(text, encoded=True) if is_plain else parsed


def _signed_as_written(text: str, parsed: URL) -> URL:
    """Keep what a signature may cover: yarl makes a slash of `%2F`. The host is the checked one."""
    written = _as_written(text, parsed)
    return URL.build(
        scheme=parsed.scheme,
        authority=parsed.raw_authority,
        path=written.raw_path,
        query_string=written.raw_query_string,
        encoded=True,
    )


def _host(url: URL) -> str:
    """The host as the connector will take it: a name, or an address in its usual spelling."""
    host = url.raw_host or ""
    is_spelled = _literal(host) is not None if _is_numeric(host) else _NAME.fullmatch(host)
    if not is_spelled or url.explicit_port == 0:
        raise _no_link()
    return host


def _is_numeric(host: str) -> bool:
    """Whether a socket could take this for an address: 127.1, 0x7f000001, 2130706433, ::1."""
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return an address in digits, without a zone, or None."""
    try:
        return None if "%" in host else ip_address(host)
    except ValueError:
        return None


def _is_inside(host: str) -> bool:
    literal = _literal(host)
    if literal is not None:
        return not is_public(literal)
    return host.lower().rpartition(".")[2] == "localhost"


def _no_link() -> BackendRefused:
    return BackendRefused(
        "A picture's link cannot be read: it names no host, or writes it in an unusual way. "
        "Check what the provider returns."
    )


def _result(host: str, port: int, address: IPv4Address | IPv6Address) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address),
        port=port,
        family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
