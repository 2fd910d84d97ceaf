"""Why: who may have what. Demands, matches, supply tasks and answers, grants, application systems. Written by the desks of exchange_api alone."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Double, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, tell_changes

_SCHEMA = {"schema": "exchange"}
DEMAND_STATES = (
    "draft",
    "submitted",
    "dispatched",
    "needs_information",
    "offered",
    "answered",
    "provided",
    "accepted",
    "closed",
    "withdrawn",
    "returned",
    "refused",
)
DECISIONS = ("confirm", "will_provide", "counter_offer", "refuse")
ANSWER_STATES = ("waiting", "confirmed", "promised", "offered", "refused", "declined", "cancelled")
TASK_STATES = ("open", "answered", "cancelled")
SHARE_STATES = ("open", "needs_information", "answered", "withdrawn")
FORMS = ("full", "masked", "yes_no")
MODES = ("query", "verify", "changes", "export")
GRANT_STATES = ("draft", "active", "expired", "revoked", "closed")


class Application(Base):
    """应用系统: asks for one department."""

    __tablename__ = "applications"
    __table_args__ = _SCHEMA

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ApplicationKey(Base):
    """An application's registered public key: bound to it and to one algorithm. `keyid` is the RFC 7638 thumbprint."""

    __tablename__ = "application_keys"
    __table_args__ = (CheckConstraint("state in ('active', 'retired', 'revoked')", name="state"), _SCHEMA)

    keyid: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("exchange.applications.id"))
    algorithm: Mapped[str]
    public_jwk: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default="active")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]  # of a key made to try an application in testing; none: until somebody ends it
    ended_at: Mapped[datetime | None]


class Demand(Base):
    """需求: what one department needs from others for one service item, and where the case stands."""

    __tablename__ = "demands"
    __table_args__ = (
        CheckConstraint(f"state in {DEMAND_STATES}", name="state"),
        CheckConstraint(f"mode in {MODES}", name="mode"),
        Index("ix_demands_state", "state", "department_id"),
        _SCHEMA,
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # XQ-<year>-<six digits>
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"), index=True)
    application_id: Mapped[str | None] = mapped_column(ForeignKey("exchange.applications.id"))
    service_item_id: Mapped[str] = mapped_column(ForeignKey("directory.service_items.id"))
    purpose: Mapped[str]
    basis: Mapped[str]
    scenario: Mapped[str] = mapped_column(server_default="")
    scope: Mapped[str] = mapped_column(server_default="")
    mode: Mapped[str] = mapped_column(server_default="query")
    volume_per_day: Mapped[int] = mapped_column(server_default="1000")
    hours: Mapped[str | None]  # declared daily hours of use in China's time, "08-18"
    valid_until: Mapped[date | None]
    findings: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))  # of the conformity check
    state: Mapped[str] = mapped_column(server_default="draft")
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    submitted_at: Mapped[datetime | None]


class DemandItem(Base):
    """One wanted item, in the demander's own words."""

    __tablename__ = "demand_items"
    __table_args__ = (UniqueConstraint("demand_id", "position"), _SCHEMA)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    demand_id: Mapped[str] = mapped_column(ForeignKey("exchange.demands.id"))
    position: Mapped[int]
    name: Mapped[str]
    note: Mapped[str | None]
    form: Mapped[str] = mapped_column(server_default="full")  # the form that is enough for the demander


class Match(Base):
    """对接: one ranked supplier of one wanted item, with its reasons in words."""

    __tablename__ = "matches"
    __table_args__ = (UniqueConstraint("demand_item_id", "rank"), _SCHEMA)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    demand_item_id: Mapped[int] = mapped_column(ForeignKey("exchange.demand_items.id"))
    rank: Mapped[int]
    resource_version_id: Mapped[str] = mapped_column(ForeignKey("directory.resource_versions.id"))
    item_id: Mapped[str]
    score: Mapped[float] = mapped_column(Double)
    reasons: Mapped[list[dict[str, Any]]]


