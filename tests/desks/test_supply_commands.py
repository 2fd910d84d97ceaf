"""`hutong supply` under the exchange's own rights: see what is asked, answer from a file, ask back, keep a promise, give one up."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api.demand import demands
from exchange_api.supply import supplies
from hutong.commands.supply import app
from schemas.calendar import today
from schemas.errors import Denied, HutongError, Invalid
from schemas.migrations import upgrade
from schemas.tables.exchange import Demand, Grant, TaskDemand
from schemas.tables.operations import Officer
from tests.desks.conftest import BUREAU, HOUSING, form

UNTOUCHED = ("dispatched", 0)


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], URL]) -> Iterator[Engine]:
    url = new_database()
    upgrade(url)
    made = create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session whose commits last: commands find what it wrote."""
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
def asked(town: Session) -> tuple[str, str, list[int]]:
    """A dispatched demand, its task, and the numbers of its two wanted items; the police's officer may sign in."""
    town.merge(Officer(id="wang", name="王", department_id="public_security", roles=["provider"], password_hash="-"))
    town.merge(Officer(id="zhao", name="赵", department_id="civil_affairs", roles=["provider"], password_hash="-"))
    demand = demands.register(town, HOUSING, form("户籍地址", "姓名"))
    demands.submit(town, HOUSING, demand.id)
    demands.dispatch(town, BUREAU, demand.id)
    town.commit()
    (task,) = supplies.tasks_of(town, demand_id=demand.id)
    found = demand.id, task.id, [item.id for item in demands.items(town, demand.id)]
    town.commit()
    return found


def run(*typed: str) -> str:
    done = CliRunner().invoke(app, list(typed), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(code: str, *typed: str) -> HutongError:
    with pytest.raises(HutongError) as caught:
        CliRunner().invoke(app, list(typed), catch_exceptions=False)
    assert caught.value.code == code
    return caught.value


def written(folder: Path, content: Any) -> str:
    (folder / "answers.json").write_text(json.dumps(content, ensure_ascii=False, default=str), "utf-8")
    return str(folder / "answers.json")


def stands(engine: Engine, demand_id: str) -> tuple[str, int]:
    with Session(engine) as opened:
        return opened.get_one(Demand, demand_id).state, opened.query(Grant).filter_by(demand_id=demand_id).count()


def test_what_is_asked_is_listed_with_all_who_ask(asked: tuple[str, str, list[int]], engine: Engine) -> None:
    demand_id, task_id, _ = asked
    assert stands(engine, demand_id) == UNTOUCHED
    listed = run("list")
    assert task_id in listed
    assert demand_id in listed
    assert "户籍地址" in listed
    shown = run("show", task_id)
    assert demand_id in shown
    assert "public_security.resident.address" in shown
    assert task_id not in run("list", "--department", "civil_affairs")


def test_everything_is_confirmed_in_one_go(asked: tuple[str, str, list[int]], engine: Engine) -> None:
    demand_id, task_id, _ = asked
    told = run("answer", task_id, "--all-confirm", "--as", "wang")
    assert "provided" in told
    assert stands(engine, demand_id) == ("provided", 1)
    assert task_id not in run("list")
    assert task_id in run("list", "--all")
    refused("case.wrong_state", "answer", task_id, "--all-confirm")


def test_a_file_says_each_word_with_its_terms(
    asked: tuple[str, str, list[int]], engine: Engine, tmp_path: Path
) -> None:
    demand_id, task_id, (address, name) = asked
    file = written(tmp_path, {
        "answers": [
            {"demand_item_id": address, "decision": "confirm", "form": "masked"},
            {"demand_item_id": name, "decision": "will_provide", "promised_date": today() + timedelta(days=1)},
        ],
        "terms": {demand_id: {"hours": "08-18"}},
    })  # fmt: skip
    run("answer", task_id, "--file", file)
    assert stands(engine, demand_id) == ("answered", 1)
    shown = run("show", task_id)
    assert "hours=08-18" in shown
    with Session(engine) as opened:
        assert opened.get_one(TaskDemand, (task_id, demand_id)).terms == {"hours": "08-18"}
        promise = supplies.answers_of_demand(opened, demand_id)[name].id
    run("fulfil", str(promise), "public_security.resident", "name", "--form", "yes_no")
    assert stands(engine, demand_id) == ("provided", 1)


def test_a_promise_is_given_up_on_a_ground(asked: tuple[str, str, list[int]], engine: Engine, tmp_path: Path) -> None:
    demand_id, task_id, items = asked
    words = [{"demand_item_id": one, "decision": "will_provide", "promised_date": today()} for one in items]
    run("answer", task_id, "--file", written(tmp_path, {"answers": words}))
    with Session(engine) as opened:
        promises = [row.id for row in supplies.answers_of_demand(opened, demand_id).values()]
    refused("supply.reason_needed", "give-up", str(promises[0]), "--ground", "law", "--reason", "《统计法》")
    for one in promises:
        assert "不再采集" in run("give-up", str(one), "--ground", "no_longer_kept")
    assert stands(engine, demand_id) == ("refused", 0)
    assert "no_longer_kept" in run("grounds")


def test_several_tasks_are_answered_from_one_file_or_none_is(
    asked: tuple[str, str, list[int]], engine: Engine, tmp_path: Path
) -> None:
    demand_id, task_id, items = asked
    words = [{"demand_item_id": one, "decision": "confirm"} for one in items]
    one = {"task": task_id, "answers": words}
    refused("case.unknown", "bulk", written(tmp_path, [one, {"task": "GJ-2000-000001", "answers": []}]))
    assert stands(engine, demand_id) == UNTOUCHED
    run("bulk", written(tmp_path, [one]))
    assert stands(engine, demand_id) == ("provided", 1)


@pytest.mark.parametrize(
    "content", ["- [", "{answers: 5}", "[]", "answers: [{demand_item_id: 1, decision: perhaps}]", "\x00"]
)
def test_a_file_that_holds_no_answers_is_refused_by_name(
    asked: tuple[str, str, list[int]], engine: Engine, tmp_path: Path, content: str
) -> None:
    demand_id, task_id, _ = asked
    (tmp_path / "wrong.yml").write_text(content, "utf-8")
    error = refused("supply.file_unreadable", "answer", task_id, "--file", str(tmp_path / "wrong.yml"))
    assert isinstance(error, Invalid)
    assert "wrong.yml" in error.title()
    assert stands(engine, demand_id) == UNTOUCHED


def test_a_provider_asks_back(asked: tuple[str, str, list[int]], engine: Engine) -> None:
    demand_id, task_id, _ = asked
    assert demand_id in run("ask", task_id, demand_id, "用于哪一类申请人？", "--as", "wang")
    assert stands(engine, demand_id) == ("needs_information", 0)
    refused("case.wrong_state", "answer", task_id, "--all-confirm")


def test_an_officer_of_another_department_is_refused(asked: tuple[str, str, list[int]], engine: Engine) -> None:
    demand_id, task_id, _ = asked
    assert isinstance(refused("case.not_yours", "answer", task_id, "--all-confirm", "--as", "zhao"), Denied)
    refused("officer.unknown", "answer", task_id, "--all-confirm", "--as", "nobody")
    assert stands(engine, demand_id) == UNTOUCHED
