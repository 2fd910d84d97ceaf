"""Wanted items made to break the matching: empty, enormous, with control characters, marks that turn writing around, SQL, patterns that make others hang. The
work stays bounded and the answer clear; what stands beside them is matched as ever.
"""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api.matching import Answer, Ask, Candidate, Wanted, match, search
from exchange_api.matching.engine import MOST_WISHES, corpus_of
from exchange_api.matching.words import canonical, core, features, folded, parts, topic
from hutong.cli import app
from schemas.errors import Invalid

KNOWN = [
    Candidate("r@1", "r", "企业基本信息", "d", "市场监管局", name, name, 2)
    for name in ("企业名称", "统一社会信用代码", "经营范围", "成立日期")
]
HOSTILE = [
    "", " ", "\0", "\x1b[2J\x07", "\u202e编号\u202c", "\u200b\u200d\ufeff", "'; DROP TABLE exchange.demands; --", "%(name)s %s {name}",
    "(((((((((((a+)+)+)+)+)+)+)+)+)+)+)+$", "a" * 5000 + "!", "（" * 3000, "及" * 3000, "、，" * 3000, "\ud800", "𠮷" * 2000, "NaN", "-1e999",
    "<script>alert(1)</script>", "=HYPERLINK(1)", "起止" * 500, "是否" * 500, "经营范围" * 2000,
]  # fmt: skip
TEXT = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=60),
    st.text(alphabet="（(、及和/与是否起止号码日期\0\u202e", max_size=300),
)


def asked(*names: str, purpose: str = "核对企业登记") -> Answer:
    return match(corpus_of(KNOWN), [Wanted(name) for name in names], purpose)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_what_stands_beside_hostile_text_is_matched_as_ever(text: str) -> None:
    found = answered = asked(text, "经营范围", purpose=text + "核对企业登记")
    assert answered.items[1][0].candidate.item_id == "经营范围"
    assert len(found.items) == 2
    noted = match(corpus_of(KNOWN), [Wanted("经营范围", note=text)], text, text)
    assert noted.items[0][0].candidate.item_id == "经营范围"


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXT, st.none() | TEXT), max_size=12), TEXT, TEXT)
def test_any_text_gets_an_answer_or_is_said_to_be_missing(
    wanted: list[tuple[str, str | None]], purpose: str, service_item: str
) -> None:
    answer = match(corpus_of(KNOWN), [Wanted(name, note) for name, note in wanted], purpose, service_item)
    assert len(answer.items) == len(wanted)
    assert {one.wanted for one in answer.missing} == {n for n, found in enumerate(answer.items) if not found}
    supplied = [place for one in answer.suppliers for place in one.wanted]
    assert sorted(supplied) == [n for n, found in enumerate(answer.items) if found]


@settings(max_examples=60)
@given(TEXT)
def test_words_are_taken_apart_whatever_they_are(text: str) -> None:
    assert canonical(text) == canonical(text)
    assert features(text) == features(text)
    assert topic(text) is not None
    assert parts(text)
    assert bool(core(text)) == bool(canonical(text))
    assert folded(folded(text)) == folded(text)


def test_a_megabyte_of_text_costs_no_more_than_its_beginning() -> None:
    asked("经营范围")
    endless = "经营范围与登记状态、" * 100_000
    tracemalloc.start()
    answer = asked(*[endless] * 8, purpose=endless)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(answer.items) == 8
    assert peak < 8_000_000
    assert answer == asked(*[endless[:500]] * 8, purpose=endless[:5000])


def test_long_texts_are_not_remembered() -> None:
    def held() -> int:
        tracemalloc.start()
        for number in range(50):
            asked("经营范围", purpose=f"{number}" + "".join(chr(0x4E00 + number * 40 + n) for n in range(1500)))
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return now

    assert held() < 2_000_000


def test_more_wanted_items_than_a_form_has_are_answered_but_not_compared() -> None:
    answer = asked(*["经营范围"] * (MOST_WISHES + 5))
    assert len(answer.items) == MOST_WISHES + 5
    assert [one.wanted for one in answer.missing] == list(range(MOST_WISHES, MOST_WISHES + 5))


def test_endless_names_in_a_catalogue_do_no_harm() -> None:
    endless = [Candidate("x@1", "x", "企业" * 50_000, "d", "局" * 50_000, "y", "经营范围" * 50_000, 2), *KNOWN]
    assert match(corpus_of(endless), [Wanted("成立日期")], "核对企业登记").items[0][0].candidate.item_id == "成立日期"


@pytest.mark.parametrize("text", HOSTILE[:12], ids=lambda text: ascii(text[:12]))
def test_the_hub_is_asked_with_hostile_text_and_stays_as_it_is(town: Session, text: str) -> None:
    answer = search(town, Ask([Wanted(text, text), Wanted("婚姻状况")], text, text))
    assert answer.items[1][0].candidate.item_id == "marital"


@pytest.mark.parametrize(
    "line",
    [
        "[]", "1", '{"id": "d", "requested_items": [{"name": 5}]}', '{"id": "d", "requested_items": [{"name": "x", "note": 5}]}',
        '{"id": "d", "purpose": {"a": 1}, "requested_items": []}', '{"id": "d", "service_item": "x", "requested_items": []}', "{",
        '{"id": "d", "purpose": 7, "requested_items": []}',
    ],
)  # fmt: skip
def test_the_command_names_the_line_it_cannot_read(tmp_path: Path, line: str) -> None:
    catalogue, demands = tmp_path / "catalogue.csv", tmp_path / "demands.jsonl"
    catalogue.write_text("resource_id,resource_name,department,item_code,item_name\nr,登记,局,i,姓名\n", "utf-8")
    good = json.dumps({"id": "d0", "requested_items": [{"name": "姓名"}]})
    demands.write_text(f"{good}\n{line}\n", "utf-8")
    options = ["match", "--catalogue", str(catalogue), "--demands", str(demands), "--out", str(tmp_path / "out")]
    wrong = CliRunner().invoke(app, options).exception
    assert isinstance(wrong, Invalid)
    assert (wrong.code, wrong.facts["line"]) == ("match.demand_unreadable", 2)
    assert not (tmp_path / "out").exists()
