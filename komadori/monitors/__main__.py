"""python -m komadori.monitors comfy status|watch|restart|start|stop|drain|resume|free [server]"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from komadori.errors import StoreAway
from komadori.logs import set_up_logging
from komadori.monitors.comfy import cli
from komadori.queue.migrate import migrate
from komadori.queue.servers import ServerRows
from komadori.queue.store import Store
from komadori.settings import Settings, SettingsInvalid, load_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fine, 1 something is down, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    set_up_logging(logging.INFO if options.verb == "watch" else logging.WARNING)
    try:
        settings = load_settings()
        return cli.run(options, settings, _opener(settings))
    except SettingsInvalid as exc:
        sys.stderr.write(f"{exc}\n")
        return cli.USAGE
    except StoreAway as exc:
        sys.stderr.write(f"The store does not answer: {exc}\n")
        return cli.DOWN
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m komadori.monitors", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    cli.add_arguments(kinds.add_parser("comfy", help="the ComfyUI servers of the settings"))
    return parser


def _opener(settings: Settings) -> Callable[[], ServerRows]:
    def open_book() -> ServerRows:
        migrate(settings.database_url)
        return ServerRows(Store(settings.database_url))

    return open_book


if __name__ == "__main__":
    sys.exit(main())
