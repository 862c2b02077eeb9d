"""The named endpoints for scripts, apart from the page's own handlers: how Gradio serves them.

What they do is in api_jobs.py, api_frames.py, api_clips.py and api_health.py.
"""

import inspect
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from fastapi import HTTPException
from gradio.block_function import BlockFunction
from gradio.events import api as add_endpoint
from gradio.utils import get_upload_folder
from gradio_client import utils as client_utils

from komadori.errors import RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.api_callers import Callers
from komadori.ui.api_clips import ClipCalls
from komadori.ui.api_frames import FrameCalls
from komadori.ui.api_health import HealthCalls
from komadori.ui.api_jobs import JobCalls
from komadori.ui.health_desk import HealthDesk
from komadori.ui.plain import PlainJob
from komadori.ui.uploads import Uploads

log = logging.getLogger(__name__)

R = TypeVar("R")


def add_api(jobs: Jobs, sessions: Sessions, desk: HealthDesk) -> None:
    """Add the endpoints to the Blocks that is being built."""
    callers = Callers(jobs, sessions, Uploads(Path(get_upload_folder())))
    of_jobs, of_frames = JobCalls(jobs, callers), FrameCalls(jobs, callers)
    of_clips = ClipCalls(jobs, callers)
    of_health = HealthCalls(desk)
    for call in (
        of_jobs.create_storyboard,
        of_frames.create_frame,
        of_jobs.job_status,
        of_jobs.list_jobs,
        of_jobs.cancel_job,
        of_jobs.retry_job,
        of_jobs.delete_job,
        of_jobs.redo_panel,
        of_jobs.job_panels,
        of_frames.approve_draft,
        of_frames.redo_draft,
        of_frames.pick_candidate,
        of_frames.job_pictures,
        of_frames.providers,
        of_clips.create_clip,
        of_clips.job_clips,
        of_clips.workflows,
        of_health.health,
        of_health.operate,
    ):
        add_endpoint(_answering(call), api_name=call.__name__, concurrency_limit=None)
    add_endpoint(_streaming(of_jobs.follow_job), api_name="follow_job", concurrency_limit=None)


def call_names(page: gr.Blocks) -> tuple[list[str], list[str]]:
    """Return the names of all calls that Gradio answers, and of those that view_api() tells."""
    named = [fn for fn in page.fns.values() if isinstance(fn.api_name, str)]
    told = [str(fn.api_name) for fn in named if fn.api_visibility == "public"]
    return [str(fn.api_name) for fn in named], told


def take_short_calls(page: gr.Blocks) -> None:
    """Let callers leave out the last values, where they have defaults, as Python does.

    Gradio would write to the log what it got: the session key, too.
    """

    def fill_in(block_fn: BlockFunction, inputs: list[Any]) -> None:
        parameters = list(inspect.signature(block_fn.fn).parameters.values()) if block_fn.fn else []
        for parameter in parameters[len(inputs) : len(block_fn.inputs)]:
            if parameter.default is parameter.empty:
                raise gr.Error(
                    f"{parameter.name}: it is missing. Needed are, in this order: "
                    f"{', '.join(one.name for one in parameters[: len(block_fn.inputs)])}.",
                    print_exception=False,
                )
            inputs.append(parameter.default)

    construct = client_utils.construct_args

    def construct_in_words(*values: Any) -> list[Any]:
        try:
            constructed: list[Any] = construct(*values)
        except TypeError as exc:
            raise HTTPException(422, detail=str(exc).partition(" Please")[0]) from exc
        return constructed

    page.validate_inputs = fill_in  # type: ignore[method-assign]
    client_utils.construct_args = construct_in_words  # of /call/v2, which takes values by name


def _answering(call: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
    """Give Gradio a call whose errors may be shown to anybody."""

    @wraps(call)
    async def answer(*values: Any) -> R:
        with _shown_errors(call.__name__):
            return await call(*values)

    return answer


def _streaming(
    call: Callable[..., AsyncIterator[PlainJob]],
) -> Callable[..., AsyncIterator[PlainJob]]:
    """Do the same for a call that yields."""

    @wraps(call)
    async def stream(*values: Any) -> AsyncIterator[PlainJob]:
        with _shown_errors(call.__name__):
            async for value in call(*values):
                yield value

    # view_api() should say what one value of the stream is.
    described = inspect.signature(call).replace(return_annotation=PlainJob)
    stream.__signature__ = described  # type: ignore[attr-defined]
    return stream


@contextmanager
def _shown_errors(name: str) -> Iterator[None]:
    """Tell callers what they can change; everything else goes to the log under a number."""
    try:
        yield
    except RequestRejected as exc:
        raise gr.Error(str(exc), print_exception=False) from exc
    except Exception as exc:  # a process boundary: callers get a number, the log gets the rest
        number = secrets.token_hex(4)
        log.exception("api call failed: endpoint=%s error=%s", name, number)
        raise gr.Error(
            f"Something went wrong on our side (error {number}). It is in the server's log under "
            "this number; what is finished is kept.",
            print_exception=False,
        ) from exc
