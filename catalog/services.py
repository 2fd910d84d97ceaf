"""Why: a service item is what a citizen comes for; its materials say what is asked of him, and so what a demand is for. Its desk."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import departments
from schemas.database import keep
from schemas.errors import Invalid
from schemas.resource import Identifier, Strict
from schemas.tables.services import ServiceItem


class Material(Strict):
    """材料: one thing a citizen is asked for, and the items that would replace it."""

    id: Identifier
    name: str
    is_required: bool = True
    source: str = "10"  # 来源渠道: 10 applicant, 20 issued by government, 99 other
    items: tuple[str, ...] = ()


class ServiceItemDocument(Strict):
    """One service item as it is written in service_items.yml."""

    id: str
    name: str
    department: Identifier
    basis: str | None = None
    materials: tuple[Material, ...] = ()


def save(session: Session, wanted: ServiceItemDocument) -> None:
    """Register or update one service item. Raises Invalid `directory.unknown_department`."""
    departments.get(session, wanted.department)
    values = wanted.model_dump(mode="json", exclude={"department"}) | {"department_id": wanted.department}
    keep(session, ServiceItem, values)


def get(session: Session, service_item_id: str) -> ServiceItem:
    """Return one service item. Raises Invalid `directory.unknown_service_item`."""
    if found := session.get(ServiceItem, service_item_id):
        return found
    raise Invalid("directory.unknown_service_item", service_item=service_item_id)


def find(session: Session, department_id: str | None = None) -> list[ServiceItem]:
    """Return service items by id, of one department where given."""
    query = select(ServiceItem).order_by(ServiceItem.id)
    if department_id:
        query = query.where(ServiceItem.department_id == department_id)
    return list(session.scalars(query))
