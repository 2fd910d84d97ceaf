"""Reforms end to end: what a department owned follows, nothing published changes, nothing is left behind unseen."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from catalog import departments, directory
from catalog.departments import DepartmentDocument
from catalog.folder import import_folder
from catalog.reform import following, reforms
from catalog.reform.reforms import Act, Share
from catalog.snapshot import current, read_snapshot, write_snapshot
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.resource import ResourceDocument, ResourceDraft
from schemas.tables.clocks import CaseClock
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.disputes import Dispute, DisputedItem
from schemas.tables.elements import DataElement
from schemas.tables.exchange import Application, Demand, DemandItem, SupplyAnswer, SupplyTask, TaskDemand
from schemas.tables.operations import Notice, Officer
from schemas.tables.services import ServiceItem
from tests.catalog.conftest import resource

ACT = Act(date(2026, 1, 1), "兴编办〔2026〕3号", "li")
POLICE, JUSTICE, CITY = "public_security", "justice", "city"
RESIDENT, DRAFT = f"{POLICE}.resident", f"{POLICE}.vehicle"


def bureau(department_id: str) -> DepartmentDocument:
    return DepartmentDocument(id=department_id, name=f"{department_id} 局", short_name=department_id)


@pytest.fixture
def town(directory_session: Session, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Public security owns one of everything; its resident list is published, its vehicle list a draft. Justice owns nothing."""
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))
    session = directory_session
    departments.save(session, bureau(JUSTICE))
    directory.publish(session, RESIDENT)
    directory.save_draft(session, ResourceDraft(id=DRAFT, name="机动车信息", department=POLICE))
    session.add(ServiceItem(id="hukou", name="户口迁移", department_id=POLICE))
    session.add(Application(id="huji", name="户籍系统", department_id=POLICE))
    session.add(Officer(id="wang", name="王", department_id=POLICE, roles=["provider"], password_hash="-"))
    session.add(Department(id="station", name="派出所", short_name="派出所", parent_id=POLICE))
    session.flush()
    session.add(
        Demand(id="XQ-1", department_id=POLICE, application_id="huji", service_item_id="hukou", purpose="-", basis="-", created_by="wang",
               state="dispatched")
    )  # fmt: skip
    session.add(
        Demand(id="XQ-2", department_id=CITY, service_item_id="gz", purpose="-", basis="-", created_by="x", state="dispatched")
    )  # fmt: skip
    session.add(Notice(department_id=POLICE, key="task.opened", facts={}))
    session.flush()
    return session


def ask(session: Session, department_id: str, task: str, *wanted: str, state: str = "open") -> None:
    """Let a department be asked on XQ-2 for the published resident list, once for each wanted item."""
    session.add(SupplyTask(id=task, need=task, department_id=department_id, due_date=ACT.on, rule_key="x", state=state))
    session.flush()
    session.add(TaskDemand(task_id=task, demand_id="XQ-2"))
    session.flush()
    for name in wanted:
        item = session.scalar(select(DemandItem).where(DemandItem.name == name))
        if item is None:
            item = DemandItem(demand_id="XQ-2", position=len(name), name=name)
            session.add(item)
            session.flush()
        session.add(
            SupplyAnswer(task_id=task, demand_item_id=item.id, resource_version_id=f"{RESIDENT}@1", item_id="name")
        )
    session.flush()


def owners(session: Session) -> dict[str, str | None]:
    """Who owns each thing of the town."""
    session.expire_all()
    return {
        "published": session.get_one(Resource, RESIDENT).department_id,
        "draft": session.get_one(Resource, DRAFT).department_id,
        "element": session.get_one(DataElement, "citizen_id").lead_department_id,
        "service": session.get_one(ServiceItem, "hukou").department_id,
        "application": session.get_one(Application, "huji").department_id,
        "officer": session.get_one(Officer, "wang").department_id,
        "demand": session.get_one(Demand, "XQ-1").department_id,
        "notice": session.scalars(select(Notice.department_id)).one(),
        "below": session.get_one(Department, "station").parent_id,
    }


