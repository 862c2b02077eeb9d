"""What happened to a server, newest first; and the marks of it in the charts."""

from collections.abc import Mapping, Sequence

from komadori.domain.servers import Incident, IncidentKind
from komadori.queue.moments import NotedIncident
from komadori.ui.reasons import told
from komadori.ui.render import age_words, clock_tag, duration_words, esc, time_tag
from komadori.ui.render_charts import Mark
from komadori.ui.render_server import DAY_S, Moment, sentence
from komadori.ui.texts import say

_K = IncidentKind
_SHOWN = 4
# The shape and the colour of each kind: it fell, it was looked after, or it is only noted.
LOOKS: Mapping[IncidentKind, tuple[str, str]] = {
    _K.CRASHED: ("✕", "failed"),
    _K.WEDGED: ("✕", "failed"),
    _K.START_FAILED: ("✕", "failed"),
    _K.GAVE_UP: ("■", "failed"),
    _K.WENT_DOWN: ("✕", "failed"),
    _K.RECYCLED: ("↻", "waiting"),
    _K.FREED: ("▽", "waiting"),
    _K.OPERATOR: ("◆", "queued"),
    _K.NOTED: ("◇", "queued"),
    _K.ADOPTED: ("◇", "queued"),
    _K.CAME_UP: ("✓", "completed"),
    _K.SCALED: ("◇", "queued"),
}
_FALLS = frozenset({_K.CRASHED, _K.WEDGED, _K.START_FAILED, _K.GAVE_UP, _K.WENT_DOWN, _K.RECYCLED})
"""After these it is worth telling how long it was away."""


def marks(incidents: Sequence[NotedIncident], moment: Moment) -> list[Mark]:
    """Return the incidents as marks for the charts."""
    return [
        Mark(
            at=one.incident.at,
            shape=LOOKS[one.incident.kind][0],
            look=f"is-{LOOKS[one.incident.kind][1]}",
            words=_title(one.incident, moment),
        )
        for one in reversed(incidents)
    ]


def _title(incident: Incident, moment: Moment) -> str:
    cause = told(incident.cause, moment.language)
    kind = say(moment.language, f"incident_{incident.kind.value}")
    return say(moment.language, "incident_title", kind=kind, cause=cause)


def incident_list(incidents: Sequence[NotedIncident], moment: Moment) -> str:
    """List what happened; what is older is folded away."""
    head = f"<h4>{moment.say('incidents_title')}</h4>"
    if not incidents:
        return f'{head}<p class="quiet">{moment.say("incidents_none")}</p>'
    rows = [_row(one, moment) for one in incidents]
    shown = f'<ol class="incidents">{"".join(rows[:_SHOWN])}</ol>'
    if len(rows) <= _SHOWN:
        return head + shown
    older = moment.say("incidents_older", count=len(rows) - _SHOWN)
    return (
        f'{head}{shown}<details data-key="older"><summary>{older}</summary>'
        f'<ol class="incidents">{"".join(rows[_SHOWN:])}</ol></details>'
    )


def _row(noted: NotedIncident, moment: Moment) -> str:
    incident = noted.incident
    shape, look = LOOKS[incident.kind]
    kind = moment.say(f"incident_{incident.kind.value}")
    facts = "".join(f"<span>{words}</span>" for words in _facts(incident, moment) if words)
    return (
        f'<li data-key="{esc(noted.id)}"><span class="at">{_when(incident.at, moment)}</span>'
        f'<div><p><span class="state is-{look}"><i aria-hidden="true">{shape}</i> {kind}</span> '
        f"{esc(sentence(told(incident.cause, moment.language)))}</p>"
        f'<p class="after">{facts}</p>{_log(noted, moment)}</div></li>'
    )


def _when(at: float, moment: Moment) -> str:
    age = age_words(moment.now - at, moment.language)
    if moment.now - at >= DAY_S:
        return time_tag(at, age)
    return f"{clock_tag(at)} <small>{esc(age)}</small>"


def _facts(incident: Incident, moment: Moment) -> list[str]:
    return [
        esc(sentence(told(incident.action, moment.language))),
        _recovery(incident, moment),
        moment.say("incident_prompts", count=len(incident.prompts)) if incident.prompts else "",
    ]


def _recovery(incident: Incident, moment: Moment) -> str:
    if incident.kind not in _FALLS:
        return ""
    if incident.recovered_at is None:
        return moment.say("incident_open")
    time = duration_words(incident.recovered_at - incident.at, moment.language)
    return moment.say("incident_recovered", time=time)


def _log(noted: NotedIncident, moment: Moment) -> str:
    """Draw the fold of the log, which is asked for when it is unfolded."""
    if not noted.incident.log_tail:
        return ""
    name = esc(noted.id)
    title, loading = moment.say("incident_log"), moment.say("log_loading")
    return (
        f'<details data-key="log" data-asks="{name}"><summary>{title}</summary>'
        f'<div data-slot="tail:{name}" data-keep><p class="quiet">{loading}</p></div></details>'
    )
