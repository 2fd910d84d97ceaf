"""Why: a grant stands on published items; when their version is replaced or withdrawn, it goes with them or has lost its base. Only `grants` calls it."""

from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from catalog import notices
from exchange_api import cases
from exchange_api.actors import Actor, Step, system
from exchange_api.grant import flags
from exchange_api.grant.life import LIVING
from schemas.errors import Invalid
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Demand, Grant, GrantItem
from schemas.tables.grant_life import GrantFlag

ENDED = ("superseded", "withdrawn")
REFUSED = 3  # 不予共享
RESOURCE = "base.resource"
"""Code of a suspension because published resources do not offer all that was granted."""

_Lost = dict[str, tuple[Grant, list[tuple[GrantItem, ResourceVersion]]]]


def settle(session: Session, which: ColumnElement[bool]) -> list[str]:
    """Move granted items to the versions now published; suspend grants with items that these do not offer, and return them. What was suspended for
    that and stands on published items again goes on.
    """
    suspended = []
    touched = set(session.scalars(select(Grant.id).where(Grant.id.in_(_touching(which)))))
    lost = _moved(session, which)
    for grant, items in lost.values():
        why = "、".join(sorted(item.attribute for item, _ in items))
        if flags.put(session, system(items[0][1].department_id), grant, ("platform", RESOURCE), why):
            _tell(session, grant, items)
            suspended.append(grant.id)
    _let_go_on(session, touched - lost.keys())
    session.flush()
    return suspended


def _touching(which: ColumnElement[bool]) -> Select[Any]:
    """Return the living grants on items that are meant, flagged for a lost resource."""
    return (
        select(Grant.id)
        .join(GrantItem, GrantItem.grant_id == Grant.id)
        .join(ResourceVersion, ResourceVersion.id == GrantItem.resource_version_id)
        .join(GrantFlag, (GrantFlag.grant_id == Grant.id) & (GrantFlag.code == RESOURCE))
        .where(which, Grant.state.in_(LIVING))
    )


def _let_go_on(session: Session, grant_ids: set[str]) -> None:
    for grant_id in sorted(grant_ids):
        if not _moved(session, Grant.id == grant_id):
            grant = session.get_one(Grant, grant_id)
            department = session.get_one(Application, grant.application_id).department_id
            flags.lift(session, system(department), grant, ("platform", {RESOURCE}))


def drop_lost(session: Session, actor: Actor, grant: Grant) -> None:
    """Take what has lost its base out of a grant. Raises Invalid `grant.no_base` when nothing would be left."""
    lost = _moved(session, Grant.id == grant.id)
    if grant.id not in lost:
        return
    gone = [item for item, _ in lost[grant.id][1]]
    held = session.scalars(select(GrantItem.attribute).where(GrantItem.grant_id == grant.id)).all()
    if len(gone) == len(held):
        raise Invalid("grant.no_base", grant=grant.id)
    for item in gone:
        session.delete(item)
    facts = {"grant": grant.id, "items": [item.attribute for item in gone]}
    cases.note_event(session, actor, session.get_one(Demand, grant.demand_id), Step("narrow_grant", facts=facts))


def _moved(session: Session, which: ColumnElement[bool]) -> _Lost:
    """Move what can be moved and return the rest by grant. Grants are locked in the order of their numbers."""
    rows = session.execute(
        select(Grant, GrantItem, ResourceVersion)
        .join(GrantItem, GrantItem.grant_id == Grant.id)
        .join(ResourceVersion, ResourceVersion.id == GrantItem.resource_version_id)
        .where(which, ResourceVersion.state.in_(ENDED), Grant.state.in_(LIVING))
        .order_by(Grant.id, GrantItem.attribute)
        .with_for_update(of=Grant)
    ).all()
    published = _published(session, {version.resource_id for _, _, version in rows})
    lost: _Lost = {}
    for grant, item, version in rows:
        now = published.get(version.resource_id)
        offered = _offered(now.document, grant.library, item) if now else None
        if now and offered:
            item.resource_version_id, item.item_id = now.id, offered
        else:
            lost.setdefault(grant.id, (grant, []))[1].append((item, version))
    session.flush()
    return lost


def _published(session: Session, resource_ids: set[str]) -> dict[str, ResourceVersion]:
    query = select(ResourceVersion).where(
        ResourceVersion.resource_id.in_(resource_ids), ResourceVersion.state == "published"
    )
    return {version.resource_id: version for version in session.scalars(query)}


def _offered(document: dict[str, Any], library: str, granted: GrantItem) -> str | None:
    """Return the item that feeds the granted attribute now, the same one where it still does; None when there is none that may be shared."""
    if document["library"] != library:
        return None
    feeding = [
        item["id"]
        for item in document["items"]
        if item["attribute"] == granted.attribute and (item["share_type"] or document["sharing"]["type"]) != REFUSED
    ]
    return granted.item_id if granted.item_id in feeding else next(iter(feeding), None)


def _tell(session: Session, grant: Grant, lost: list[tuple[GrantItem, ResourceVersion]]) -> None:
    items = [item.attribute for item, _ in lost]
    facts = {
        "grant": grant.id,
        "items": ", ".join(items),
        "resources": "、".join({v.document["name"] for _, v in lost}),
    }
    department = session.get_one(Application, grant.application_id).department_id
    for concerned in sorted({department, *(version.department_id for _, version in lost)}):
        notices.notify(session, concerned, "grant.base_lost", facts, grant.demand_id)
    step = Step("suspend_grant", facts={"grant": grant.id, "items": items})
    cases.note_event(session, system(department), session.get_one(Demand, grant.demand_id), step)
