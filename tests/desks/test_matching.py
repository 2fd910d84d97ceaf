"""Matching: names differ, the thing is the same; where nothing fits, that is said."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalog import departments, directory, elements
from exchange_api.matching import Candidate, Wanted, candidates, find_matches
from exchange_api.matching.engine import corpus_of
from exchange_api.matching.words import core, folded


def candidate(item_name: str, resource: str = "登记信息", **more: object) -> Candidate:
    named = {"version_id": f"{resource}@1", "resource_id": resource, "resource_name": resource, "department_id": "d",
             "department_name": "部门", "item_id": item_name, "item_name": item_name, "sharing_type": 2}  # fmt: skip
    return Candidate(**{**named, **more})  # type: ignore[arg-type]


KNOWN = [
    candidate("公民身份号码", synonyms=("身份证号",)),
    candidate("姓名"),
    candidate("缴费截止日期", "社会保险参保信息", context="社会保险参保信息 缴费"),
    candidate("结婚登记日期", "婚姻登记信息", context="婚姻登记信息"),
    candidate("姓名", "婚姻登记信息", context="婚姻登记信息"),
]


def best(name: str, context: str = "") -> str | None:
    (found,) = find_matches([Wanted(name)], KNOWN, context=context)
    return f"{found[0].candidate.resource_id}/{found[0].candidate.item_id}" if found else None


def test_spelling_does_not_matter() -> None:
    assert best("公民身份号码（18位）") == "登记信息/公民身份号码"
    assert best("身 份 证 号") == "登记信息/公民身份号码"
    assert best("登记日期（结婚）") == "婚姻登记信息/结婚登记日期"


def test_purpose_decides_between_equal_names() -> None:
    assert best("姓名", context="婚姻登记信息核验") == "婚姻登记信息/姓名"


def test_nothing_is_offered_when_nothing_fits() -> None:
    assert best("卫星轨道倾角") is None


def test_coverage_of_the_whole_demand_counts() -> None:
    names, _ = find_matches([Wanted("姓名"), Wanted("结婚登记日期")], KNOWN)
    assert names[0].candidate.resource_id == "婚姻登记信息"
    assert "covers" in {reason.key for reason in names[0].reasons}


@given(st.text(max_size=30))
def test_folding_is_stable_and_never_fails(name: str) -> None:
    assert folded(folded(name)) == folded(name)
    assert bool(core(name)) == bool(folded(name))


@given(st.lists(st.sampled_from(KNOWN), unique_by=id), st.text(min_size=1, max_size=12))
def test_scores_fall_with_rank_and_are_the_sum_of_their_reasons(known: list[Candidate], name: str) -> None:
    (found,) = find_matches([Wanted(name)], known)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(abs(one.score - sum(r.points for r in one.reasons)) < 1e-3 for one in found)


def test_the_directory_is_read_once_for_each_state_it_is_in(town: Session) -> None:
    first = candidates(town)
    assert candidates(town) is first
    next(one for one in elements.find(town) if one.id == "person_name").synonyms = ["称呼"]
    assert "称呼" in {word for one in candidates(town) for word in one.synonyms}
    directory.withdraw(town, "public_security.resident")
    assert {one.resource_id for one in candidates(town)} == {one.resource_id for one in first} - {
        "public_security.resident"
    }


def test_only_what_is_new_is_read_again(town: Session) -> None:
    first = {id(one): one for one in candidates(town)}
    directory.withdraw(town, "public_security.resident")
    assert {id(one) for one in candidates(town)} < set(first)
    departments.save(town, departments.DepartmentDocument(id="civil_affairs", name="民政局", short_name="民政"))
    assert {one.department_name for one in candidates(town)} == {"民政"}


def test_many_who_ask_at_once_share_one_directory(town: Session) -> None:
    known = list(candidates(town))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: corpus_of(known), range(8)))
    assert {id(one) for one in made} == {id(made[0])}
