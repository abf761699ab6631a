"""Views for BI tools that read the database itself: labels in force and daily sums, without any text.

The README says what their columns mean. Each has a `tenant`, by which whoever reads must part them: a view knows of
no key. A later migration that rebuilds a table beneath them must drop them first and create them again.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

SUMS = (
    "analyzed",
    "not_analyzed",
    "no_content",
    "nps_promoters",
    "nps_passives",
    "nps_detractors",
    "csat_n",
    "csat_satisfied",
    "ces_n",
    "ces_sum",
    "sentiment_n",
    "sentiment_positive",
    "sentiment_negative",
    "empathy_n",
    "effort_n",
    "loyalty_n",
    "corrected",
)
# Kept as whole ten-thousandths, so that sums are exact.
SCORES = ("sentiment_sum", "empathy_sum", "effort_sum", "loyalty_sum")


def _sum(measure: str) -> str:
    return f"COALESCE(MAX(CASE WHEN measure = '{measure}' THEN value END), 0)"


COLUMNS = ", ".join(
    [
        f"{_sum('n')} AS comments",
        *(f"{_sum(name)} AS {name}" for name in SUMS),
        *(f"{_sum(name)} / 10000.0 AS {name}" for name in SCORES),
    ]
)
VIEWS = {
    "bi_comment": """
        SELECT c.tenant, c.id AS comment_id, c.occurred_at, c.channel, c.language, c.metadata, c.nps, c.csat, c.ces,
            a.status, a.sentiment, a.sentiment_score, a.empathy_score, a.model_version,
            a.corrected IS NOT NULL AS corrected
        FROM comment c JOIN analysis a ON a.comment_key = c.key
        """,
    "bi_comment_label": """
        SELECT c.tenant, c.id AS comment_id, c.occurred_at, m.polarity AS kind, m.label, m.probability,
            a.model_version, a.corrected IS NOT NULL AS corrected
        FROM comment c JOIN analysis a ON a.comment_key = c.key JOIN mention m ON m.comment_key = c.key
        """,
    "bi_comment_touchpoint": """
        SELECT c.tenant, c.id AS comment_id, p.touchpoint, p.inferred
        FROM comment c JOIN comment_touchpoint p ON p.comment_key = c.key
        """,
    "bi_touchpoint_day": f"""
        SELECT tenant, touchpoint, day, {COLUMNS}
        FROM rollup GROUP BY tenant, touchpoint, day
        """,
    "bi_label_day": """
        SELECT tenant, touchpoint, day, SUBSTR(measure, 7) AS label, value AS comments
        FROM rollup WHERE SUBSTR(measure, 1, 6) = 'label:'
        """,
}


def upgrade() -> None:
    """Create the views; they hold nothing of their own."""
    for name, query in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    """Drop them: nothing is lost."""
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
