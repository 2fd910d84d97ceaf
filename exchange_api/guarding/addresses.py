"""Why: an application's key may be stolen; its network is harder to steal. From where a question really comes is judged here, and held against the networks
its application may ask from. Called by `guard`, `routers.service` and `watching`.

A header is believed only when a trusted proxy wrote it: whoever is nearest to the hub and not trusted is the caller. A question that came through a proxy
nobody declared has no address, and an application with networks is refused then.
"""

from collections.abc import Iterable, MutableMapping
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from schemas.errors import Denied, Invalid

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]
ASKED_BY: ContextVar[MutableMapping[str, Any] | None] = ContextVar("asked_by", default=None)
"""The connection that the question under way came by (its ASGI scope), set by the outermost layer."""
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")


def parse_networks(texts: Iterable[str]) -> Networks:
    """Return networks in CIDR spelling; a bare address is a network of one. Raises Invalid `network.malformed`."""
    found = []
    for one in texts:
        try:
            found.append(ip_network(one.strip()))
        except ValueError:
            raise Invalid("network.malformed", network=one.strip()[:60]) from None
    return tuple(found)


def split_networks(words: str) -> Networks:
    """Return the networks of a comma-separated setting."""
    return parse_networks(one for one in words.split(",") if one.strip())


def is_within(address: Address | None, networks: Networks) -> bool:
    """Say whether an address lies in one of these networks."""
    return address is not None and any(address in network for network in networks)


def caller_of(scope: MutableMapping[str, Any], trusted: Networks) -> Address | None:
    """Return from where a question comes; None when that cannot be known."""
    peer = _address(scope["client"][0]) if scope.get("client") else None
    told = [value.decode("latin-1") for name, value in scope["headers"] if name in _FORWARDED]
    if not told:
        return peer
    if not trusted:  # somebody stands between, whom nobody declared
        return None
    if not is_within(peer, trusted):
        return peer
    way = ",".join(v.decode("latin-1") for name, v in scope["headers"] if name == _FORWARDED[0]).split(",")
    for one in reversed(way):
        address = _address(one.strip())
        if address is None or not is_within(address, trusted):
            return address
    return peer


def check_address(application_id: str, allowed: Networks, trusted: Networks) -> None:
    """Hold the question under way against the networks of its application, all when it has none. Raises Denied `application.address`."""
    if not allowed:
        return
    scope = ASKED_BY.get()
    address = caller_of(scope, trusted) if scope is not None else None
    if not is_within(address, allowed):
        raise Denied(
            "application.address", application=application_id, address="unknown" if address is None else str(address)
        )


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
