"""Officers look for what they need in their own words, and see why they found it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, create_engine, update
from sqlalchemy.orm import Session

from catalog import directory, search
from catalog.search import keeping, pinyin
from catalog.search.words import pieces
from schemas.errors import Invalid
from schemas.migrations import upgrade
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion
from schemas.tables.elements import DataElement

MARRIAGE, LOAN, HEALTH, PENSION = "civil.marriage", "bank.loan", "health.check", "civil.pension"


def document(resource_id: str, name: str, items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "id": resource_id, "name": name, "department": resource_id.partition(".")[0], "code": None, "more_codes": [],
        "category": "部门信息资源/其他", "abstract": "说明", "keywords": [], "sharing": {"type": 2}, "update_cycle": 2, "library": None,
        "items": items,
    } | more  # fmt: skip


CITY = [
    document(MARRIAGE, "婚姻登记信息", [
        {"id": "xm", "name": "姓名", "element": "person_name"}, {"id": "hyzk", "name": "婚姻状况"},
        {"id": "djrq", "name": "登记日期", "synonyms": ["结婚日期", "JHRQ"]},
    ], code="307001/330100000012", keywords=["结婚", "离婚"], category="部门信息资源/民政", library="population"),
    document(LOAN, "银行贷款审批结果", [{"id": "je", "name": "贷款金额"}], code="302002/330100000013", sharing={"type": 3},
             abstract="行政审批部门核准的住房公积金贷款结果，含婚姻登记核验"),
    document(HEALTH, "学生健康体检档案", [{"id": "jkzk", "name": "健康状况"}], sharing={"type": 1}, system="HIS2.0 体检系统"),
    document(PENSION, "养老金发放明细", [{"id": "xm", "name": "领取人姓名"}], category="主题信息资源/养老"),
]  # fmt: skip


def _add(session: Session, body: dict[str, Any], state: str = "published", version: int = 1) -> None:
    if session.get(Resource, body["id"]) is None:
        session.add(Resource(id=body["id"], department_id=body["department"]))
        session.flush()
    session.add(
        ResourceVersion(
            id=f"{body['id']}@{version}", resource_id=body["id"], version=version, state=state, document=body,
            digest=f"{abs(hash(str(body))):x}",
        )
    )  # fmt: skip
    session.flush()


def _people(session: Session) -> None:
    session.add_all(
        [
            Department(id="civil", name="兴和市民政局", short_name="民政局", former_names=["兴和市社会福利局"]),
            Department(id="bank", name="兴和市行政审批局", short_name="审批局"),
            Department(id="health", name="兴和市卫生健康委员会", short_name="卫健委"),
            DataElement(id="person_name", name="公民姓名", synonyms=["当事人名称"], type="C"),
        ]
    )
    session.flush()


@pytest.fixture
def full(session: Session) -> Session:
    _people(session)
    for body in CITY:
        _add(session, body)
    return session


def ids(session: Session, text: str, **filters: Any) -> list[str]:
    return [hit.resource_id for hit in search.find(session, text, **filters).hits]


def why(session: Session, text: str) -> list[tuple[str, str, str]]:
    return [(one.field, one.text, one.how) for one in search.find(session, text).hits[0].why]


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("婚姻登记", MARRIAGE, ("name", "婚姻登记信息", "holds")),
        ("婚姻登记信息", MARRIAGE, ("name", "婚姻登记信息", "same")),
        ("307001/330100000012", MARRIAGE, ("code", "307001/330100000012", "same")),
        ("330100000012", MARRIAGE, ("code", "307001/330100000012", "holds")),
        ("civil.marriage", MARRIAGE, ("code", "civil.marriage", "same")),
        ("离婚", MARRIAGE, ("keyword", "离婚", "same")),
        ("婚姻状况", MARRIAGE, ("item", "婚姻状况", "same")),
        ("公民姓名", MARRIAGE, ("element", "公民姓名", "same")),
        ("当事人名称", MARRIAGE, ("synonym", "当事人名称", "same")),
        ("ｊｈｒｑ", MARRIAGE, ("synonym", "JHRQ", "same")),
        ("卫健委", HEALTH, ("department", "卫健委", "same")),
        ("社会福利局", MARRIAGE, ("department", "兴和市社会福利局", "holds")),
        ("公积金", LOAN, ("about", "行政审批部门核准的住房公积金贷款结果，含婚姻登记核验", "holds")),
        ("his2", HEALTH, ("about", "HIS2.0 体检系统", "holds")),
        ("hydj", MARRIAGE, ("name", "婚姻登记信息", "pinyin")),
        ("hunyinzk", MARRIAGE, None),
        ("jiankangzhuang", HEALTH, ("item", "健康状况", "pinyin")),
        ("税", None, None),
    ],
)  # fmt: skip
def test_every_field_finds_and_says_so(
    full: Session, text: str, found: str | None, reason: tuple[str, str, str] | None
) -> None:
    if reason is None:
        assert ids(full, text) == []
    else:
        assert ids(full, text)[0] == found
        assert reason in why(full, text)


def test_a_character_is_read_as_in_its_word(full: Session) -> None:
    assert ids(full, "yinhang") == [LOAN]  # 银行, not yinxing
    assert ids(full, "xingzheng") == [LOAN]  # 行政审批局
    assert ids(full, "xzspj") == [LOAN]


def test_the_name_counts_more_than_the_abstract(full: Session) -> None:
    assert ids(full, "婚姻登记") == [MARRIAGE, LOAN]


def test_a_word_shared_in_part_does_not_find(full: Session) -> None:
    assert ids(full, "婚姻状况") == [MARRIAGE]  # not 健康状况
    assert ids(full, "没有这样的") == []


def test_every_word_must_be_there_in_whatever_field(full: Session) -> None:
    assert ids(full, "民政局 姓名") == [MARRIAGE, PENSION]
    assert ids(full, "民政局，婚姻，jhrq") == [MARRIAGE]
    assert ids(full, "民政局 健康") == []


def test_words_of_a_question_that_name_nothing_are_left_out(full: Session) -> None:
    assert ids(full, "我要找婚姻登记的数据")[0] == MARRIAGE
    assert ids(full, "数据") == []  # alone it is what is looked for


def test_width_case_and_spaces_are_only_spelling(full: Session) -> None:
    assert ids(full, "  ＣＩＶＩＬ．Ｍarriage　") == [MARRIAGE]
    assert ids(full, "银 行 贷 款") == [LOAN]


def test_filters_narrow_and_nothing_asked_lists_all(full: Session) -> None:
    assert ids(full, "") == sorted([MARRIAGE, LOAN, HEALTH, PENSION])
    assert ids(full, "", department="civil") == [MARRIAGE, PENSION]
    assert ids(full, "", sharing_type=3) == [LOAN]
    assert ids(full, "", library="population") == [MARRIAGE]
    assert ids(full, "", category="部门信息资源") == [LOAN, MARRIAGE, HEALTH]
    assert ids(full, "姓名", category="主题信息资源/养老") == [PENSION]


def test_pages_follow_one_another_without_gap(full: Session) -> None:
    whole = ids(full, "")
    parts = [search.find(full, "", limit=2, offset=at) for at in (0, 2, 4)]
    assert [page.total for page in parts] == [4, 4, 4]
    assert [hit.resource_id for page in parts for hit in page.hits] == whole


@pytest.mark.parametrize(
    "text",
    ["！？…—()*&^%", "' OR 1=1 --", "\x00\x01\x1f", "婚" * 100_000, "a" * 100_000, "ﷺ" * 5_000, "\ud800", "1" * 500,
     " ".join("甲乙丙丁戊己庚辛" for _ in range(5_000)), "yi" * 5_000, "(((((((([[[[[", "%_%", "🀄🀄"],
)  # fmt: skip
def test_hostile_questions_are_only_questions(full: Session, text: str) -> None:
    page = search.find(full, text)
    assert len(page.hits) == page.total <= 4
    assert len(pieces(text)) <= 12


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_hits_in_order_with_reasons(full: Session, text: str) -> None:
    page = search.find(full, text)
    assert [hit.score for hit in page.hits] == sorted((hit.score for hit in page.hits), reverse=True)
    if text.strip():
        assert all(hit.why for hit in page.hits)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.sampled_from(CITY), st.integers(0, 20), st.integers(2, 20))
def test_any_piece_of_a_name_finds_it(full: Session, body: dict[str, Any], start: int, length: int) -> None:
    name = body["name"]
    piece = name[start % (len(name) - 1) :][:length]
    if len(piece) > 1:
        assert body["id"] in ids(full, piece)


def test_what_is_published_changed_or_withdrawn_is_found_so_at_once(full: Session) -> None:
    assert ids(full, "低保") == []
    _add(full, document("civil.support", "低保对象信息", []))
    assert ids(full, "低保") == ["civil.support"]
    first = full.get_one(ResourceVersion, "civil.support@1")
    first.state = "superseded"
    full.flush()
    _add(full, document("civil.support", "最低生活保障对象", []), version=2)
    assert ids(full, "低保") == []
    assert [hit.version for hit in search.find(full, "最低生活保障").hits] == [2]
    full.get_one(ResourceVersion, "civil.support@2").state = "withdrawn"
    full.flush()
    assert ids(full, "最低生活保障") == []
    assert ids(full, "婚姻状况") == [MARRIAGE]


def test_open_versions_are_searched_when_asked_for(full: Session) -> None:
    _add(full, document("civil.support", "低保对象信息", []), state="draft")
    _add(full, document("civil.funeral", "殡葬信息", []), state="office_review")
    assert ids(full, "低保") == []
    assert ids(full, "低保", state="draft") == ["civil.support"]
    assert ids(full, "", state="open") == ["civil.funeral", "civil.support"]
    with pytest.raises(Invalid, match=r"directory\.unknown_state"):
        search.find(full, "低保", state="burnt")


def test_a_published_resource_of_the_desk_is_found(directory_session: Session) -> None:
    directory.publish(directory_session, "public_security.resident")
    (hit,) = search.find(directory_session, "户籍登记").hits
    assert (hit.name, hit.entry.department_name, hit.entry.items) == ("常住人口登记信息", "公安局", 4)


def test_spellings_of_a_name_are_read_with_its_breaks() -> None:
    import numpy as np

    text = "重庆\n黄a河\n"
    characters = np.array([ord(one) for one in text], np.uint32)
    known = pinyin.spellings(characters, np.array([0, 0, 0, 1, 1, 1, 1], np.int32))

    def found(asked: str) -> set[int]:
        both = pinyin.find(known, asked)
        return set(np.concatenate([one.some for one in both]).tolist()) if both else set()

    assert found("chongqing") == {0}
    assert found("cq") == {0}
    assert found("hah") == {1}
    assert found("qc") == set()  # nothing is spelled across two names
    assert found("c") == set()


@pytest.fixture
def settled(new_database: Callable[[], URL]) -> Iterator[Callable[[], Session]]:
    """Sessions on a committed directory of its own."""
    url = new_database()
    upgrade(url)
    engine = create_engine(url)
    with Session(engine) as first:
        _people(first)
        for body in CITY:
            _add(first, body)
        first.commit()
    yield lambda: Session(engine, expire_on_commit=False)
    engine.dispose()


def test_while_much_is_read_again_the_old_index_answers(settled: Callable[[], Session]) -> None:
    with settled() as session:
        assert ids(session, "婚姻状况") == [MARRIAGE]
    with settled() as session:
        for number in range(600):
            _add(session, document(f"civil.new{number}", f"新增低保名册{number}", []))
        session.execute(update(Department).where(Department.id == "health").values(short_name="卫健局"))
        session.commit()
    with settled() as session:
        assert ids(session, "婚姻状况") == [MARRIAGE]  # answered from what is held
        keeping.keeper(session, ("published",)).wait(120)
        assert search.find(session, "低保名册").total == 600
        assert search.find(session, "卫健局").hits[0].entry.department_name == "卫健局"


def test_many_readers_at_once_get_whole_answers(settled: Callable[[], Session]) -> None:
    answers: list[list[str]] = []

    def ask(number: int) -> None:
        with settled() as session:
            if number % 4 == 0:
                _add(session, document(f"civil.more{number}", f"殡葬{number}", []))
                session.commit()
            answers.append(ids(session, "婚姻登记"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert answers == [[MARRIAGE, LOAN]] * 12
    with settled() as session:
        assert search.find(session, "殡葬").total == 3
