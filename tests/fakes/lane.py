"""A lane for tests: the real consumer, ledger and plan, with steps that obey files in a folder.

`huey_consumer tests.fakes.lane.huey -k process -w 2`, with LANE_ORDERS naming the folder. A file
`panel-3` (or `<job>.panel-3`) holds the order for one execution of that step; `panel-3.always` for
every one; `any.always` for all steps. Every execution adds a line to `executions`.
"""

import asyncio
import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import NoReturn

from PIL import Image

from komadori.domain.ids import JobId
from komadori.domain.job import Job, Step
from komadori.domain.states import Lane, StepKind
from komadori.domain.story import Panel, Scene, Setting, Shot, Storyboard
from komadori.domain.work import NewArtifact, Plan, StepContext, StepResult
from komadori.errors import BackendRefused
from komadori.logs import set_up_logging
from komadori.queue.broker import Broker
from komadori.queue.consumer import Bench, LaneConsumer
from komadori.queue.store import Store
from komadori.settings import load_settings
from komadori.wiring.parts import make_plan
from komadori.wiring.workers import open_lane

ORDERS = Path(os.environ["LANE_ORDERS"])
_LOOK_S = 0.02
_FOR_EVER = 10**13

set_up_logging()
logging.getLogger("huey").propagate = False
settings = load_settings()
_plan = make_plan(settings)


class ObedientSteps:
    """A RunStep that draws tiny pictures, unless it is ordered to do something else."""

    async def __call__(self, context: StepContext) -> StepResult:
        """Do as ordered, then do the step."""
        name = f"{context.step.kind}-{context.step.number}"
        _record(context, name)
        order = _order(context.job.id, name)
        await _obey(order, name)
        if context.step.kind is StepKind.SCENES:
            return StepResult(data=_storyboard(context.job.request["panels"]))
        result = _drawn(context)
        if order == "store and die":
            _die()
        return result


def plan(job: Job, steps: Sequence[Step]) -> Plan:
    """Plan as the product does; an order for `plan` is obeyed in the middle of the transaction."""
    _ORDERS_AT_ONCE.get(_order(job.id, "plan"), _nothing)()
    return _plan(job, steps)


async def _obey(order: str, name: str) -> None:
    if order.startswith("sleep "):
        await asyncio.sleep(float(order.removeprefix("sleep ")))
    elif order == "wait":
        while not _is_released(name):  # noqa: ASYNC110  # a file has no event
            await asyncio.sleep(_LOOK_S)
    elif order == "stop and wait":
        _stop()
        await asyncio.sleep(_FOR_EVER)
    else:
        _block(order, name)


def _block(order: str, name: str) -> None:
    """Obey what never gives way to the event loop."""
    if order == "block":
        while not _is_released(name):
            time.sleep(_LOOK_S)
    else:
        _ORDERS_AT_ONCE.get(order, _nothing)()


def _nothing() -> None:
    pass


def _fail() -> NoReturn:
    raise RuntimeError("the brush broke")


def _refuse() -> NoReturn:
    raise BackendRefused("The backend will not draw this.")


def _cancel_itself() -> NoReturn:
    raise asyncio.CancelledError


def _hang() -> None:
    """Run in C without an end, and never let go of the interpreter's lock."""
    deque(repeat(None, _FOR_EVER), maxlen=0)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _stop_with_lock() -> None:
    """Be stopped while holding the only lock that SQLite's writers have."""
    with Store(settings.database_url).write():
        _stop()


_ORDERS_AT_ONCE: dict[str, Callable[[], None]] = {
    "fail": _fail,
    "refuse": _refuse,
    "cancel itself": _cancel_itself,
    "hang": _hang,
    "die": _die,
    "stop": _stop,
    "stop with lock": _stop_with_lock,
}


def _order(job_id: str, name: str) -> str:
    for once in (ORDERS / f"{job_id}.{name}", ORDERS / name):
        if (text := _taken(once)) is not None:
            return text
    lasting = (f"{job_id}.{name}.always", f"{name}.always", "any.always")
    for always in (ORDERS / file for file in lasting):
        if always.exists():
            return always.read_text()
    return ""


def _taken(path: Path) -> str | None:
    """Read and remove a file; None when there is none, or another process was faster."""
    try:
        text = path.read_text()
        path.unlink()
    except FileNotFoundError:
        return None
    return text


def _is_released(name: str) -> bool:
    return (ORDERS / f"release-{name}").exists() or (ORDERS / "release").exists()


def _record(context: StepContext, name: str) -> None:
    line = f"{context.job.id} {name} {context.step.attempt} {os.getpid()}\n"
    with (ORDERS / "executions").open("a") as executions:  # short appends never mix
        executions.write(line)


def _storyboard(panels: int) -> dict[str, object]:
    scene = Scene(number=1, setting=Setting.FOREST)
    board = Storyboard(
        source="rules",
        language="en",
        cast=(),
        panels=tuple(
            Panel(number=number, scene=scene, text=f"Sentence {number}.", shot=Shot.WIDE)
            for number in range(1, panels + 1)
        ),
    )
    return board.model_dump(mode="json")


def _drawn(context: StepContext) -> StepResult:
    picture = BytesIO()
    Image.new("RGB", (16, 9), (context.step.number, 0, 0)).save(picture, "WEBP")
    file = context.files.put_picture(picture.getvalue())
    artifact = NewArtifact(
        job_id=JobId(context.job.request.get("job_id", context.job.id)),
        slot=f"panel-{context.step.number:03d}",
        file=file,
        about={"by": os.getpid()},
    )
    return StepResult(data={"picture": file.id}, artifacts=(artifact,))


def _no_bench() -> Bench:
    raise OSError("the desk is locked")


def _consumer_without_bench(broker: Broker, **options: object) -> LaneConsumer:
    return LaneConsumer(broker, open_bench=_no_bench, max_steps=1, frozen_after_s=1.0, **options)


huey = open_lane(settings, Lane.IMAGE, plan=plan, run=ObedientSteps())
broken = open_lane(settings, Lane.IMAGE, plan=plan, run=ObedientSteps())
broken.consumer = _consumer_without_bench
