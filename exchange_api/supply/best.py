"""Why: a demand is asked of whoever has what it wants. For each wanted item: the best of its kept matches that is still published, and what of it is not
asked of anybody, because a law refuses it or nobody offers it any more. Called by `asking`.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import directory
from schemas.bound import EFFECTIVE_FROM
from schemas.resource import ResourceDocument
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import DemandItem, Match

REFUSED = 3  # 不予共享


@dataclass(frozen=True)
class Best:
    """A wanted item and the published item that fits it best."""

    wanted: DemandItem
    version_id: str
    document: ResourceDocument
    item_id: str

    @property
    def share_type(self) -> int:
        """Return how the item is shared: its own sharing attribute, else its resource's."""
        return self.document.item(self.item_id).share_type or self.document.sharing.type


@dataclass
class Found:
    """What is asked of whom: by department, in the order of the wanted items; what is left out, by name: refused by law (with its basis), or gone."""

    asked: dict[str, list[Best]] = field(default_factory=dict)
    refused: list[dict[str, str]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def find(session: Session, demand_id: str, items: Collection[int] | None = None) -> Found:
    """Return what is to be asked for these wanted items (None: all of the demand) of whom. Items that nothing ever matched are not named."""
    query = (
        select(DemandItem, ResourceVersion.resource_id, Match.item_id)
        .join(Match, Match.demand_item_id == DemandItem.id)
        .join(ResourceVersion, ResourceVersion.id == Match.resource_version_id)
        .where(DemandItem.demand_id == demand_id)
        .order_by(DemandItem.position, Match.rank)
    )
    rows = session.execute(query if items is None else query.where(DemandItem.id.in_(items))).all()
    published = _published(session, {resource_id for _, resource_id, _ in rows})
    best: dict[int, Best] = {}
    for wanted, resource_id, item_id in rows:
        version_id, document = published.get(resource_id, ("", None))
        if wanted.id not in best and document and any(item.id == item_id for item in document.items):
            best[wanted.id] = Best(wanted, version_id, document, item_id)
    found = Found(gone=list(dict.fromkeys(wanted.name for wanted, _, _ in rows if wanted.id not in best)))
    for one in best.values():
        if one.share_type == REFUSED:
            found.refused.append({"item": one.wanted.name, "basis": one.document.sharing.condition or ""})
        else:
            found.asked.setdefault(one.document.department, []).append(one)
    return found


def need_of(asked: Iterable[Best], salt: tuple[str, ...] = ()) -> str:
    """Return what equal needs have in common: a digest of the items asked for. salt: for a need that must stand alone."""
    pairs = sorted({f"{one.document.id}|{one.item_id}" for one in asked})
    return hashlib.sha256("\n".join([*pairs, *salt]).encode()).hexdigest()[:32]


def is_servable(document: ResourceDocument, item_id: str) -> bool:
    """Tell whether an item feeds a library, so that what is agreed about it can be served."""
    attribute = document.item(item_id).attribute
    return bool(document.library and attribute and attribute != EFFECTIVE_FROM)


def _published(session: Session, resource_ids: Collection[str]) -> dict[str, tuple[str, ResourceDocument]]:
    query = select(ResourceVersion).where(
        ResourceVersion.resource_id.in_(resource_ids), ResourceVersion.state == "published"
    )
    rows = session.scalars(query.execution_options(populate_existing=True))  # a reform may have moved the resource
    return {row.resource_id: (row.id, directory.document_of(row)) for row in rows}
