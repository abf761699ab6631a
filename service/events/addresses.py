"""Where a webhook may point: what is refused, so that nobody can use it to reach into our own network.

The name is resolved here and the connection then goes to an address that was checked: a second look-up could
give another one.
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

import models

MAX_URL = 2_048
_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.(?!$)|\.?$))+")
_V6 = re.compile(r"\[[0-9a-fA-F:.]+(?:%25[\w.-]+)?\](?::\d*)?$")
# Forms that hold an IPv4 address in their last 32 bits: translated (RFC 6052, RFC 2765), compatible (RFC 4291).
_HOLDING = tuple(ipaddress.ip_network(net) for net in ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96"))
_RELAYS = ipaddress.ip_network("192.88.99.0/24")  # of 6to4, deprecated by RFC 7526
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_url(url: str, *, allow_private: bool) -> None:
    """Raises `InputError` "invalid_webhook" for what can never be delivered to."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _invalid("is no address") from None
    if len(url) > MAX_URL or not url.isascii() or any(char <= " " for char in url):
        raise _invalid(f"must be at most {MAX_URL:,} ASCII characters without blanks")
    if not host or parts.scheme not in ("http", "https"):
        raise _invalid("must be like https://example.com/hooks")
    if not (_V6.search(parts.netloc) if "[" in parts.netloc else _NAME.fullmatch(host)):
        raise _invalid("must name a host that can be looked up")
    if parts.username is not None or parts.fragment:
        raise _invalid("must not hold a user name, a password or a fragment")
    if not allow_private:
        _check_public(parts.scheme, host)


def resolve(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The addresses of a host, in the order to be tried.

    Raises `InputError` "unresolvable_host", or "private_address" if any of them is not public: a name that has
    both is not to be trusted with either.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise models.InputError("the host has no address", code="unresolvable_host") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not allow_private and not all(is_public(ipaddress.ip_address(address)) for address in addresses):
        raise models.InputError("the host has an address that is not public", code="private_address")
    return addresses


def is_public(address: Address) -> bool:
    """Whether an address lies in the open Internet, also where one form of address is wrapped into another."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_site_local or not all(is_public(inner) for inner in _wrapped(address)):
            return False
    elif address in _RELAYS:
        return False
    return address.is_global and not address.is_multicast


def _wrapped(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in form for form in _HOLDING):
        inside.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in inside if one is not None]


def _check_public(scheme: str, host: str) -> None:
    if scheme != "https":
        raise _invalid("must be https (LISTENWELL_WEBHOOKS_ALLOW_PRIVATE lifts this)")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if not is_public(address):
        raise _invalid("is not a public address (LISTENWELL_WEBHOOKS_ALLOW_PRIVATE lifts this)")


def _invalid(what: str) -> models.InputError:
    return models.InputError(f"url: {what}", code="invalid_webhook")
