"""`hutong demand` under the exchange's own rights, on data that lasts: a demand's whole way from a shell; and two officers at once, of whom one wins."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api.demand import demands, information, offers, reopening
from exchange_api.supply import supplies
from hutong.commands.demand import app
from schemas.errors import Denied, HutongError, Invalid
from schemas.migrations import upgrade
from schemas.tables.exchange import CaseEvent, Demand
from schemas.tables.operations import Officer
from tests.desks.conftest import BUREAU, HOUSING, POLICE, actor
from tests.desks.demand_story import confirm, dispatched, offer, submitted

FORM = {
    "service_item_id": "gzf",
    "application_id": "zufang",
    "purpose": "核验户籍",
    "basis": "《办法》第七条",
    "items": [{"name": "户籍地址"}],
}
OFFICERS = {
    "li": ("housing", "demander"),
    "wang": ("public_security", "provider"),
    "chen": ("data_bureau", "authority"),
}


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], URL]) -> Iterator[Engine]:
    url = new_database()
    upgrade(url)
    made = create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session whose commits last: commands and other sessions find what it wrote."""
    monkeypatch.setenv("HUTONG_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("COLUMNS", "200")
    with engine.begin() as connection:
        connection.execute(
            text(
                "TRUNCATE directory.resources, directory.departments, directory.data_elements, operations.notices CASCADE"
            )
        )
    with Session(engine) as opened:
        yield opened


@pytest.fixture
def city(town: Session) -> Session:
    for officer_id, (department_id, role) in OFFICERS.items():
        town.merge(
            Officer(id=officer_id, name=officer_id, department_id=department_id, roles=[role], password_hash="-")
        )
    town.commit()
    return town


def run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def written(folder: Path, **changes: Any) -> str:
    file = folder / "demand.json"
    file.write_text(json.dumps(FORM | changes), "utf-8")
    return str(file)


def test_a_demands_whole_way_from_a_shell(city: Session, tmp_path: Path) -> None:
    number = run("register", written(tmp_path, items=[]), "--as", "li").split()[0]
    assert "缺少信息项" in run("check", number)
    run("revise", number, written(tmp_path), "--as", "li")
    basis = tmp_path / "basis.pdf"
    basis.write_bytes(b"%PDF-1.7 basis")
    attached = run("attach", number, str(basis), "--as", "li").split()[0]
    run("save-file", number, attached, "--out", str(tmp_path / "copy.pdf"), "--as", "li")
    assert (tmp_path / "copy.pdf").read_bytes() == basis.read_bytes()
    assert "submitted" in run("submit", number, "--as", "li")
    assert "returned" in run("return", number, "--why", "请补充场景", "--as", "chen")
    run("revise", number, written(tmp_path, scenario="窗口"), "--as", "li")
    run("submit", number, "--as", "li")
    assert "dispatched" in run("dispatch", number, "--as", "chen")
    (task,) = supplies.tasks_of(city, demand_id=number)
    question = run("ask", number, task.id, "用途？", "--as", "wang").split()[0]
    assert "用途？" in run("show", number)
    assert "dispatched" in run("tell", question, "资格审核", "--as", "li")
    city.rollback()
    offered = offer(city, city.get_one(Demand, number))
    city.commit()
    assert "provided" in run("take", str(offered.id), "--as", "li")
    item = demands.items(city, number)[0].id
    assert "dispatched" in run("reopen", number, "--item", str(item), "--why", "需要完整地址", "--as", "li")
    city.rollback()
    confirm(city, city.get_one(Demand, number))
    city.commit()
    assert "closed" in run("accept", number, "--as", "li")
    shown = run("show", number)
    assert all(word in shown for word in ("户籍地址", "confirmed", question, "basis.pdf", "reopen", "GJ-"))
    assert number in run("list", "--all")
    assert number not in run("list")


@pytest.mark.usefixtures("city")
def test_the_operator_at_the_console_works_for_a_department_and_cannot_approve_himself(tmp_path: Path) -> None:
    number = run("register", written(tmp_path), "--department", "housing").split()[0]
    run("submit", number)
    with pytest.raises(Denied, match=r"case\.same_officer"):
        run("dispatch", number)
    with pytest.raises(Invalid, match=r"directory\.unknown_department"):
        run("register", written(tmp_path))
    assert "withdrawn" in run("withdraw", number, "--why", "不再需要")


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize("content", [b"items: [", b"\xff\xfe", b"purpose: 1\nitems: {}", b"- a", b""])
def test_a_file_that_is_no_demand_is_refused_with_its_place(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "demand.yml"
    file.write_bytes(content)
    with pytest.raises(Invalid, match=r"demand\.malformed"):
        run("register", str(file), "--as", "li")


def test_an_officer_of_another_department_changes_nothing(city: Session) -> None:
    number = submitted(city, "户籍地址").id
    city.commit()
    for words in (
        ("withdraw", number),
        ("submit", number),
        ("dispatch", number),
        ("return", number, "--why", "x"),
        ("accept", number),
    ):
        with pytest.raises(Denied):
            run(*words, "--as", "wang")
    city.rollback()
    assert city.get_one(Demand, number).state == "submitted"


@pytest.mark.usefixtures("city")
def test_a_draft_is_discarded_from_a_shell(tmp_path: Path) -> None:
    number = run("register", written(tmp_path), "--as", "li").split()[0]
    run("discard", number, "--as", "li")
    with pytest.raises(Invalid, match=r"case\.unknown"):
        run("show", number)


def at_once(engine: Engine, *steps: Callable[[Session], object]) -> list[str]:
    """Take steps in sessions of their own at one moment; return "done" or the code of the refusal of each."""
    ready = threading.Barrier(len(steps))

    def take(step: Callable[[Session], object]) -> str:
        with Session(engine) as opened:
            ready.wait(20)
            try:
                step(opened)
            except HutongError as error:
                return error.code
            opened.commit()
            return "done"

    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(take, steps))


def moves(engine: Engine, number: str, action: str) -> int:
    with Session(engine) as opened:
        return opened.query(CaseEvent).filter_by(demand_id=number, action=action).count()


def test_two_authorities_dispatch_one_demand_and_one_wins(city: Session, engine: Engine) -> None:
    number = submitted(city, "户籍地址").id
    city.commit()
    other = actor("sun", "data_bureau", "authority")
    said = at_once(
        engine,
        lambda one: demands.dispatch(one, BUREAU, number),
        lambda one: demands.return_to_demander(one, other, number, "补正"),
    )
    assert sorted(said) == ["case.wrong_state", "done"]
    assert moves(engine, number, "dispatch") + moves(engine, number, "return") == 1


def test_one_offer_is_taken_or_declined_never_both(city: Session, engine: Engine) -> None:
    demand = dispatched(city, "户籍地址")
    answer, number = offer(city, demand).id, demand.id
    city.commit()
    said = at_once(
        engine, lambda one: offers.take(one, HOUSING, answer), lambda one: offers.decline(one, HOUSING, answer)
    )
    assert sorted(said) == ["case.wrong_state", "done"]
    assert moves(engine, number, "take") + moves(engine, number, "decline") == 1


def test_one_question_is_answered_once(city: Session, engine: Engine) -> None:
    demand = dispatched(city, "户籍地址")
    number, task = demand.id, supplies.tasks_of(city, demand_id=demand.id)[0].id
    asked = information.ask(city, POLICE, task, number, "用途？").id
    city.commit()
    said = at_once(
        engine,
        lambda one: information.tell(one, HOUSING, asked, "甲"),
        lambda one: information.tell(one, HOUSING, asked, "乙"),
    )
    assert sorted(said) == ["case.wrong_state", "done"]
    assert moves(engine, number, "tell") == moves(engine, number, "inform") == 1


def test_accepting_and_objecting_at_once_leave_one_case(city: Session, engine: Engine) -> None:
    demand = dispatched(city, "户籍地址")
    confirm(city, demand)
    number, items = demand.id, [item.id for item in demands.items(city, demand.id)]
    city.commit()
    said = at_once(
        engine, lambda one: demands.accept(one, HOUSING, number), lambda one: reopening.object_to(one, HOUSING, number, items, "缺门牌")
    )  # fmt: skip
    assert said in (["case.wrong_state", "done"], ["done", "done"])  # what was accepted first may still be objected to
    assert moves(engine, number, "reopen") == 1
