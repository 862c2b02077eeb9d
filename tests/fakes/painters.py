"""Image backends in this process that do what a test has told them to, and keep to the protocol."""

from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

from PIL import Image

from komadori.backends.images.protocol import Errand, PictureOrder
from komadori.domain.backends import BackendFacts, Price
from komadori.errors import BackendBusy, BackendDown, BackendRefused, NotFetchedYet, OutcomeUnknown

Act = Callable[[PictureOrder, Errand], Awaitable[bytes]]
PRICE = Price(amount=0.04)


def painted(
    size: tuple[int, int] = (64, 36), colour: tuple[int, int, int] = (20, 90, 160)
) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


async def paints(order: PictureOrder, errand: Errand) -> bytes:
    """Send, and return a picture of the size that was asked for."""
    await errand.sending()
    return painted((order.width, order.height))


def answers(data: bytes) -> Act:
    """Send, and return these bytes."""

    async def act(_: PictureOrder, errand: Errand) -> bytes:
        await errand.sending()
        return data

    return act


async def refuses(_: PictureOrder, errand: Errand) -> bytes:
    """Send, and be refused."""
    await errand.sending()
    raise BackendRefused("The prompt is not allowed here.")


async def is_down(_: PictureOrder, errand: Errand) -> bytes:
    """Send, and find nobody there."""
    await errand.sending()
    raise BackendDown("Nobody listens.")


def is_busy(seconds: float) -> Act:
    """Send, and be told to come back later."""

    async def act(_: PictureOrder, errand: Errand) -> bytes:
        await errand.sending()
        raise BackendBusy("Too many requests.", retry_after_s=seconds)

    return act


async def hangs_up(_: PictureOrder, errand: Errand) -> bytes:
    """Send, and get no answer."""
    await errand.sending()
    raise OutcomeUnknown("The line was cut before the answer came.")


async def crashes(_: PictureOrder, errand: Errand) -> bytes:
    """Send, and fail by a fault of its own."""
    await errand.sending()
    raise RuntimeError("a fault of the backend")


async def takes_its_time(_: PictureOrder, errand: Errand) -> bytes:
    """Send, have the order accepted, and not be done in time."""
    await errand.sending()
    await errand.accepted({"task": "t-1"})
    raise NotFetchedYet("The picture is not done yet.")


async def fetches(order: PictureOrder, errand: Errand) -> bytes:
    """Fetch what an earlier attempt has ordered; send nothing."""
    assert errand.ticket == {"task": "t-1"}
    return painted((order.width, order.height))


async def is_still_not_done(_: PictureOrder, errand: Errand) -> bytes:
    """Ask for what an earlier attempt has ordered, in vain."""
    assert errand.ticket == {"task": "t-1"}
    raise NotFetchedYet("The picture is not done yet.")


async def has_lost_it(_: PictureOrder, errand: Errand) -> bytes:
    """Ask for what an earlier attempt has ordered: the provider knows of it no more."""
    assert errand.ticket == {"task": "t-1"}
    raise OutcomeUnknown("There is no task t-1.")


class Painter:
    """An image backend: does one act after the other, the last of them again and again."""

    def __init__(self, name: str, *acts: Act, **facts: Any) -> None:
        usual = {"label": name.title(), "kind": "http", "model": "m-1"}
        self.facts = BackendFacts(name=name, **(usual | facts))
        self.orders: list[PictureOrder] = []
        self.timeouts_s: list[float] = []
        self._acts = acts or (paints,)

    async def draw(self, order: PictureOrder, errand: Errand) -> bytes:
        act = self._acts[min(len(self.orders), len(self._acts) - 1)]
        self.orders.append(order)
        self.timeouts_s.append(errand.timeout_s)
        with errand.timed("request"):
            return await act(order, errand)


class Sketcher:
    """An image backend of this process, as the sketch is: it sends nothing and costs nothing."""

    def __init__(self, name: str = "sketch", **facts: Any) -> None:
        usual = {"label": "Sketch", "kind": "sketch", "is_remote": False}
        self.facts = BackendFacts(name=name, **(usual | facts))
        self.orders: list[PictureOrder] = []

    async def draw(self, order: PictureOrder, errand: Errand) -> bytes:
        self.orders.append(order)
        errand.report(1.0, "done")
        return painted((order.width, order.height))
