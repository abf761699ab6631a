"""The analyses of the cluster in the place of tagging, when the job stores its rows."""

from collections.abc import Sequence

import models
from service import analyse
from service.analyse import Tagger
from service.cluster.parts import Parts, Plan
from service.jobs.batch import Batch


class Analysed:
    """Looks analyses up by the place of the row; a `Run` takes `tag` for its own.

    A comment that is in no part, or is another one there, is tagged here: it was stored when the file was cut,
    and was erased or changed since.
    """

    def __init__(self, parts: Parts, plan: Plan) -> None:
        self.parts = parts
        self.plan = plan
        self._there = frozenset(plan.parts)
        self._at = -1
        self._found: dict[int, tuple[models.Comment, models.Analysis]] = {}

    def tag(self, batch: Batch, tagger: Tagger) -> Batch:
        """The batch with an analysis of each comment that is not a replay. Raises `InputError` on a bad part."""
        places = [batch.first + one.index for one in batch.fresh]

        def known(comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
            found = [self._look_up(*one) for one in zip(places, comments, strict=True)]
            missing = [comment for comment, said in zip(comments, found, strict=True) if said is None]
            tagged = iter(tagger(missing, all_labels=all_labels) if missing else ())
            return [said or next(tagged) for said in found]

        return batch.with_analyses(analyse.tag(batch.fresh, known))

    def _look_up(self, place: int, comment: models.Comment) -> models.Analysis | None:
        number = place // self.plan.rows
        if number != self._at:
            # Rows come in order, so that one part at a time is enough.
            self._found = self.parts.analyses(number) if number in self._there else {}
            self._at = number
        known, analysis = self._found.get(place, (None, None))
        return analysis if known == comment else None
