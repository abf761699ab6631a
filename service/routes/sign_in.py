"""`/sign-in` and `/sign-out`: a person gives a key once, and the browser keeps a cookie that is not the key."""

from datetime import timedelta
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

import models
from service.body import Body
from service.keys import access
from service.keys.doorkeeper import SIGN_IN, SIGN_OUT
from service.keys.sessions import COOKIE
from service.render import render
from service.routes.given import Given

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN)
def form(parts: Given, next: str = "/") -> Response:
    """The form; where there are no keys there is nothing to sign in to."""
    if not access.keys_exist(parts.engine):
        return RedirectResponse("/", status_code=303)
    return render("sign_in.html", next=_ours(next), wrong=None)


@router.post(SIGN_IN)
def sign_in(parts: Given, request: Request, body: Body) -> Response:
    """Takes the form; a key that does not do is answered with the form and why."""
    fields = _fields(body)
    wanted = _ours(fields.get("next", "/"))
    length = timedelta(hours=parts.settings.session_hours)
    try:
        token = access.sign_in(parts.engine, fields.get("key", ""), length)
    except models.InputError as error:
        status = 403 if error.code == "forbidden" else 401
        return render("sign_in.html", status=status, next=wanted, wrong=error.detail)
    answer = RedirectResponse(wanted, status_code=303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(length.total_seconds()),
        httponly=True,
        samesite="strict",
        # On plain HTTP a browser would not send it back.
        secure="https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "")),
    )
    return answer


@router.post(SIGN_OUT)
def sign_out() -> Response:
    """Forget the cookie."""
    answer = RedirectResponse(SIGN_IN, status_code=303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _fields(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=8)
    except ValueError:
        raise models.InputError("the body must be the form of this page", code="invalid_body") from None
    return {name: values[0] for name, values in fields.items()}


def _ours(address: str) -> str:
    """An address of this house to go on to: a path, and not one that a browser reads as another site's name."""
    sound = address.startswith("/") and not address.startswith("//") and address.isprintable()
    return address if sound and "\\" not in address else "/"
