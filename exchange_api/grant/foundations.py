"""Why: a grant stands not only on published items (`bases`) but on departments that exist, a service item in use and a key to sign with. Whoever of them goes
suspends it, and lets it go on when it is back. Called by `grants`, by the hourly task, and where applications' keys end.

A dissolved department or a cancelled service item is refused by the record path at once, from the tables themselves; here the flag, its reason and the notices
follow. A grant whose application has no key left cannot be asked at all.
"""

from sqlalchemy import ColumnElement, and_, case, exists, literal, or_, select, true
from sqlalchemy.orm import Session

from exchange_api.actors import system
from exchange_api.grant import flags
from exchange_api.grant.life import LIVING
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.exchange import Application, ApplicationKey, Grant, GrantItem
from schemas.tables.grant_life import GrantFlag
from schemas.tables.services import ServiceItem

DEPARTMENT, SERVICE_ITEM, KEYS = "base.department", "base.service_item", "base.keys"
CODES = (DEPARTMENT, SERVICE_ITEM, KEYS)
IN_USE = "1"  # 事项状态


def hold(session: Session, which: ColumnElement[bool] | None = None) -> tuple[list[str], list[str]]:
    """Suspend living grants that lost a foundation and let those go on that have it back; return both. Doing it again changes nothing."""
    suspended, resumed = [], []
    for grant, department_id, missing in _missing(session, true() if which is None else which):
        held = {one.code for one in flags.of(session, grant.id, "platform") if one.code in CODES}
        actor = system(department_id)
        put = [flags.put(session, actor, grant, ("platform", code)) for code in sorted(missing - held)]
        suspended += [grant.id] if put else []
        back = held - missing
        if back and flags.lift(session, actor, grant, ("platform", back)):
            resumed.append(grant.id)
    return suspended, resumed


def missing_of(session: Session, grant: Grant) -> set[str]:
    """Return which foundations a grant has lost."""
    return next((missing for _, _, missing in _missing(session, Grant.id == grant.id)), set())


def _missing(session: Session, which: ColumnElement[bool]) -> list[tuple[Grant, str, set[str]]]:
    """Return grants that lack a foundation or were suspended for it, locked in the order of their numbers."""
    lost = {DEPARTMENT: _no_department(), SERVICE_ITEM: ServiceItem.state != IN_USE, KEYS: _no_key()}
    flagged = exists().where(GrantFlag.grant_id == Grant.id, GrantFlag.code.in_(CODES))
    rows = session.execute(
        select(Grant, Application.department_id, *(case((lacks, literal(code))) for code, lacks in lost.items()))
        .join(Application, Application.id == Grant.application_id)
        .join(Department, Department.id == Application.department_id)
        .join(ServiceItem, ServiceItem.id == Grant.service_item_id)
        .where(which, Grant.state.in_(LIVING), or_(*lost.values(), flagged))
        .order_by(Grant.id)
        .with_for_update(of=Grant)
    ).all()
    return [(row[0], row[1], {code for code in row[2:] if code}) for row in rows]


def _no_department() -> ColumnElement[bool]:
    """The consumer is dissolved, or a provider is: one whose resources went to a successor is none any more."""
    owner = Department.__table__.alias("owner")
    provider = (
        select(GrantItem.grant_id)
        .join(ResourceVersion, ResourceVersion.id == GrantItem.resource_version_id)
        .join(Resource, Resource.id == ResourceVersion.resource_id)
        .join(owner, owner.c.id == Resource.department_id)
        .where(GrantItem.grant_id == Grant.id, owner.c.state == "dissolved")
    )
    return or_(Department.state == "dissolved", provider.exists())


def _no_key() -> ColumnElement[bool]:
    """Every key the application had was taken out of use; one that never had a key has lost none."""
    keys = select(ApplicationKey.keyid).where(ApplicationKey.application_id == Grant.application_id)
    return and_(keys.exists(), ~keys.where(ApplicationKey.state == "active").exists())
