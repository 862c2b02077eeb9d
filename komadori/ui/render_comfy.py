"""What the way to a ComfyUI tells while a job runs or waits, in the reader's language.

It tells in English sentences of a known form; what has another form is shown as it came.
"""

import re

from komadori.domain.view import StepView
from komadori.ui.reasons import told
from komadori.ui.texts import Language, say

COMFY = "ComfyUI "
_TOLD = re.compile(r"ComfyUI (?P<server>[\w-]+): (?P<what>.+)", re.DOTALL)
_BEFORE = re.compile(r"waiting, (?P<count>\d+) before it")
_AT = re.compile(r"(?P<node>.+) (?P<step>\d+) of (?P<steps>\d+)", re.DOTALL)
_ATTEMPT = re.compile(r"restarting, attempt (?P<attempt>\d+) of (?P<most>\d+)")
_BECAUSE = re.compile(r"(?P<words>[^()]+) \((?P<reason>.+)\)", re.DOTALL)
_AGAIN = re.compile(r"(?P<words>.+), tried again at (?P<time>\d\d:\d\d)", re.DOTALL)
_PLAIN = {
    "waiting, next": "comfy_next",
    "drawing": "comfy_working",
    "fetching the file": "comfy_fetching",
    "restarting": "wait_restarting",
    "starting": "wait_starting",
    "takes no new prompts just now": "wait_draining",
    "stopped": "wait_state_STOPPED",
    "does not answer just now": "wait_state_SUSPECT",
    "starts when there is work for it": "wait_idle",
    "given up": "wait_state_FAILED",
    "not reachable": "wait_state_DOWN",
}


def step_words(step: StepView, language: Language) -> str:
    """Say what a running step does: where its prompt is, else who makes it."""
    if step.message.startswith(COMFY):
        return told_by_comfy(step.message, language)
    return step.making.label if step.making else step.message


def told_by_comfy(text: str, language: Language) -> str:
    """Say one or several reports of servers, which a semicolon parts."""
    if language == "en":
        return text
    return "；".join(_one(part, language) for part in text.split(f"; {COMFY}"))


def _one(text: str, language: Language) -> str:
    found = _TOLD.fullmatch(text if text.startswith(COMFY) else COMFY + text)
    if found is None:
        return text
    what = _what(found["what"], language)
    return say(language, "comfy_tells", server=found["server"], what=what)


def _what(text: str, language: Language) -> str:
    if text in _PLAIN:
        return say(language, _PLAIN[text])
    if found := _BEFORE.fullmatch(text):
        return say(language, "comfy_before", count=int(found["count"]))
    if found := _ATTEMPT.fullmatch(text):
        return say(language, "wait_restarting_count", **found.groupdict())
    if found := _AT.fullmatch(text):
        return say(language, "comfy_at", **found.groupdict())
    if found := _AGAIN.fullmatch(text):
        return say(language, "wait_next", words=_what(found["words"], language), time=found["time"])
    if found := _BECAUSE.fullmatch(text):
        words, reason = _what(found["words"], language), told(found["reason"], language)
        return say(language, "wait_because", words=words, reason=reason)
    return text
