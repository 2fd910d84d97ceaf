"""A way of writing is not another person: what kind a contradiction is, and how grave."""

from typing import Any

import pytest

from libraries.disputing.grading import KINDS, Voice, grade, kind_of, weights
from schemas.library import library

POPULATION = library("population")


@pytest.mark.parametrize(
    ("attribute", "one", "other", "kind"),
    [
        ("address", "市民大道１号", "市民大道1号", "format"),
        ("address", "市民大道 1 号（东）", "市民大道1号东", "format"),
        ("employer", "ACME公司", "Acme公司", "format"),
        ("address", "兴和市云河区市民大道1号", "市民大道1号", "near"),
        ("address", "云河区市民大道128号3单元", "云河区市民大道129号3单元", "near"),
        ("address", "云河区市民大道128号", "云河区市民大道128号301", "near"),
        ("address", "云河区市民大道128号", "北湖区朝阳路5号", "substantive"),
        ("name", "张伟", "张维", "substantive"),
        ("name", "张", "张伟", "substantive"),
        ("name", "阿不都·热合曼", "阿不都热合曼", "format"),
        ("birth_date", "1990-01-02", "1990-02-02", "near"),
        ("birth_date", "1990-01-01", "1990-05-17", "missing_precision"),
        ("birth_date", "1990-05-17", "1990-05-01", "missing_precision"),
        ("birth_date", "1990-05-17", "1991-05-17", "near"),
        ("birth_date", "1990-05-17", "1988-03-17", "substantive"),
        ("birth_place", "330100", "330106", "missing_precision"),
        ("birth_place", "330105", "330106", "substantive"),
        ("marital_status", "21", "20", "missing_precision"),
        ("sex", "1", "2", "substantive"),
    ],
)
def test_each_kind_is_told(attribute: str, one: str, other: str, kind: str) -> None:
    spec = POPULATION.attribute(attribute)
    assert (kind_of(spec, one, other), kind_of(spec, other, one)) == (kind, kind)


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (12.5, 12.4567, "missing_precision"),
        (100, 100.4, "missing_precision"),
        (1000.25, 1001.5, "near"),
        (5, 50, "substantive"),
    ],
)
def test_numbers_too(one: float, other: float, kind: str) -> None:
    capital = library("legal_entity").attribute("registered_capital")
    assert (kind_of(capital, one, other), kind_of(capital, other, one)) == (kind, kind)


def voices(*said: tuple[Any, int, float]) -> list[Voice]:
    return [Voice(*one) for one in said]


def test_the_gravest_against_the_winner_counts() -> None:
    address = POPULATION.attribute("address")
    told = voices(("市民大道1号", 0, 5.0), ("市民大道１号", 1, 4.0), ("朝阳路5号", 63, 3.0))
    assert grade(address, told)[0] == "substantive"
    assert grade(address, told[:2])[0] == "format"


def test_the_score_weighs_kind_sensitivity_identity_authority_and_time() -> None:
    name, school = POPULATION.attribute("name"), POPULATION.attribute("school")
    far, close = voices(("张伟", 0, 5.0), ("张维", 63, 4.0)), voices(("张伟", 0, 5.0), ("张维", 1, 4.0))
    newer = voices(("张伟", 0, 5.0), ("张维", 63, 9.0))
    figures = weights()
    plain = figures["kind"]["substantive"] + figures["sensitivity"]["personal"]
    assert grade(school, far)[1] == plain
    assert grade(name, far)[1] == plain + figures["identity"]
    assert grade(school, close)[1] == plain + figures["authority"][1]
    assert grade(school, newer)[1] == plain + figures["newer"]


def test_no_score_leaves_its_range_and_graver_kinds_weigh_more() -> None:
    figures = weights()
    most = max(figures["kind"].values()) + max(figures["sensitivity"].values()) + figures["identity"]
    assert most + max(figures["authority"]) + figures["newer"] <= 100
    assert sorted(KINDS, key=figures["kind"].get) == list(KINDS)


def test_identity_elements_are_elements_of_some_library() -> None:
    names = ("population", "legal_entity", "credit", "certificate")
    known = {attribute.element for name in names for attribute in library(name).attributes}
    assert set(weights()["identity_elements"]) <= known
