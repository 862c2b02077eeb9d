"""python -m komadori.monitors comfy status|watch|restart|start|stop|drain|resume|free [server]"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from komadori.errors import StoreAway
from komadori.logs import set_up_logging
from komadori.monitors.comfy import cli
from komadori.queue.migrate import migrate
from komadori.queue.server_places import read_standings
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


class _Rows(ServerRows):
    """The rows of the servers, as the command reads them."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._read = store.read

    def is_watched(self, server: str) -> bool:
        """Whether somebody's word on the server is fresh."""
        now = self.now()
        with self._read() as connection:
            standings = read_standings(connection, "", now)
        return any(one.is_watched for one in standings if one.report.name == server)


def _opener(settings: Settings) -> Callable[[], _Rows]:
    def open_book() -> _Rows:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            migrate(settings.database_url)
            return _Rows(Store(settings.database_url))
        except Exception as exc:  # whatever a database raises that is not there
            raise StoreAway(str(exc)) from exc

    return open_book


if __name__ == "__main__":
    sys.exit(main())
