"""What is in force: `/v1/taxonomy`, `/v1/models`, `/v1/limits`."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

import models
from service import intake
from service.answers import rfc3339
from service.database import read
from service.listing import MAX_QUERY
from service.problems import documented
from service.promotion import repository
from service.routes.comments import MAX_LIMIT
from service.routes.given import Given

router = APIRouter(prefix="/v1", tags=["about"])


@router.get("/taxonomy", summary="The issues, strengths and touchpoints that are looked for")
async def taxonomy(parts: Given) -> dict[str, Any]:
    """As the model in force was trained for."""
    return parts.model.taxonomy.to_dict()


@router.get("/models", responses=documented(503), summary="The model in force, and those before it")
def models_in_force(parts: Given) -> dict[str, Any]:
    """Of the model that answers: version, thresholds of its labels, and its card: data, scores and limits.

    `promoted` is what was put in force last, and since when (null: the shipped model, or one that a setting pins);
    `fault` says why this process still answers with another one; `registered` are the models that the store knows.
    """
    model = parts.model
    with read(parts.engine) as conn:
        promoted, registered = repository.current(conn), repository.models(conn)
    pinned = parts.settings.model is not None
    return {
        "models": [
            {
                "name": model.name,
                "version": model.version,
                "in_force": True,
                "taxonomy_version": model.taxonomy.version,
                "thresholds": dict(model.thresholds),
                "card": model.card,
            }
        ],
        "pinned": pinned,
        "promoted": None
        if pinned or promoted is None
        else {"version": promoted.version, "since": rfc3339(promoted.at)},
        "fault": parts.fault and asdict(parts.fault),
        "registered": [
            {
                "version": one.version,
                "taxonomy_version": one.taxonomy_version,
                "registered_at": rfc3339(one.registered_at),
            }
            for one in registered
        ],
    }


@router.get("/limits", summary="The limits in force")
async def limits(parts: Given) -> dict[str, int]:
    """Lengths count Unicode code points."""
    return {
        "body_bytes": parts.settings.max_body_bytes,
        "upload_bytes": parts.settings.max_upload_bytes,
        "unpacked_bytes": parts.settings.max_unpacked_bytes,
        "comments_per_request": parts.settings.max_batch,
        "comments_per_page": MAX_LIMIT,
        "text": models.MAX_TEXT,
        "question": models.MAX_QUESTION,
        "id": intake.MAX_ID,
        "customer_id": intake.MAX_ID,
        "channel": intake.MAX_CHANNEL,
        "metadata_keys": intake.MAX_METADATA_KEYS,
        "metadata_key": intake.MAX_METADATA_KEY,
        "metadata_value": intake.MAX_METADATA_VALUE,
        "query": MAX_QUERY,
        "hours_ahead": int(intake.MAX_AHEAD.total_seconds() // 3600),
        "hide_below": parts.settings.hide_below,
        "low_base_below": parts.settings.low_base_below,
    }
