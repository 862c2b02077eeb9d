"""The page. On the embedded default it also starts the workers, and stops them with itself."""

import argparse
import fcntl
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from komadori.errors import KomadoriError
from komadori.logs import set_up_logging
from komadori.monitors.consumers import ConsumerMonitor, image_consumer
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
        yield
    finally:
        monitor.stop(lambda: _paid_requests(settings))


def _paid_requests(settings: Settings) -> int:
    from komadori.wiring.page import paid_requests

    return paid_requests(settings)


def _serve(settings: Settings, host: str, listener: socket.socket) -> None:
    # Imported while the workers already start: Gradio alone takes seconds.
    from komadori.queue.migrate import migrate
    from komadori.ui.server import make_app, serve
    from komadori.wiring.page import open_page_side
    from komadori.wiring.parts import make_plan

    migrate(settings.database_url)
    side = open_page_side(settings, make_plan(settings))
    empty = settings.data_dir / "empty"
    empty.mkdir(exist_ok=True)
    os.chdir(empty)  # Gradio would serve what lies in the current folder
    app = make_app(side.jobs, side.sessions, gradio_folder=settings.data_dir / "gradio")
    serve(app, host, listener, on_ready=_say_ready)


def _say_ready(address: str) -> None:
    sys.stdout.write(f"\n  Komadori is ready: {address}   (Ctrl-C stops it)\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