def test_a_merger_takes_everything_along_at_once(town: Session) -> None:
    change = reforms.merge(town, [POLICE], JUSTICE, ACT)
    assert set(owners(town).values()) == {JUSTICE}
    former = town.get_one(Department, POLICE)
    assert (former.state, former.valid_to) == ("dissolved", ACT.on)
    assert change.applied_at is not None
    assert change.details["moved"] == {
        "resources": 2, "service_items": 1, "elements": 1, "applications": 1, "officers": 1,
    }  # fmt: skip
    assert following.held(town, POLICE) == {}


def test_what_is_published_stays_as_it_was_and_is_read_as_it_is(town: Session) -> None:
    before = town.get_one(ResourceVersion, f"{RESIDENT}@1")
    document, digest = dict(before.document), before.digest
    write_snapshot(town)
    revision = current(town)
    reforms.merge(town, [POLICE], JUSTICE, ACT)
    row = town.get_one(ResourceVersion, f"{RESIDENT}@1")
    assert (row.document, row.digest, row.document["department"]) == (document, digest, POLICE)
    assert row.department_id == JUSTICE
    assert directory.document(town, RESIDENT).department == JUSTICE
    assert [one.document.department for one in directory.published(town)] == [JUSTICE]
    assert [one.resource_id for one in directory.find(town, department_id=JUSTICE)] == [RESIDENT]
    write_snapshot(town)
    assert read_snapshot()["resources"][0]["department"] == JUSTICE
    assert current(town) != revision


def test_a_draft_names_its_new_owner_and_may_go_on(town: Session) -> None:
    reforms.merge(town, [POLICE], JUSTICE, ACT)
    assert directory.draft(town, DRAFT).department == JUSTICE
    again = directory.save_drafts(town, [ResourceDraft(id=DRAFT, name="机动车信息", department=JUSTICE)])
    assert again.unchanged == 1


def test_the_list_of_before_and_the_list_of_today_say_nothing_new(town: Session) -> None:
    reforms.merge(town, [POLICE], JUSTICE, ACT)
    for department in (POLICE, JUSTICE):
        document = ResourceDocument.model_validate(resource(department=department))
        assert directory.save_drafts(town, [document]).unchanged == 1


def test_an_old_folder_gives_nothing_back_to_a_department_that_ended(town: Session, tmp_path: Any) -> None:
    reforms.merge(town, [CITY], JUSTICE, ACT)
    reforms.split(town, POLICE, {JUSTICE: Share({"resources": [RESIDENT]})}, ACT, rest="station")
    import_folder(town, tmp_path)
    town.expire_all()
    assert town.get_one(ServiceItem, "gz").department_id == JUSTICE
    assert town.get_one(DataElement, "citizen_id").lead_department_id == "station"
    assert town.get_one(Resource, RESIDENT).department_id == JUSTICE
    assert town.get_one(Department, POLICE).state == "dissolved"


def where_shares_stand(session: Session) -> list[tuple[str, str, str]]:
    """Every share as (task, demand, state)."""
    rows = session.execute(select(TaskDemand.task_id, TaskDemand.demand_id, TaskDemand.state))
    return sorted((task, demand, state) for task, demand, state in rows)


def owe(session: Session, task: str, demand: str, department_id: str) -> CaseClock:
    """Let a task's clock run for one demand."""
    clock = CaseClock(
        case=task, demand_id=demand, department_id=department_id, rule_key="reply_conditional", jurisdiction="national", day_type="working", days=10,
        basis="-", started_on=ACT.on, due_date=ACT.on,
    )  # fmt: skip
    session.add(clock)
    session.flush()
    return clock


