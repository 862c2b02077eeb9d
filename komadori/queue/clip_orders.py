"""Clip jobs as they come in: which pictures the clips begin with, and who makes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from komadori.domain.ids import ArtifactId, JobId, SessionId
from komadori.domain.requests import PANELS_MAX, parse_clip
from komadori.domain.states import JobKind, StepKind
from komadori.domain.story import Panel
from komadori.errors import NotFound, RequestRejected, invalid_field
from komadori.queue import schema
from komadori.queue.desk import Desk, checked_seed, title_of
from komadori.queue.provider_choice import Wanted, require_options, require_provider

_artifacts, _steps, _jobs = schema.artifacts, schema.steps, schema.jobs
_SIDE_LEAST, _SIDE_MOST = 64, 2048


class ClipOrders:
    """Synchronous and quick; each order is one transaction."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def submit(self, session: SessionId, data: Mapping[str, Any], key: str | None) -> JobId:
        """Store a clip job; see Jobs.submit_clip."""
        given = dict(data)
        begins = {name: given.pop(name, None) for name in ("first_frame", "job_id", "panels")}
        motion, title = str(given.pop("prompt", "") or ""), str(given.pop("title", "") or "")
        size = given.pop("width", None), given.pop("height", None)
        given["seed"] = checked_seed(given.get("seed"))
        with self._desk.store.read() as connection:
            shots = _shots(connection, session, begins, motion, size)
        request = parse_clip({**given, "shots": shots, "job_id": begins["job_id"]})
        name = motion or title or (shots[0]["title"] if shots else "")
        values = {
            "kind": JobKind.CLIP.value,
            "title": title_of(name) or "Clip",
            "request": request.model_dump(mode="json"),
            "steps_planned": len(request.shots),
        }

        def check(connection: Connection) -> None:
            wanted = Wanted(request.provider, "clip")
            require_provider(connection, wanted)
            require_options(connection, wanted, request.options)

        return self._desk.submit(session, values, key, check)


def _shots(
    connection: Connection,
    session: SessionId,
    begins: Mapping[str, Any],
    motion: str,
    size: tuple[Any, Any],
) -> list[dict[str, Any]]:
    if (begins["first_frame"] is None) == (begins["job_id"] is None):
        raise invalid_field("first_frame", "give a picture, or the job whose pictures to use")
    if begins["first_frame"] is not None:
        row = _own_picture(connection, session, begins["first_frame"])
        return [_shot(1, row, motion, size, title="")]
    pictures = _pictures(connection, session, begins["job_id"], begins["panels"])
    return [
        _shot(number, row, "\n".join(filter(None, (text, motion))), size, title=text)
        for number, row, text in pictures
    ]


def _shot(
    number: int, picture: Mapping[str, Any], prompt: str, size: tuple[Any, Any], *, title: str
) -> dict[str, Any]:
    width, height = size
    return {
        "number": number,
        "picture": picture["id"],
        "prompt": prompt.strip(),
        "width": _side("width", width, picture["width"]),
        "height": _side("height", height, picture["height"]),
        "title": title[:200],
    }


def _side(name: str, given: Any, otherwise: int) -> int:
    if given is None:
        return otherwise
    if isinstance(given, bool) or not isinstance(given, int):
        raise invalid_field(name, "it must be a whole number of pixels")
    if not _SIDE_LEAST <= given <= _SIDE_MOST:
        raise invalid_field(name, f"each side has {_SIDE_LEAST} to {_SIDE_MOST} pixels")
    return given


def _own_picture(
    connection: Connection, session: SessionId, picture: ArtifactId
) -> Mapping[str, Any]:
    query = select(_artifacts).where(
        _artifacts.c.id == str(picture), _artifacts.c.session_id == session
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise RequestRejected(
            "The first frame is not in this session. Upload it again.",
            code="reference_not_found",
            name="first_frame",
        )
    if not row["media_type"].startswith("image/"):
        raise invalid_field("first_frame", "it is a clip; a picture is needed")
    return dict(row)


def _pictures(
    connection: Connection, session: SessionId, job_id: JobId, panels: Any
) -> list[tuple[int, Mapping[str, Any], str]]:
    """Return numbers, current pictures and texts of a job's panels, or of those that are named."""
    owned = select(_jobs.c.kind, _jobs.c.picked).where(
        _jobs.c.id == str(job_id),
        _jobs.c.session_id == session,
        _jobs.c.deleted_at.is_(None),
        _jobs.c.kind.in_([JobKind.STORYBOARD.value, JobKind.FRAME.value]),
    )
    job = connection.execute(owned).one_or_none()
    if job is None:
        raise NotFound("job", job_id)
    found = _current(connection, job_id)
    wanted = _wanted(panels, found, job.picked)
    return [found[number] for number in wanted]


def _current(
    connection: Connection, job_id: JobId
) -> dict[int, tuple[int, Mapping[str, Any], str]]:
    kinds = (StepKind.PANEL.value, StepKind.FRAME.value)
    steps = connection.execute(
        select(_steps.c.kind, _steps.c.number, _steps.c.payload)
        .where(_steps.c.job_id == str(job_id), _steps.c.kind.in_(kinds))
        .order_by(_steps.c.number)
    ).all()
    query = select(_artifacts).where(_artifacts.c.job_id == str(job_id), _artifacts.c.is_current)
    current = {row["slot"]: dict(row) for row in connection.execute(query).mappings()}
    found: dict[int, tuple[int, Mapping[str, Any], str]] = {}
    for step in steps:
        picture = current.get(f"{step.kind}-{step.number:03d}")
        if picture is not None:
            text = Panel.model_validate(step.payload["panel"]).text
            found[step.number] = (step.number, picture, text)
    return found


def _wanted(panels: Any, found: Mapping[int, object], picked: int | None) -> Sequence[int]:
    if panels is None:
        if not found:
            raise invalid_field("job_id", "it has no pictures yet")
        return [picked] if picked is not None and picked in found else sorted(found)
    if not isinstance(panels, list | tuple) or not 1 <= len(panels) <= PANELS_MAX:
        raise invalid_field("panels", f"it must be a list of 1 to {PANELS_MAX} numbers")
    for number in panels:
        if isinstance(number, bool) or number not in found:
            raise invalid_field("panels", f"there is no picture {str(number)[:20]} in this job")
    return list(dict.fromkeys(panels))
