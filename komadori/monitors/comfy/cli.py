"""python -m komadori.monitors comfy …: status, watch, and what an operator may ask of a server."""

import argparse
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Protocol

from komadori.domain.servers import ServerBook, ServerReport, ServerState, Verb
from komadori.errors import StoreAway
from komadori.monitors.comfy.probe import Probe, without_secrets
from komadori.monitors.comfy.scaling import names_of
from komadori.monitors.comfy.verdicts import VERDICT_WORDS, Verdict
from komadori.monitors.comfy.watch import ServerWatch
from komadori.settings import ServerSettings, Settings

log = logging.getLogger(__name__)

FINE, DOWN, USAGE = 0, 1, 2
_LOOK_S = 0.2
_SETTLE_S = 20.0
_VERBS = tuple(verb.value for verb in Verb)


class Book(ServerBook, Protocol):
    """The store as the command uses it."""

    def ask(self, server: str, verb: Verb, reason: str = "") -> None:
        """Store a wish for whoever supervises the server."""

    def is_watched(self, server: str) -> bool:
        """Whether somebody's word on the server is fresh."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("verb", choices=("status", "watch", *_VERBS), metavar="verb",
                        help="status, watch, " + ", ".join(_VERBS))  # fmt: skip
    parser.add_argument("server", nargs="?", help="its name in the settings; all, if none is given")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--reason", default="", help="why, for the list of incidents")


def run(options: argparse.Namespace, settings: Settings, open_book: Callable[[], Book]) -> int:
    """Do what was asked for; return the exit code."""
    servers = _chosen(options.server, settings)
    if not servers:
        known = ", ".join(one.name for one in settings.comfyui.servers) or "none"
        return _misused(f"There is no server {options.server!r}. The settings have: {known}.")
    if options.verb == "status":
        return _status(servers, settings, open_book, as_json=options.json)
    if options.verb == "watch":
        return _watch(options.server, settings, open_book())
    if options.server is None and len(servers) > 1:
        names = ", ".join(one.name for one in servers)
        return _misused(f"Which server? {options.verb} takes one of: {names}.")
    return _ask(Verb(options.verb), options, servers[0], settings, open_book())


def _chosen(name: str | None, settings: Settings) -> list[ServerSettings]:
    """Return the servers meant; an instance of one is meant by its own name."""
    found = []
    for server in settings.comfyui.servers:
        mine = [own for own in names_of(server) if name in (None, own)]
        found += [server.model_copy(update={"name": own}) for own in mine]
    return found


def _misused(message: str) -> int:
    sys.stderr.write(message + "\n")
    return USAGE


# status


def _status(
    servers: Sequence[ServerSettings],
    settings: Settings,
    open_book: Callable[[], Book],
    *,
    as_json: bool,
) -> int:
    reports = _reports(servers, open_book)
    lines = [_one_status(one, reports.get(one.name), settings) for one in servers]
    found = [one for one in lines if one is not None]
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_line(one) for one in found) + "\n")
    return FINE if all(one["is_fine"] for one in found) else DOWN


def _reports(
    servers: Sequence[ServerSettings], open_book: Callable[[], Book]
) -> dict[str, tuple[ServerReport, bool]]:
    """Return what supervisors have told, and whether that is fresh; nothing without a store."""
    found = {}
    try:
        book = open_book()
        for server in servers:
            if (report := book.report(server.name)) is not None:
                found[server.name] = (report, book.is_watched(server.name))
    except StoreAway as exc:
        sys.stderr.write(f"The store does not answer, so servers are only probed: {exc}\n")
    return found


def _one_status(
    server: ServerSettings, told: tuple[ServerReport, bool] | None, settings: Settings
) -> dict[str, Any] | None:
    """Return how one server does. An instance that nobody has started is not worth a line."""
    report, is_watched = told if told is not None else (None, False)
    is_instance = all(server.name != one.name for one in settings.comfyui.servers)
    if report is None and is_instance:
        return None
    url = report.url if report is not None and is_instance else server.url
    probe = Probe(url, settings.comfyui.probe.timeout_s)
    look = probe.look()
    probe.close()
    is_meant = is_watched and report is not None and report.state is ServerState.STOPPED
    devices = report.devices if look.verdict is not Verdict.OK and report else look.stats.devices
    return {
        "name": server.name,
        "url": without_secrets(url),
        "is_fine": look.verdict is Verdict.OK or is_meant,
        "answers": look.verdict.value,
        "detail": look.detail,
        "version": look.stats.version,
        "running": len(look.queue.running),
        "waiting": len(look.queue.pending),
        "ram_total": look.stats.ram_total,
        "ram_free": look.stats.ram_free,
        "devices": [one.model_dump() for one in devices],
        "is_watched": is_watched,
        "report": report.model_dump(mode="json", exclude={"offers"}) if report else None,
    }


def _line(one: dict[str, Any]) -> str:
    report = one["report"]
    state = report["state"] if report and one["is_watched"] else "not watched"
    parts = [f"{one['name']:<12} {state:<11} {VERDICT_WORDS[Verdict(one['answers'])]}"]
    if one["answers"] == Verdict.OK.value:
        parts.append(f"{one['running']} running, {one['waiting']} waiting")
        parts.append(_memory("RAM", one["ram_total"], one["ram_free"]))
        parts += [_memory(d["name"], d["vram_total"], d["vram_free"]) for d in one["devices"]]
        parts.append(f"ComfyUI {one['version']}")
    if report and one["is_watched"]:
        parts += [report["reason"], report["plan"], _attempt(report)]
    return "; ".join(part for part in [*parts, one["url"]] if part)


def _attempt(report: dict[str, Any]) -> str:
    if not report["attempt"]:
        return ""
    return f"attempt {report['attempt']} of {report['attempts_most']}"


def _memory(what: str, total: int, free: int) -> str:
    if not total:
        return ""
    return f"{what} {(total - free) / 1e9:.1f} of {total / 1e9:.1f} GB used"


# watch


def _watch(name: str | None, settings: Settings, book: Book) -> int:
    """Watch until told to stop; servers go on."""
    ending = threading.Event()

    def end(signum: int, frame: FrameType | None) -> None:
        del signum, frame
        ending.set()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, end)
    watch = ServerWatch(settings, book, only=name)
    if not watch.supervisors:
        return _misused("No server of the settings is to be watched on this machine.")
    watch.start()
    sys.stdout.write("Watching; Ctrl-C stops that, and the servers go on.\n")
    sys.stdout.flush()
    while not ending.wait(_LOOK_S):  # in short turns, since Windows wakes no wait for a signal
        pass
    watch.stop(leave_running=True)
    return FINE


# what an operator asks


def _ask(
    verb: Verb, options: argparse.Namespace, server: ServerSettings, settings: Settings, book: Book
) -> int:
    if server.command is None and verb in (Verb.START, Verb.STOP, Verb.RESTART):
        return _misused(
            f"{server.name} has no command in the settings: it is watched, never started or ended."
        )
    began = book.now()
    book.ask(server.name, verb, options.reason)
    goal = _Goal(verb, server.name, began, book)
    is_done = _reach(goal, server, settings, book, _patience_s(verb, settings))
    return _told(goal, is_done=is_done, as_json=options.json)


def _reach(
    goal: "_Goal", server: ServerSettings, settings: Settings, book: Book, within_s: float
) -> bool:
    """Wait until it is done by whoever watches the server; when nobody does, that is us."""
    base = next(one for one in settings.comfyui.servers if server.name in names_of(one))
    watch = ServerWatch(settings, book, only=base.name)
    watch.start()
    try:
        return goal.wait(within_s)
    finally:
        watch.stop(leave_running=True)


def _patience_s(verb: Verb, settings: Settings) -> float:
    if verb in (Verb.START, Verb.RESTART):
        return settings.comfyui.start_most_s + 60
    return 60.0 if verb is Verb.STOP else _SETTLE_S


class _Goal:
    """What has to be told of the server until a wish has come true."""

    def __init__(self, verb: Verb, name: str, began: float, book: Book) -> None:
        self._verb, self._name, self._began, self._book = verb, name, began, book
        self.report: ServerReport | None = None

    def wait(self, within_s: float) -> bool:
        until = time.monotonic() + within_s
        while not self._is_reached():
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_S)
        return True

    def _is_reached(self) -> bool:
        self.report = report = self._book.report(self._name)
        if report is None:
            return False
        match self._verb:
            case Verb.STOP:
                return report.state is ServerState.STOPPED
            case Verb.START:
                return report.state.takes_prompts and (report.seen_at or 0.0) >= self._began
            case Verb.RESTART:
                is_new = (report.started_at or 0.0) >= self._began
                return is_new and report.state.takes_prompts
            case Verb.DRAIN:
                return report.is_draining
            case Verb.RESUME:
                return not report.is_draining
            case _:
                incidents = self._book.incidents(self._name, self._began)
                return any(one.kind.value == "freed" for one in incidents)


def _told(goal: _Goal, *, is_done: bool, as_json: bool) -> int:
    report = goal.report
    if as_json:
        told = report.model_dump(mode="json", exclude={"offers"}) if report is not None else None
        sys.stdout.write(json.dumps({"is_done": is_done, "report": told}, indent=2) + "\n")
    elif report is None:
        sys.stdout.write("Nobody watches this server; the wish waits for its supervisor.\n")
    else:
        state = f"{report.name} is {report.state}" + (f": {report.reason}" if report.reason else "")
        sys.stdout.write(f"{'Done' if is_done else 'Not done yet'}: {state}.\n")
    return FINE if is_done else DOWN
