"""A resource's code says where in the directory it stands; the directory gives the next one and never the same twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from catalog import codes
from catalog.codes import Code, Numbering
from schemas.resource import ResourceCode, ResourceDraft

TEXTS = st.text("0123456789/ABCdef x", max_size=30)
CODES = st.builds(
    Code,
    st.sampled_from("123"),
    st.from_regex(r"[0-9]{2}", fullmatch=True),
    st.from_regex(r"[0-9]{3}", fullmatch=True),
    st.from_regex(r"[0-9A-Za-z]{0,8}", fullmatch=True),
    st.from_regex(r"[0-9A-Za-z]{1,20}", fullmatch=True),
)
NAMES = st.text("人口婚姻登记学历细目甲乙丙", min_size=1, max_size=4)
CATEGORIES = st.builds(
    lambda head, tail: "/".join([head, *tail]),
    st.sampled_from(["基础信息资源/人口", "法人单位", "主题信息资源", "部门类/民政局", "部门信息资源", "公共服务"]),
    st.lists(NAMES, max_size=4),
)


@given(CODES)
def test_a_code_is_read_back_from_its_text(code: Code) -> None:
    assert codes.parse(str(code)) == code


@given(st.one_of(TEXTS, CODES.map(str)))
def test_what_is_read_as_a_code_is_what_documents_take(text: str) -> None:
    try:
        TypeAdapter(ResourceCode).validate_python(text)
    except ValidationError:
        assert codes.parse(text) is None
    else:
        assert codes.parse(text) is not None


@given(st.lists(CATEGORIES, max_size=40), st.lists(st.tuples(CATEGORIES, CODES.map(str)), max_size=10))
def test_codes_given_are_codes_and_never_given_twice(wanted: list[str], there: list[tuple[str, str]]) -> None:
    numbering = Numbering.of(there)
    given_codes = [numbering.give(category) for category in wanted]
    found = [code for code in given_codes if code]
    assert len(set(found)) == len(found)
    assert not set(found) & {code for _, code in there}
    assert all(codes.parse(code) for code in found)
    assert all(code[0] == codes.class_of(category) for code, category in zip(given_codes, wanted, strict=True) if code)


@given(st.lists(CATEGORIES, min_size=1, max_size=20))
def test_one_category_is_one_prefix_also_for_who_learns_it_from_the_codes(wanted: list[str]) -> None:
    numbering = Numbering()
    first = {category: numbering.give(category) for category in wanted}
    learnt = Numbering.of(first.items())
    for category, code in first.items():
        assert code is not None
        again = learnt.give(category)
        assert again is not None
        assert again.partition("/")[0] == code.partition("/")[0]


@pytest.mark.parametrize(
    ("category", "code"),
    [
        ("基础信息资源/人口/户籍人口", "101001/330199000002"),  # as wide as the one before
        ("基础类／人口 / 户籍人口", "101001/330199000002"),
        ("人口/流动人口", "101003/000001"),  # 目 001 and 002 are taken
        ("人口", "101000/000001"),
        ("人口/户籍人口/户籍地", "10100101/000001"),
        ("主题信息资源/公共服务/水电", "201001/000001"),
        ("主题信息资源/乡村振兴/补贴", "213001/000001"),  # a topic the guide does not number comes after those it does
        ("部门信息资源/民政局/婚姻", "301001/000001"),
        ("婚姻", None),
        (None, None),
    ],
)
def test_the_next_code_follows_from_the_category(category: str | None, code: str | None) -> None:
    numbering = Numbering.of(
        [("基础信息资源/人口/户籍人口", "101001/330199000001"), ("基础信息资源/人口/婚姻", "101002/1")]
    )
    assert numbering.give(category) == code


def test_when_numbers_run_out_nothing_is_given() -> None:
    numbering = Numbering.of([("部门信息资源/末局/甲", "399001/1")])
    assert numbering.give("部门信息资源/新局/乙") is None
    assert numbering.give("部门信息资源/末局/乙") == "399002/000001"


def test_codes_borne_by_two_resources_are_found() -> None:
    drafts = [
        ResourceDraft(id="d.a", name="a", department="d", code="101001/1", more_codes=("201001/1",)),
        ResourceDraft(id="d.b", name="b", department="d", code="201001/1"),
        ResourceDraft(id="d.c", name="c", department="d"),
    ]
    assert codes.repeated(drafts) == {"201001/1": ["d.a", "d.b"]}
