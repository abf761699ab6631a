"""One POST to a receiver: to a checked address, without redirects, and never longer than `SECONDS`."""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache

import httpx

import models
from service.events.addresses import resolve

SECONDS = 10.0
"""For everything from the connection to the head of the answer, however slowly its bytes drip."""
_LONGEST_WAIT = 86_400


@dataclass(frozen=True)
class Answer:
    """What a receiver said: an HTTP status, or why there is none; `retry_after` in seconds, where it asked."""

    status: int | None
    error: str | None = None
    retry_after: int = 0

    @property
    def accepted(self) -> bool:
        """Only a 2xx counts as delivered."""
        return self.status is not None and 200 <= self.status < 300

    def __str__(self) -> str:
        return f"HTTP {self.status}" if self.status is not None else str(self.error)


def post(url: str, headers: dict[str, str], body: bytes, *, allow_private: bool) -> Answer:
    """Send; whatever goes wrong is an answer and not an exception."""
    try:
        target = httpx.URL(url)
        port = target.port or (443 if target.scheme == "https" else 80)
        # As it is sent: decoded, a name of other letters may become another name.
        addresses = resolve(target.raw_host.decode("ascii"), port, allow_private=allow_private)
    except models.InputError as error:
        return Answer(None, error.code)
    except (httpx.InvalidURL, UnicodeError):
        return Answer(None, "unresolvable_host")
    return asyncio.run(_within(target, addresses, headers, body))


async def _within(target: httpx.URL, addresses: list[str], headers: dict[str, str], body: bytes) -> Answer:
    try:
        async with asyncio.timeout(SECONDS):
            return await _try(target, addresses, headers, body)
    except TimeoutError:
        return Answer(None, "timeout")


async def _try(target: httpx.URL, addresses: list[str], headers: dict[str, str], body: bytes) -> Answer:
    # No settings from the environment: a proxy would resolve the name again, behind our back.
    # An address that swallows what is sent must leave time for the next one.
    limits = httpx.Timeout(SECONDS, connect=SECONDS / len(addresses))
    missed = "no_connection"
    async with httpx.AsyncClient(verify=trusted(), trust_env=False, timeout=limits) as client:
        for address in addresses:
            request = client.build_request(
                "POST",
                target.copy_with(host=address),
                content=body,
                headers=headers | _HEADERS | {"Host": target.netloc.decode("ascii")},
                # The certificate must be the name's, not the address's.
                extensions={"sni_hostname": target.raw_host.decode("ascii")},
            )
            try:
                answer = await client.send(request, stream=True)
            except httpx.ConnectError:
                continue
            except httpx.ConnectTimeout:
                missed = "timeout"
                continue
            except httpx.HTTPError as error:
                return Answer(
                    None, "timeout" if isinstance(error, httpx.TimeoutException) else "broken_answer"
                )
            # Nothing in the body of the answer is of interest, so it is not read.
            await answer.aclose()
            return Answer(answer.status_code, retry_after=_seconds(answer.headers.get("retry-after", "")))
    return Answer(None, missed)


_HEADERS = {"Content-Type": "application/json", "User-Agent": "Listenwell"}


def _seconds(header: str) -> int:
    return min(int(header), _LONGEST_WAIT) if header.isdecimal() and len(header) < 10 else 0


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that are trusted, read once: it takes longer than a delivery."""
    return httpx.create_ssl_context()
