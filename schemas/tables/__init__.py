"""All tables by PostgreSQL schema. Importing this package fills `Base.metadata`."""

from schemas.tables import (
    certificates,
    deadlines,
    departments,
    directory,
    elements,
    evidence,
    exchange,
    identities,
    landing,
    library,
    objections,
    operations,
    recall,
    reconciliation,
    retractions,
    rulings,
    services,
)
from schemas.tables.base import SCHEMAS, Base

__all__ = [
    "SCHEMAS",
    "Base",
    "certificates",
    "deadlines",
    "departments",
    "directory",
    "elements",
    "evidence",
    "exchange",
    "identities",
    "landing",
    "library",
    "objections",
    "operations",
    "recall",
    "reconciliation",
    "retractions",
    "rulings",
    "services",
]