def test_two_tasks_on_one_demand_both_go_on_at_the_successor(town: Session) -> None:
    ask(town, POLICE, "GJ-1", "姓名", "性别地址")
    ask(town, JUSTICE, "GJ-2", "姓名", state="answered")
    clock = owe(town, "GJ-1", "XQ-2", POLICE)
    reforms.merge(town, [POLICE], JUSTICE, ACT)
    tasks = {task.id: (task.department_id, task.state) for task in town.scalars(select(SupplyTask))}
    assert tasks == {"GJ-1": (JUSTICE, "open"), "GJ-2": (JUSTICE, "answered")}
    rows = town.execute(select(SupplyAnswer.task_id, DemandItem.name).join(DemandItem)).all()
    assert sorted(map(tuple, rows)) == [("GJ-1", "姓名"), ("GJ-1", "性别地址"), ("GJ-2", "姓名")]
    town.refresh(clock)
    assert (clock.department_id, clock.case) == (JUSTICE, "GJ-1")


def same_need(session: Session) -> None:
    for task in session.scalars(select(SupplyTask)):
        task.need = "same"
    session.flush()


def test_the_same_need_at_both_departments_becomes_one_task_with_all_who_asked(town: Session) -> None:
    ask(town, POLICE, "GJ-1", "姓名")
    ask(town, JUSTICE, "GJ-2")
    town.execute(update(TaskDemand).where(TaskDemand.task_id == "GJ-2").values(demand_id="XQ-1"))
    clock = owe(town, "GJ-1", "XQ-2", POLICE)
    same_need(town)
    reforms.merge(town, [POLICE], JUSTICE, ACT)
    assert where_shares_stand(town) == [
        ("GJ-1", "XQ-2", "withdrawn"), ("GJ-2", "XQ-1", "open"), ("GJ-2", "XQ-2", "open"),
    ]  # fmt: skip
    assert town.scalars(select(SupplyAnswer)).one().task_id == "GJ-2"
    town.refresh(clock)
    assert (clock.case, clock.department_id) == ("GJ-2", JUSTICE)
    tasks = {task.id: (task.department_id, task.state) for task in town.scalars(select(SupplyTask))}
    assert tasks == {"GJ-1": (JUSTICE, "cancelled"), "GJ-2": (JUSTICE, "open")}


def test_one_demand_with_the_same_need_at_both_departments_keeps_both_tasks(town: Session) -> None:
    ask(town, POLICE, "GJ-1", "姓名")
    ask(town, JUSTICE, "GJ-2", "姓名")
    same_need(town)
    reforms.merge(town, [POLICE], JUSTICE, ACT)
    assert where_shares_stand(town) == [("GJ-1", "XQ-2", "open"), ("GJ-2", "XQ-2", "open")]
    assert {task.department_id for task in town.scalars(select(SupplyTask))} == {JUSTICE}


def test_a_promise_and_a_dispute_go_along_with_their_task(town: Session) -> None:
    ask(town, POLICE, "GJ-1", "姓名", state="answered")
    answer = town.scalars(select(SupplyAnswer)).one()
    promise, other = owe(town, f"answer:{answer.id}", "XQ-2", POLICE), owe(town, "XQ-1", "XQ-1", POLICE)
    dispute = Dispute(id="ZY-1", demand_id="XQ-2", department_id=CITY, against_id=POLICE, reason="-", raised_by="x")
    town.add(dispute)
    town.flush()
    town.add(DisputedItem(dispute_id="ZY-1", demand_item_id=answer.demand_item_id, supply_answer_id=answer.id))
    town.flush()
    shares = {"traffic": reforms.share(town, POLICE, [DRAFT, "huji"], bureau("traffic"))}
    reforms.split(town, POLICE, shares, ACT, rest=JUSTICE)
    for row in (promise, other, dispute):
        town.refresh(row)
    assert (promise.department_id, other.department_id, dispute.against_id) == (JUSTICE, "traffic", JUSTICE)


def test_a_task_alone_changes_hands(town: Session) -> None:
    ask(town, POLICE, "GJ-1", "姓名")
    reforms.merge(town, [POLICE], JUSTICE, ACT)
    assert town.scalars(select(SupplyTask)).one().department_id == JUSTICE


