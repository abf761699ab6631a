"""The tables of events.

    webhook 1 ── n delivery n ── 1 event     whom to tell, what became of telling them, what there is to tell

    raised_alert                             which alerts were told, so that each is told once

A delivery with a `next_at` is still to be made; without one it was made (`delivered_at`) or given up.
"""

import sqlalchemy as sa

from service.tables import UtcDateTime, metadata

webhook = sa.Table(
    "webhook",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    # Kept as it is: a signature needs the secret itself, a hash of it would not do.
    sa.Column("secret", sa.String(128), nullable=False),
    sa.Column("old_secret", sa.String(128)),
    sa.Column("old_secret_until", UtcDateTime),
    sa.Column("types", sa.JSON, nullable=False),
    sa.Column("with_text", sa.Boolean, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("failing_since", UtcDateTime),
    # It failed just now, or said when to come again: until then nothing is brought to it.
    sa.Column("resting_until", UtcDateTime),
    sa.Column("disabled_reason", sa.Text),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index(None, "tenant"),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    # The comment it tells of, so that erasing the comment finds it.
    sa.Column("subject", sa.String(128)),
    # The very text that is signed: every attempt sends the same bytes.
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index(None, "tenant", "subject"),
    sa.Index(None, "created_at"),
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("event_id", sa.String(64), sa.ForeignKey("event.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("webhook_id", sa.String(64), sa.ForeignKey("webhook.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    # While a deliverer has it, the time at which others may take it over.
    sa.Column("next_at", UtcDateTime),
    sa.Column("owner", sa.String(64)),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_error", sa.String(64)),
    sa.Index(None, "webhook_id", "next_at"),
)

raised_alert = sa.Table(
    "raised_alert",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("touchpoint", sa.String(64), primary_key=True),
    sa.Column("label", sa.String(64), primary_key=True),
    sa.Column("direction", sa.String(8), primary_key=True),
    # As of which day it was last found.
    sa.Column("seen", sa.Date, nullable=False),
)
