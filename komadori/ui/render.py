"""How a job is told in words: one sentence, times, ages, reasons. Everything else builds on it."""

import html
import math
import re
from datetime import UTC, datetime

from komadori.domain.states import JobKind, JobState, StepKind, StepState
from komadori.domain.view import Frame, JobView, PanelView, Problem, StepView
from komadori.errors import RequestRejected
from komadori.ui.render_waits import away_words, waits_for_server
from komadori.ui.texts import Language, say, say_or

_MOMENT_S = 5
_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400
# A reason follows a colon, so it begins small, unless it begins with a name.
AWAITING_APPROVAL = "approval"
"""The problem code of a picture that waits until its draft is approved."""
# As whoever draws tells that it wants to be left alone; what is told otherwise is shown as it came.
_PAUSE = re.compile(r"(?P<label>[^:]+?)(?:: \S+)? (?:is busy \(\d+\)|asked for a pause)")
_OPENERS = frozenset({"A", "An", "It", "Nothing", "Something", "The", "There", "This"})


def esc(text: object) -> str:
    """Escape text for HTML, in content and in quoted attributes."""
    return html.escape(str(text), quote=True)


def duration_words(seconds: float, language: Language) -> str:
    """Say how long something took, as exactly as one cares."""
    if seconds < 10:
        return say(language, "time_s", s=f"{max(seconds, 0):.1f}")
    if seconds < _MINUTE_S:
        return say(language, "time_s", s=round(seconds))
    if seconds < _HOUR_S:
        minutes, rest = divmod(round(seconds), 60)
        return say(language, "time_min_s" if rest else "time_min", min=minutes, s=rest)
    hours, minutes = divmod(round(seconds / 60), 60)
    return say(language, "time_h_min" if minutes else "time_h", h=hours, min=minutes)


def eta_words(seconds: float, language: Language) -> str:
    """Say how much longer it takes, never more exactly than it can be known."""
    if seconds < _MOMENT_S:
        return say(language, "eta_moment")
    if seconds <= 55:
        time = say(language, "time_s", s=5 * math.ceil(seconds / 5))
    elif seconds < _HOUR_S - 30:
        time = say(language, "time_min", min=max(1, round(seconds / 60)))
    else:
        time = duration_words(600 * round(seconds / 600), language)
    return say(language, "eta_about", time=time)


