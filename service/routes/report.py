"""`/report`: the customer journey report as a document to send, HTML or PDF."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from service.database import read
from service.headers import SAFE
from service.listing import Where
from service.reports.document import document, file_name, policy
from service.reports.gathering import Asked, gathered
from service.reports.pdf import as_pdf
from service.rollups import WHOLE
from service.routes.given import Given, Range, Who
from service.routes.page import order_of

router = APIRouter(include_in_schema=False)


class Wanted(Range):
    """Which days, which part of the comments, and in which form."""

    touchpoint: str | None = None
    where: str | None = Field(None, description="A segment, like channel=phone or metadata.region=north.")
    format: Literal["html", "pdf"] = "html"

    def asked(self) -> Asked:
        """Checked. Raises `InputError` "invalid_value" naming the parameter."""
        from_day, to_day = self.days()
        where = Where.of("where", self.where)
        place = None if self.touchpoint == WHOLE else self.touchpoint
        return Asked(from_day=from_day, to_day=to_day, touchpoint=place, where=where)


@router.get("/report")
def get_report(parts: Given, who: Who, wanted: Annotated[Wanted, Query()]) -> Response:
    """The document; a browser shows it, and keeps it under the name of its days."""
    asked = wanted.asked()
    with read(parts.engine) as conn:
        view = gathered(conn, who.tenant, asked, parts.rules, order_of(parts), parts.model.taxonomy)
    html = document(view, made=datetime.now(UTC).date())
    name = file_name(asked, wanted.format)
    headers = SAFE | {
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Security-Policy": f"{policy()}; frame-ancestors 'none'",
    }
    if wanted.format == "pdf":
        return Response(as_pdf(html), media_type="application/pdf", headers=headers)
    return Response(html, media_type="text/html", headers=headers)
