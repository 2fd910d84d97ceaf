"""Why: who knows a department's data best finds its faults first, and must not wait for a new directory version to hold them back. A steward's rule is a
declared check kept beside the version, with who, when and why: in force for batches planned after it was added, until it is retired, and never deleted.

Called by `libraries.verdicts` (`active`) and `hutong quality rule`; rule ids in results and quarantine begin with "steward.".
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
from pydantic import ValidationError
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from catalog import directory
from catalog.rules import Rule, declared, rules_of
from libraries import batches
from libraries.frames import Frame
from libraries.judging.masks import JUDGES, broken
from libraries.judging.sql_rules import require_harmless
from schemas.errors import HutongError, Invalid
from schemas.library import LIBRARIES
from schemas.resource import Check, ResourceDocument
from schemas.tables.landing import Batch
from schemas.tables.operations import StewardRule

PREFIX = "steward."


def add(session: Session, resource_id: str, body: Mapping[str, Any], *, by: str, reason: str) -> Check:
    """Add a rule to a published resource; `body` is a check (id, kind, items, options, indicator). Return it as it will be named in results.

    Raises Invalid `directory.unknown_resource`, `directory.not_published`, `quality.rule_unsigned`, `quality.rule_known`, `quality.rule_unfit`,
    `quality.sql_refused`.
    """
    if not (by.strip() and reason.strip()):
        raise Invalid("quality.rule_unsigned", rule=str(body.get("id")))
    document = directory.document(session, resource_id)
    check = _check(document, body)
    if session.scalar(_of(resource_id).where(StewardRule.rule == check.id)) is not None:
        raise Invalid("quality.rule_known", rule=check.id, resource=resource_id)
    _require_judgeable(document, declared(check))
    row = StewardRule(
        resource_id=resource_id, rule=check.id, body=check.model_dump(mode="json"), reason=reason.strip(), added_by=by
    )
    session.add(row)
    session.flush()
    return check


def retire(session: Session, resource_id: str, rule: str, *, by: str, reason: str) -> StewardRule:
    """End a rule at once, for batches under way too; what it found stays. Raises Invalid `quality.rule_unknown`, `quality.rule_unsigned`."""
    if not (by.strip() and reason.strip()):
        raise Invalid("quality.rule_unsigned", rule=rule)
    name = PREFIX + rule.removeprefix(PREFIX)
    row = session.scalar(_of(resource_id).where(StewardRule.rule == name).with_for_update())
    if row is None or row.retired_at is not None:
        raise Invalid("quality.rule_unknown", rule=name, resource=resource_id)
    row.retired_by, row.retired_at, row.retired_reason = by, batches.now(), reason.strip()
    return row


def listed(session: Session, resource_id: str | None = None, *, retired: bool = False) -> list[StewardRule]:
    """Return the rules of a resource, or of all, in the order they were added; `retired` adds those that ended."""
    query = select(StewardRule) if resource_id is None else _of(resource_id)
    if not retired:
        query = query.where(StewardRule.retired_at.is_(None))
    return list(session.scalars(query.order_by(StewardRule.id)))


def active(session: Session, batch: Batch) -> tuple[Rule, ...]:
    """Return the rules in force for a batch: added before it was planned, not retired since."""
    query = _of(batch.resource_id).where(StewardRule.added_at <= batch.created_at, StewardRule.retired_at.is_(None))
    rows = session.scalars(query.order_by(StewardRule.id))
    return tuple(declared(Check.model_validate(row.body)) for row in rows)


def _of(resource_id: str) -> Select[StewardRule]:
    return select(StewardRule).where(StewardRule.resource_id == resource_id)


def _check(document: ResourceDocument, body: Mapping[str, Any]) -> Check:
    name = str(body.get("id", ""))
    try:
        check = Check.model_validate({**body, "id": PREFIX + name.removeprefix(PREFIX)})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid("quality.rule_unfit", rule=name, why=f"{where}: {first['msg']}") from error
    known = {item.id for item in document.items}
    if missing := sorted(set(check.items) - known):
        raise Invalid("quality.rule_unfit", rule=check.id, why=f"not an item of {document.id}: {', '.join(missing)}")
    if check.kind == "volume" or not check.items:
        why = "volume is a threshold of the directory" if check.kind == "volume" else "it names no item"
        raise Invalid("quality.rule_unfit", rule=check.id, why=why)
    if check.id in {rule.id for rule in rules_of(document)}:
        raise Invalid("quality.rule_known", rule=check.id, resource=document.id)
    return check


def _require_judgeable(document: ResourceDocument, rule: Rule) -> None:
    """Ask the rule of one empty row: what is misspelt or does not fit the items shows before a batch meets it."""
    if rule.kind == "sql":
        require_harmless(str(rule.options.get("sql", "")))
    elif rule.kind == "reference":
        names = rule.options.get("libraries") or [rule.options.get("library")]
        if not set(names) <= set(LIBRARIES):
            raise Invalid("quality.rule_unfit", rule=rule.id, why=f"not all base libraries: {names}")
    elif rule.kind in JUDGES:
        nothing = pa.table({item.id: pa.nulls(1, pa.string()) for item in document.items})
        try:
            broken(rule, Frame(nothing, document, date(2000, 1, 1)))
        except (HutongError, ValueError, TypeError) as error:
            why = str(error.facts.get("reason")) if isinstance(error, HutongError) else str(error)
            raise Invalid("quality.rule_unfit", rule=rule.id, why=why) from error