def age_words(seconds: float, language: Language) -> str:
    """Say how long ago something was."""
    if seconds < _MINUTE_S:
        return say(language, "ago_now")
    if seconds < _HOUR_S:
        return say(language, "ago_minutes", count=int(seconds // _MINUTE_S))
    if seconds < _DAY_S:
        return say(language, "ago_hours", count=int(seconds // _HOUR_S))
    return say(language, "ago_days", count=int(seconds // _DAY_S))


def size_words(size_bytes: int) -> str:
    """Say a file's size with its unit."""
    size = float(size_bytes)
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def time_tag(at: float, text: str) -> str:
    """Wrap a time's words so that the page can add the reader's own clock to them."""
    return f'<time datetime="{_moment(at)}">{esc(text)}</time>'


def clock_tag(at: float) -> str:
    """Return the place for a time of the day, which the page fills in by the reader's clock."""
    return f'<time datetime="{_moment(at)}" data-minutes></time>'


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def rejection_words(error: RequestRejected, language: Language) -> str:
    """Say why a request was refused, in the reader's language when we have the words."""
    facts = {
        name.removesuffix("_bytes"): size_words(fact) if name.endswith("_bytes") else fact
        for name, fact in error.facts.items()
    }
    return say_or(language, f"reject_{error.code}", facts, str(error))


def problem_words(problem: Problem, language: Language) -> str:
    """Say why something failed or waits. English readers get the full message."""
    if language == "en" and problem.message:
        first, space, rest = problem.message.rstrip(". ").partition(" ")
        return (first.lower() if first in _OPENERS else first) + space + rest
    return say_or(language, f"problem_{problem.code}", {}, problem.message.rstrip(". "))


def panel_count(view: JobView) -> tuple[int, int, int]:
    """Return how many panels, pictures of a first frame, or clips are made, failed, and wanted."""
    if view.kind in (JobKind.FRAME, JobKind.CLIP):
        return _picture_count(finals(view))
    if not view.panels:
        wanted = view.request.get("panels")
        return 0, 0, wanted if isinstance(wanted, int) else 0
    done = sum(panel.picture is not None for panel in view.panels)
    failed = sum(panel.state in _LOST and panel.picture is None for panel in view.panels)
    return done, failed, len(view.panels)


def finals(view: JobView) -> tuple[Frame, ...]:
    """Return a first frame's pictures; its drafts while there is nothing else."""
    pictures = tuple(frame for frame in view.frames if frame.kind is not StepKind.DRAFT)
    return pictures or view.frames


def _picture_count(frames: tuple[Frame, ...]) -> tuple[int, int, int]:
    done = sum(frame.picture is not None for frame in frames)
    failed = sum(frame.state in _LOST and frame.picture is None for frame in frames)
    return done, failed, len(frames)


def redrawn(view: JobView) -> PanelView | None:
    """Return the first panel that is being drawn again, if any."""
    return next((panel for panel in view.panels if panel.redo is not None), None)


def is_alive(view: JobView) -> bool:
    """Whether something of this job still moves: itself, or a panel drawn again."""
    return not view.state.is_final or redrawn(view) is not None


def step_of(view: JobView, kind: StepKind, number: int) -> StepView | None:
    """Return one step of a job, if it has been planned."""
    return next((s for s in view.steps if s.kind is kind and s.number == number), None)


def next_to_go_on(view: JobView) -> StepView | None:
    """Return the step of a waiting job that goes on first by itself, if any does."""
    if view.state is not JobState.WAITING:
        return None
    parked = [step for step in view.steps if step.waits_until is not None]
    return min(parked, key=lambda step: step.waits_until or 0.0, default=None)


def sentence(view: JobView, language: Language) -> str:
    """Say in one plain sentence where a job stands."""
    text = _sentence(view, language)
    if view.eta_s is not None and view.state is JobState.RUNNING:
        text = say(language, "say_with_eta", sentence=text, eta=eta_words(view.eta_s, language))
    return text


_LOST = frozenset({StepState.FAILED, StepState.UNKNOWN})


def _sentence(view: JobView, language: Language) -> str:
    again = redrawn(view)
    if view.state.is_final and again is not None:
        return say(language, "say_redoing", number=again.number)
    if view.state is JobState.QUEUED:
        return _queued(view, language)
    if view.state is JobState.RUNNING:
        return _running(view, language)
    if view.state is JobState.WAITING:
        return _waiting(view, language)
    if view.state is JobState.CANCELLING:
        return say(language, "say_cancelling")
    return _ended(view, language)


def _queued(view: JobView, language: Language) -> str:
    ahead = (view.position or 1) - 1
    return say(language, "say_position", count=ahead) if ahead else say(language, "say_next")


def _running(view: JobView, language: Language) -> str:
    running = [step for step in view.steps if step.state is StepState.RUNNING]
    if any(step.kind is StepKind.SCENES for step in running):
        return say(language, "say_scenes")
    if view.kind is JobKind.FRAME:
        return _drawing_frame(view, running, language)
    if view.kind is JobKind.CLIP:
        return _making_clip(view, running, language)
    done, failed, total = panel_count(view)
    if view.panels and total:
        # Several may be drawn at once: the sentence names the lowest, the strip shows them all.
        drawing = [step.number for step in running if step.kind is StepKind.PANEL]
        number = min(drawing, default=min(done + failed + 1, total))
        return say(language, "say_drawing", number=number, total=total)
    return say(language, "say_starting")


def _drawing_frame(view: JobView, running: list[StepView], language: Language) -> str:
    """Name what is drawn of a first frame, or what comes next."""
    step = min(running, key=lambda one: one.number, default=None)
    kind = step.kind if step else (view.frames[-1].kind if view.frames else StepKind.FRAME)
    total = sum(frame.kind is kind for frame in view.frames)
    what = "draft" if kind is StepKind.DRAFT else "frame"
    if total < 2 or step is None:
        return say(language, f"say_drawing_{what}")
    return say(language, f"say_drawing_{what}_of", number=step.number, total=total)


def _making_clip(view: JobView, running: list[StepView], language: Language) -> str:
    """Name the clip that is made by its place: its number may be that of a panel."""
    done, failed, total = panel_count(view)
    if total < 2:
        return say(language, "say_making_clip")
    first = min((step.number for step in running), default=None)
    places = [place for place, frame in enumerate(view.frames, 1) if frame.number == first]
    place = places[0] if places else min(done + failed + 1, total)
    return say(language, "say_making_clip_of", number=place, total=total)


def _waiting(view: JobView, language: Language) -> str:
    step = next_to_go_on(view)
    problem = (step.problem if step else None) or view.problem
    if problem is not None and problem.code == AWAITING_APPROVAL:
        return say(language, "say_approval")
    if waits_for_server(problem):
        return away_words(view.servers, view.provider, language)
    pause = _PAUSE.match(problem.message) if problem else None
    if pause is None:
        return _with_reason(problem, "say_waiting", language)
    label = step.making.label if step and step.making else pause["label"]
    return say(language, "say_pause", label=label)


def _ended(view: JobView, language: Language) -> str:
    done, _, total = panel_count(view)
    if view.state is JobState.COMPLETED:
        return _completed(view, total or view.steps_total, language)
    if view.state is JobState.PARTIAL:
        return _partial(view, language)
    if view.state is JobState.CANCELLED:
        return _cancelled(view, done, total, language)
    return _with_reason(view.problem, "say_failed", language)


def _cancelled(view: JobView, done: int, total: int, language: Language) -> str:
    if done:
        return say(language, _key(view, "say_cancelled"), done=done, total=total)
    if unanswered := _unanswered(view):
        return say(language, "say_cancelled_unanswered", count=unanswered)
    if view.kind is JobKind.CLIP:
        return say(language, "say_cancelled_none_clip")
    has_drafts = any(frame.picture is not None for frame in view.frames)
    return say(language, "say_cancelled_drafts" if has_drafts else "say_cancelled_none")


def _unanswered(view: JobView) -> int:
    return sum(step.state is StepState.UNKNOWN for step in view.steps)


def _partial(view: JobView, language: Language) -> str:
    done, lost, total = panel_count(view)
    unanswered = _unanswered(view)
    failed = lost - unanswered
    if lost and failed <= 0:
        return say(language, _key(view, "say_unanswered"), failed=lost, total=total)
    if failed > 0 and (problem := _why_failed(view)) is not None:
        reason = problem_words(problem, language)
        return say(language, _key(view, "say_partial"), failed=failed, total=total, reason=reason)
    return say(language, _key(view, "say_partial_plain"), done=done, total=total)


def _why_failed(view: JobView) -> Problem | None:
    """Return the newest reason of what has failed; that of the job may be of something else."""
    failed = [step for step in view.steps if step.state is StepState.FAILED and step.problem]
    newest = max(failed, key=lambda step: step.ended_at or 0.0, default=None)
    return newest.problem if newest is not None else view.problem


def _key(view: JobView, key: str) -> str:
    """A first frame has pictures, a clip job has clips where a storyboard has panels."""
    return f"{key}_{view.kind.value}" if view.kind in (JobKind.FRAME, JobKind.CLIP) else key


def _completed(view: JobView, count: int, language: Language) -> str:
    if view.kind is JobKind.FRAME and count == 1:
        return _completed_one(view, language)
    if view.started_at is None or view.ended_at is None:
        return say(language, _key(view, "say_completed"), count=count)
    time = duration_words(view.ended_at - view.started_at, language)
    return say(language, _key(view, "say_completed_in"), count=count, time=time)


def _completed_one(view: JobView, language: Language) -> str:
    step = max(view.steps, key=lambda one: one.ended_at or 0.0, default=None)
    if step is None or step.started_at is None or step.ended_at is None:
        return say(language, "say_drawn")
    # The job's own time has the pause in it in which its draft waited.
    time = duration_words(step.ended_at - step.started_at, language)
    return say(language, "say_drawn_in", time=time)


def _with_reason(problem: Problem | None, key: str, language: Language) -> str:
    if problem is None:
        return say(language, f"{key}_plain")
    return say(language, key, reason=problem_words(problem, language))
