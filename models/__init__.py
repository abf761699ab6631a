"""The language room: text in, `Analysis` out. Imports no other room, no HTTP and no SQL.

import models
pipeline = models.load()
for analysis in pipeline.pipe(comments): ...
"""

from models.errors import (
    ArtifactError,
    CommentError,
    InputError,
    ListenwellError,
    MissingExtraError,
    TaxonomyError,
)
from models.loading import load
from models.pipeline import MAX_QUESTION, MAX_TEXT, Pipeline
from models.schema import (
    Analysis,
    Comment,
    Doubt,
    Evidence,
    Intent,
    Language,
    Mask,
    Mention,
    Review,
    Sentiment,
    Signal,
    TouchpointMention,
)
from models.taxonomy import Taxonomy

__all__ = [
    "MAX_QUESTION",
    "MAX_TEXT",
    "Analysis",
    "ArtifactError",
    "Comment",
    "CommentError",
    "Doubt",
    "Evidence",
    "InputError",
    "Intent",
    "Language",
    "ListenwellError",
    "Mask",
    "Mention",
    "MissingExtraError",
    "Pipeline",
    "Review",
    "Sentiment",
    "Signal",
    "Taxonomy",
    "TaxonomyError",
    "TouchpointMention",
    "load",
]
