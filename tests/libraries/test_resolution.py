"""Who may be one under two keys: planted duplicates and mistyped keys are found, twins are not, and nothing moves before a steward has judged."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from hutong.commands.resolution import app
from libraries import identities, ingest
from libraries.resolution import features, judging
from libraries.resolution.find import Report, find
from libraries.resolution.judging import Judged, Wanted
from schemas.database import transaction
from schemas.errors import Invalid, Terminal
from schemas.grounds import Grounds
from tests.libraries.conftest import RESIDENT

WHY = Grounds("核对户籍档案", "王管家")
ADDRESS = {"id": "address", "name": "户籍地址", "length": 200, "attribute": "address", "sensitivity": "personal"}
NAMES = [a + b + c for a in "王李张刘陈杨黄赵" for b in "建文志晓国海" for c in "华强军敏静丽磊洋"]
TABLES = ("population", "population_claims", "population_past_claims", "population_history", "conflicts", "rulings")


def mistyped(key: str) -> str:
    """The key with one digit in its middle mistyped, which no check digit forgives."""
    return f"{key[:8]}{(int(key[8]) + 1) % 10}{key[9:]}"


def population(people: Callable[[int], list[dict[str, Any]]], count: int = 300) -> list[dict[str, Any]]:
    """Residents with telling names, numbers and addresses; the planted ones come after `count`."""
    random = np.random.default_rng(5)
    rows = people(count + 6)
    for place, row in enumerate(rows):
        row["xm"] = NAMES[random.integers(len(NAMES))]
        row["dh"] = f"139{random.integers(10**8):08d}"
        row["dz"] = f"杭州市西湖区文三路{place}号"
    return rows


@pytest.fixture
def town(hub: Any, people: Any) -> Any:
    """A population with one person under two valid keys, twins, and two rows held for their keys: one mistyped, one missing."""
    source = RESIDENT["source"] | {"mapping": RESIDENT["source"]["mapping"] | {"dz": "address"}}
    hub.publish(items=[*RESIDENT["items"], ADDRESS], source=source, checks=[], quality={"reject_above": 0.9})
    rows = population(people)
    known, *others, twice, again, elder, younger, wrong, keyless = rows[0], *rows[1:300], *rows[300:]
    del others
    hub.known, hub.twice, hub.again, hub.elder, hub.younger = known, twice, again, elder, younger
    again |= {name: twice[name] for name in ("xm", "xb", "csrq", "dz")}
    elder["xm"], younger["xm"] = "赵建华", "赵建军"
    younger |= {name: elder[name] for name in ("xb", "csrq", "dz", "dh")}
    wrong |= known | {"gmsfhm": mistyped(known["gmsfhm"]), "dh": "13700000000"}
    keyless |= rows[1] | {"gmsfhm": None}
    hub.keyless_of, hub.wrong = rows[1]["gmsfhm"], wrong
    hub.people = rows
    hub.fill(rows)
    ingest.ingest("public_security.resident", "r1")
    assert hub.one("SELECT count(*) FROM landing.quarantined_rows") == 2
    return hub


def state(hub: Any) -> dict[str, Any]:
    return {name: hub.rows(f"SELECT * FROM library.{name} ORDER BY 1, 2") for name in TABLES}


def pairs(**wanted: Any) -> list[Judged]:
    with transaction("reader") as session:
        return judging.find(session, Wanted("population", **wanted), 1000)


def judge(pair: Any, verdict: str, former: str | None = None) -> Any:
    with transaction("ingest") as session:
        return judging.judge(session, pair.id, verdict, WHY, former)


def undo(pair: Any) -> Any:
    with transaction("ingest") as session:
        return judging.undo(session, pair.id, WHY)


def the_row_of(right_key: str) -> Any:
    (found,) = [one.pair for one in pairs() if one.pair.row_id and one.pair.right_key == right_key]
    return found


def the_two() -> Any:
    (found,) = [one.pair for one in pairs() if one.pair.left_key]
    return found


def test_the_planted_are_found_and_twins_are_not(town: Any) -> None:
    before = state(town)
    report = find("population")
    assert (report.records, report.rows) == (304, 2)
    found = {(one.pair.left_key or "row", one.pair.right_key) for one in pairs()}
    two = sorted((town.twice["gmsfhm"], town.again["gmsfhm"]))
    assert found == {(two[0], two[1]), ("row", town.known["gmsfhm"]), ("row", town.keyless_of)}
    assert state(town) == before


def test_evidence_says_in_words_how_the_two_agree_and_holds_no_value(town: Any) -> None:
    find("population")
    told = {one["field"]: one["agrees"] for one in the_row_of(town.known["gmsfhm"]).evidence}
    assert told == {
        "name": "exact", "birth_date": "exact", "sex": "exact", "address": "exact", "phone": "differs", "key": "close",
    }  # fmt: skip
    assert town.known["xm"] not in json.dumps(the_two().evidence, ensure_ascii=False)


def test_found_again_nothing_is_written_twice_and_the_model_is_the_same(town: Any) -> None:  # noqa: ARG001
    first, second = find("population"), find("population")
    assert isinstance(first, Report)
    assert (first.pairs, first.fresh, second.pairs, second.fresh) == (3, 3, 3, 0)
    assert first.model == second.model
    assert len(pairs()) == 3


def test_two_records_judged_the_same_are_linked_and_nothing_moves_and_undoing_unlinks(town: Any) -> None:
    find("population")
    before = state(town)
    pair = the_two()
    with pytest.raises(Invalid, match=r"resolution\.no_former_key"):
        judge(pair, "same")
    made = judge(pair, "same", former=pair.left_key)
    with transaction("reader") as session:
        (link,) = identities.find(session, "population")
    assert (link.id, link.from_key, link.to_key) == (made.link_id, pair.left_key, pair.right_key)
    assert judge(pair, "same").id == made.id
    assert undo(pair).undone_by == "王管家"
    with transaction("reader") as session:
        assert identities.find(session, "population") == []
    assert the_two().id == pair.id
    assert state(town) == before


def test_what_was_judged_different_is_not_proposed_again_though_the_source_repeats_it(town: Any) -> None:
    find("population")
    pair = the_row_of(town.known["gmsfhm"])
    judge(pair, "different")
    town.fill(town.people)
    ingest.ingest("public_security.resident", "r2")
    assert find("population").fresh == 0
    assert pair.id not in {one.pair.id for one in pairs()}
    assert [one.pair.id for one in pairs(verdict="different")] == [pair.id]
    undo(pair)
    assert the_row_of(town.known["gmsfhm"]).id == pair.id


def test_a_held_row_is_mended_only_by_the_stewards_own_word(town: Any) -> None:
    find("population")
    pair = the_row_of(town.known["gmsfhm"])
    with pytest.raises(Terminal, match=r"resolution\.not_same"):
        judging.mend(pair.id)
    before = state(town)
    judge(pair, "same")
    assert state(town) == before
    batch = judging.mend(pair.id)
    assert town.one("SELECT released_by_batch_id FROM landing.quarantined_rows WHERE id = :id", id=pair.row_id) == batch
    key = town.known["gmsfhm"]
    assert town.one("SELECT phone FROM library.population WHERE subject = :key", key=key) == "13700000000"
    assert judging.mend(pair.id) == batch
    with pytest.raises(Terminal, match=r"resolution\.mended"):
        undo(pair)


def test_a_judgement_stands_until_it_is_undone_and_all_are_kept(town: Any) -> None:  # noqa: ARG001
    find("population")
    pair = the_two()
    with pytest.raises(Terminal, match=r"resolution\.not_judged"):
        undo(pair)
    judge(pair, "unsure")
    with pytest.raises(Terminal, match=r"resolution\.judged"):
        judge(pair, "different")
    undo(pair)
    judge(pair, "different")
    with transaction("reader") as session:
        assert [one.verdict for one in judging.judgements(session, pair.id)] == ["unsure", "different"]


def test_the_command_shows_both_sides_masked_and_in_clear_only_when_asked(town: Any) -> None:
    run = CliRunner().invoke
    assert json.loads(run(app, ["find", "population", "--json"]).stdout)["fresh"] == 3
    pair = the_row_of(town.known["gmsfhm"])
    masked, clear = (run(app, ["show", str(pair.id), *more]).output for more in ((), ("--reveal",)))
    key = town.known["gmsfhm"]
    assert key not in masked
    assert town.known["xm"] not in masked
    assert key in clear
    assert "相同 exact" in masked
    listed = run(app, ["list"]).output
    assert key not in listed
    assert f"row {pair.row_id}" in listed
    done = run(app, ["judge", str(pair.id), "same", "--reason", "核对", "--by", "王"])
    assert (done.exit_code, f"hutong resolution mend {pair.id}" in done.output) == (0, True)
    assert run(app, ["undo", str(pair.id), "--reason", "误判", "--by", "王"]).exit_code == 0


@pytest.mark.parametrize(
    ("name", "threshold", "code"),
    [("weather", 0.9, "record.unknown_library"), ("credit", 0.9, "resolution.nothing_declared"), ("population", 1.5, "resolution.bad_threshold")],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_by_name(name: str, threshold: float, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        find(name, threshold)
    assert refused.value.code == code


def test_an_unknown_pair_and_an_unknown_verdict_are_refused(hub: Any) -> None:  # noqa: ARG001
    with transaction("ingest") as session:
        with pytest.raises(Invalid, match=r"resolution\.unknown_pair"):
            judging.judge(session, 999, "same", WHY)
        with pytest.raises(Invalid, match=r"resolution\.bad_verdict"):
            judging.judge(session, 999, "perhaps", WHY)


def test_an_empty_library_has_no_pairs(hub: Any) -> None:  # noqa: ARG001
    assert find("legal_entity").pairs == 0


def test_a_name_sounds_the_same_however_it_is_written() -> None:
    assert features.sound("张 伟") == features.sound("张炜") == "zhangwei"
    assert features.sound("·") is None
    assert features.sound(None) is None
