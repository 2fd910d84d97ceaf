"""Why: the base libraries' tables follow from their declarations (`schemas.library`); on a database that exists `schemas.migrations.declared` adds what is new.
Per library: claims (each source's current word), past claims, golden records, history.

`sources` and `batches` of a golden record run parallel to the library's attributes: which resource (its `number`) and which batch (its `number`) won each.

Plain tables, not PostgreSQL partitions: a range of keys is the merge's unit of work and of locking (`libraries.merging.partitions`), so that a look-up by key
stays one index probe. Current tables keep a tenth of each page free, so that a changed record stays on its page and no index is touched.
"""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from schemas.library import LIBRARIES, Attribute, Library, library
from schemas.tables.base import Base

PARTS = ("", "_claims", "_past_claims", "_history")
"""What follows a library's name in the names of its tables."""
_TYPES: dict[str, Any] = {"text": Text(), "date": Date(), "number": Numeric()}


_CODE = Text(
    collation="C"
)  # keys are codes: compared as bytes they sort and join several times faster than as language


def _columns(spec: Library, *, is_key: bool) -> list[Column[Any]]:
    made_of = "/".join(spec.entry.from_) if spec.entry else None
    key = Column(spec.key, _CODE, primary_key=is_key, nullable=False, comment=made_of)
    subject = [] if spec.key == "subject" else [Column("subject", _CODE, nullable=False)]
    return [key, *subject, *(_attribute(attribute) for attribute in spec.attributes)]


def _attribute(attribute: Attribute) -> Column[Any]:
    """A geometry is canonical GeoJSON in a text column, told from other texts by the comment (docs/decisions/0009)."""
    if attribute.type == "geometry":
        return Column(attribute.id, Text(), comment=f"geometry {attribute.crs}")
    return Column(attribute.id, _TYPES[attribute.type])


def _claim_columns() -> list[Column[Any]]:
    return [
        Column("row_hash", BigInteger, nullable=False),
        Column("version", Integer, nullable=False, server_default="1"),
        Column("batch", Integer, nullable=False),
        Column("asserted_at", DateTime(timezone=True), nullable=False),
        Column("effective_from", Date),  # the day from which it is true in the world, where the source says so
        # when the hub learned it, which is not when the source said it; under the merge's lock, so that what is held at a moment can be read again
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    ]


def _golden_columns() -> list[Column[Any]]:
    return [
        Column("sources", ARRAY(SmallInteger), nullable=False),
        Column("batches", ARRAY(Integer), nullable=False),
        Column("version", Integer, nullable=False, server_default="1"),
    ]


def _source(*, is_key: bool) -> Column[Any]:
    return Column("source", SmallInteger, primary_key=is_key, nullable=False)


def _look_up_indexes(spec: Library) -> list[Index]:
    found = [Index(f"ix_{spec.library}_{one}", one) for one in spec.lookups]
    if further := spec.further_subjects:  # one entry in a hundred has any: the others cost nothing
        listed = text(f"string_to_array({further}, ';')")
        where = text(f"{further} IS NOT NULL")
        found.append(Index(f"ix_{spec.library}_further", listed, postgresql_using="gin", postgresql_where=where))
    return found


def _time_index(name: str, column: str) -> Index:
    """What changed since a moment is asked by feeds. BRIN alone leaves updates on their page (a B-tree here would end that) and costs an insert nothing."""
    return Index(f"ix_{name}_{column}", column, postgresql_using="brin", postgresql_with={"pages_per_range": 32})


def _past_index(spec: Library) -> list[Index]:
    """What the hub believed is asked by subject too."""
    return [] if spec.key == "subject" else [Index(f"ix_{spec.library}_history_subject", "subject")]


def _define(spec: Library) -> None:
    name, meta = spec.library, Base.metadata
    subject_index = [] if spec.key == "subject" else [Index(f"ix_{name}_subject", "subject")]
    Table(
        f"{name}_claims", meta, *_columns(spec, is_key=True), _source(is_key=True), *_claim_columns(),
        schema="library", postgresql_with={"fillfactor": 90},
    )  # fmt: skip
    Table(
        f"{name}_past_claims", meta, *_columns(spec, is_key=False), _source(is_key=False), *_claim_columns(),
        Column("superseded_at", DateTime(timezone=True), nullable=False),
        Column("superseded_by_batch", Integer, nullable=False),
        Index(f"ix_{name}_past_claims_{spec.key}", spec.key), schema="library",
    )  # fmt: skip
    Table(
        name, meta, *_columns(spec, is_key=True), *_golden_columns(),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        *subject_index, *_look_up_indexes(spec), _time_index(name, "recorded_at"), schema="library", postgresql_with={"fillfactor": 90},
    )  # fmt: skip
    Table(
        f"{name}_history", meta, *_columns(spec, is_key=False), *_golden_columns(),
        Column("known_from", DateTime(timezone=True), nullable=False),
        Column("known_to", DateTime(timezone=True), nullable=False),
        Index(f"ix_{name}_history_{spec.key}", spec.key), *_past_index(spec), _time_index(f"{name}_history", "known_to"),
        schema="library",
    )  # fmt: skip


for _name in LIBRARIES:
    _define(library(_name))


@cache
def claims_table(name: str) -> Table:
    """Return the table of current claims: one row per (record key, source)."""
    return Base.metadata.tables[f"library.{name}_claims"]


@cache
def past_claims_table(name: str) -> Table:
    """Return the table of claims that were superseded or withdrawn."""
    return Base.metadata.tables[f"library.{name}_past_claims"]


@cache
def golden_table(name: str) -> Table:
    """Return the table of golden records: one row per record key."""
    return Base.metadata.tables[f"library.{name}"]


@cache
def history_table(name: str) -> Table:
    """Return the table of past golden records with the period in which the hub believed them."""
    return Base.metadata.tables[f"library.{name}_history"]


class Conflict(Base):
    """Two sources that contradict each other on one attribute of one record: of what kind and how grave (0 to 100).
    Closed when they agree, or by a ruling that knew all they say.
    """

    __tablename__ = "conflicts"
    __table_args__ = (
        Index("ix_conflicts_library_changed_at", "library", "changed_at"),
        Index("ix_conflicts_open", "library", "attribute", "score", postgresql_where=text("closed_at IS NULL")),
        {"schema": "library"},
    )

    library: Mapped[str] = mapped_column(primary_key=True)
    record_key: Mapped[str] = mapped_column(primary_key=True)
    attribute: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Identity(), unique=True)  # how people name it: the key may be a citizen id
    # [{source, value, batch}], the one that would win first; rulings are not among them
    claims: Mapped[list[dict[str, Any]]]
    kind: Mapped[str] = mapped_column(server_default="substantive")
    score: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    ruling: Mapped[int | None]  # that closed it
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class KeyRange(Base):
    """Where the ranges of keys of one library part: the first key of each but the lowest. Chosen once, because merges lock by range."""

    __tablename__ = "key_ranges"
    __table_args__ = ({"schema": "library"},)

    library: Mapped[str] = mapped_column(primary_key=True)
    boundaries: Mapped[list[str]]
