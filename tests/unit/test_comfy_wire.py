"""Whatever aiohttp raises becomes an error of ours, and nothing of an address is said."""

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from komadori.backends.comfy.errors import ServerFault, ServerGone, ServerSick, ServerSilent
from komadori.backends.comfy.wire import Wire, path_of, was_sent

ADDRESS = "http://me:hush@127.0.0.1:9"


def kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


class Failing:
    """A session whose requests fail in one way."""

    def __init__(self, exc: Exception) -> None:
        self._exc = exc

    def request(self, *_: object, **__: object) -> object:
        raise self._exc


async def fault_of(exc: Exception) -> ServerFault:
    wire = Wire("a", ADDRESS, Failing(exc), timeout_s=1)  # type: ignore[arg-type]
    with pytest.raises(ServerFault) as caught:
        await wire.get_json("/queue")
    return caught.value


def made(kind: type[Exception]) -> Exception:
    exc = kind.__new__(kind)
    vars(exc)["_os_error"] = OSError(111, "refused", "127.0.0.1")
    exc.args = (f"about {ADDRESS}",)
    return exc


@pytest.mark.parametrize("kind", sorted(set(kinds(aiohttp.ClientError)), key=lambda k: k.__name__))
async def test_every_error_of_aiohttp_is_translated(kind: type[Exception]) -> None:
    fault = await fault_of(made(kind))

    assert isinstance(fault, ServerGone | ServerSilent | ServerSick)
    assert "hush" not in str(fault)


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (TimeoutError(), ServerSilent),
        (ConnectionResetError(), ServerGone),
        (BrokenPipeError(), ServerGone),
        (aiohttp.ServerDisconnectedError(), ServerGone),
        (aiohttp.ServerTimeoutError(), ServerSilent),
        (aiohttp.ConnectionTimeoutError(), ServerSilent),
        (aiohttp.ClientPayloadError(), ServerGone),
        (aiohttp.ClientError(), ServerSick),
    ],
)
async def test_gone_silent_and_sick_are_told_apart(exc: Exception, kind: type) -> None:
    assert type(await fault_of(exc)) is kind


async def test_only_what_failed_to_connect_was_surely_not_sent() -> None:
    assert not was_sent(await fault_of(made(aiohttp.ClientConnectorError)))
    assert not was_sent(await fault_of(aiohttp.ConnectionTimeoutError()))
    assert was_sent(await fault_of(aiohttp.ServerDisconnectedError()))
    assert was_sent(await fault_of(TimeoutError()))


async def test_a_cancelled_request_is_no_fault_of_the_server() -> None:
    wire = Wire("a", ADDRESS, Failing(asyncio.CancelledError()), timeout_s=1)  # type: ignore[arg-type]

    with pytest.raises(asyncio.CancelledError):
        await wire.get_json("/queue")


def test_parts_of_a_path_lead_nowhere_else() -> None:
    assert path_of("object_info", "../x y?z#ü") == "/object_info/..%2Fx%20y%3Fz%23%C3%BC"
