"""The page. On the embedded default it also starts the workers, and stops them with itself."""

import argparse
import fcntl
import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from komadori.errors import KomadoriError
from komadori.logs import set_up_logging
from komadori.monitors.consumers import ConsumerMonitor, image_consumer
from komadori.monitors.extra_workers import ExtraWorkers, Span
from komadori.settings import Settings, SettingsInvalid, load_settings
from komadori.ui.listener import open_socket

log = logging.getLogger("komadori")


def main() -> None:
    """Run the page until it is told to stop."""
    options = _parser().parse_args()
    set_up_logging()
    try:
        settings = load_settings()
        host, port = options.host or settings.page.host, options.port or settings.page.port
        with (
            _only_page_of(settings.data_dir),
            open_socket(host, port) as listener,
            _workers(settings, wanted=options.workers),
        ):
            _serve(settings, host, listener)
    except (SettingsInvalid, KomadoriError) as exc:
        sys.exit(str(exc))
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Komadori: stories become manga panels.")
    parser.add_argument("--port", type=_port, help="the port the page listens on")
    parser.add_argument("--host", help="the address the page listens on")
    parser.add_argument(
        "--no-workers",
        dest="workers",
        action="store_false",
        help="start no workers; run huey_consumer yourself",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use 1 to 65535")
    return int(text)


@contextmanager
def _only_page_of(folder: Path) -> Iterator[None]:
    """Two embedded pages on one folder would start two sets of workers: refuse the second."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "page.lock").open("a+")
    except OSError as exc:
        sys.exit(f"The folder {folder} cannot be written ({exc.strerror}). Set KOMADORI_DATA_DIR.")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(
                f"Another Komadori page already uses {folder}. Stop it, or set KOMADORI_DATA_DIR "
                "to another folder."
            )
        yield


@contextmanager
def _workers(settings: Settings, *, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    workers = settings.defaults.concurrency.image_workers
    environment = {"KOMADORI_DATA_DIR": str(settings.data_dir)}
    monitor = ConsumerMonitor(image_consumer(workers), environment)
    monitor.start()
    try:
        with _extra_workers(settings, environment):
            yield
    finally:
        monitor.stop(lambda: _paid_requests(settings))


@contextmanager
def _extra_workers(settings: Settings, environment: Mapping[str, str]) -> Iterator[None]:
    """While work waits there are more workers, where the settings allow it."""
    extra = settings.defaults.concurrency.extra_image_workers
    if not extra:
        yield
        return
    from komadori.wiring.parts import open_backlog

    with open_backlog(settings) as read_backlog:
        workers = ExtraWorkers(
            Span(
                most=extra,
                up_after_s=settings.worker.scale_up_after_s,
                down_after_s=settings.worker.scale_down_after_s,
                cpu_percent=settings.comfyui.limits.cpu_percent,
            ),
            read_backlog=read_backlog,
            start_worker=lambda: _started(ConsumerMonitor(image_consumer(1), environment)),
            end_worker=lambda worker: worker.stop(lambda: _paid_requests(settings)),
        )
        workers.start()
        try:
            yield
        finally:
            workers.stop()


def _started(worker: ConsumerMonitor) -> ConsumerMonitor:
    worker.start()
    return worker


def _paid_requests(settings: Settings) -> int:
    from komadori.wiring.page import paid_requests

    return paid_requests(settings)


def _serve(settings: Settings, host: str, listener: socket.socket) -> None:
    # Imported while the workers already start: Gradio alone takes seconds.
    from komadori.queue.migrate import migrate
    from komadori.ui.health_desk import HealthDesk
    from komadori.ui.server import make_app, serve
    from komadori.wiring.page import open_page_side
    from komadori.wiring.parts import make_plan

    migrate(settings.database_url)
    side = open_page_side(settings, make_plan(settings))
    empty = settings.data_dir / "empty"
    empty.mkdir(exist_ok=True)
    os.chdir(empty)  # Gradio would serve what lies in the current folder
    desk = HealthDesk.of(side.health, settings)
    folder = settings.data_dir / "gradio"
    app = make_app(side.jobs, side.sessions, desk, gradio_folder=folder)
    with _watching(settings):
        serve(app, host, listener, on_ready=_say_ready)


@contextmanager
def _watching(settings: Settings) -> Iterator[None]:
    """Keep the ComfyUI servers alive. Those that run go on when the page ends, and are adopted."""
    if not settings.comfyui.servers:
        yield
        return
    from komadori.monitors.comfy.watch import ServerWatch
    from komadori.wiring.parts import open_server_book

    with open_server_book(settings) as book:
        watch = ServerWatch(settings, book)
        watch.start()
        try:
            yield
        finally:
            watch.stop()


def _say_ready(address: str) -> None:
    sys.stdout.write(f"\n  Komadori is ready: {address}   (Ctrl-C stops it)\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
