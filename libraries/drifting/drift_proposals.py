"""Why: a source that changed overnight should cost its steward one look and one command. From what a rejected batch saw, the next directory version is
drafted: renamed columns mapped, new ones as items, lost ones taken out, retyped ones confirmed. `libraries.ingest` proposes and reopens; `hutong catalog
drift` looks and accepts. A draft of somebody's own is never written over.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, aliased

from catalog import directory, notices
from catalog.review import reviews
from catalog.review.review_steps import CONSOLE
from libraries.drifting import drift
from schemas.bound import EFFECTIVE_FROM, is_attribute
from schemas.database import transaction
from schemas.errors import HutongError, Invalid, Terminal
from schemas.library import library
from schemas.resource import Item, ResourceDocument, ResourceDraft
from schemas.tables.directory import ResourceVersion
from schemas.tables.landing import Batch

log = logging.getLogger(__name__)
BY = "drift"
CONFIRMED = "confirmed_types"  # in the binding's options: item → Arrow type, as the department confirmed it
_KINDS = (("timestamp", "T"), ("date", "D"), ("int", "I"), ("uint", "I"), ("decimal", "N"), ("double", "F"), ("float", "F"),
          ("halffloat", "F"), ("bool", "L"), ("binary", "B"))  # fmt: skip
_NEEDED_BY = {"date": ("D", "T"), "number": ("N", "Y", "F", "B", "I")}


@dataclass(frozen=True)
class Proposal:
    """What the next version would change: new → former column, column → new item, lost columns, item → new type; `undecided`: lost columns that the
    binding cannot do without, which a person must place.
    """

    draft: ResourceDraft
    renamed: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    retyped: Mapping[str, str] = field(default_factory=dict)
    undecided: tuple[str, ...] = ()


def find_drifted(session: Session, resource_id: str | None = None) -> list[Batch]:
    """Return each resource's newest batch that drifted from the version still published, with none landed since; of one resource where given."""
    later = aliased(Batch)
    query = (
        select(Batch)
        .join(ResourceVersion, ResourceVersion.id == Batch.resource_version_id)
        .where(ResourceVersion.state == "published", Batch.state == "rejected", Batch.error_code == drift.CODE)
        .where(
            ~exists().where(
                later.resource_id == Batch.resource_id, later.number > Batch.number, later.state != "planned"
            )
        )
    )
    if resource_id:
        query = query.where(Batch.resource_id == resource_id)
    return list(session.scalars(query.order_by(Batch.resource_id)))


def proposal_of(session: Session, batch: Batch) -> Proposal:
    """Return the version that would fit what a drifted batch saw. Raises Invalid `directory.not_published`."""
    document, facts = directory.document(session, batch.resource_id), batch.error_facts or {}
    if "types" in facts:
        return _retyped(document, json.loads(facts["types"]))
    return _remapped(document, json.loads(facts.get("columns") or "{}"))


def propose(batch_id: str, failure: HutongError) -> None:
    """Draft the next version for a batch that failed on drift, and tell its department, once. It never raises a failure of its own."""
    if failure.code != drift.CODE:
        return
    try:
        with transaction() as session:  # not the ingest role, which may only read the directory
            batch = session.get_one(Batch, batch_id)
            _save(session, batch, proposal_of(session, batch))
    except HutongError as error:
        log.warning("%s: no new version proposed: %s", batch_id, error.code)


def accept(session: Session, resource_id: str) -> ResourceVersion:
    """Take the proposed version through office and authority as the operator; where it breaks others it is scheduled and they are asked.

    Raises Invalid `drift.none`, `directory.has_gaps`; Terminal `drift.undecided`, `drift.draft_in_the_way`.
    """
    batch = require_drifted(session, resource_id)
    proposal = proposal_of(session, batch)
    if proposal.undecided:
        raise Terminal("drift.undecided", resource=resource_id, columns=", ".join(proposal.undecided))
    _save(session, batch, proposal)
    newest = directory.newest(session, resource_id)
    if newest.state != "draft" or newest.created_by != BY:
        raise Terminal("drift.draft_in_the_way", resource=resource_id, version=newest.id, state=newest.state)
    for step in (reviews.submit, reviews.approve_office, reviews.approve_authority):
        version = step(session, CONSOLE, resource_id, f"drift of {batch.id}")
    return version


def require_drifted(session: Session, resource_id: str) -> Batch:
    """Return the resource's drifted batch. Raises Invalid `drift.none`."""
    found = find_drifted(session, resource_id)
    if not found:
        raise Invalid("drift.none", resource=resource_id)
    return found[0]


