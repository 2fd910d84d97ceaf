"""Why: people and systems hold ids of many kinds, and should not have to say of which. Tells the kind of any id, refuses what looks like a person's, and
says so when an id may be several things. Called by `trace` and by the edge, which must know before an address is recorded.
"""

import re

from sqlalchemy import text
from sqlalchemy.orm import Session

from exchange_api.tracing.links import KEYS, LINKS
from exchange_api.tracing.viewers import Viewer
from schemas.errors import Denied, Invalid

KINDS = tuple(dict.fromkeys(kind for link in LINKS for kind in (link.up, link.down)))
MOST_LETTERS = 200
_NUMBERED = {"XQ": "demand", "GJ": "supply_task", "SQ": "grant", "ZY": "dispute", "YY": "objection", "ZH": "recall"}
_NUMBER = re.compile(r"([A-Z]{2})-\d{4}-\d{6}")
_RECEIPT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VERSION = re.compile(r"[a-z0-9_.]+@\d{1,6}")
_PERSON = re.compile(
    r"(?<![0-9A-Za-z])(?:\d{17}[\dXx]|[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10})(?![0-9A-Za-z])"
)
_DIGITS = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_TABLES = {
    "service_item": "directory.service_items", "application": "exchange.applications", "demand": "exchange.demands",
    "match": "exchange.matches", "supply_task": "exchange.supply_tasks", "dispute": "exchange.disputes", "grant": "exchange.grants",
    "resource": "directory.resources", "version": "directory.resource_versions", "batch": "landing.batches",
    "quality": "landing.batches", "ruling": "library.rulings", "records": "evidence.entries", "answer": "evidence.entries",
    "receipt": "evidence.entries", "objection": "exchange.objections", "recall": "exchange.recalls",
}  # fmt: skip
_NAMED = ("batch", "resource", "service_item", "application")
"""Kinds whose ids are names, which tell nothing of their kind."""


def looks_personal(words: str) -> bool:
    """Say whether a citizen id or a unified social credit code stands in these words, by its form alone."""
    return bool(_PERSON.search(words.upper()) or _DIGITS.search(words))


def hide_personal(words: str) -> str:
    """Return the words without what looks like a citizen id or a unified social credit code."""
    return _DIGITS.sub("-", re.sub(_PERSON.pattern, "-", words, flags=re.IGNORECASE))


def recognise(session: Session, words: str, viewer: Viewer) -> tuple[str, str]:
    """Return kind and id of what the words name, as far as the viewer may know it; `kind:id` says which is meant.

    Raises Invalid `url.personal`, `trace.ambiguous`; Denied `trace.unknown` (another's is as unknown as none).
    """
    if looks_personal(words):
        raise Invalid("url.personal")
    kinds, node = _possible(words)
    found = [kind for kind in kinds if _is_shown(session, kind, node, viewer)]
    if not found:
        raise Denied("trace.unknown")
    if len(found) > 1:
        raise Invalid("trace.ambiguous", candidates=", ".join(f"{kind}:{node}" for kind in found))
    return found[0], node


def _possible(words: str) -> tuple[tuple[str, ...], str]:
    kind, _, rest = words.partition(":")
    if kind in KINDS and rest:
        return (kind,), rest
    if number := _NUMBER.fullmatch(words):
        return tuple(filter(None, [_NUMBERED.get(number[1])])), words
    if _RECEIPT.fullmatch(words):
        return ("receipt",), words
    return (("version",) if _VERSION.fullmatch(words) else _NAMED), words


def _is_shown(session: Session, kind: str, node: str, viewer: Viewer) -> bool:
    if len(node) > MOST_LETTERS or "\x00" in node or not _fits(kind, node):
        return False
    key = KEYS.get(kind, "text")
    shown = viewer.condition(kind, "t.id")
    sql = f"SELECT true FROM {_TABLES[kind]} t WHERE t.id = CAST(:id AS {key}) AND {shown}"  # noqa: S608 - names of our own
    return bool(session.scalar(text(sql), {"id": node} | viewer.facts))


def _fits(kind: str, node: str) -> bool:
    key = KEYS.get(kind)
    if key == "uuid":
        return bool(_RECEIPT.fullmatch(node))
    return key != "bigint" or (node.isascii() and node.isdigit() and len(node) <= 18)
