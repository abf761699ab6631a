"""What a store of a million comments is read by: sums of months, and an index of what texts hold.

The index of PostgreSQL is that of its extension pg_trgm. Where that is not installed, or may not be created here,
texts are searched without it: slower, with the same answer.
"""

import logging

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

log = logging.getLogger("listenwell")

MONTHS = """
INSERT INTO rollup_month (tenant, touchpoint, month, measure, value)
SELECT tenant, touchpoint, {month}, measure, SUM(value) FROM rollup
GROUP BY tenant, touchpoint, {month}, measure HAVING SUM(value) <> 0
"""
# Without the texts, which the comments have, and without the places in them, which nobody asks for.
TRIGRAMS = (
    "CREATE VIRTUAL TABLE comment_text USING fts5"
    "(text, content='', columnsize=0, detail='none', tokenize='trigram')",
    "INSERT INTO comment_text (rowid, text) SELECT key, text FROM comment",
    "CREATE TRIGGER comment_text_new AFTER INSERT ON comment BEGIN"
    " INSERT INTO comment_text (rowid, text) VALUES (new.key, new.text); END",
    "CREATE TRIGGER comment_text_gone AFTER DELETE ON comment BEGIN"
    " INSERT INTO comment_text (comment_text, rowid, text) VALUES ('delete', old.key, old.text); END",
    "CREATE TRIGGER comment_text_other AFTER UPDATE OF text ON comment WHEN old.text <> new.text BEGIN"
    " INSERT INTO comment_text (comment_text, rowid, text) VALUES ('delete', old.key, old.text);"
    " INSERT INTO comment_text (rowid, text) VALUES (new.key, new.text); END",
)


def upgrade() -> None:
    """Add up the months, and read every text once."""
    op.create_table(
        "rollup_month",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("touchpoint", sa.String(64), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("measure", sa.String(255), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "touchpoint", "month", "measure", name="pk_rollup_month"),
    )
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        op.execute(MONTHS.format(month="CAST(date_trunc('month', day) AS date)"))
        _postgresql_trigrams(bind)
        return
    op.execute(MONTHS.format(month="date(day, 'start of month')"))
    for statement in TRIGRAMS:
        op.execute(statement)


def _postgresql_trigrams(bind: sa.Connection) -> None:
    try:
        with bind.begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            op.execute("CREATE INDEX comment_text_trigrams ON comment USING gin (text gin_trgm_ops)")
    except sa.exc.DBAPIError as error:
        log.warning("searching texts will be slow without the extension pg_trgm: %s", error.orig)


def downgrade() -> None:
    """Drop both; the extension stays, for others may use it."""
    op.drop_table("rollup_month")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX IF EXISTS comment_text_trigrams")
        return
    for name in ("new", "gone", "other"):
        op.execute(f"DROP TRIGGER comment_text_{name}")
    op.execute("DROP TABLE comment_text")
