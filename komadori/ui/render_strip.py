"""The film strip of a job's steps, the waterfall of their timings, and the log."""

from collections.abc import Sequence
from dataclasses import dataclass

from komadori.domain.ids import ArtifactId
from komadori.domain.states import JobState, StepKind, StepState
from komadori.domain.view import JobView, LogEntry, StepView
from komadori.ui.render import duration_words, esc, panel_count, sentence, step_of, time_tag
from komadori.ui.texts import Language, has, say, say_or

# Each state has a shape of its own: colour alone would not do.
SHAPES: dict[StepState, str] = {
    StepState.QUEUED: "",
    StepState.RUNNING: "●",
    StepState.WAITING: "…",
    StepState.COMPLETED: "✓",
    StepState.FAILED: "✕",
    StepState.CANCELLED: "–",
    StepState.UNKNOWN: "?",
}

_MANY = 24
"""More frames than this are drawn without borders in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame of the strip."""

    name: str
    state: StepState
    progress: float = 0.0
    picture: ArtifactId | None = None
    is_text: bool = False


def state_word(state: StepState, language: Language) -> str:
    """Name a step's state; what is queued is still to come."""
    key = "step_state_QUEUED" if state is StepState.QUEUED else f"state_{state.value}"
    return say(language, key)


def step_name(kind: StepKind, number: int, language: Language) -> str:
    """Name a step as the strip, the waterfall and the log do."""
    return say(language, f"step_{kind.value}", number=number)


def frames(view: JobView, language: Language) -> list[Frame]:
    """Return the strip's frames: the splitting of the story, then one for each panel."""
    scenes = step_of(view, StepKind.SCENES, 1) or step_of(view, StepKind.SCENES, 0)
    first = Frame(
        name=step_name(StepKind.SCENES, 0, language),
        state=scenes.state if scenes else StepState.QUEUED,
        progress=scenes.progress if scenes else 0.0,
        is_text=True,
    )
    return [first, *_panel_frames(view, language)]


def strip(view: JobView, language: Language) -> str:
    """Draw the strip with its sentence beside it."""
    cells = "".join(_frame(frame, language) for frame in frames(view, language))
    return (
        f'<ol class="strip" aria-label="{esc(say(language, "strip_label"))}">{cells}</ol>'
        f'<p class="sentence" role="status" aria-live="polite">{esc(sentence(view, language))}</p>'
    )


def mini_strip(view: JobView, language: Language) -> str:
    """Draw a job's steps as a row of small frames without their names, for lists."""
    done, failed, total = view.steps_done, view.steps_failed, view.steps_total
    label = say(language, "jobs_progress", done=done, total=total)
    kinds = ["done"] * done + ["failed"] * failed
    if not view.state.is_final and len(kinds) < total:
        kinds.append(_now(view))
    kinds += ["queued"] * (total - len(kinds))
    cells = "".join(f'<i class="is-{kind}"></i>' for kind in kinds)
    many = " is-many" if len(kinds) > _MANY else ""
    return f'<span class="ministrip{many}" role="img" aria-label="{esc(label)}">{cells}</span>'


def _now(view: JobView) -> str:
    if view.state is JobState.WAITING:
        return "waiting"
    return "running" if view.started_at is not None else "queued"


def waterfall(view: JobView, language: Language) -> str:
    """Draw when each step ran and what its time went into."""
    timed = [step for step in view.steps if step.started_at is not None]
    if not timed:
        return f'<p class="quiet">{esc(say(language, "timings_empty"))}</p>'
    start = min(step.started_at or 0.0 for step in timed)
    span = max(max(_last_moment(step) for step in timed) - start, 0.001)
    rows = "".join(_bar(step, start, span, language) for step in timed)
    return f'<ol class="waterfall">{rows}</ol>'


def log_lines(entries: Sequence[LogEntry], language: Language) -> str:
    """Write a job's log, oldest first."""
    if not entries:
        return f'<p class="quiet">{esc(say(language, "log_empty"))}</p>'
    lines = "".join(
        f"<li>{time_tag(entry.at, '')}<span>{esc(_log_words(entry, language))}</span></li>"
        for entry in entries
    )
    return f'<ol class="log">{lines}</ol>'


def _panel_frames(view: JobView, language: Language) -> list[Frame]:
    if not view.panels:
        total = panel_count(view)[2]
        return [
            Frame(name=step_name(StepKind.PANEL, number, language), state=StepState.QUEUED)
            for number in range(1, total + 1)
        ]
    steps = {step.number: step for step in view.steps if step.kind is StepKind.PANEL}
    return [
        Frame(
            name=step_name(StepKind.PANEL, panel.number, language),
            state=StepState.RUNNING if panel.redo else panel.state,
            progress=steps[panel.number].progress if panel.number in steps else 0.0,
            picture=panel.picture,
        )
        for panel in view.panels
    ]


def _frame(frame: Frame, language: Language) -> str:
    title = f"{frame.name}: {state_word(frame.state, language)}"
    inner = f'<b aria-hidden="true">{SHAPES[frame.state]}</b>'
    if frame.picture is not None:
        inner = f'<img src="/files/{esc(frame.picture)}/thumb" alt="" decoding="async">'
    elif frame.is_text:
        inner = '<b aria-hidden="true">¶</b>'
    line = ""
    if frame.state is StepState.RUNNING:
        line = f'<u style="--done:{min(max(frame.progress, 0.0), 1.0):.2f}"></u>'
    kind = frame.state.value.lower()
    return (
        f'<li class="frame is-{kind}" title="{esc(title)}">'
        f'{inner}{line}<span class="unseen">{esc(title)}</span></li>'
    )


def _last_moment(step: StepView) -> float:
    start = step.started_at or 0.0
    return step.ended_at or start + sum(step.timings.values())


def _bar(step: StepView, start: float, span: float, language: Language) -> str:
    began = step.started_at or start
    took = max(_last_moment(step) - began, 0.0)
    name = step_name(step.kind, step.number, language)
    pieces = "".join(
        f'<i style="flex-grow:{seconds:.4f}" title="{esc(_piece(stage, seconds, language))}"></i>'
        for stage, seconds in step.timings.items()
    )
    time = duration_words(took, language)
    return (
        f'<li class="is-{step.state.value.lower()}"><span>{esc(name)}</span>'
        f'<span class="track"><span class="bar" style="margin-left:{(began - start) / span:.2%};'
        f'width:{took / span:.2%}">{pieces or "<i></i>"}</span></span><span>{esc(time)}</span></li>'
    )


def _piece(stage: str, seconds: float, language: Language) -> str:
    return say(language, "timings_row", what=stage, time=duration_words(seconds, language))


def _log_words(entry: LogEntry, language: Language) -> str:
    facts = dict(entry.facts)
    if facts.get("step") in set(StepKind):
        facts["step"] = step_name(StepKind(facts["step"]), facts.get("number", 0), language)
    if isinstance(facts.get("seconds"), (int, float)):
        facts["time"] = duration_words(facts["seconds"], language)
    if has(f"state_{facts.get('state')}"):
        facts["state"] = say(language, f"state_{facts['state']}")
    rest = ", ".join(f"{name} {fact}" for name, fact in facts.items())
    plain = entry.kind.replace("_", " ") + (f": {rest}" if rest else "")
    return say_or(language, f"log_{entry.kind}", facts, plain)
