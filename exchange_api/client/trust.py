"""Why: an answer is worth what the key behind it is worth. Which of the hub's keys may vouch for a new answer, and how a rolled key becomes known.

The key set handed over at registration is the root; without one the hub's own word is taken on first use. A newer set is fetched when this process
first asks, hourly, and when an answer names an unknown key; it is taken over only where the address vouches for the hub (https, or this very machine)
and only when it still holds every key of the set before. A retired or revoked key vouches for no new answer. `Wire` calls it.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from threading import RLock
from typing import Any
from urllib.parse import urlsplit

import requests

from exchange_api.signing import PublicKey, public_key_from_jwk
from schemas.errors import Invalid, Terminal

REFRESH_S, REFRESH_AGAIN_S = 3600.0, 60.0
_SLACK_S = 5
_AFTER_ROLL_S = 300
"""How long an answer signed just before its key was retired may be under way."""

KeySet = Mapping[str, Any]


class Trust:
    """The hub's keys as one application system knows them."""

    def __init__(self, base_url: str, keys: KeySet | None, fetch: Callable[[], KeySet]) -> None:
        self._fetch, self._keys = fetch, keys
        self._is_vouched = keys is None or _is_vouched(base_url)
        self._due_at = 0.0
        self._lock = RLock()

    def keys(self) -> KeySet:
        """Return the key set, for checking receipts: also keys that no longer vouch for anything new."""
        with self._lock:
            if self._keys is None:
                self._refresh()
            return self._keys or {}

    def prepare(self) -> None:
        """Fetch the key set anew when it is time and possible. Raises Terminal client.unverified when it does not continue the one before."""
        with self._lock:
            if self._is_vouched and self._keys is not None and time.monotonic() > self._due_at:
                self._due_at = time.monotonic() + REFRESH_AGAIN_S
                with contextlib.suppress(requests.RequestException):  # the keys at hand still vouch
                    self._refresh()

    def find(self, keyid: str) -> PublicKey | None:
        """Return the key an answer names, fetching the set anew when it is unknown or not yet in use. Raises Terminal client.unverified."""
        with self._lock:
            jwk = self._look_up(keyid)
            if (jwk is None or jwk.get("hutong:state") == "next") and self._is_vouched:
                self._refresh()
                jwk = self._look_up(keyid)
        return None if jwk is None else public_key_from_jwk(jwk, keyid)

    def check(self, keyid: str, created: int) -> None:
        """Check that a key may vouch for an answer signed at `created` and received now. Raises Terminal client.unverified."""
        jwk = self._look_up(keyid) or {}
        begin, end = jwk.get("hutong:not_before", 0), jwk.get("hutong:not_after")
        if jwk.get("hutong:state") == "revoked":
            raise _unverified(f"key {keyid} was revoked")
        if created < begin - _SLACK_S or (end is not None and created > end + _SLACK_S):
            raise _unverified(f"key {keyid} was not in use at {created}")
        if end is not None and time.time() > end + _AFTER_ROLL_S:
            raise _unverified(f"key {keyid} was retired and vouches for no new answer")

    def _look_up(self, keyid: str) -> dict[str, Any] | None:
        return next((jwk for jwk in self.keys().get("keys", []) if jwk.get("kid") == keyid), None)

    def _refresh(self) -> None:
        found = self._fetch()
        if self._keys is not None and (lost := _lost(self._keys, found)):
            raise _unverified(f"the hub's key set no longer holds key {lost}")
        self._keys, self._due_at = found, time.monotonic() + REFRESH_S


def _lost(before: KeySet, after: KeySet) -> str | None:
    """Return a key that the newer set lost or has otherwise; a set that goes on has every key ever used."""
    now = {jwk.get("kid"): _thumbprint(jwk) for jwk in after.get("keys", [])}
    return next(
        (str(jwk["kid"]) for jwk in before.get("keys", []) if now.get(jwk["kid"], "") != _thumbprint(jwk)), None
    )


def _thumbprint(jwk: dict[str, Any]) -> str | None:
    try:
        return public_key_from_jwk(jwk).keyid
    except Invalid:
        return None  # a kind of key this version does not know


def _is_vouched(base_url: str) -> bool:
    parts = urlsplit(base_url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _unverified(reason: str) -> Terminal:
    return Terminal("client.unverified", reason=reason)
