"""Matching as a demander meets it: habits of writing, kinds of datum, composite and yes-no wishes, several suppliers, and demands made to break it."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from exchange_api.matching import Answer, Candidate, Wanted, match
from exchange_api.matching.engine import corpus_of
from exchange_api.matching.kinds import kind_of
from exchange_api.matching.words import canonical, parts
from hutong.cli import app
from schemas.errors import Invalid

DIRECTORY = {
    "企业基本信息": "企业名称 统一社会信用代码 法定代表人 住所 注册资本 经营范围 登记状态 成立日期",
    "行政处罚公示信息": "行政相对人名称 统一社会信用代码 处罚决定书文号 处罚事由 处罚结果 处罚决定日期 处罚机关",
    "失信被执行人名单": "失信被执行人姓名 身份证号 案号 执行法院 被执行人履行情况 立案时间",
    "护士执业资格证信息": "姓名 身份证号码 证书编号 执业资格种类 发证单位 发证日期",
    "社会保险参保信息": "姓名 身份证号 参保单位 险种 缴费开始日期 缴费截止日期",
    "道路运输车辆信息": "车辆号牌 车主名称 统一社会信用代码 车辆类型 年检日期 年检结论",
}
KNOWN = [
    Candidate(f"{resource}@1", resource, resource, "d", "部门", name, name, 2)
    for resource, names in DIRECTORY.items()
    for name in names.split()
]


def answered(purpose: str, *wanted: str) -> Answer:
    return match(corpus_of(KNOWN), [Wanted(name) for name in wanted], purpose)


def best(purpose: str, *wanted: str) -> list[str | None]:
    return [
        f"{found[0].candidate.resource_id}/{found[0].candidate.item_id}" if found else None
        for found in answered(purpose, *wanted).items
    ]


@pytest.mark.parametrize(
    ("purpose", "wanted", "item"),
    [
        ("核对企业登记情况", "注册资金", "企业基本信息/注册资本"),
        ("核对企业登记情况", "经营场所", "企业基本信息/住所"),
        ("查询企业受到的处罚", "处罚文号", "行政处罚公示信息/处罚决定书文号"),
        ("查询企业受到的处罚", "处罚时间", "行政处罚公示信息/处罚决定日期"),
        ("查询企业受到的处罚", "处罚原因", "行政处罚公示信息/处罚事由"),
        ("核验护士资格", "颁证部门", "护士执业资格证信息/发证单位"),
        ("核验护士资格", "护士资格证号", "护士执业资格证信息/证书编号"),
        ("核对营运车辆", "年审时间", "道路运输车辆信息/年检日期"),
    ],
)
def test_other_words_for_the_same_datum_find_it(purpose: str, wanted: str, item: str) -> None:
    assert best(purpose, wanted) == [item]


def test_the_same_wish_means_another_resource_for_another_purpose() -> None:
    assert best("核验护士资格是否真实", "姓名", "证书编号")[0] == "护士执业资格证信息/姓名"
    assert best("核定参保缴费期限", "姓名", "缴费起止时间")[0] == "社会保险参保信息/姓名"


def test_a_composite_wish_finds_each_of_its_parts() -> None:
    assert parts("姓名及身份证号") == ("姓名", "身份证号")
    (found,) = answered("核定参保缴费期限", "缴费起止时间").items
    assert {one.candidate.item_id for one in found[:2]} == {"缴费开始日期", "缴费截止日期"}


def test_a_yes_or_no_question_finds_what_tells_of_it() -> None:
    (found,) = answered("查询企业是否受过处罚", "有没有被处罚过").items
    assert {one.candidate.resource_id for one in found} == {"行政处罚公示信息"}
    assert found[0].candidate.item_id in ("处罚事由", "处罚结果")


def test_one_demand_brings_several_suppliers_each_for_what_the_others_lack() -> None:
    answer = answered("审查企业登记、处罚和失信情况", "企业名称", "经营范围", "处罚结果", "是否失信被执行人")
    assert {resource for resource, _ in answer.resources[:3]} == {
        "企业基本信息",
        "行政处罚公示信息",
        "失信被执行人名单",
    }


def test_a_date_never_answers_for_an_amount() -> None:
    assert kind_of("罚款金额") == "amount"
    assert kind_of("处罚决定日期") == "date"
    (found,) = answered("统计罚款", "罚款金额").items
    assert all(one.candidate.item_id != "处罚决定日期" for one in found)


@pytest.mark.parametrize("name", ["采伐蓄积量", "出院诊断", "与户主关系"])
def test_what_nobody_catalogued_is_said_to_be_missing(name: str) -> None:
    assert best("办理业务时核对", name) == [None]


def test_misread_and_full_width_characters_do_not_matter() -> None:
    assert canonical("统—社会信用代码") == canonical("统一社会信用代码") == canonical("信用代玛".replace("玛", "码"))
    assert best("核对企业登记情况", "法定代表入", "ＵＳＣＣ") == [
        "企业基本信息/法定代表人",
        "企业基本信息/统一社会信用代码",
    ]


@pytest.mark.parametrize(
    "name", ["", " ", "（）", "姓" * 100_000, "\0\x1b[2J", "';--", "=cmd|'/c'!A1", "及" * 5_000, "𰻞" * 300]
)
def test_an_empty_enormous_or_hostile_wish_harms_nothing(name: str) -> None:
    answer = answered(name * 3, name, "经营范围")
    assert len(answer.items) == 2
    assert answer.items[1][0].candidate.item_id == "经营范围"


@settings(max_examples=60)
@given(st.lists(st.text(max_size=40), max_size=70), st.text(max_size=200))
def test_any_demand_gets_an_answer_for_each_item_and_scores_are_explained(names: list[str], purpose: str) -> None:
    answer = answered(purpose, *names)
    assert len(answer.items) == len(names)
    for found in answer.items:
        assert all(abs(one.score - sum(reason.points for reason in one.reasons)) < 1e-3 for one in found)


def test_an_empty_directory_supplies_nothing() -> None:
    answer = match(corpus_of([]), [Wanted("姓名")], "核对")
    assert (answer.resources, answer.items, answer.suppliers) == ((), ((),), ())
    assert [(one.wanted, one.nearest, one.why.key) for one in answer.missing] == [(0, None, "nothing_alike")]


def test_the_command_matches_files(tmp_path: Path) -> None:
    rows = [f"{one.resource_id},{one.resource_name},部门,{one.item_id},{one.item_name}" for one in KNOWN]
    catalogue, demands, out = (tmp_path / name for name in ("catalogue.csv", "demands.jsonl", "found/out.jsonl"))
    catalogue.write_text(
        "\n".join(["resource_id,resource_name,department,item_code,item_name", *rows]) + "\n", "utf-8-sig"
    )
    demand = {"id": "d1", "purpose": "核验护士资格", "requested_items": [{"name": "护士姓名"}, {"name": "出院诊断"}]}
    demands.write_text(json.dumps(demand, ensure_ascii=False) + "\n\n", "utf-8")
    options = ["match", "--catalogue", str(catalogue), "--demands", str(demands), "--out", str(out)]
    assert CliRunner().invoke(app, [*options, "--explain"]).exit_code == 0
    (line,) = out.read_text("utf-8").splitlines()
    found = json.loads(line)
    assert found["resources"][0] == "护士执业资格证信息"
    assert found["items"][0]["matches"][0]["item_code"] == "姓名"
    assert found["items"][1] == {"requested": "出院诊断", "matches": []}
    demands.write_text('{"id": "d1"}\n', "utf-8")
    wrong = CliRunner().invoke(app, options).exception
    assert isinstance(wrong, Invalid)
    assert (wrong.code, wrong.facts["line"]) == ("match.demand_unreadable", 1)
