"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("sent_at", sa.String(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "attemptpart",
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("attempt", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("attemptpart_key", "attemptpart", ["destination", "key"], unique=False)
    op.create_index(
        "attemptpart_open", "attemptpart", ["destination", "key"], unique=True, sqlite_where=sa.text("state = 'open'")
    )
    op.create_table(
        "backfill",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("positions", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("done_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_backfill_mapping"), "backfill", ["mapping"], unique=False)
    op.create_table(
        "checkpoint",
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("partition", sa.String(), nullable=False),
        sa.Column("position", sa.String(), nullable=True),
        sa.Column("moved_at", sa.String(), nullable=True),
        sa.Column("failed_at", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("retired_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("mapping", "partition"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "former",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("person", "destination", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mapping",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("first_run_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "membership",
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("destination", "key", "identity"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "memory",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "record",
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("partition", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("moment", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("body", sa.String(), nullable=True),
        sa.Column("once", sa.String(), nullable=True),
        sa.Column("first_at", sa.String(), nullable=False),
        sa.Column("due_at", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("retracted_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("mapping", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("record_key", "record", ["destination", "key", "person"], unique=False)
    op.create_index(
        "record_person",
        "record",
        ["person", "destination", "key"],
        unique=False,
        sqlite_where=sa.text("person IS NOT NULL"),
    )
    op.create_index(
        "record_state", "record", ["mapping", "state"], unique=False, sqlite_where=sa.text("state <> 'live'")
    )
    op.create_table(
        "reject",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("mapping", sa.String(), nullable=True),
        sa.Column("record", sa.String(), nullable=True),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("dismissed_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("reject_key", "reject", ["destination", "key"], unique=False)
    op.create_index("reject_record", "reject", ["mapping", "record"], unique=False)
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("counts", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_run_mapping"), "run", ["mapping"], unique=False)
    op.create_table(
        "suppression",
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("said", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("destination", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tally",
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("destination", "outcome"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "target",
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("desired", sa.String(), nullable=False),
        sa.Column("desired_rev", sa.Integer(), nullable=False),
        sa.Column("delivered", sa.String(), nullable=False),
        sa.Column("delivered_rev", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("destination", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("target_state", "target", ["destination", "state", "key"], unique=False)
    op.create_table(
        "watch",
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("partition", sa.String(), nullable=False),
        sa.Column("moment", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("mapping", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("watch_partition", "watch", ["mapping", "partition", "moment"], unique=False)
