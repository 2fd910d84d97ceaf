"""Why: who wins depends on who speaks. Which resources feed a library, by number, and whose they are; a steward's rulings count as one more voice.
Asked by merges under their lock, and by whatever judges records again.
"""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from libraries.batches import DONE
from libraries.claims import RULING
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.landing import Batch
from schemas.tables.rulings import Ruling


def departments_of(session: Session, library: str) -> dict[int, str]:
    """Return the number and department of every resource that feeds the library and has something checked or merged; RULING when anything was ruled."""
    query = (
        select(Resource.number, Resource.department_id)
        .join(ResourceVersion, ResourceVersion.resource_id == Resource.id)
        .where(ResourceVersion.document["library"].astext == library)
        .where(exists().where(Batch.resource_id == Resource.id, Batch.state.in_(("checked", *DONE))))
        .distinct()
    )
    found = {row.number: row.department_id for row in session.execute(query)}
    if session.scalar(select(exists().where(Ruling.library == library))):
        found[RULING] = ""
    return found