def test_a_merger_may_found_its_target(town: Session) -> None:
    reforms.merge(town, [POLICE, JUSTICE], bureau("order"), ACT)
    founded = town.get_one(Department, "order")
    assert (founded.state, founded.valid_from) == ("active", ACT.on)
    assert set(owners(town).values()) == {"order"}
    with pytest.raises(Invalid, match=r"reform\.exists"):
        reforms.merge(town, [CITY], bureau("order"), ACT)


def test_a_split_names_what_it_leaves_behind(town: Session) -> None:
    share = reforms.share(town, POLICE, [DRAFT, "applications:huji"])
    with pytest.raises(Invalid, match=r"reform\.not_named") as caught:
        reforms.split(town, POLICE, {JUSTICE: share}, ACT)
    for left in (RESIDENT, "hukou", "citizen_id", "wang"):
        assert left in caught.value.facts["left"]
    assert DRAFT not in caught.value.facts["left"]
    assert owners(town)["draft"] == POLICE
    assert town.get_one(Department, POLICE).state == "active"


def test_a_split_shares_out_what_it_names_and_the_rest(town: Session) -> None:
    ask(town, POLICE, "GJ-1", "姓名")
    shares = {"traffic": reforms.share(town, POLICE, [DRAFT, "huji"], bureau("traffic"))}
    reforms.split(town, POLICE, shares, ACT, rest=JUSTICE)
    assert owners(town) == {
        "published": JUSTICE, "draft": "traffic", "element": JUSTICE, "service": JUSTICE, "application": "traffic",
        "officer": JUSTICE, "demand": "traffic", "notice": JUSTICE, "below": JUSTICE,
    }  # fmt: skip
    assert town.scalars(select(SupplyTask)).one().department_id == JUSTICE
    assert town.get_one(Department, POLICE).state == "dissolved"
    assert departments.current(town, [POLICE]) == {POLICE: None}


def test_a_department_may_keep_a_part_of_itself(town: Session) -> None:
    reforms.split(town, POLICE, {JUSTICE: reforms.share(town, POLICE, [DRAFT])}, ACT, rest=POLICE)
    found = owners(town)
    assert found.pop("draft") == JUSTICE
    assert set(found.values()) == {POLICE}
    assert town.get_one(Department, POLICE).state == "active"
    assert departments.current(town, [POLICE]) == {POLICE: POLICE}


def test_an_open_task_that_would_be_torn_apart_stops_a_split(town: Session) -> None:
    directory.save_draft(town, ResourceDocument.model_validate(resource(id=f"{POLICE}.second", code="101001/0009", name="第二")))  # fmt: skip
    directory.publish(town, f"{POLICE}.second")
    ask(town, POLICE, "GJ-1", "姓名", "性别地址")
    last = town.scalars(select(SupplyAnswer).order_by(SupplyAnswer.id.desc())).first()
    assert last is not None
    last.resource_version_id = f"{POLICE}.second@1"
    town.flush()
    share = reforms.share(town, POLICE, [RESIDENT])
    with pytest.raises(Invalid, match=r"reform\.task_spans.*GJ-1"), town.begin_nested():
        reforms.split(town, POLICE, {JUSTICE: share}, ACT, rest=POLICE)
    assert owners(town)["published"] == POLICE


