"""Why: a department is judged by figures, so every figure must be able to show what it was counted from, for ever. Weeks, scores and figures are written
once (a trigger refuses every change); what a score objected to becomes is a new revision beside the old one. Written by `exchange_api.supervision`
alone; no personal data.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DDL, CheckConstraint, Double, ForeignKey, Identity, Index, UniqueConstraint, event, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

FIGURE_STATES = ("rated", "small")
SCORE_OBJECTION_STATES = ("open", "upheld", "rejected", "withdrawn")


class SupervisionWeek(Base):
    """考核周: one week that was counted: by which definitions, and what the report shows beside the scores. `digest`: over the digests of its first scores."""

    __tablename__ = "supervision_weeks"
    __table_args__ = (CheckConstraint("last_day = first_day + 6", name="days"), {"schema": "exchange"})

    week: Mapped[str] = mapped_column(primary_key=True)  # ISO 8601: 2026-W47
    first_day: Mapped[date]
    last_day: Mapped[date]
    definitions: Mapped[list[dict[str, Any]]]
    definition_version: Mapped[str]
    report: Mapped[dict[str, Any]]
    digest: Mapped[str]
    receipt: Mapped[UUID]  # the evidence entry that holds the digest
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    made_by: Mapped[str]


class SupervisionScore(Base):
    """考核得分: one department's score of one week. A revision above 1 came of an objection. No `score`: too little to judge by."""

    __tablename__ = "supervision_scores"
    __table_args__ = (
        UniqueConstraint("week", "department_id", "revision"),
        Index("ix_supervision_scores_department_id", "department_id", "week"),
        {"schema": "exchange"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    week: Mapped[str] = mapped_column(ForeignKey("exchange.supervision_weeks.week"))
    department_id: Mapped[
        str
    ]  # bound by no key, like evidence: what was counted stands whatever becomes of the department
    revision: Mapped[int] = mapped_column(server_default="1")
    score: Mapped[float | None] = mapped_column(Double)  # 0 to 100
    weight: Mapped[int]  # of the indicators that count in it
    is_vetoed: Mapped[bool]
    digest: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    made_by: Mapped[str]
    objection_id: Mapped[str | None]


class SupervisionFigure(Base):
    """考核指标: one indicator of a score with every case it was counted from: kind, id, n (adds to the numerator), d (to the denominator), facts. Indicators
    without any case have no row.
    """

    __tablename__ = "supervision_figures"
    __table_args__ = (CheckConstraint(f"state in {FIGURE_STATES}", name="state"), {"schema": "exchange"})

    score_id: Mapped[int] = mapped_column(ForeignKey("exchange.supervision_scores.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    numerator: Mapped[float] = mapped_column(Double)
    denominator: Mapped[float] = mapped_column(Double)
    value: Mapped[float | None] = mapped_column(Double)  # a share; none where too few cases stand behind it
    state: Mapped[str]
    cases: Mapped[list[dict[str, Any]]] = mapped_column(deferred=True)


class ScoreObjection(Base):
    """考核异议: a department says that a case was counted wrongly. Decided by somebody else than who made the score and who objects."""

    __tablename__ = "score_objections"
    __table_args__ = (
        CheckConstraint(f"state in {SCORE_OBJECTION_STATES}", name="state"),
        Index(
            "uq_score_objections_open", "score_id", "key", "case_kind", "case_id", unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_score_objections_department_id", "department_id", "raised_at"),
        {"schema": "exchange"},
    )  # fmt: skip

    id: Mapped[str] = mapped_column(primary_key=True)  # KH-<year>-<six digits>
    score_id: Mapped[int] = mapped_column(ForeignKey("exchange.supervision_scores.id"))
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    key: Mapped[str]
    case_kind: Mapped[str]
    case_id: Mapped[str]
    reason: Mapped[str]
    evidence: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    raised_by: Mapped[str]
    raised_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    due_date: Mapped[date]
    is_provisional: Mapped[bool] = mapped_column(server_default=text("false"))
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]
    corrected_score_id: Mapped[int | None] = mapped_column(ForeignKey("exchange.supervision_scores.id"))


_KEEP = """
CREATE OR REPLACE FUNCTION exchange.keep_scores() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'exchange.%% is insert-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$
"""
_KEEP_ON = """
CREATE OR REPLACE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON exchange.{table}
FOR EACH STATEMENT EXECUTE FUNCTION exchange.keep_scores()
"""
for _model in (SupervisionWeek, SupervisionScore, SupervisionFigure):
    for _statement in (_KEEP, _KEEP_ON.format(table=_model.__tablename__)):
        event.listen(_model.__table__, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]
