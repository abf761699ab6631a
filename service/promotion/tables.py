"""The tables of models: `model`, those that were registered, and `promotion`, which was in force since when."""

import sqlalchemy as sa

from service.tables import Key, UtcDateTime, metadata

model = sa.Table(
    "model",
    metadata,
    sa.Column("version", sa.String(64), primary_key=True),
    # "default" for the shipped one; every process that serves must see the folder.
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("taxonomy_version", sa.Text, nullable=False),
    sa.Column("registered_at", UtcDateTime, nullable=False),
    sa.Column("registered_by", sa.String(128), nullable=False),
)

# The last one is in force. No row is ever changed or deleted.
promotion = sa.Table(
    "promotion",
    metadata,
    sa.Column("key", Key, primary_key=True),
    # The promotion that was in force when this one was decided, 0 for none: of two at once only one can follow it.
    sa.Column("follows", Key, nullable=False, unique=True),
    # What a rollback goes back to; null for the shipped model.
    sa.Column("beneath", Key),
    sa.Column("version", sa.String(64), sa.ForeignKey("model.version"), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("gate", sa.JSON(none_as_null=True)),
    sa.Column("at", UtcDateTime, nullable=False),
)
