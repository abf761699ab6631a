"""Headers that keep a browser from doing more with an answer than it should; every answer has them.

Pages bring their own policy, which lets them have the one stylesheet (`service/render.py`).
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    # What comes back is somebody's words: no cache on the way should keep them.
    "Cache-Control": "no-store",
}
_RAW = {name.lower().encode(): value.encode() for name, value in SAFE.items()}


class SafeHeaders:
    """ASGI middleware that adds those headers that an answer does not have yet."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; add on the way back."""

        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                # As they are sent: to make objects of them first would cost every answer four times as much.
                there = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(each for each in _RAW.items() if each[0] not in there),
                ]
            await send(message)

        await self.app(scope, receive, safe if scope["type"] == "http" else send)
