"""Who may do what over the desks' HTTP interface: every route with every role against a table written here by hand, and what nobody may learn by guessing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import departments, notices
from exchange_api.actors import Actor
from exchange_api.clocks import clocks, extensions
from exchange_api.demand import demands, information
from exchange_api.desk_api import desk_counter
from exchange_api.desk_api.asked import Ask, Page, Route
from exchange_api.desk_api.askers import Asker
from exchange_api.desk_api.routes import ROUTES
from exchange_api.desk_api.scopes import SCOPES
from exchange_api.dispute import disputes
from exchange_api.grant import grants, quota_requests
from exchange_api.supply import supplies
from exchange_api.supply.supplies import ItemAnswer
from schemas.calendar import today
from schemas.errors import Denied, HutongError
from schemas.tables.exchange import Demand
from schemas.tables.guarding import GuardFinding
from schemas.tables.operations import Officer
from tests.desks.conftest import BUREAU, HOUSING, POLICE, actor, form

PEOPLE = {
    "D": HOUSING,
    "P": POLICE,
    "A": BUREAU,
    "S": actor("hu", "housing", "steward"),
    "U": actor("bai", "audit_office", "auditor"),
    "X": actor("sun", "transport", "demander", "provider", "steward"),
}
"""Demander, provider, authority, steward of the demander's department, auditor, and another department's officer."""
_D, _T, _G = "/v1/demands/{demand}", "/v1/supply-tasks/{task}", "/v1/grants/{grant}"
_S = "/v1/disputes/{dispute}"
RIGHTS: dict[tuple[str, str], str] = {
    ("GET", "/v1/demands"): "DAUX", ("POST", "/v1/demands"): "DX", ("GET", _D): "DAU", ("PUT", _D): "D", ("DELETE", _D): "D",
    ("GET", f"{_D}/matches"): "DAU", ("GET", f"{_D}/timeline"): "DAU", ("GET", f"{_D}/findings"): "DAU", ("GET", f"{_D}/reuse"): "DAU",
    ("POST", f"{_D}/submission"): "D", ("POST", f"{_D}/withdrawal"): "D", ("POST", f"{_D}/acceptance"): "D", ("POST", f"{_D}/reopening"): "DA",
    ("POST", f"{_D}/return"): "A", ("POST", f"{_D}/dispatch"): "A",
    ("GET", f"{_D}/attachments"): "DAU", ("POST", f"{_D}/attachments"): "D", ("GET", f"{_D}/attachments/{{attachment}}"): "DAU",
    ("DELETE", f"{_D}/attachments/{{attachment}}"): "D",
    ("GET", f"{_D}/information"): "DAU", ("POST", "/v1/information/{information}/answer"): "D", ("GET", f"{_D}/offers"): "DAU",
    ("POST", "/v1/answers/{answer}/acceptance"): "D", ("POST", "/v1/answers/{answer}/declining"): "D", ("POST", "/v1/matches"): "DAUX",
    ("GET", "/v1/trace/{node}"): "DPSAU",
    ("GET", "/v1/supply-tasks"): "PAUX", ("GET", _T): "PAU", ("POST", f"{_T}/answers"): "P", ("POST", f"{_T}/terms"): "P",
    ("GET", f"{_T}/information"): "PAU", ("POST", f"{_T}/information"): "PA", ("POST", "/v1/information/{information}/dropping"): "PA",
    ("POST", "/v1/answers/{answer}/fulfilment"): "P", ("POST", "/v1/answers/{answer}/refusal"): "P",
    ("GET", "/v1/grants"): "DPAUX", ("GET", _G): "DPAU", ("GET", f"{_G}/timeline"): "DPAU", ("GET", f"{_G}/use"): "DPAU",
    ("POST", f"{_G}/suspension"): "DPA", ("POST", f"{_G}/resumption"): "DPA", ("POST", f"{_G}/revocation"): "A", ("POST", f"{_G}/closing"): "DA",
    ("POST", f"{_G}/recertification"): "PA", ("POST", f"{_G}/renewal"): "D", ("POST", f"{_G}/prolongation"): "PA",
    ("POST", f"{_G}/health-check"): "DPA",
    ("GET", f"{_G}/quota-requests"): "DPAU", ("POST", f"{_G}/quota-requests"): "D",
    ("POST", "/v1/quota-requests/{request}/approval"): "PA", ("POST", "/v1/quota-requests/{request}/declining"): "PA",
    ("GET", "/v1/disputes"): "DPAUX", ("GET", _S): "DPAU", ("POST", f"{_D}/disputes"): "D", ("POST", f"{_S}/statement"): "DPA",
    ("POST", f"{_S}/settlement"): "P", ("POST", f"{_S}/referral"): "D", ("POST", f"{_S}/decision"): "A", ("POST", f"{_S}/escalation"): "D",
    ("POST", f"{_S}/withdrawal"): "D",
    ("GET", "/v1/notices"): "DPASUX", ("POST", "/v1/notices/{notice}/reading"): "DS",
    ("GET", "/v1/deadlines"): "DPASUX", ("POST", "/v1/deadlines/{clock}/extension"): "P", ("GET", "/v1/extensions"): "DPASUX",
    ("POST", "/v1/extensions/{extension}/decision"): "A",
    ("GET", "/v1/findings"): "AU", ("POST", "/v1/findings/{finding}/review"): "A", ("POST", "/v1/access"): "A",
}  # fmt: skip
UNKNOWN = {
    "demand": "XQ-2026-999999", "task": "GJ-2026-999999", "grant": "SQ-2026-999999", "information": "BC-2026-999999",
    "dispute": "ZY-2026-999999", "answer": "999999", "notice": "999999", "request": "999999", "clock": "999999", "extension": "999999",
    "attachment": "999999", "finding": "999999", "node": "XQ-2026-999999",
}  # fmt: skip


@dataclass(frozen=True)
class Street:
    """Cases of every kind between housing, police and the authority. ids: one of each kind by its name in paths."""

    session: Session
    ids: dict[str, str]
    demand: Demand

    def ask(self, route: Route, ids: dict[str, str]) -> Ask:
        """A question to a route in form."""
        wanted = demands.items(self.session, self.demand.id)[0].id
        later = (today() + timedelta(days=500)).isoformat()
        words: dict[str, Any] = {
            "DemandForm": {"service_item_id": "gzf", "items": [{"name": "户籍地址"}]}, "ItemsWhy": {"items": [wanted], "why": "有误"},
            "Why": {"why": "理由"}, "Words": {"words": "陈述"}, "Ruling": {"verdict": "uphold", "why": "理由"},
            "FileForm": {"name": "a.pdf", "content": "JVBERi0xLjQ="}, "InformationAnswer": {"answer": "说明"},
            "InformationQuestion": {"demand": self.demand.id, "question": "用途？"}, "MatchQuestion": {"items": ["户籍地址"]},
            "Answers": {"answers": [{"demand_item_id": wanted, "decision": "confirm"}]},
            "TermsForm": {"demand": self.demand.id, "terms": {"hours": "08-18"}},
            "RenewalForm": {"until": later, "why": "续期"}, "QuotaForm": {"wanted": 9999, "day": today().isoformat(), "why": "高峰"},
            "QuotaApproval": {"quota": 9999, "until": today().isoformat()}, "ExtensionForm": {"days": 1, "why": "复杂"},
            "ExtensionDecision": {"consent": True}, "FindingReview": {"verdict": "abuse"},
            "AccessForm": {"subject": "11010119900307002X", "reason": "申请", "case": "XX-1", "first": today().isoformat(), "last": today().isoformat()},
        }  # fmt: skip
        said = route.form.model_validate(words.get(route.form.__name__, {})) if route.form else None
        return Ask({name: ids[name] for name in route.names}, Page(), said)

    def attempt(self, who: Actor, route: Route, ids: dict[str, str] | None = None) -> Any:
        """Ask as an officer and take everything back; what was said, or the refusal."""
        point = self.session.begin_nested()
        try:
            asker = Asker(who, who.id, None, {})
            return desk_counter.perform(self.session, asker, route, self.ask(route, ids or self.ids))
        except HutongError as refusal:
            return refusal
        finally:
            point.rollback()
            self.session.expire_all()


def is_refused(said: Any) -> bool:
    """Whether somebody may not: told so, or told (auditor and authority) that nothing is there for them."""
    return isinstance(said, Denied) or getattr(said, "code", None) == "case.unknown"


@pytest.fixture
def street(town: Session) -> Street:
    for department_id in ("transport", "audit_office"):
        departments.save(
            town, departments.DepartmentDocument(id=department_id, name=department_id, short_name=department_id)
        )
    town.add(Officer(id="chen", name="陈", department_id="data_bureau", roles=["authority"], password_hash="-"))
    given = _answered(town, "confirm")
    refused = _answered(town, "refuse")
    dispute = disputes.raise_dispute(town, HOUSING, refused.id, [demands.items(town, refused.id)[0].id], "理由不成立")
    demand = _dispatched(town)
    (task,) = [one for one in supplies.tasks_of(town, demand_id=demand.id) if one.state == "open"]
    (grant,) = grants.find(town, demand_id=given.id)
    (clock,) = clocks.of(town, task.id)
    quota = quota_requests.ask(town, HOUSING, grant.id, (5000, today()), "高峰")
    longer = extensions.ask(town, POLICE, clock.id, 1, "复杂")
    asked = information.ask(town, POLICE, task.id, demand.id, "用途？")
    notice = notices.find(town, "housing")[0]
    finding = GuardFinding(
        rule="days", application_id=grant.application_id, grant_id=grant.id, measured=9, above=8, receipt=uuid4(), has_suspended=False
    )  # fmt: skip
    town.add(finding)
    town.flush()
    answer = supplies.answers_of(town, task.id)[0]
    numbers = {
        "demand": demand.id, "task": task.id, "grant": grant.id, "information": asked.id, "dispute": dispute.id, "answer": answer.id,
        "notice": notice.id, "request": quota.id, "clock": clock.id, "extension": longer.id, "attachment": 1, "finding": finding.id, "node": demand.id,
    }  # fmt: skip
    return Street(town, {name: str(number) for name, number in numbers.items()}, demand)


def test_every_route_opens_to_exactly_the_roles_of_the_table(street: Street) -> None:
    assert {(route.method, route.path) for route in ROUTES} == set(RIGHTS), (
        "a route without a line here opens to nobody"
    )
    wrong = {}
    for route in ROUTES:
        may = "".join(one for one, who in PEOPLE.items() if not is_refused(street.attempt(who, route)))
        if may != "".join(one for one in PEOPLE if one in RIGHTS[route.method, route.path]):
            wrong[route.action] = may
    assert wrong == {}


def test_to_others_what_is_not_theirs_looks_like_what_is_not_there(street: Street) -> None:
    stranger = actor("sun", "transport", "demander", "provider")
    seen = set()
    for route in ROUTES:
        if not route.names or not route.roles & stranger.roles:
            continue
        theirs, nowhere = street.attempt(stranger, route), street.attempt(stranger, route, UNKNOWN)
        assert isinstance(theirs, Denied), route.action
        assert isinstance(nowhere, Denied), route.action
        assert (theirs.code, theirs.status, theirs.title("en").partition(" ")[2]) == (
            nowhere.code, nowhere.status, nowhere.title("en").partition(" ")[2],
        )  # fmt: skip
        seen |= set(route.names)
    assert seen == set(UNKNOWN) - {"extension", "finding"}  # only the authority decides on one


def test_whoever_sees_all_is_told_what_is_not_there(street: Street) -> None:
    for route in ROUTES:
        if route.method == "GET" and route.names:
            refusal = street.attempt(PEOPLE["U"], route, UNKNOWN)
            unknown = "trace.unknown" if "node" in route.names else "case.unknown"
            assert (refusal.code, refusal.status) == (unknown, 404), route.action


def test_lists_hold_only_what_the_asker_may_read(street: Street) -> None:
    for route in ROUTES:
        if not route.is_list or route.names == ("node",):  # a chain goes on by pages, but is no list
            continue
        for who in PEOPLE.values():
            if route.roles & who.roles:
                (shown,) = [value for value in dict(street.attempt(who, route)).values() if isinstance(value, list)]
                assert bool(shown) == (who.department_id != "transport") or who is PEOPLE["S"], (route.action, who.id)
    notices_route = next(route for route in ROUTES if route.path == "/v1/notices" and route.method == "GET")
    assert {one.department for one in street.attempt(HOUSING, notices_route).notices} == {"housing"}
    assert len({one.department for one in street.attempt(PEOPLE["U"], notices_route).notices}) > 1


def test_a_draft_is_its_departments_own_and_the_auditors(street: Street) -> None:
    draft = demands.register(street.session, HOUSING, form("姓名"))
    route = next(route for route in ROUTES if (route.method, route.path) == ("GET", _D))
    ids = {**street.ids, "demand": draft.id}
    assert street.attempt(HOUSING, route, ids).state == "draft"
    assert street.attempt(PEOPLE["U"], route, ids).state == "draft"
    assert street.attempt(BUREAU, route, ids).code == "case.unknown"
    demands.submit(street.session, HOUSING, draft.id)
    assert street.attempt(BUREAU, route, ids).state == "submitted"


def test_a_scope_opens_nothing_that_its_roles_cannot_do(street: Street) -> None:
    for route in ROUTES:
        assert route.roles <= SCOPES[route.scope]
        assert route.scope.endswith(".read") == (route.method == "GET" or route.path in ("/v1/matches", "/v1/access"))
        for scope in set(SCOPES) - {route.scope}:
            who = PEOPLE["A"]
            narrow = Asker(who, who.id, frozenset({scope}), {})
            with pytest.raises(Denied, match=r"asker\.scope|case\.role_needed"):
                desk_counter.perform(street.session, narrow, route, street.ask(route, street.ids))


def _dispatched(town: Session) -> Demand:
    demand = demands.register(town, HOUSING, form("户籍地址", basis="《公共租赁住房管理办法》第七条"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    assert demand.state == "dispatched"
    return demand


def _answered(town: Session, decision: Any) -> Demand:
    demand = _dispatched(town)
    (task,) = [one for one in supplies.tasks_of(town, demand_id=demand.id) if one.state == "open"]
    reason = "用于政务服务事项办理" if decision == "refuse" else None
    rows = supplies.answers_of(town, task.id)
    given = [ItemAnswer(demand_item_id=row.demand_item_id, decision=decision, reason=reason) for row in rows]
    supplies.answer(town, POLICE, task.id, given)
    return town.scalars(select(Demand).where(Demand.id == demand.id)).one()