def reopen(session: Session, batch_id: str, version: ResourceVersion) -> None:
    """Let the run of a drifted batch be taken again once another version is published: the same batch, bound to that version, in a folder of its own."""
    drifted = update(Batch).where(Batch.id == batch_id, Batch.state == "rejected", Batch.error_code == drift.CODE)
    session.execute(
        drifted.where(Batch.resource_version_id != version.id).values(
            state="planned", resource_version_id=version.id, path=f"{version.resource_id}/{batch_id}.v{version.version}",
            error_code=None, error_facts=None,
        )
    )  # fmt: skip


def _save(session: Session, batch: Batch, proposal: Proposal) -> None:
    newest = directory.newest(session, batch.resource_id)
    if newest.state == "draft" and newest.created_by != BY:
        log.warning(
            "%s: a draft of %s is in the way of the proposal", batch.resource_id, newest.created_by or "somebody"
        )
        return
    saved = directory.save_draft(session, proposal.draft, by=BY)
    if saved is None:
        return
    facts = {"resource": batch.resource_id, "name": proposal.draft.name, "version": str(saved.version)}
    changes = str((batch.error_facts or {}).get("changes"))
    notices.notify(session, saved.department_id, "version.drifted", facts | {"changes": changes})


def _remapped(document: ResourceDocument, found: Mapping[str, str]) -> Proposal:
    source = document.source
    assert source is not None
    unknown = [name for name in found if name not in source.mapping and name not in source.ignore]
    missing = [name for name in source.mapping if name not in found]
    renamed = drift.renamings(unknown, missing)
    lost = [name for name in missing if name not in renamed.values()]
    undecided = tuple(name for name in lost if source.mapping[name] in _needed(document))
    removed = tuple(name for name in lost if name not in undecided)
    dropped = {source.mapping[name] for name in removed}
    former = {old: new for new, old in renamed.items()}
    mapping = {former.get(name, name): item for name, item in source.mapping.items() if name not in removed}
    taken = [item for item in document.items if item.id not in dropped]
    added: dict[str, str] = {}
    for name in unknown:
        if name not in renamed:
            item = _new_item(name, found[name], document, {one.id for one in taken})
            taken.append(item)
            added[name] = mapping[name] = item.id
    checks = [check for check in document.checks if not dropped & set(check.items)]
    draft = _drafted(document, {"mapping": mapping}, items=taken, checks=checks)
    return Proposal(draft, renamed, added, removed, {}, undecided)


def _retyped(document: ResourceDocument, types: Mapping[str, str]) -> Proposal:
    assert document.source is not None
    changed = {item: _kind(document, document.item(item), type) for item, type in types.items()}
    items = [item.model_copy(update={"type": changed.get(item.id, item.type)}) for item in document.items]
    confirmed = {**document.source.options.get(CONFIRMED, {}), **types}
    options = {**document.source.options, CONFIRMED: confirmed}
    return Proposal(_drafted(document, {"options": options}, items=items), retyped=changed)


def _drafted(document: ResourceDocument, binding: Mapping[str, Any], **parts: Any) -> ResourceDraft:
    body = document.model_dump(mode="json", by_alias=True)
    dumped = {name: [one.model_dump(mode="json", by_alias=True) for one in part] for name, part in parts.items()}
    return ResourceDraft.model_validate({**body, **dumped, "source": {**body["source"], **binding}})


def _needed(document: ResourceDocument) -> set[str | None]:
    """Return the items without which nothing can be collected or merged: key, watermark, subject."""
    assert document.source is not None
    subject = {item.id for item in document.items if item.attribute == "subject"}
    return {*document.source.key, document.source.watermark, *subject}


def _new_item(column: str, type: str, document: ResourceDocument, taken: set[str]) -> Item:
    """Return the item of a new column: kept in landing only, and as closely as the resource's other items until somebody looks at it."""
    base = re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_")[:60]
    base = base if re.match(r"[a-z]", base) else f"field_{base}".rstrip("_")
    number, id = 1, base
    while id in taken:
        number += 1
        id = f"{base}_{number}"
    is_personal = bool(document.assessment and document.assessment.holds_personal_information)
    return Item(id=id, name=column, type=_natural(type), sensitivity="personal" if is_personal else "internal")


def _kind(document: ResourceDocument, item: Item, type: str) -> str:
    """Return the item's type for a column that now comes as this Arrow type; where a library needs a date or number, or text can still be read as the
    declared type, that one stays.
    """
    natural = _natural(type)
    needed: tuple[str, ...] = ()
    if item.attribute == EFFECTIVE_FROM:
        needed = _NEEDED_BY["date"]
    elif document.library and item.attribute and is_attribute(item.attribute):
        needed = _NEEDED_BY.get(library(document.library).attribute(item.attribute).type, ("C", "M", item.type))
    is_text = natural == "C" and item.type != "C"
    return item.type if is_text or (needed and natural not in needed) else natural


def _natural(type: str) -> str:
    return next((kind for start, kind in _KINDS if type.startswith(start)), "C")
