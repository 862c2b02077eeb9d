"""The desk where orders come in: whose job it is, whether it was asked before, what it names."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from komadori.domain.backends import AUTO
from komadori.domain.ids import ArtifactId, JobId, SessionId, new_id
from komadori.domain.requests import SEED_MAX
from komadori.domain.states import JobState
from komadori.domain.story import Character
from komadori.domain.work import PlanJob
from komadori.errors import NotFound, RequestRejected, invalid_field
from komadori.queue import schema
from komadori.queue.open_job import OpenJob
from komadori.queue.provider_choice import expected_provider, wanted_by
from komadori.queue.store import Store

AWAITING_APPROVAL = "approval"
"""The problem code of a final picture that is parked until its draft is approved."""
KEY_MAX_CHARS = 200
TITLE_CHARS = 80


class Desk:
    """Takes in new jobs, and finds those that exist. Synchronous and quick."""

    def __init__(self, store: Store, plan: PlanJob, ring: Callable[[int], None]) -> None:
        """`ring` is told how many steps have come into the lane."""
        self.store = store
        self.plan = plan
        self.ring = ring

    def submit(
        self,
        session: SessionId,
        values: Mapping[str, Any],
        key: str | None,
        check: Callable[[Connection], None],
    ) -> JobId:
        """Store a job with the steps of its first stage, and ring; `check` refuses by raising.

        With a key that the session has used before, the job that exists is returned.
        """
        key = _checked_key(key)
        try:
            with self.store.write() as connection:
                if key and (known := _job_of_key(connection, session, key, values)):
                    return known
                check(connection)
                job = self._insert(connection, session, {**values, "idempotency_key": key})
                new_steps = job.row["steps_total"]
        except IntegrityError:  # the same key came in at the same moment
            with self.store.read() as connection:
                known = _job_of_key(connection, session, key or "", values)
            if known is None:
                raise
            return known
        self.ring(new_steps)
        return JobId(job.row["id"])

    def _insert(
        self, connection: Connection, session: SessionId, values: Mapping[str, Any]
    ) -> OpenJob:
        now = self.store.now(connection)
        job_id = JobId(new_id())
        wanted = wanted_by(values["kind"], values["request"])
        row = {
            **values,
            "id": job_id,
            "session_id": session,
            "state": JobState.QUEUED.value,
            "provider": values.get("provider") or expected_provider(connection, wanted),
            "created_at": now,
        }
        connection.execute(insert(schema.jobs).values(**row))
        job = OpenJob.lock(connection, job_id, now)
        if job is None:
            raise LookupError(job_id)
        job.note("submitted")
        job.add_steps(self.plan(job.job, ()))
        job.save()
        return job

    def shown(self, connection: Connection, session: SessionId, job_id: JobId) -> OpenJob:
        """Lock a job of the session that is not deleted. Raises NotFound."""
        job = self.owned(connection, session, job_id)
        if job.row["deleted_at"] is not None:
            raise NotFound("job", job_id)
        return job

    def owned(self, connection: Connection, session: SessionId, job_id: JobId) -> OpenJob:
        """Lock a job of the session, deleted or not. Raises NotFound."""
        job = OpenJob.lock(connection, job_id, self.store.now(connection))
        if job is None or job.row["session_id"] != session:
            raise NotFound("job", job_id)
        return job


def title_of(text: str) -> str:
    """Return the first line, cut at the end of a word when it is long."""
    line = text.split("\n", 1)[0].strip()
    if len(line) <= TITLE_CHARS:
        return line
    head = line[:TITLE_CHARS]
    words, _, _ = head.rpartition(" ")
    return f"{words or head}…"


def checked_seed(seed: int | None) -> int:
    """Return the seed that was asked for, or a new one."""
    if seed is None:
        return secrets.randbelow(SEED_MAX + 1)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= SEED_MAX:
        raise invalid_field("seed", f"it must be a whole number from 0 to {SEED_MAX}")
    return seed


def own_references(connection: Connection, session: SessionId, cast: Sequence[Character]) -> None:
    """Refuse reference pictures of the cast that the session has not stored."""
    wanted = {one.reference: one.name for one in cast if one.reference is not None}
    own_pictures(connection, session, wanted)


def own_pictures(
    connection: Connection, session: SessionId, wanted: Mapping[ArtifactId, str]
) -> None:
    """Refuse pictures (by id, with the name of what they show) that the session has not stored."""
    table = schema.artifacts
    query = select(table.c.id).where(table.c.id.in_(list(wanted)), table.c.session_id == session)
    found = set(connection.execute(query).scalars())
    for reference, name in wanted.items():
        if reference not in found:
            raise RequestRejected(
                f"The reference picture of {name!r} is not in this session. Upload it again.",
                code="reference_not_found",
                name=name,
            )


def _checked_key(key: str | None) -> str | None:
    if key is not None and not isinstance(key, str):
        raise invalid_field("idempotency_key", "it must be text")
    if key is not None and len(key) > KEY_MAX_CHARS:
        raise invalid_field("idempotency_key", f"at most {KEY_MAX_CHARS} characters are allowed")
    return key or None


def _job_of_key(
    connection: Connection, session: SessionId, key: str, values: Mapping[str, Any]
) -> JobId | None:
    jobs = schema.jobs
    query = select(jobs.c.id, jobs.c.kind, jobs.c.request).where(
        jobs.c.session_id == session, jobs.c.idempotency_key == key
    )
    known = connection.execute(query).one_or_none()
    if known is None:
        return None
    if known.kind != values["kind"] or _asked(known.request) != _asked(values["request"]):
        raise RequestRejected(
            "idempotency_key: it was used for another request. Take a new key for a new request.",
            code="key_used",
        )
    return JobId(known.id)


def _asked(request: Mapping[str, Any]) -> Any:
    """What somebody asked for, without what we added: ids of uploads, and the seed of a redo."""
    if "drawing" in request:
        return request["job_id"], request["panel"], request["drawing"]["modification"]
    if "shots" in request:
        shots = [(one["number"], one["prompt"]) for one in request["shots"]]
        names = ("seconds", "fps", "provider", "options", "job_id")
        return [request.get(name) for name in names], shots
    if "prompt" in request:
        ours = ("scene_reference", "characters")
        rest = {name: value for name, value in request.items() if name not in ours}
        return rest, [(one["name"], one["description"]) for one in request["characters"]]
    cast = [(one["name"], one["description"]) for one in request["characters"]]
    provider = request.get("provider", AUTO)
    return request["story"], request["panels"], request["style"], provider, cast
