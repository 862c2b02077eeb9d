"""ComfyUI servers, their moments, incidents and commands; previews of steps"""

from alembic import op
import sqlalchemy as sa

revision = "0004"
down_revision = "0003"

_OPEN = sa.text("state IN ('sending', 'accepted')")


def upgrade() -> None:
    zero = sa.text("0")
    op.add_column("steps", sa.Column("preview", sa.Integer(), server_default=zero, nullable=False))
    op.add_column("calls", sa.Column("server", sa.String(40)))
    op.add_column("calls", sa.Column("prompt_id", sa.String(40)))
    op.create_index(
        "ix_calls_at_server", "calls", ["server"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("ix_calls_by_server", "calls", ["server", "ended_at"])
    op.create_table(
        "servers",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("report", sa.Text()),
        sa.Column("told_at", sa.Float(53)),
        sa.Column("owner", sa.String(200)),
        sa.Column("lease_until", sa.Float(53)),
        sa.Column("failures", sa.Integer(), server_default=zero, nullable=False),
        sa.Column("rest_until", sa.Float(53)),
    )
    op.create_table(
        "server_samples",
        sa.Column("server", sa.String(40), primary_key=True),
        sa.Column("at", sa.Float(53), primary_key=True),
        sa.Column("sample", sa.Text(), nullable=False),
    )
    op.create_table(
        "server_incidents",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("server", sa.String(40), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("recovered_at", sa.Float(53)),
    )
    op.create_index("ix_server_incidents", "server_incidents", ["server", "at"])
    op.create_table(
        "server_commands",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("server", sa.String(40), nullable=False),
        sa.Column("verb", sa.String(16), nullable=False),
        sa.Column("by", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500), server_default=sa.text("''"), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("taken_at", sa.Float(53)),
    )
    op.create_index("ix_server_commands", "server_commands", ["server", "taken_at"])
