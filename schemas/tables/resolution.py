"""Why: who may be one person under two keys, or the person whose key a held row got wrong, is a guess until a steward judges it; guesses and judgements
are kept, so that nothing is asked twice and every judgement can be taken back. Written by `libraries.resolution` alone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Double, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

VERDICTS = ("same", "different", "unsure")


class CandidatePair(Base):
    """疑似同一主体: a record or a held row beside a record it may be one with. `left_mark` names the left side for good: a record's key, or a digest of what
    the held row says, so that the row held again by the next batch is the same pair. evidence: per attribute how the two agree; never a value.
    """

    __tablename__ = "candidate_pairs"
    __table_args__ = (
        UniqueConstraint("library", "left_mark", "right_key"),
        CheckConstraint("(left_key is null) <> (row_id is null)", name="one_left"),
        {"schema": "library"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    library: Mapped[str]
    left_mark: Mapped[str]
    left_key: Mapped[str | None]
    row_id: Mapped[int | None] = mapped_column(ForeignKey("landing.quarantined_rows.id"))
    right_key: Mapped[str]
    probability: Mapped[float] = mapped_column(Double)
    evidence: Mapped[list[dict[str, Any]]]
    model: Mapped[str]
    found_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())  # the last run that found it


class PairJudgement(Base):
    """研判: what a steward said of a pair; in force until undone. `link_id`: the identity change it made, `batch_id`: the replay of the row it mended."""

    __tablename__ = "pair_judgements"
    __table_args__ = (
        CheckConstraint(f"verdict in {VERDICTS}", name="verdict"),
        Index("uq_pair_judgements_live", "pair_id", unique=True, postgresql_where=text("undone_at IS NULL")),
        {"schema": "library"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("library.candidate_pairs.id"))
    verdict: Mapped[str]
    reason: Mapped[str]
    judged_by: Mapped[str]
    judged_at: Mapped[datetime] = mapped_column(server_default=func.now())
    link_id: Mapped[int | None]
    batch_id: Mapped[str | None]
    undone_by: Mapped[str | None]
    undone_at: Mapped[datetime | None]
    undone_reason: Mapped[str | None]