@pytest.mark.parametrize(
    ("shares", "code"),
    [
        ({JUSTICE: {"resources": [RESIDENT]}, CITY: {"resources": [RESIDENT]}}, "reform.named_twice"),
        ({JUSTICE: {"resources": ["city.foreign"]}}, "reform.not_owned"),
        ({POLICE: {"resources": [RESIDENT]}}, "reform.into_itself"),
        ({"nobody": {}}, "directory.unknown_department"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(town: Session, shares: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        reforms.split(town, POLICE, {to: Share(ids) for to, ids in shares.items()}, ACT)
    assert caught.value.code == code


def test_what_owns_something_cannot_be_dissolved(town: Session) -> None:
    with pytest.raises(Invalid, match=r"reform\.still_owns") as caught:
        reforms.dissolve(town, POLICE, ACT)
    for left in (RESIDENT, "hukou", "XQ-1", "station", "wang"):
        assert left in caught.value.facts["left"]
    reforms.dissolve(town, JUSTICE, ACT)
    assert town.get_one(Department, JUSTICE).state == "dissolved"
    with pytest.raises(Invalid, match=r"reform\.ended"):
        reforms.dissolve(town, JUSTICE, ACT)
    with pytest.raises(Invalid, match=r"reform\.ended"):
        reforms.rename(town, JUSTICE, "新名", ACT)
    with pytest.raises(Invalid, match=r"reform\.ended"):
        reforms.merge(town, [POLICE], JUSTICE, ACT)


def test_a_reform_needs_its_basis_and_another_department(town: Session) -> None:
    with pytest.raises(Invalid, match=r"reform\.no_basis"):
        reforms.rename(town, POLICE, "新名", Act(ACT.on, " ", "li"))
    with pytest.raises(Invalid, match=r"reform\.into_itself"):
        reforms.merge(town, [POLICE, CITY], CITY, ACT)
    with pytest.raises(Invalid, match=r"reform\.no_name"):
        reforms.rename(town, POLICE, "  ", ACT)


def test_a_future_reform_waits_for_its_day_and_is_applied_once(town: Session) -> None:
    day = today() + timedelta(days=30)
    change = reforms.merge(town, [POLICE], bureau("order"), Act(day, "兴编〔2027〕1号", "li"))
    assert change.applied_at is None
    assert town.get(Department, "order") is None
    assert set(owners(town).values()) == {POLICE}
    assert reforms.apply_due(town).changes == []
    assert reforms.apply_due(town, day - timedelta(days=1)).changes == []
    assert [one.id for one in reforms.apply_due(town, day).changes] == [change.id]
    assert set(owners(town).values()) == {"order"}
    assert reforms.apply_due(town, day).changes == []
    assert [one.id for one in reforms.find(town, "order")] == [change.id]


def test_one_reform_that_fails_on_its_day_holds_up_no_other(town: Session) -> None:
    day = today() + timedelta(days=30)
    splitting = reforms.split(
        town, POLICE, {JUSTICE: reforms.share(town, POLICE, [RESIDENT])}, Act(day, "一", "li"), rest=POLICE
    )
    splitting.details = {**splitting.details, "rest": None}  # as if what it names had been all, and more had come since
    renaming = reforms.rename(town, JUSTICE, "司法和公安局", Act(day, "二", "li"))
    done = reforms.apply_due(town, day)
    assert [one.id for one in done.changes] == [renaming.id]
    ((failed, error),) = done.failures
    assert (failed.id, error.code, failed.applied_at) == (splitting.id, "reform.not_named", None)
    assert owners(town)["published"] == POLICE


def test_mergers_of_one_day_are_applied_in_the_order_they_were_recorded(town: Session) -> None:
    day = today() + timedelta(days=1)
    reforms.merge(town, [POLICE], JUSTICE, Act(day, "一", "li"))
    reforms.merge(town, [JUSTICE], CITY, Act(day, "二", "li"))
    assert len(reforms.apply_due(town, day).changes) == 2
    assert set(owners(town).values()) == {CITY}
    assert departments.current(town, [POLICE]) == {POLICE: CITY}


def test_sets_not_rows_move_a_large_department(town: Session) -> None:
    town.execute(
        text("INSERT INTO directory.resources (id, department_id) SELECT 'public_security.r' || n, 'public_security' FROM generate_series(1, 3000) n")
    )  # fmt: skip
    statements: list[str] = []
    from sqlalchemy import event

    def count(*arguments: Any) -> None:
        statements.append(arguments[2])

    connection = town.connection()
    event.listen(connection, "before_cursor_execute", count)
    reforms.merge(town, [POLICE], JUSTICE, ACT)
    event.remove(connection, "before_cursor_execute", count)
    assert len(statements) < 60
    assert town.scalar(text("SELECT count(*) FROM directory.resources WHERE department_id = 'justice'")) == 3002
