"""Code tables: complete, unique, sourced, packaged, and quick to ask."""

import csv
import re
from collections import Counter
from importlib.resources import files

import pyarrow as pa
import pytest
import yaml

from schemas.codes import code_table, code_tables, division_periods, divisions
from schemas.errors import Invalid
from schemas.identifiers import PROVINCES
from schemas.identifiers.organisation import USCC_AUTHORITIES
from schemas.library import LIBRARIES, library

SIZES = {
    "sex": 4,
    "marital": 8,
    "ethnic": 58,
    "education": 40,
    "employment": 13,
    "political_status": 13,
    "holder_type": 16,
    "update_cycle": 8,
    "sharing_type": 3,
    "data_type": 11,
    "format_category": 7,
    "industry": 20,
    "divisions": 3351,
}


@pytest.mark.parametrize("name", code_tables())
def test_every_table_names_its_source_and_edition(name: str) -> None:
    table = code_table(name)
    assert table.name == name
    assert table.source
    assert re.search(r"\d{4}", table.edition)
    assert set(table.title) == {"zh", "en"}
    assert table.entries
    assert all(code == code.strip() and label == label.strip() != "" for code, label in table.entries.items())


@pytest.mark.parametrize("name", code_tables())
def test_no_code_is_written_twice(name: str) -> None:
    if name == "divisions_historic":
        return  # there a code has one row per period: see below
    table = code_table(name)
    folder = files("schemas.codes")
    if folder.joinpath(f"{name}.csv").is_file():
        lines = [line for line in folder.joinpath(f"{name}.csv").read_text("utf-8").splitlines() if line[0] != "#"]
        written = [row["code"] for row in csv.DictReader(lines)]
    else:
        written = re.findall(r'^  "(.+?)":', folder.joinpath(f"{name}.yml").read_text("utf-8"), re.MULTILINE)
    assert written == list(table.entries)


@pytest.mark.parametrize("name", SIZES)
def test_tables_of_standards_are_complete(name: str) -> None:
    assert len(code_table(name).entries) == SIZES[name]


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_table_a_library_names_exists(name: str) -> None:
    for attribute in library(name).attributes:
        if attribute.code_table:
            entries = code_table(attribute.code_table).entries
            assert attribute.length is None or max(map(len, entries)) <= attribute.length


def test_every_table_is_told_of_in_the_sources() -> None:
    words = set(re.findall(r"\w+", files("schemas.codes").joinpath("SOURCES.md").read_text("utf-8")))
    assert set(code_tables()) <= words


def test_ethnic_groups_are_numbered_through() -> None:
    assert sorted(code_table("ethnic").entries) == [f"{n:02d}" for n in [*range(1, 57), 97, 98]]
    assert [code_table("ethnic").label(code) for code in ("01", "05", "56")] == ["汉族", "维吾尔族", "基诺族"]


def test_labels_speak_both_languages() -> None:
    assert (code_table("sex").label("2"), code_table("sex").label("2", "en")) == ("女", "Female")
    assert code_table("divisions").label("110105", "en") == "朝阳区"  # names of places stay Chinese


def test_contains_judges_whole_columns_and_leaves_null() -> None:
    column = pa.chunked_array([["1", "3", None], [], ["9", " 1"]], pa.string())
    assert code_table("sex").contains(column).to_pylist() == [True, False, None, True, False]
    assert code_table("sex").contains(pa.array(["1"]).dictionary_encode()).to_pylist() == [True]


def test_names_and_other_spellings_become_codes() -> None:
    assert code_table("sex").codes_of(pa.array(["男", "女性", "2", "M", None])).to_pylist() == [
        "1",
        "2",
        "2",
        "M",
        None,
    ]
    assert code_table("ethnic").codes_of(pa.array(["汉", "汉族"])).to_pylist() == ["01", "01"]


def test_a_name_that_several_codes_bear_is_left_alone() -> None:
    assert code_table("entity_kind").codes_of(pa.array(["企业", "其他"])).to_pylist() == ["91", "其他"]
    assert code_table("divisions").codes_of(pa.array(["市辖区", "杭州市"])).to_pylist() == ["市辖区", "330100"]


def test_unknown_tables_and_codes_are_named() -> None:
    with pytest.raises(Invalid, match=r"nonesuch.*sex"):
        code_table("nonesuch")
    with pytest.raises(Invalid, match="has no code 7"):
        code_table("sex").label("7")


# --- divisions --------------------------------------------------------------------------------------------------


def test_divisions_come_on_three_levels() -> None:
    levels = Counter(division.level for division in divisions())
    assert levels == {"province": 34, "city": 342, "county": 2975}  # three cities without counties stand for themselves
    assert all(re.fullmatch(r"\d{6}", division.code) for division in divisions())
    assert {division.code for division in divisions() if division.level == "province"} == {
        division.code for division in divisions() if division.code.endswith("0000")
    }


def test_recent_changes_are_known() -> None:
    entries = code_table("divisions").entries
    assert [entries[code] for code in ("330113", "330114", "370116", "320213")] == [
        "临平区",
        "钱塘区",
        "莱芜区",
        "梁溪区",
    ]
    assert "330103" not in entries


def test_history_holds_every_current_code_and_the_abolished() -> None:
    history = code_table("divisions_historic").entries
    current = code_table("divisions").entries
    assert current.keys() <= history.keys()
    assert {code: history[code] for code in current} == current
    abolished = [period for period in division_periods() if period.code == "110103"]
    assert [(period.name, period.last_year) for period in abolished] == [("崇文区", 2009)]
    hangzhou = [period for period in division_periods() if period.code == "330103"]
    assert [(period.name, period.last_year) for period in hangzhou if period.last_year] == [("下城区", 2020)]


def test_periods_run_forwards_and_end_when_the_code_is_gone() -> None:
    current = code_table("divisions").entries.keys() | {"830000"}
    for period in division_periods():
        assert (period.first_year or 0) <= (period.last_year or 9999)
        assert period.last_year is not None or period.code in current
    assert max(Counter((p.code, p.first_year, p.last_year, p.name) for p in division_periods()).values()) == 1


def test_provinces_of_identifiers_are_those_of_the_table() -> None:
    assert {code[:2] for code in code_table("divisions_historic").entries} == PROVINCES


def test_registering_authorities_are_those_of_the_table() -> None:
    assert "".join(sorted(code_table("uscc_authority").entries)) == "".join(sorted(USCC_AUTHORITIES))
    assert {code[0] for code in code_table("entity_kind").entries} == set(USCC_AUTHORITIES)


def test_format_types_belong_to_categories() -> None:
    categories = code_table("format_category").entries
    assert {row["category"] for row in code_table("format_type").rows} <= categories.keys()


def test_yaml_codes_are_texts() -> None:
    for file in files("schemas.codes").iterdir():
        if file.name.endswith(".yml"):
            assert all(isinstance(code, str) for code in yaml.safe_load(file.read_text("utf-8"))["entries"])
