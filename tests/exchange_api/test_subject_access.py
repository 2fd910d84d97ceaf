"""A citizen asks who looked at his data. The authority finds every look by him in the evidence, and its own look is evidence too."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api.actors import Actor
from exchange_api.evidence import subjects
from exchange_api.evidence.ledger import subject_secret
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.guarding import subject_access
from exchange_api.guarding.subject_access import Ledger, Wish
from exchange_api.keys import log_signer
from hutong.cli import app
from schemas.calendar import today
from schemas.database import transaction
from schemas.errors import Denied, Invalid, Transient
from schemas.tables.evidence import Entry
from tests.exchange_api.recalling import Hub
from tests.exchange_api.watched import Caller, person

CHEN = Actor("chen", "public_security", frozenset({"authority"}))
WISH = Wish(today() - timedelta(days=1), today() + timedelta(days=1), "公民申请查询", "XX-2026-7")


def _note(most: int = 5_000) -> None:
    """What the sequencer does: put entries into the log, then note whom they name."""
    with transaction("sequencer") as session:
        sequence_once(session, log_signer(session), "test.local/log")
    while True:
        with transaction("sequencer") as session:
            if not subjects.note_subjects(session, most):
                return


def _open(hub: Hub, subject: str, wish: Wish = WISH) -> Ledger:
    with transaction("exchange") as session:
        return subject_access.open_ledger(session, CHEN, subject, wish, hub.keys)


@pytest.fixture
def caller(hub: Hub) -> Caller:
    """An application of one's own before the shared exchange."""
    return Caller(hub.site, hub.site.authority)


def test_every_look_is_found_with_who_when_what_and_why(hub: Hub, caller: Caller) -> None:
    someone, grant_id = person(4, 801), caller.grant()
    answered = caller.ask(grant_id, [someone, person(4, 802)], case="BJ-2026-77")[1]["receipt"]
    caller.ask(grant_id, [person(4, 803)])
    _note()
    found = _open(hub, someone)
    (sight,) = found.sights
    assert (sight.receipt, sight.saw, sight.outcome) == (answered, True, "answered")
    assert (sight.application, sight.department, sight.grant) == (caller.id, "housing", grant_id)
    assert (sight.case, sight.service_item) == ("BJ-2026-77", hub.site.purpose["service_item"])
    assert (sight.items, sight.are_exact) == ("name:full,birth_date:masked", True)
    assert (found.behind, found.is_cut) == (1, False), "its own entry is not in the log yet"


def test_the_look_is_evidence_and_stands_in_the_ledger_itself(hub: Hub, caller: Caller) -> None:
    someone = person(4, 811)
    caller.ask(caller.grant(), [someone])
    _note()
    receipt = _open(hub, someone).receipt
    _note()
    assert [one.outcome for one in _open(hub, someone).sights] == ["answered", "subject_access"]
    with Session(hub.site.engine) as session:
        entry = session.get_one(Entry, receipt)
    facts = json.loads(entry.document)["facts"]
    assert (entry.kind, facts["by"], facts["case"], facts["found"]) == ("action", "chen", "XX-2026-7", 1)
    assert someone not in entry.document.decode()


def test_noting_in_small_steps_and_again_notes_each_once(hub: Hub, caller: Caller) -> None:
    someone, grant_id = person(4, 821), caller.grant()
    for _ in range(5):
        caller.ask(grant_id, [someone])
    _note(2)
    with hub.site.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM evidence.subject_mark")
    _note(3)
    assert len(_open(hub, someone).sights) == 5


def test_nothing_is_found_outside_the_period_nor_of_others(hub: Hub, caller: Caller) -> None:
    someone = person(4, 831)
    caller.ask(caller.grant(), [someone])
    _note()
    before = WISH._replace(first=today() - timedelta(days=9), last=today() - timedelta(days=2))
    assert _open(hub, someone, before).sights == ()
    assert _open(hub, person(4, 832)).sights == ()


def test_only_the_authority_looks_and_only_with_reason_and_case(hub: Hub) -> None:
    someone = person(4, 841)
    with Session(hub.site.engine) as session, pytest.raises(Denied, match=r"case\.role_needed"):
        subject_access.open_ledger(session, Actor("li", "housing", frozenset({"demander"})), someone, WISH, hub.keys)
    for wish in (WISH._replace(reason=" "), WISH._replace(case=""), WISH._replace(reason=f"查 {someone}")):
        with pytest.raises(Invalid, match=r"access\.reason"):
            _open(hub, someone, wish)
    with pytest.raises(Invalid, match=r"access\.subject"):
        _open(hub, f"{someone[:-1]}?")


def test_older_secrets_kept_beside_are_tried_and_a_lost_one_is_said(hub: Hub, caller: Caller, tmp_path: Path) -> None:
    someone = person(4, 851)
    caller.ask(caller.grant(), [someone])
    _note()
    (tmp_path / "subject.key").write_bytes(b"n" * 32)
    renewed = Hub(hub.site)
    renewed.keys = tmp_path
    assert _open(renewed, someone).sights == ()
    (tmp_path / "subject-2026.key").write_bytes(subject_secret(hub.keys))
    assert len(_open(renewed, someone).sights) == 1
    renewed.keys = tmp_path / "nowhere"
    with pytest.raises(Transient, match=r"key\.none_active"):
        _open(renewed, someone)


def _run(*words: str, typed: str) -> Any:
    arguments = ["access", "--as", "chen", "--reason", "公民申请查询", "--case", "XX-2026-8", *words]
    return CliRunner().invoke(app, arguments, input=f"{typed}\n", catch_exceptions=False)


def test_the_command_asks_for_the_identifier_and_exports(caller: Caller, tmp_path: Path) -> None:
    someone, grant_id = person(4, 861), caller.grant()
    receipt = caller.ask(grant_id, [someone])[1]["receipt"]
    _note()
    shown = _run(typed=someone)
    assert shown.exit_code == 0, shown.output
    assert grant_id in shown.output
    assert "name:full,birth_date:masked" in shown.output
    told = json.loads(_run("--out", "-", typed=someone).stdout.partition("\n")[2])  # the first line is what was typed
    assert [one["receipt"] for one in told["entries"]] == [receipt]
    assert told["recorded_as"]
    file = tmp_path / "ledger.csv"
    assert _run("--out", str(file), typed=someone).exit_code == 0
    (row,) = csv.DictReader(io.StringIO(file.read_text("utf-8-sig")))
    assert (row["receipt"], row["case"], row["saw"]) == (receipt, "BJ-2026-0001", "True")
    assert file.stat().st_mode & 0o777 == 0o600
    assert _run("--out", str(file), typed=someone).exit_code == 2, "what is there is not written over"
    assert someone not in file.read_text()


def test_a_cell_that_looks_like_a_formula_is_no_formula(caller: Caller, tmp_path: Path) -> None:
    someone = person(4, 871)
    caller.ask(caller.grant(), [someone], case="=HYPERLINK(1)")
    _note()
    file = tmp_path / "ledger.csv"
    assert _run("--out", str(file), typed=someone).exit_code == 0
    (row,) = csv.DictReader(io.StringIO(file.read_text("utf-8-sig")))
    assert row["case"] == "'=HYPERLINK(1)"
