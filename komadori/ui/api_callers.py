"""Who calls the API, and the pictures that go in and out with a call.

A caller is known by the session key that it sends along: its own secret. What another key has
made looks the same as what does not exist.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from komadori.domain.ids import ArtifactId, SessionId
from komadori.domain.view import JobView, StepView
from komadori.errors import NotFound, RequestRejected
from komadori.queue.jobs import Jobs
from komadori.queue.sessions import Sessions
from komadori.ui import fields
from komadori.ui.clip_names import file_name
from komadori.ui.plain import PlainJob, plain_job
from komadori.ui.plain_clips import plain_clip
from komadori.ui.uploads import Uploads


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A picture that came with a call: `into[name]` gets the id under which it is stored."""

    file: Mapping[str, Any]
    field: str
    whose: str
    into: dict[str, Any]
    name: str


class Callers:
    """What every endpoint begins with."""

    def __init__(self, jobs: Jobs, sessions: Sessions, uploads: Uploads) -> None:
        self._jobs = jobs
        self._sessions = sessions
        self._uploads = uploads

    async def session(self, session_key: object) -> SessionId:
        """Return the caller's session."""
        return await self._sessions.open_with_api_key(fields.secret(session_key, "session_key"))

    async def job(self, session: SessionId, job_id: object) -> JobView:
        """Return a job of the session that is not deleted. Raises NotFound."""
        return not_deleted(await self._jobs.get(session, fields.job_id(job_id)))

    async def store(self, session: SessionId, given: Sequence[Given]) -> None:
        """Store the pictures of a call; all are read before the first is stored."""
        read = [await self._uploads.read(one.file, one.field) for one in given]
        for one, data in zip(given, read, strict=True):
            with _naming(one):
                one.into[one.name] = await self._jobs.add_reference(session, data)

    async def offer(
        self,
        session: SessionId,
        picture: ArtifactId | None,
        name: str,
        media_type: str = "image/webp",
    ) -> dict[str, Any] | None:
        """Return a file as one that the Gradio client downloads; None stays None."""
        if picture is None:
            return None
        source = await self._jobs.file(session, picture)
        return await self._uploads.offer(picture, source, name, media_type)

    async def told(self, session: SessionId, job: JobView) -> PlainJob:
        """Return a job in plain values, with addresses where its clips can be fetched."""
        made = [step for step in job.steps if step.clip is not None]
        clips = [plain_clip(step, await self.clip_file(session, job, step)) for step in made]
        return {**plain_job(job), "clips": clips}

    async def clip_file(
        self, session: SessionId, job: JobView, step: StepView
    ) -> dict[str, Any] | None:
        """Return a clip as a file; None while there is none."""
        if step.clip is None:
            return None
        return await self.offer(session, step.picture, file_name(job, step), step.clip.media_type)


def not_deleted(job: JobView) -> JobView:
    """Only the page can bring a deleted job back; for scripts it is gone."""
    if job.deleted:
        raise NotFound("job", job.id)
    return job


def cast_of(
    characters: Sequence[dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[Given]]:
    """Return the characters without their pictures, and the pictures that go into them."""
    cast = [
        {name: value for name, value in character.items() if name != "reference"}
        for character in characters
    ]
    given = []
    for index, character in enumerate(characters):
        field = f"characters.{index}.reference"
        file = fields.picture(character.get("reference"), field)
        if file is not None:
            whose = f"character {index + 1}, {character.get('name')}"
            given.append(
                Given(file=file, field=field, whose=whose, into=cast[index], name="reference")
            )
    return cast, given


@contextmanager
def _naming(given: Given) -> Iterator[None]:
    """Say whose picture was refused."""
    try:
        yield
    except RequestRejected as exc:
        raise RequestRejected(
            f"{given.field} ({given.whose}): {exc}",
            code=exc.code,
            **{**exc.facts, "field": given.field},
        ) from exc
