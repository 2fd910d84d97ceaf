"""All tables by PostgreSQL schema. Importing this package fills `Base.metadata`."""

from schemas.tables import (
    deadlines,
    departments,
    directory,
    elements,
    evidence,
    exchange,
    landing,
    library,
    operations,
    reconciliation,
    retractions,
    rulings,
    services,
)
from schemas.tables.base import SCHEMAS, Base

__all__ = [
    "SCHEMAS",
    "Base",
    "deadlines",
    "departments",
    "directory",
    "elements",
    "evidence",
    "exchange",
    "landing",
    "library",
    "operations",
    "reconciliation",
    "retractions",
    "rulings",
    "services",
]
