"""The tables. Only the queue writes them; migrations/ brings an older store to this shape."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeDecorator

from komadori.queue.json_text import Json, from_json, to_json


class JsonText(TypeDecorator[Json]):
    """JSON kept as text, the same on SQLite and PostgreSQL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Json, dialect: object) -> str | None:  # noqa: ARG002  # SQLAlchemy's own
        return None if value is None else to_json(value)

    def process_result_value(self, value: str | None, dialect: object) -> Json:  # noqa: ARG002  # SQLAlchemy's own
        return None if value is None else from_json(value)


metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created_at", Float(53), nullable=False),
)

session_keys = Table(
    "session_keys",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("session_id", String(32), ForeignKey("sessions.id"), nullable=False),
    Column("kind", String(16), nullable=False),  # cookie, api, link
    Column("created_at", Float(53), nullable=False),
    Column("expires_at", Float(53)),
    Index("ix_session_keys_expiry", "expires_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("session_id", String(32), ForeignKey("sessions.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("stage", String(32)),
    Column("title", String(200), nullable=False),
    Column("request", JsonText, nullable=False),
    Column("target", String(32)),
    Column("idempotency_key", String(200)),
    Column("steps_planned", Integer, nullable=False, server_default=text("1")),
    Column("steps_total", Integer, nullable=False, server_default=text("0")),
    Column("steps_done", Integer, nullable=False, server_default=text("0")),
    Column("steps_failed", Integer, nullable=False, server_default=text("0")),
    Column("source", String(16)),
    Column("provider", String(40), nullable=False, server_default=text("''")),
    Column("picked", Integer),
    Column("error_code", String(32)),
    Column("error", Text),
    Column("seq", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Float(53), nullable=False),
    Column("started_at", Float(53)),
    Column("ended_at", Float(53)),
    Column("deleted_at", Float(53)),
    Index("ix_jobs_session", "session_id", "state", "created_at"),
    Index("ix_jobs_state", "state", "created_at"),
    Index("ix_jobs_target", "target"),
    Index("ix_jobs_deleted", "deleted_at"),
    Index("ux_jobs_idempotency", "session_id", "idempotency_key", unique=True),
)

_QUEUED = text("state = 'QUEUED'")
_RUNNING = text("state = 'RUNNING'")
_WAITING = text("state = 'WAITING'")
_ALONE = text("deaths >= 2")

steps = Table(
    "steps",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("job_id", String(32), ForeignKey("jobs.id"), nullable=False),
    Column("session_id", String(32), nullable=False),
    Column("lane", String(16), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("stage", String(32)),
    Column("number", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("payload", JsonText, nullable=False),
    Column("result", JsonText),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("deaths", Integer, nullable=False, server_default=text("0")),
    Column("token", Integer, nullable=False, server_default=text("0")),
    Column("lease_until", Float(53)),
    Column("not_before", Float(53)),
    Column("host", String(200)),
    Column("pid", Integer),
    Column("pid_started", Float(53)),
    Column("progress", Float(53), nullable=False, server_default=text("0")),
    Column("message", String(500), nullable=False, server_default=text("''")),
    Column("preview", Integer, nullable=False, server_default=text("0")),
    Column("error_code", String(32)),
    Column("error", Text),
    Column("timings", JsonText),
    Column("making", JsonText),
    Column("seq", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Float(53), nullable=False),
    Column("started_at", Float(53)),
    Column("ended_at", Float(53)),
    Index("ix_steps_job", "job_id", "seq"),
    Index(
        "ix_steps_claim",
        "lane",
        "priority",
        "session_id",
        "created_at",
        "number",
        sqlite_where=_QUEUED,
        postgresql_where=_QUEUED,
    ),
    Index(
        "ix_steps_running",
        "lane",
        "session_id",
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    ),
    Index("ix_steps_waiting", "not_before", sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index("ix_steps_alone", "lane", "state", sqlite_where=_ALONE, postgresql_where=_ALONE),
)

attempts = Table(
    "attempts",
    metadata,
    Column("step_id", String(32), ForeignKey("steps.id"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("job_id", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    # completed, failed, unknown, waited, cancelled, released, died
    Column("outcome", String(16), nullable=False),
    Column("provider", String(40), nullable=False, server_default=text("''")),
    Column("error", Text),
    Column("host", String(200)),
    Column("pid", Integer),
    Column("timings", JsonText),
    Column("seq", Integer, nullable=False),
    Column("started_at", Float(53)),
    Column("ended_at", Float(53), nullable=False),
    Index("ix_attempts_job", "job_id", "seq"),
    Index("ix_attempts_history", "kind", "provider", "outcome", "ended_at"),
)

_OPEN = text("state IN ('sending', 'accepted')")

calls = Table(
    "calls",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("step_id", String(32), ForeignKey("steps.id"), nullable=False),
    Column("job_id", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("provider", String(40), nullable=False),
    Column("model", String(200), nullable=False),
    Column("size_band", String(16), nullable=False),
    Column("reference_count", Integer, nullable=False),
    Column("is_paid", Boolean, nullable=False),
    Column("price", JsonText),
    Column("timeout_s", Float(53), nullable=False),
    Column("state", String(16), nullable=False),  # see CallState
    Column("ticket", JsonText),
    Column("server", String(40)),  # which ComfyUI; none: no server of ours
    Column("prompt_id", String(40)),
    Column("file", JsonText),
    Column("file_id", String(32)),
    Column("message", Text),
    Column("seconds", Float(53)),
    Column("started_at", Float(53), nullable=False),
    Column("ended_at", Float(53)),
    Index("ix_calls_step", "step_id", "started_at"),
    Index("ix_calls_job", "job_id"),
    Index("ix_calls_runs", "provider", "model", "ended_at"),
    Index("ix_calls_file", "file_id"),
    Index("ix_calls_open", "provider", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_calls_at_server", "server", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_calls_by_server", "server", "ended_at"),
)

providers = Table(
    "providers",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("facts", JsonText),  # none: somebody asked it, and nobody has told of it yet
    Column("place", Integer, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("rest_until", Float(53)),
    Column("rest_reason", Text, nullable=False, server_default=text("''")),
)

servers = Table(
    "servers",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("report", JsonText),  # none: a worker asked it, and no supervisor has told of it yet
    Column("told_at", Float(53)),
    Column("owner", String(200)),
    Column("lease_until", Float(53)),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("rest_until", Float(53)),
)

server_samples = Table(
    "server_samples",
    metadata,
    Column("server", String(40), primary_key=True),
    Column("at", Float(53), primary_key=True),
    Column("sample", JsonText, nullable=False),
)

server_incidents = Table(
    "server_incidents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("server", String(40), nullable=False),
    Column("at", Float(53), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("incident", JsonText, nullable=False),
    Column("recovered_at", Float(53)),
    Index("ix_server_incidents", "server", "at"),
)

server_commands = Table(
    "server_commands",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("server", String(40), nullable=False),
    Column("verb", String(16), nullable=False),
    Column("by", String(16), nullable=False),  # operator, worker, command line
    Column("reason", String(500), nullable=False, server_default=text("''")),
    Column("at", Float(53), nullable=False),
    Column("taken_at", Float(53)),
    Index("ix_server_commands", "server", "taken_at"),
)

events = Table(
    "events",
    metadata,
    Column("job_id", String(32), ForeignKey("jobs.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Float(53), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("facts", JsonText, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("session_id", String(32), nullable=False),
    Column("job_id", String(32)),  # none: a reference picture of the session
    Column("slot", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("step_id", String(32)),
    Column("about", JsonText, nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("seq", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Float(53), nullable=False),
    Index("ux_artifacts_version", "job_id", "slot", "version", unique=True),
    Index("ix_artifacts_session", "session_id", "created_at"),
)
