"""The HTTP server: our own routes, the session cookie, and the Gradio page mounted at `/`.

Gradio reads its environment while it is imported and while a page is built, so the page is imported
here only after the settings are made.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from komadori.errors import KomadoriError
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui.cookie import SessionCookie
from komadori.ui.files import file_routes
from komadori.ui.first_paint import FirstPaint
from komadori.ui.guards import ClosedDoors, KnownCalls, SecurityHeaders, SmallBodies
from komadori.ui.health_desk import HealthDesk
from komadori.ui.join import join_routes
from komadori.ui.listener import listen

log = logging.getLogger(__name__)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_EVENTS_AT_ONCE = 1000  # Gradio's own 40 also counts the followers that only wait
_QUEUE_POLL_S = 0.01  # Gradio's own 1 ms costs 4 to 6 % of a core while nothing happens
_PROGRESS_POLL_S = 0.25  # for gr.Progress, which we do not use
_SWEEP_EVERY_S = 3600


def make_app(
    jobs: Jobs,
    sessions: Sessions,
    desk: HealthDesk,
    *,
    gradio_folder: Path,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return the whole application. `gradio_folder` is where Gradio keeps uploads and copies.

    `lifespan` is entered when the server starts, on its event loop, and left when it has stopped.
    """
    _set_environment(gradio_folder)
    app = FastAPI(
        title="Komadori",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_with_sweeper(gradio_folder, lifespan),
    )
    app.add_middleware(FirstPaint)
    app.add_middleware(SessionCookie)
    app.add_api_route("/healthz", _healthz)
    app.include_router(file_routes(jobs, sessions))
    app.include_router(join_routes(sessions))
    _mount_page(app, jobs, sessions, desk)
    app.add_middleware(SmallBodies)
    app.add_middleware(ClosedDoors, folder=gradio_folder)
    app.add_middleware(SecurityHeaders)
    return app


def _set_environment(gradio_folder: Path) -> None:
    gradio_folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "GRADIO_TEMP_DIR": str(gradio_folder.resolve()),
        "GRADIO_ANALYTICS_ENABLED": "False",
        # After every event Gradio sums up its records with pandas: 17 ms with 10,000 of them.
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000",
        "GRADIO_ANALYTICS_MAX_EVENTS": "100",
    }


def _mount_page(app: FastAPI, jobs: Jobs, sessions: Sessions, desk: HealthDesk) -> None:
    import gradio as gr

    from komadori.ui.api import call_names, take_short_calls
    from komadori.ui.page import build_page
    from komadori.ui.texts import I18N
    from komadori.ui.theme import CSS, HEAD, THEME
    from komadori.ui.uploads import UPLOAD_MAX_BYTES, take_uploads_only

    take_uploads_only()
    page = build_page(jobs, sessions, desk)
    take_short_calls(page)
    every_name, told_names = call_names(page)
    app.add_middleware(KnownCalls, callable_names=every_name, told=told_names)
    page.max_threads = _EVENTS_AT_ONCE  # read by queue()
    page.queue(default_concurrency_limit=None, api_open=True)
    page._queue.sleep_when_free = _QUEUE_POLL_S
    page._queue.progress_update_sleep_when_free = _PROGRESS_POLL_S
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=["api"],  # the footer stays hidden; the page links to the description
        run_history=False,
        enable_monitoring=False,
        show_error=False,  # gr.Error is shown all the same, other exceptions' texts are not
        max_file_size=UPLOAD_MAX_BYTES,
        ssr_mode=False,
        mcp_server=False,
        app_kwargs={"openapi_url": None},
        i18n=I18N,
        theme=THEME,
        css=CSS,
        head=HEAD,
    )
    # launch() sets this, mounting does not; without it Gradio takes any local path for an upload.
    page.has_launched = True


async def _healthz() -> dict[str, str]:
    return {"status": "ok"}


def _with_sweeper(gradio_folder: Path, inner: Lifespan | None) -> Lifespan:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(_sweep_always(gradio_folder))
        try:
            async with inner(app) if inner else contextlib.nullcontext():
                yield
        finally:
            sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeper

    return lifespan


async def _sweep_always(folder: Path) -> None:
    from komadori.ui.uploads import sweep

    while True:
        await asyncio.to_thread(sweep, folder)
        await asyncio.sleep(_SWEEP_EVERY_S)


def serve(
    app: FastAPI,
    host: str,
    listener: socket.socket,
    *,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, in this process and thread, and return then.

    `listener` is what `open_socket` returned for `host`. `on_ready` gets the address as soon as it
    answers.

    Raises:
        PortInUse: another program was quicker.
        KomadoriError: `lifespan` failed; the log says why.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,  # open event streams would hold the exit up
        server_header=False,
    )
    server = _Server(config, on_ready=on_ready, address=_address(host, listener))
    listen(listener)
    with _sigterm_only_stops(), listener, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        raise KomadoriError("The page could not start; the lines above say why.")


class _Server(uvicorn.Server):
    """A uvicorn that says when it listens."""

    def __init__(
        self, config: uvicorn.Config, *, on_ready: Callable[[str], None] | None, address: str
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._address = address

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. Hammering Ctrl-C changes nothing: the end is a second away."""
        if not self.should_exit:
            log.info("stopping: open pages are let go, running steps are given back")
            # It would tell of each open event stream, with a traceback.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and self._on_ready:
            self._on_ready(self._address)


def _address(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 (only named)
    if ":" in shown and not shown.startswith("["):
        shown = f"[{shown}]"
    return f"http://{shown}:{port}"


@contextlib.contextmanager
def _sigterm_only_stops() -> Iterator[None]:
    """Let `serve` return after a SIGTERM: uvicorn raises it again once it has shut down."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
