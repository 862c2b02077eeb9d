"""Requests to providers, how pictures were made, and the candidate that was picked"""

from alembic import op
import sqlalchemy as sa

revision = "0003"
down_revision = "0002"

_OPEN = sa.text("state IN ('sending', 'accepted')")


def upgrade() -> None:
    for table in ("jobs", "attempts"):
        nothing = sa.text("''")
        column = sa.Column("provider", sa.String(40), server_default=nothing, nullable=False)
        op.add_column(table, column)
    op.add_column("jobs", sa.Column("picked", sa.Integer()))
    op.add_column("steps", sa.Column("making", sa.Text()))
    # until now there was but one who draws
    op.execute("UPDATE jobs SET provider = 'sketch'")
    op.execute("UPDATE attempts SET provider = 'sketch' WHERE kind = 'panel'")
    op.drop_index("ix_attempts_history", "attempts")
    columns = ["kind", "provider", "outcome", "ended_at"]
    op.create_index("ix_attempts_history", "attempts", columns)
    _create_calls()
    _create_providers()


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("step_id", sa.String(32), sa.ForeignKey("steps.id"), nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("size_band", sa.String(16), nullable=False),
        sa.Column("reference_count", sa.Integer(), nullable=False),
        sa.Column("is_paid", sa.Boolean(), nullable=False),
        sa.Column("price", sa.Text()),
        sa.Column("timeout_s", sa.Float(53), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("ticket", sa.Text()),
        sa.Column("file", sa.Text()),
        sa.Column("file_id", sa.String(32)),
        sa.Column("message", sa.Text()),
        sa.Column("seconds", sa.Float(53)),
        sa.Column("started_at", sa.Float(53), nullable=False),
        sa.Column("ended_at", sa.Float(53)),
    )
    op.create_index("ix_calls_step", "calls", ["step_id", "started_at"])
    op.create_index("ix_calls_job", "calls", ["job_id"])
    op.create_index("ix_calls_runs", "calls", ["provider", "model", "ended_at"])
    op.create_index("ix_calls_file", "calls", ["file_id"])
    op.create_index(
        "ix_calls_open", "calls", ["provider"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )


def _create_providers() -> None:
    zero, nothing = sa.text("0"), sa.text("''")
    op.create_table(
        "providers",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("facts", sa.Text()),
        sa.Column("place", sa.Integer(), server_default=zero, nullable=False),
        sa.Column("failures", sa.Integer(), server_default=zero, nullable=False),
        sa.Column("rest_until", sa.Float(53)),
        sa.Column("rest_reason", sa.Text(), server_default=nothing, nullable=False),
    )
