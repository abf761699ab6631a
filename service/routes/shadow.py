"""`/v1/models/shadow`: where a challenger differs from the model in force."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from service.database import read
from service.problems import documented
from service.routes.given import Given, Who
from service.shadow.answers import ShadowOut, shadow_report

router = APIRouter(prefix="/v1/models", tags=["about"])


@router.get(
    "/shadow",
    response_model=ShadowOut,
    responses=documented(503),
    summary="Where a challenger differs from the model in force",
)
def get_shadow(parts: Given, who: Who) -> JSONResponse:
    """Of the model that `listenwell models shadow` lets read beside: comments that came to `POST /v1/comments`, and the
    labels on which the two differ. Its disagreements are in the review queue's `disputed` stream."""
    with read(parts.engine) as conn:
        return JSONResponse(shadow_report(conn, who.tenant, parts.rules.model_version))
