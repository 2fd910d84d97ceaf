"""Why: a demand that cannot succeed should be mended before anybody waits for it (符合性审查). All that is missing, unlawful or needless is said at once,
with its remedy; the authority sees what was said when it dispatches or returns. Called by `demands` on submission and by whoever shows a draft.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exchange_api.demand import ranking, reuse
from exchange_api.demand.findings import Finding
from exchange_api.demand.lawful import Forbidden, forbidden
from exchange_api.matching import Found
from schemas.calendar import today
from schemas.settings import HutongSettings
from schemas.tables.directory import ResourceVersion
from schemas.tables.exchange import Application, Demand, DemandItem

NEEDED = {
    "application_id": ("应用系统", "The application system"),
    "purpose": ("使用目的", "The purpose"),
    "basis": ("使用依据", "The legal basis"),
}
BY_RULE = {
    "scenario": ("应用场景", "The scenario"),
    "scope": ("数据范围", "The scope"),
    "valid_until": ("使用期限", "The period of use"),
}
_CITED = re.compile(r"《[^《》]+》")
_VERIFYING = re.compile("核验|核对|比对|核实|校验|验证|是否")
_PERSONAL = ("personal", "sensitive")
_FAR = 10  # times what the service item declared elsewhere


class ConformitySettings(HutongSettings):
    """From when on a demand looks implausible."""

    demand_years: int = Field(default=3, gt=0, description="Years of use above which the conformity check warns.")
    demand_volume: int = Field(
        default=100_000,
        gt=0,
        description="Uses a day above which it warns where no other demand of the service item is known.",
    )


@dataclass(frozen=True)
class Ranked:
    """What the directory says to a demand: its items, what is ranked for each by position, and what a law forbids."""

    items: Sequence[DemandItem]
    by_row: Mapping[int, list[Found]]
    forbidden: Mapping[int, Forbidden]


def rank(session: Session, demand: Demand) -> Ranked:
    """Ask the directory for everything a demand wants; nothing is kept."""
    items = ranking.items(session, demand.id)
    by_row = ranking.rank(session, demand) if items else {}
    return Ranked(items, by_row, forbidden(session, items, by_row))


def check(session: Session, demand: Demand, ranked: Ranked | None = None) -> list[Finding]:
    """Return all that speaks against a demand, gravest first; empty when nothing does. Reads only."""
    asked = ranked or rank(session, demand)
    found = [
        *_missing(session, demand, asked.items),
        *_basis(demand),
        *_period(demand),
        *_volume(session, demand),
        *_unavailable(asked),
        *_held(session, demand, asked),
        *_needless(session, demand, asked),
    ]
    order = ("error", "warning", "suggestion")
    return sorted(found, key=lambda one: order.index(one.severity))


def _missing(session: Session, demand: Demand, items: Sequence[DemandItem]) -> list[Finding]:
    found = [_lacks("missing", name, words) for name, words in NEEDED.items() if not _said(demand, name)]
    application = session.get(Application, demand.application_id) if demand.application_id else None
    if demand.application_id and (application is None or application.department_id != demand.department_id):
        found.append(Finding("foreign_application", "application_id", {"application": demand.application_id}))
    if not items:
        found.append(_lacks("missing", "items", ("信息项", "The list of wanted items")))
    return found + [
        _lacks("missing_by_rule", name, words) for name, words in BY_RULE.items() if not _said(demand, name)
    ]


def _said(demand: Demand, name: str) -> bool:
    return bool(str(getattr(demand, name) or "").strip())


def _lacks(code: str, name: str, words: tuple[str, str]) -> Finding:
    return Finding(code, name, {"field_zh": words[0], "field_en": words[1]})


def _basis(demand: Demand) -> list[Finding]:
    if not _said(demand, "basis") or _CITED.search(demand.basis):
        return []
    return [Finding("basis_cites_nothing", "basis")]


def _period(demand: Demand) -> list[Finding]:
    until, years = demand.valid_until, ConformitySettings().demand_years
    if until is None:
        return []
    if until < today():
        return [Finding("period_past", "valid_until", {"until": until.isoformat()})]
    if until > today() + timedelta(days=366 * years):
        return [Finding("period_too_long", "valid_until", {"until": until.isoformat(), "years": str(years)})]
    return []


def _volume(session: Session, demand: Demand) -> list[Finding]:
    """A service item is asked for so often a day; who declares ten times what others declared for it should say why."""
    others = select(func.max(Demand.volume_per_day)).where(
        Demand.service_item_id == demand.service_item_id, Demand.id != demand.id, Demand.submitted_at.is_not(None)
    )
    usual = session.scalar(others)
    most = usual * _FAR if usual else ConformitySettings().demand_volume
    if demand.volume_per_day <= most:
        return []
    facts = {"volume": str(demand.volume_per_day), "usual": str(usual or most)}
    return [Finding("volume_implausible", "volume_per_day", facts)]


def _unavailable(asked: Ranked) -> list[Finding]:
    found = []
    for item in asked.items:
        where = f"items.{item.position}"
        if said := asked.forbidden.get(item.position):
            facts = {"item": item.name, "department": said.department, "resource": said.resource, "law": said.law}
            found.append(Finding("law_refuses", where, facts))
        elif not asked.by_row.get(item.position):
            found.append(Finding("nobody_has", where, {"item": item.name}))
    return found


def _held(session: Session, demand: Demand, asked: Ranked) -> list[Finding]:
    names = {item.position: item.name for item in asked.items}
    return [
        Finding("already_held", f"items.{one.row}", {"item": names[one.row], "source": _source(one.facts)})
        for one in reuse.already(session, demand, asked.by_row)
        if one.is_enough
    ]


def _source(facts: Mapping[str, str]) -> str:
    return facts.get("grant") or facts.get("resource") or "-"


def _needless(session: Session, demand: Demand, asked: Ranked) -> list[Finding]:
    """Personal values in full where the purpose is to verify: whether they agree is enough (least of all that serves)."""
    about = f"{demand.purpose} {demand.scenario}"
    found = []
    for item in asked.items:
        ranked = asked.by_row.get(item.position)
        verifies = demand.mode == "verify" or _VERIFYING.search(f"{about} {item.name} {item.note or ''}")
        if item.form == "full" and ranked and verifies and _sensitivity(session, ranked[0]) in _PERSONAL:
            found.append(Finding("yes_no_enough", f"items.{item.position}", {"item": item.name}))
    return found


def _sensitivity(session: Session, found: Found) -> str:
    items = session.get_one(ResourceVersion, found.candidate.version_id).document["items"]
    return next((str(item["sensitivity"]) for item in items if item["id"] == found.candidate.item_id), "internal")
