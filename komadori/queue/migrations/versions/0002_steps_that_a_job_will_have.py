"""Steps that a job will have, known before they are planned in full"""

from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    column = sa.Column("steps_planned", sa.Integer(), server_default=sa.text("1"), nullable=False)
    op.add_column("jobs", column)
    op.execute("UPDATE jobs SET steps_planned = steps_total WHERE steps_total > 1")
