"""Every rule against an oracle in plain Python; Great Expectations' verdict against the rule bits; all failures, never the first twenty."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from catalog.rules import Rule, rules_of
from libraries import checking, quarantine
from libraries.frames import Frame, require_checkable
from libraries.judging import duplicates
from libraries.judging.masks import RULES_PER_COLUMN, broken, pack
from libraries.landing import ROW, Folder, folder_of
from schemas.errors import Terminal
from schemas.identifiers import parse_citizen_id
from schemas.resource import ResourceDocument

TODAY = date(2026, 1, 1)
NONE = np.empty(0, np.int64)
BASE = {
    "id": "public_security.resident", "name": "r", "department": "public_security", "code": "101001/1", "category": "c",
    "abstract": "a", "format": {"category": "3", "type": "t"}, "sharing": {"type": 2, "condition": "c"}, "update_cycle": 2,
}  # fmt: skip


def document(*items: Any, key: Any = "id", checks: Any = (), **more: Any) -> Any:
    source = {
        "connector": "files", "connection": "c", "mapping": {item["id"]: item["id"] for item in items}, "key": [key],
    }  # fmt: skip
    named = [{"name": item["id"], **item} for item in items]
    return ResourceDocument.model_validate({**BASE, "items": named, "source": source, "checks": checks, **more})


def frame_of(doc: Any, **columns: Any) -> Any:
    count = len(next(iter(columns.values())))
    return Frame(pa.table({**{k: pa.array(v) for k, v in columns.items()}, ROW: np.arange(1, count + 1)}), doc, TODAY)


def failing(doc: Any, rule_id: Any, **columns: Any) -> Any:
    rule = next(rule for rule in rules_of(doc) if rule.id == rule_id)
    return broken(rule, frame_of(doc, **columns)).tolist()


ID = {"id": "id", "check": "citizen_id"}
GOOD_MALE, GOOD_FEMALE = "11010519491231002X", "440524188001010014"


@pytest.mark.parametrize(
    ("item", "rule", "values", "expected"),
    [
        ({"id": "id", "required": True}, "id.required", ["a", "", None, " "], [False, True, True, False]),
        ({"id": "id", "type": "D"}, "id.type", ["2023-01-31", "2023-02-30", "x", None], [False, True, True, False]),
        ({"id": "id", "type": "N"}, "id.type", ["1.5", "one", None], [False, True, False]),
        ({"id": "id", "length": 2}, "id.length", ["张三", "张三丰", "abc", None], [False, True, True, False]),
        ({"id": "id", "pattern": r"\d+|x"}, "id.pattern", ["12", "1a", "x", "xx", None], [False, True, False, True, False]),
        ({"id": "id", "code_table": "sex"}, "id.code_table", ["1", "3", "男", None], [False, True, True, False]),
        (ID, "id.check_digit", [GOOD_MALE, GOOD_MALE[:-1] + "1", "3.20106E+17", None], [False, True, True, False]),
        (
            {"id": "id", "check": "uscc"}, "id.check_digit",
            ["91350100M000100Y43", "91350100M000100Y44", None], [False, True, False],
        ),
        (
            {"id": "id", "check": "holder_code"}, "id.check_digit",
            [GOOD_MALE, "91350100M000100Y43", "x", None], [False, False, True, False],
        ),
        ({"id": "id", "type": "N", "minimum": 1, "maximum": 2}, "id.range", ["1", "2.5", "0", "x", None], [False, True, True, False, False]),
    ],
)  # fmt: skip
def test_item_rules(item: Any, rule: Any, values: Any, expected: Any) -> None:
    assert failing(document(item), rule, id=values) == expected


def test_cross_field_rules_judge_only_what_is_there_and_valid() -> None:
    born = {"id": "born", "type": "D"}
    checks = [
        {"id": "b", "kind": "birth_date_matches_id", "items": ["id", "born"]},
        {"id": "s", "kind": "sex_matches_id", "items": ["sex", "id"]},
    ]
    doc = document(ID, born, {"id": "sex"}, checks=checks)
    columns = {
        "id": [GOOD_MALE, GOOD_MALE, GOOD_MALE, "x", None],
        "born": ["1949-12-31", "1949-12-30", None, "1949-12-31", "1949-12-31"],
        "sex": ["2", "1", "9", "1", "1"],
    }
    person = parse_citizen_id(GOOD_MALE)
    assert (str(person.birth_date), person.sex_code) == ("1949-12-31", "2")
    assert failing(doc, "b", **columns) == [False, True, False, False, False]
    assert failing(doc, "s", **columns) == [False, True, False, False, False]


def test_dates_in_order_not_in_future_and_states_that_expired() -> None:
    checks = [
        {"id": "order", "kind": "not_after", "items": ["start", "end"]},
        {"id": "future", "kind": "not_in_future", "items": ["start"]},
        {"id": "state", "kind": "state_matches_validity", "items": ["id", "end"], "options": {"valid_states": ["01"]}},
    ]
    doc = document({"id": "id"}, {"id": "start", "type": "D"}, {"id": "end", "type": "D"}, checks=checks)
    columns = {
        "id": ["01", "01", "02", "01", None],
        "start": ["2025-01-01", "2026-01-02", "2025-06-01", "2025-01-01", None],
        "end": ["2026-01-01", "2027-01-01", "2025-05-31", "2025-12-31", "2020-01-01"],
    }
    assert failing(doc, "order", **columns) == [False, False, True, False, False]
    assert failing(doc, "future", **columns) == [False, True, False, False, False]
    assert failing(doc, "state", **columns) == [False, False, False, True, False]


def test_one_of_names_values_or_asks_for_any_item_and_when_limits_a_rule() -> None:
    checks = [
        {"id": "values", "kind": "one_of", "items": ["a"], "options": {"values": ["x", "y"]}},
        {"id": "any", "kind": "one_of", "items": ["a", "b"]},
        {"id": "when", "kind": "one_of", "items": ["a"], "options": {"values": ["x"], "when": {"b": "1"}}},
    ]
    doc = document({"id": "id"}, {"id": "a"}, {"id": "b"}, checks=checks)
    columns = {"id": ["1"] * 4, "a": ["x", "z", None, "z"], "b": ["1", "1", None, "2"]}
    assert failing(doc, "values", **columns) == [False, True, False, True]
    assert failing(doc, "any", **columns) == [False, False, True, False]
    assert failing(doc, "when", **columns) == [False, True, False, False]


def test_a_rule_that_cannot_be_judged_is_named() -> None:
    doc = document({"id": "id"}, checks=[{"id": "s", "kind": "sex_matches_id", "items": ["id", "id"]}])
    with pytest.raises(Terminal, match=r"quality\.bad_rule") as caught:
        failing(doc, "s", id=["1"])
    assert caught.value.facts["rule"] == "s"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"id": "id", "normalise": ["polish"]}, "quality.unknown_normalisation"),
        ({"id": "id", "normalise": ["code:nothing"]}, "quality.unknown_normalisation"),
        ({"id": "id", "type": "C", "attribute": "birth_date"}, "quality.bad_attribute"),
    ],
)
def test_a_version_that_cannot_work_is_refused_before_a_row_is_read(item: Any, code: Any) -> None:
    with pytest.raises(Terminal, match=re.escape(code)):
        require_checkable(document(item, library="population"))


@pytest.mark.parametrize("count", [0, 1, 5_000])
def test_great_expectations_says_of_every_rule_and_row_what_the_bits_say(count: Any) -> None:
    random = np.random.default_rng(7)
    rules = tuple(Rule(f"r{n}", "required", ("id",), "accuracy") for n in range(RULES_PER_COLUMN + 4))
    answers = [random.random(count) < share for share in np.linspace(0, 0.5, len(rules))]
    left_out = np.flatnonzero(random.random(count) < 0.1) + 1
    verdict = checking.judge("b", rules, pack(count, answers), left_out, 0)
    judged = np.setdiff1d(np.arange(1, count + 1), left_out)
    for rule, answer, found in zip(rules, answers, verdict.rules, strict=True):
        expected = np.intersect1d(np.flatnonzero(answer) + 1, judged)
        assert found.rule is rule
        assert found.rows.tolist() == expected.tolist()
        assert (found.evaluated, found.failed) == (len(judged), len(expected))
    assert verdict.is_volume_right
    bad = np.flatnonzero(verdict.bad(count)) + 1
    reasons = quarantine.reasons_of(verdict, bad).to_pylist()
    assert reasons == [[rule.id for rule, answer in zip(rules, answers, strict=True) if answer[row - 1]] for row in bad]


def test_more_failures_than_any_limit_of_great_expectations_are_all_listed_and_kept_without_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_LANDING", str(tmp_path))
    rules = (Rule("id.required", "required", ("id",), "completeness"),)
    answer = np.ones(1_000, np.bool_)
    answer[::2] = False
    verdict = checking.judge("b", rules, pack(1_000, [answer]), NONE, 2_000)
    assert verdict.rules[0].rows.tolist() == list(range(2, 1_001, 2))
    assert not verdict.is_volume_right
    folder: Folder = folder_of("r/b")
    checking.keep_report(folder, verdict)
    kept = json.loads(folder.read("quality", "result.json") or b"")
    assert kept["results"][0]["result"]["unexpected_index_list"] == list(range(2, 1_001, 2))
    page = (folder.read("quality", "index.html") or b"").decode()
    assert "id.required" in page
    assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//[^\"']*", page), "the page must load nothing from outside"


def find_duplicates(ids: Any, names: Any) -> Any:
    doc = document({"id": "id"}, {"id": "name"})
    whole = pa.table({"id": pa.array(ids), "name": pa.array(names), ROW: np.arange(1, len(ids) + 1)})

    def frames_with(rows: Any) -> Any:
        for part in np.array_split(rows, 2):
            yield Frame(whole.take(pa.array(part - 1)), doc, TODAY)

    # every row is a suspect, as if all hashes had met by accident
    found = duplicates.find(np.arange(1, len(ids) + 1), frames_with)
    return found.contradicting.tolist(), found.repeated.tolist()


def test_the_same_row_again_is_dropped_and_a_contradicted_key_holds_all_its_rows() -> None:
    ids = ["a", "b", "a", "c", "b", "d", "b", "e"]
    names = ["1", "1", "1", None, "2", "1", "1", None]
    assert find_duplicates(ids, names) == ([2, 5, 7], [3])


def test_suspects_are_found_by_hash_among_sound_keys_only() -> None:
    hashes = np.array([5, 6, 5, 7, 6, 6], np.uint64)
    is_key = np.array([True, True, True, True, False, True])
    assert duplicates.suspects_of(hashes, is_key).tolist() == [1, 2, 3, 6]
    assert duplicates.suspects_of(hashes[:0], is_key[:0]).tolist() == []


def test_code_tables_that_are_not_there_are_a_bad_rule() -> None:
    with pytest.raises(Terminal, match=r"quality\.bad_rule"):
        failing(document({"id": "id", "code_table": "nothing"}), "id.code_table", id=["1"])
