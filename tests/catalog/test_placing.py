"""Names of departments: read, compared, placed. Spellings are real ones."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalog import departments
from catalog.departments import DepartmentDocument
from catalog.naming import organs
from catalog.naming.placing import UNNAMED, Given, Placed, place
from catalog.naming.ranking import Known, Wanted, rank
from catalog.reform import department_names
from schemas.errors import Invalid
from schemas.tables.departments import Department, Suggestion
from schemas.tables.directory import Resource

CITY: tuple[tuple[str, str, str, list[str]], ...] = (
    ("human_resources", "兴和市人力资源和社会保障局", "人社局", ["兴和市劳动和社会保障局"]),
    ("reform", "兴和市发展和改革委员会（信用办）", "信用办", []),
    ("market", "兴和市市场监督管理局", "市场监管局", ["兴和市工商行政管理局"]),
    ("health", "兴和市卫生健康委员会", "卫健委", []),
    ("emergency", "兴和市应急管理局", "应急局", []),
    ("police", "兴和市公安局", "公安局", []),
    ("offices", "中共兴和市委机构编制委员会办公室", "市委编办", []),
)


@pytest.fixture
def city(session: Session) -> Session:
    for one, name, short, former in CITY:
        departments.save(session, DepartmentDocument(id=one, name=name, short_name=short, former_names=tuple(former)))
    return session


def one(session: Session, name: str | None = None, code: str | None = None) -> Placed:
    return place(session, [Given(name, code, place="list.csv:2")], source="list.csv")[0]


def best(session: Session, name: str | None = None, code: str | None = None) -> tuple[str | None, list[str]]:
    placed = one(session, name, code)
    assert not placed.is_certain
    candidates = session.get_one(Suggestion, placed.suggestion).candidates
    return (candidates[0]["department_id"], candidates[0]["reasons"]) if candidates else (None, [])


@pytest.mark.parametrize("name", ["兴和市公安局", "公安局.", " 公安局。", "兴和市　公安局", "人社局", "兴和市劳动和社会保障局"])  # fmt: skip
def test_what_the_registry_says_is_certain(city: Session, name: str) -> None:
    placed = one(city, name)
    assert placed.is_certain
    assert placed.department_id in ("police", "human_resources")
    assert placed.suggestion is None


@pytest.mark.parametrize(
    ("name", "code", "department", "reason"),
    [
        ("市公安局", None, "police", "prefix"),
        ("市人力资源和社会保障局.", None, "human_resources", "prefix"),
        ("市人社局", None, "human_resources", "abbreviation"),
        ("发改委", None, "reform", "abbreviation"),
        ("市发展和改革局", None, "reform", "abbreviation"),
        ("市卫计委", None, "health", "known_reform"),
        ("市安监局", None, "emergency", "known_reform"),
        ("市市场和质量监督管理局.", None, "market", "known_reform"),
        ("市编办", None, "offices", "abbreviation"),
        (None, "Sfzhggwyh", "reform", "initials"),
        (None, "Srlzyhshbzj", "human_resources", "initials"),
        (None, "Sgaj", "police", "initials"),
    ],
)
def test_a_likely_department_is_suggested_with_its_reason(
    city: Session, name: str | None, code: str | None, department: str, reason: str
) -> None:
    found, reasons = best(city, name, code)
    assert found == department
    assert reason in reasons


@pytest.mark.parametrize("name", ["萍乡市公安局", "市气象局", "国网电力有限公司供电分公司", "市司法局", "好人好事办"])
def test_another_towns_or_kinds_bureau_is_no_candidate(city: Session, name: str) -> None:
    placed = one(city, name)
    assert not placed.is_certain
    assert placed.candidates == 0


def test_an_unknown_name_becomes_a_proposed_department_once(city: Session) -> None:
    first, again = one(city, "市气象局."), one(city, "市气象局")
    assert first == again
    row = city.get_one(Department, first.department_id)
    assert (row.state, row.name) == ("proposed", "市气象局")
    assert city.get_one(Suggestion, first.suggestion).places == ["list.csv:2"]


def test_five_spellings_of_one_bureau_on_an_empty_hub(session: Session) -> None:
    spellings = [
        Given("市人力资源和社会保障局.", "Srlzyhshbzj", place="r:1"),
        Given("市人力资源和社会保障局", None, place="r:2"),
        Given(None, "Srlzyhshbzj", place="r:3"),
        Given("市人社局.", None, place="r:4"),
        Given("市人社局", None, place="r:5"),
    ]
    placed = place(session, spellings)
    full, short = placed[0].department_id, placed[3].department_id
    assert [p.department_id for p in placed] == [full, full, full, short, short]
    assert not any(p.is_certain for p in placed)
    asked = session.get_one(Suggestion, placed[3].suggestion)
    assert asked.candidates[0]["department_id"] == full
    assert department_names.accept(session, asked.id, None, "li") == full
    assert {p.department_id for p in place(session, spellings)} == {full}
    assert department_names.confirm(session, int(str(placed[0].suggestion)), None, "li") == full
    assert all(p.is_certain and p.department_id == full for p in place(session, spellings))


def test_a_code_beside_several_names_or_the_wrong_one_is_told_not_followed(city: Session) -> None:
    placed = place(
        city,
        [Given("市气象局", "Sqxj"), Given("市侨乡局", "Sqxj"), Given(None, "Sqxj"), Given("公安局", "Sqxj")],
    )
    assert len({p.department_id for p in placed}) == 4
    assert placed[3].is_certain
    asked = city.get_one(Suggestion, placed[2].suggestion)
    beside = {placed[0].department_id, placed[1].department_id}
    assert beside <= {c["department_id"] for c in asked.candidates}
    assert one(city, "公安局", "Sqxj").other_id == placed[2].department_id


def test_no_name_at_all_is_one_department_that_nobody_can_take_over(city: Session) -> None:
    placed = place(city, [Given(), Given("  . "), Given(None, "")])
    assert {p.department_id for p in placed} == {UNNAMED}
    with pytest.raises(Invalid, match=r"suggestion\.unnamed"):
        department_names.accept(city, int(str(placed[0].suggestion)), "police", "li")


def test_a_credit_code_or_a_number_is_no_name(city: Session) -> None:
    placed = place(city, [Given("区人社局", "1151130108778239R_5143"), Given("区人社局", "083372204")])
    assert placed[0] == placed[1]
    assert city.get_one(Suggestion, placed[0].suggestion).candidates[0]["reasons"][-1] == "other_level"


def test_accepting_moves_resources_and_makes_the_name_certain(city: Session) -> None:
    placed = one(city, "市人社局")
    city.add(Resource(id="srsj.list", department_id=placed.department_id))
    city.flush()
    assert department_names.accept(city, int(str(placed.suggestion)), "human_resources", "li") == "human_resources"
    assert city.get_one(Resource, "srsj.list").department_id == "human_resources"
    assert city.get(Department, placed.department_id) is None
    assert one(city, "市人社局.") == Placed("human_resources", is_certain=True)
    row = city.get_one(Suggestion, placed.suggestion)
    assert (row.state, row.decision, row.decided_by) == ("accepted", "human_resources", "li")
    with pytest.raises(Invalid, match=r"suggestion\.decided"):
        department_names.accept(city, row.id, "police", "li")


def test_confirming_a_code_gives_it_its_name(city: Session) -> None:
    placed = one(city, None, "Sczj")
    assert city.get_one(Suggestion, placed.suggestion).candidates == [
        {"department_id": None, "name": "市财政局", "score": 0.5, "reasons": ["name_of_code"]}
    ]
    with pytest.raises(Invalid, match=r"suggestion\.no_candidate"):
        department_names.accept(city, int(str(placed.suggestion)), None, "li")
    with pytest.raises(Invalid, match=r"suggestion\.name_taken"):
        department_names.confirm(city, int(str(placed.suggestion)), "公安局", "li")
    found = department_names.confirm(city, int(str(placed.suggestion)), "市财政局", "li")
    assert city.get_one(Department, found).state == "active"
    assert one(city, None, "Sczj").is_certain
    assert one(city, "市财政局").department_id == found


def test_a_rejected_name_stays_proposed_and_may_still_be_placed(city: Session) -> None:
    placed = one(city, "市人社局")
    department_names.reject(city, int(str(placed.suggestion)), "区里的", "li")
    assert not one(city, "市人社局").is_certain
    assert department_names.find(city) == []
    department_names.accept(city, int(str(placed.suggestion)), "police", "li")
    assert one(city, "市人社局").department_id == "police"


def test_a_departed_candidate_is_offered_no_more(session: Session) -> None:
    placed = place(session, [Given("市人力资源和社会保障局"), Given("市人社局"), Given("人社局")])
    middle = int(str(placed[1].suggestion))
    department_names.accept(session, middle, placed[0].department_id, "li")
    offered = [c["department_id"] for row in department_names.find(session) for c in row.candidates]
    assert placed[1].department_id not in offered


def test_two_departments_of_one_name_are_for_a_person_to_tell_apart(city: Session) -> None:
    for number, division in ((1, "330101"), (2, "330102")):
        departments.save(
            city,
            DepartmentDocument(id=f"tax{number}", name=f"税务{number}局", short_name="税务局", division_code=division),
        )
    placed = one(city, "税务局")
    assert placed.candidates == 2
    (certain,) = place(city, [Given("税务局", division="330102")])
    assert certain == Placed("tax2", is_certain=True)
    assert one(city, "税务局").department_id == placed.department_id  # without a division it waits for its decision


@given(st.text(alphabet="市区县发改委公安局人社 .。()（）ab", max_size=12))
def test_reading_never_fails_and_folding_is_stable(text: str) -> None:
    assert organs.fold(organs.fold(text)) == organs.fold(text)
    reading = organs.read(text)
    assert organs.read(f" {text}.").folded == reading.folded


@pytest.mark.parametrize("before", ["", "市", "区", "兴和市", "萍乡", "萍乡市"])
def test_every_known_organ_is_read_with_any_place_before_it(before: str) -> None:
    readings = {name: organs.read(before + name) for name in organs.organs()}
    assert [name for name, reading in readings.items() if reading.organ is None] == []
    assert {reading.level for reading in readings.values()} == {before[-1:] if before != "萍乡" else ""}


def test_initials_of_a_name_stand_for_it() -> None:
    for name in organs.organs():
        code = organs.identifier_of(name)
        assert organs.is_initials_of(code, name), name
        assert not organs.is_initials_of(code + "x", name), name
        if organs.PINYIN_CODE.fullmatch(code):
            assert name in organs.names_of_initials(code), name


@given(
    st.lists(st.sampled_from([name for _, name, *_ in CITY]), unique=True),
    st.text(alphabet="市公安人社局发改委卫", min_size=2, max_size=8),
)
def test_ranking_is_ordered_bounded_and_never_offers_itself(known: list[str], wanted: str) -> None:
    rows = rank(Wanted(wanted, own_id="d0"), [Known(f"d{n}", name, (name,), False) for n, name in enumerate(known)])
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert len(rows) <= 5
    assert "d0" not in [row["department_id"] for row in rows]


@given(st.text(alphabet=string.ascii_letters + "公安局 .，", max_size=10))
def test_an_identifier_is_one_or_nothing(text: str) -> None:
    found = organs.identifier_of(text)
    assert found == "" or set(found) <= set(string.ascii_lowercase + string.digits)
