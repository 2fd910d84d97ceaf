"""All tables by PostgreSQL schema. Importing this package fills `Base.metadata`."""

from schemas.tables import directory, evidence, exchange, landing, library, operations
from schemas.tables.base import SCHEMAS, Base

__all__ = ["SCHEMAS", "Base", "directory", "evidence", "exchange", "landing", "library", "operations"]