class SupplyTask(Base):
    """供给任务: what one provider department is asked to confirm. Equal needs of several demands share one (`TaskDemand`). The due date is the nearest
    of its clocks', kept by `exchange_api.clocks` alone.
    """

    __tablename__ = "supply_tasks"
    __table_args__ = (
        CheckConstraint(f"state in {TASK_STATES}", name="state"),
        Index("uq_supply_tasks_need", "department_id", "need", unique=True, postgresql_where=text("state = 'open'")),
        _SCHEMA,
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # GJ-<year>-<six digits>
    department_id: Mapped[str] = mapped_column(ForeignKey("directory.departments.id"), index=True)
    need: Mapped[str]  # what equal needs have in common: the items asked for, sorted, as a digest
    state: Mapped[str] = mapped_column(server_default="open")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_date: Mapped[date]
    is_provisional: Mapped[bool] = mapped_column(server_default=text("false"))
    rule_key: Mapped[str]
    answered_at: Mapped[datetime | None]


class TaskDemand(Base):
    """One demand's share in a supply task, with the terms the provider sets for it (`exchange_api.grant.terms.Terms`)."""

    __tablename__ = "task_demands"
    __table_args__ = (
        CheckConstraint(f"state in {SHARE_STATES}", name="state"),
        Index("ix_task_demands_demand_id", "demand_id"),
        _SCHEMA,
    )

    task_id: Mapped[str] = mapped_column(ForeignKey("exchange.supply_tasks.id"), primary_key=True)
    demand_id: Mapped[str] = mapped_column(ForeignKey("exchange.demands.id"), primary_key=True)
    state: Mapped[str] = mapped_column(server_default="open")
    terms: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    joined_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SupplyAnswer(Base):
    """供给意见: a provider's word on one wanted item; one per task and item. `decision`: what was said; `state`: what has become of it."""

    __tablename__ = "supply_answers"
    __table_args__ = (
        UniqueConstraint("task_id", "demand_item_id"),
        CheckConstraint(f"decision in {DECISIONS}", name="decision"),
        CheckConstraint(f"state in {ANSWER_STATES}", name="state"),
        CheckConstraint(f"form in {FORMS}", name="form"),
        _SCHEMA,
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("exchange.supply_tasks.id"))
    demand_item_id: Mapped[int] = mapped_column(ForeignKey("exchange.demand_items.id"), index=True)
    state: Mapped[str] = mapped_column(server_default="waiting")
    decision: Mapped[str | None]  # None: waits for an answer
    resource_version_id: Mapped[str | None] = mapped_column(ForeignKey("directory.resource_versions.id"))
    item_id: Mapped[str | None]
    form: Mapped[str] = mapped_column(server_default="full")
    reason: Mapped[str | None]
    ground: Mapped[dict[str, Any] | None]  # of a refusal: `exchange_api.supply.grounds`
    promised_date: Mapped[date | None]
    answered_by: Mapped[str | None]
    answered_at: Mapped[datetime | None]


class CaseNumber(Base):
    """The last number that was given to a kind of case in a year."""

    __tablename__ = "case_numbers"
    __table_args__ = _SCHEMA

    prefix: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


class CaseEvent(Base):
    """One step of a case: who, when, why, from which state to which."""

    __tablename__ = "case_events"
    __table_args__ = (Index("ix_case_events_demand_id", "demand_id", "id"), _SCHEMA)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    demand_id: Mapped[str] = mapped_column(ForeignKey("exchange.demands.id"))
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str]
    department_id: Mapped[str | None]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str | None]
    note: Mapped[str | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class Grant(Base):
    """授权: who may ask what of one library, for which purpose, how often, until when. Three flags suspend it, each lifted only by its owner."""

    __tablename__ = "grants"
    __table_args__ = (CheckConstraint(f"state in {GRANT_STATES}", name="state"), _SCHEMA)

    id: Mapped[str] = mapped_column(primary_key=True)  # SQ-<year>-<six digits>
    demand_id: Mapped[str] = mapped_column(ForeignKey("exchange.demands.id"), index=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("exchange.applications.id"), index=True)
    library: Mapped[str]
    service_item_id: Mapped[str] = mapped_column(ForeignKey("directory.service_items.id"))
    purpose: Mapped[str] = mapped_column(server_default="")
    modes: Mapped[list[str]] = mapped_column(server_default=text("'{query,verify}'"))  # questions it may be used for
    state: Mapped[str] = mapped_column(server_default="active")
    suspended_by_consumer: Mapped[bool] = mapped_column(server_default=text("false"))
    suspended_by_provider: Mapped[bool] = mapped_column(server_default=text("false"))
    suspended_by_platform: Mapped[bool] = mapped_column(server_default=text("false"))
    rows: Mapped[list[dict[str, Any]]] = mapped_column(
        server_default=text("'[]'")
    )  # every one must hold: grant.terms.RowRule
    hours: Mapped[str | None]  # daily hours of use in China's time, "08-18"; none: any
    is_case_required: Mapped[bool] = mapped_column(server_default=text("true"))
    is_source_shown: Mapped[bool] = mapped_column(server_default=text("true"))
    quota_per_day: Mapped[int] = mapped_column(server_default="1000")
    subjects_per_call: Mapped[int] = mapped_column(server_default="100")
    burst_per_minute: Mapped[int | None]
    valid_from: Mapped[date]
    valid_until: Mapped[date]
    certified_until: Mapped[date | None]  # the authority or the provider must have looked at it again by then
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GrantItem(Base):
    """One granted attribute: in which form, by which provider's answer, on which directory version."""

    __tablename__ = "grant_items"
    __table_args__ = (CheckConstraint(f"form in {FORMS}", name="form"), _SCHEMA)

    grant_id: Mapped[str] = mapped_column(ForeignKey("exchange.grants.id"), primary_key=True)
    attribute: Mapped[str] = mapped_column(primary_key=True)
    form: Mapped[str] = mapped_column(server_default="full")
    resource_version_id: Mapped[str] = mapped_column(ForeignKey("directory.resource_versions.id"))
    item_id: Mapped[str]
    supply_answer_id: Mapped[int | None] = mapped_column(ForeignKey("exchange.supply_answers.id"))


class GrantUse(Base):
    """How often a grant was used on a day: what the quota counts."""

    __tablename__ = "grant_use"
    __table_args__ = _SCHEMA

    grant_id: Mapped[str] = mapped_column(ForeignKey("exchange.grants.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    subjects: Mapped[int] = mapped_column(server_default="0")
    calls: Mapped[int] = mapped_column(server_default="0")


for _model in (ApplicationKey, Grant, GrantItem):
    tell_changes(_model)
