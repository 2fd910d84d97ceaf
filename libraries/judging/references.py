"""Why: an entry about somebody the libraries do not know would hang in the air; a reference rule asks the libraries, a row group at a time and set-based.
Called by `libraries.judging.screening`; `hutong quality orphans` lists records that were merged and whose reference has gone since.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import String, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from catalog import directory
from catalog.rules import Rule, rules_of
from libraries.frames import Frame
from libraries.texts import Flags, flags, present
from schemas.database import transaction
from schemas.errors import Terminal
from schemas.library import LIBRARIES, library
from schemas.tables.directory import Resource
from schemas.tables.library import claims_table, golden_table


def missing(rule: Rule, frame: Frame) -> Flags:
    """Return which rows name a subject that none of the rule's libraries holds (options.library or options.libraries). Missing values pass.

    Raises Terminal `quality.bad_rule`.
    """
    names = _libraries_of(rule)
    if not set(names) <= set(LIBRARIES):
        reason = f"libraries {names} are not all base libraries"
        raise Terminal("quality.bad_rule", rule=rule.id, resource=frame.document.id, reason=reason)
    texts = frame.texts(rule.items[0])
    asked = pc.unique(texts).drop_null()
    unknown: Any = asked
    for name in names:
        unknown = unknown.filter(pc.invert(pc.is_in(unknown, value_set=_known(name, unknown))))
    return present(texts) & flags(pc.is_in(texts, value_set=unknown))


def _known(name: str, subjects: Any) -> Any:
    golden = golden_table(name)
    asked = select(func.unnest(bindparam("asked", type_=ARRAY(String))).label("subject")).subquery()
    query = select(asked.c.subject).where(select(golden.c.subject).where(golden.c.subject == asked.c.subject).exists())
    with transaction("ingest") as session:
        found = session.execute(query, {"asked": subjects.to_pylist()}).scalars().all()
    return pa.array(found, pa.string())


@dataclass(frozen=True)
class Orphans:
    """Merged records of a resource whose reference no library holds: how many, and the first keys."""

    rule: str
    count: int
    keys: list[str]


def orphans(session: Session, resource_id: str, limit: int) -> list[Orphans]:
    """Return, per reference rule of the published version, the merged records that refer to nobody (any more), at most `limit` keys of each.

    Set-based over the resource's claims, any number of rows. Raises Invalid `directory.unknown_resource`, `directory.not_published`.
    """
    version = directory.get(session, resource_id)
    document = directory.document_of(version)
    source = session.get_one(Resource, resource_id).number
    rules = [rule for rule in rules_of(document) if rule.kind == "reference"]
    if document.library is None:
        return []
    claims = claims_table(document.library)
    key = claims.c[library(document.library).key]
    found = []
    for rule in rules:
        attribute = document.item(rule.items[0]).attribute
        if attribute is None:
            continue
        lost = select(key.label("key")).where(claims.c.source == source, claims.c[attribute].is_not(None))
        for name in _libraries_of(rule):
            golden = golden_table(name)
            lost = lost.where(~select(golden.c.subject).where(golden.c.subject == claims.c[attribute]).exists())
        count = session.scalar(select(func.count()).select_from(lost.subquery())) or 0
        keys = session.scalars(lost.order_by(key).limit(limit)).all() if count else []
        found.append(Orphans(rule.id, count, list(keys)))
    return found


def _libraries_of(rule: Rule) -> list[str]:
    return list(rule.options.get("libraries") or [rule.options.get("library")])
