"""`/v1/exports`: metrics and comments as tables that spreadsheets and BI tools read, streamed."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from service.exports import comments, metrics
from service.exports.tables import ENCODERS, Column, Format, Row
from service.listing import segment_field
from service.metrics import Grain
from service.openapi import TABLE
from service.problems import documented
from service.routes.comments import Wanted
from service.routes.given import Given, Range, Who

router = APIRouter(prefix="/v1/exports", tags=["exports"])
_MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class WantedMetrics(Range):
    """Which days, which touchpoint, and by period or by a field."""

    touchpoint: str | None = Field(None, description='A touchpoint, or "*"; all and "*" if missing.')
    grain: Grain | None = Field(None, description="A row for each period; weeks begin on Monday.")
    by: str | None = Field(
        None,
        description="`channel`, `language` or `metadata.<field>`: the 50 largest segments; not with `grain`.",
    )

    def asked(self) -> metrics.AskedMetrics:
        """Checked. Raises `InputError` "invalid_value" naming the parameter."""
        from_day, to_day = self.days()
        return metrics.AskedMetrics(
            from_day=from_day,
            to_day=to_day,
            touchpoint=self.touchpoint,
            grain=self.grain,
            by=segment_field("by", self.by) if self.by else None,
        )


@router.get(
    "/metrics.{format}",
    response_class=StreamingResponse,
    responses=documented(404, 422, 503) | TABLE,
    summary="The metrics as one tidy table",
)
def export_metrics(
    parts: Given, who: Who, format: Format, wanted: Annotated[WantedMetrics, Query()]
) -> StreamingResponse:
    """A row for each number: touchpoint, period, metric, label, value, low, high, n, count, method, low_base. The
    values are those of `/v1/touchpoints`; what is hidden there is empty here."""
    rows = metrics.rows(parts.engine, who.tenant, parts.rules, wanted.asked())
    return _table("metrics", format, metrics.COLUMNS, rows)


@router.get(
    "/comments.{format}",
    response_class=StreamingResponse,
    responses=documented(422, 503) | TABLE,
    summary="The comments with their labels as one tidy table",
)
def export_comments(
    parts: Given, who: Who, format: Format, wanted: Annotated[Wanted, Query()]
) -> StreamingResponse:
    """A row for each comment and label, one for a comment without any, newest first, filtered as `/v1/comments`."""
    rows = comments.rows(parts.engine, who.tenant, wanted.filters(parts.model.taxonomy))
    return _table("comments", format, comments.COLUMNS, rows)


def _table(name: str, format: Format, columns: Iterable[Column], rows: Iterator[Row]) -> StreamingResponse:
    # What is wrong with the question shows at the first row, while it can still be answered as a problem.
    first = [row for row in (next(rows, None),) if row is not None]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"'}
    pieces = ENCODERS[format](columns, chain(first, rows))
    return StreamingResponse(pieces, media_type=_MEDIA[format], headers=headers)
