"""Why: where a consumer of the feed stands, in its own hands: no state of consumers is kept, any worker goes on, and a page asked for again is the same page.
Called by `feed_desk`, and by exports, whose manifest says from where the feed goes on.

A place is (moment, key) among all changes of the library, or a key in the stock that a feed begins with. The number counts pages, so that a lost one shows.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from exchange_api.permit import Permit
from exchange_api.signing.tokens import open_token, seal_token
from schemas.errors import Denied, Invalid

Phase = Literal["stock", "changes"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 1_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a feed. key: the last one told at this moment; None: all that bears this moment was told (of the stock: nothing yet)."""

    phase: Phase
    moment: datetime
    key: str | None
    page: int
    terms: str


def spell(secret: bytes, permit: Permit, cursor: Cursor) -> str:
    """Return the cursor as a token for this grant alone."""
    microseconds = (cursor.moment - _EPOCH) // timedelta(microseconds=1)
    content = json.dumps([cursor.phase, microseconds, cursor.key, cursor.page, cursor.terms], separators=(",", ":"))
    return seal_token(secret, content.encode(), _owner(permit))


def read(secret: bytes, permit: Permit, token: str) -> Cursor:
    """Return the place a token names. Raises Invalid `feed.cursor` for one not given under this grant; Denied `feed.gap` when other items are granted now."""
    content = open_token(secret, token, _owner(permit)) if len(token) <= _LONGEST else None
    if content is None:
        raise Invalid("feed.cursor", grant=permit.id)
    phase, microseconds, key, page, terms = json.loads(content)
    if terms != terms_of(permit):
        raise Denied(
            "feed.gap", grant=permit.id, reason="the grant's items or rows changed / 授权的信息项或行范围已变更"
        )
    return Cursor(phase, _EPOCH + timedelta(microseconds=microseconds), key, page, terms)


def terms_of(permit: Permit) -> str:
    """Return a short digest of what the grant shows: under other terms a copy made so far is not what the feed says."""
    forms = [(item.attribute, item.form) for item in permit.items.values()]
    said = json.dumps([forms, [rule.model_dump(mode="json") for rule in permit.rows]], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _owner(permit: Permit) -> str:
    return f"feed\x00{permit.id}\x00{permit.application_id}\x00{permit.library}"
