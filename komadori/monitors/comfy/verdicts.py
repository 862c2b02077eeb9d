"""What a look at a server, or the end of its process, means."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a server answered a probe."""

    OK = "ok"
    REFUSED = "refused"
    """Nobody listens, or the connection was cut."""
    TIMEOUT = "timeout"
    """Somebody listens and says nothing: busy, frozen or stuck. Alone it never means dead."""
    HTTP_ERROR = "http_error"
    """It answers with an error: sick."""


VERDICT_WORDS = {
    Verdict.OK: "it answers",
    Verdict.REFUSED: "nobody answers at its port",
    Verdict.TIMEOUT: "it takes too long to answer",
    Verdict.HTTP_ERROR: "it answers with errors",
}


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a process. The code of one that we adopted is not known."""

    code: int | None


_SIGNALS = {
    1: "its terminal was closed (signal 1)",
    2: "interrupted (signal 2)",
    4: "an illegal instruction (signal 4): its programs do not fit this processor",
    6: "aborted by one of its libraries (signal 6)",
    7: "a bus error (signal 7)",
    8: "an arithmetic error (signal 8)",
    9: "killed (signal 9): out of memory, likely",
    11: "a segmentation fault (signal 11): a driver or a custom node, likely",
    15: "told to end (signal 15)",
}
_WINDOWS = {
    0xC0000005: "an access violation (3221225477): a driver or a custom node, likely",
    0xC000001D: "an illegal instruction (3221225501): its programs do not fit this processor",
    0xC0000017: "out of memory (3221225495)",
    0xC0000374: "a broken heap (3221226356): a driver or a custom node, likely",
    0xC0000409: "a stack overrun (3221226505): a driver or a custom node, likely",
    0xC000013A: "its window was closed (3221225786)",
    0xC00000FD: "a stack overflow (3221225725)",
}


def exit_words(exit_: Exit) -> str:
    """Say in words how a process ended."""
    code = exit_.code
    if code is None:
        return "ended; the code is not known, since an earlier supervisor had started it"
    if code < 0:
        return _SIGNALS.get(-code, f"ended by signal {-code}")
    if code > 128 and code - 128 in _SIGNALS:  # as a shell reports its child's end
        return _SIGNALS[code - 128]
    if words := _WINDOWS.get(code):
        return words
    return "ended by itself (code 0)" if code == 0 else f"ended with code {code}"
