"""Repairs that the binding declares: the source's own codes, date styles, old organisation codes; rare characters stay; all of it counted and shown."""

import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from hutong.commands.normalise import app
from libraries import ingest, repairs
from libraries.frames import require_checkable
from libraries.normalising.derivations import KINDS, usccs_of
from libraries.normalising.normalise import Binding, columns_behind, normalise, repair_of
from schemas.errors import Invalid, Terminal
from schemas.identifiers import append_organisation_check_digits, parse_uscc, valid_uscc
from schemas.resource import ResourceDocument
from tests.libraries.conftest import RESIDENT as BASE
from tests.libraries.story import RESIDENT, held

RARE = ["\ue000", "\uf8ff", "\U000f0001", "\U00020000", "\U0002a700", "\U00030000", "\u9fff", "\u4dbf", "𰻞", "\ufa11"]
ORGANISATIONS = append_organisation_check_digits(pa.array(["12345678", "MA27XW3L", "00001234"])).to_pylist()


def texts(*values: Any) -> Any:
    return pa.array(values, pa.string())


@pytest.mark.parametrize("rare", RARE)
@pytest.mark.parametrize("name", ["nfc", "trim", "half_width", "upper", "date"])
def test_rare_characters_are_kept_by_every_repair(name: str, rare: str) -> None:
    found, count = normalise(texts(f"张{rare}", rare, f"{rare}é"), name)
    assert found.to_pylist() == [f"张{rare}", rare, f"{rare}é"]
    assert count == 0


@pytest.mark.parametrize("rare", RARE)
def test_what_stands_beside_a_rare_character_is_composed(rare: str) -> None:
    found, count = normalise(texts(f"e\u0301{rare}e\u0301", None, f"{rare}{rare}", "e\u0301"), "nfc")
    assert found.to_pylist() == [f"é{rare}é", None, f"{rare}{rare}", "é"]
    assert count == 2


def test_a_compatibility_ideograph_becomes_the_one_it_doubles_and_is_counted() -> None:
    found, count = normalise(texts("\uf9e1四", "李四", "\U0002f800"), "nfc")
    assert (found.to_pylist(), count) == (["李四", "李四", "\u4e3d"], 2)


@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=6)), max_size=12))
@settings(max_examples=150, deadline=None)
def test_nfc_agrees_with_python(values: Any) -> None:
    found, _ = normalise(texts(*values), "nfc")
    kept = [
        value for value in values if value is None or all(unicodedata.category(c) != "Cn" for c in value)
    ]  # editions of Unicode differ
    assert [got for got, value in zip(found.to_pylist(), values, strict=True) if value in kept] == [
        value and unicodedata.normalize("NFC", value) for value in values if value in kept
    ]


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("date:dmy", "31/12/2023", "2023-12-31"), ("date:dmy", "1.2.2024", "2024-02-01"), ("date:dmy", "12/31/2023", "12/31/2023"),
        ("date:mdy", "12-31-2023", "2023-12-31"), ("date:mdy", "31-12-2023", "31-12-2023"), ("date:mdy", "2/30/2023", "2/30/2023"),
        ("date:excel", "44927", "2023-01-01"), ("date:excel", "25569", "1970-01-01"), ("date:excel", "99999", "99999"),
        ("date:excel", "4492", "4492"), ("date:excel", "44９27", "44９27"),
    ],
)  # fmt: skip
def test_date_styles_that_do_not_tell_themselves_are_declared(name: str, before: str, after: str) -> None:
    found, count = normalise(texts(before, None, "2023-05-06"), name)
    assert found.to_pylist() == [after, None, "2023-05-06"]
    assert count == (before != after)


def test_an_old_organisation_code_becomes_the_new_one_only_where_all_is_given() -> None:
    first, second, third = ORGANISATIONS
    old = texts(first, f"{second[:8]}-{second[8]}", third, first, first, "12345678X", None, first, "91330106MA27XW3L5H")
    authority = texts("9", "9", "5", None, "9", "9", "9", "Q", "9")
    kind = texts("1", "1", "1", "1", "7", "1", "1", "1", "1")
    found = usccs_of(old, [authority, kind, pa.scalar("330106")])
    assert valid_uscc(found).to_pylist() == [True, True, True, False, False, False, None, False, True]
    assert [parse_uscc(found[n].as_py()).organisation_code for n in range(3)] == ORGANISATIONS
    kept = [3, 4, 5, 6, 7, 8]
    assert found.take(kept).equals(old.take(kept))


@given(
    st.integers(0, 99_999_999),
    st.sampled_from([(a, k) for a, kinds in KINDS.items() for k in kinds]),
    st.integers(0, 999_999),
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_derived_is_a_sound_code_that_holds_its_parts(
    number: int, head: tuple[str, str], division: int
) -> None:
    (code,) = append_organisation_check_digits(texts(f"{number:08d}")).to_pylist()
    (found,) = usccs_of(texts(code), [pa.scalar(head[0]), pa.scalar(head[1]), pa.scalar(f"{division:06d}")]).to_pylist()
    parts = parse_uscc(found)
    assert (parts.authority, parts.kind, parts.division, parts.organisation_code) == (*head, f"{division:06d}", code)


def test_only_a_declaration_that_can_work_is_taken() -> None:
    document = resource(
        items=[{"id": "area", "name": "区划"}, {"id": "code", "name": "代码", "normalise": ["uscc:9,1,area"]}],
        key=["code"],
    )
    binding = Binding(document, lambda _: pa.nulls(1, pa.string()))
    assert repair_of("uscc:9,1,area", binding)
    assert not any(
        repair_of(name, binding)
        for name in ("uscc:9,1", "uscc:9,1,nowhere", "uscc:Q,1,330106", "uscc:9,11,area", "map:area", "uscc:")
    )
    assert columns_behind(document, ["code"]) == ["code", "area"]
    for more in (
        {"codes": {"area": {}, "typo": {"a": "b"}}},
        {"items": [{"id": "code", "name": "c", "normalise": ["map:nowhere"]}]},
    ):
        with pytest.raises(Terminal, match=r"quality\.unknown_normalisation"):
            require_checkable(resource(**more))


def test_the_sources_own_codes_are_mapped_counted_and_shown(hub: Any, people: Any) -> None:
    items = [dict(item) for item in BASE["items"]]
    items[2] = {"id": "sex", "name": "性别", "length": 1, "code_table": "sex", "attribute": "sex"}
    items[1] = {**items[1], "normalise": ["trim", "map:titles"]}
    codes = {"sex": {"M": "1", "F": "2", "男性": "1"}, "titles": {"张0": "李0"}}
    hub.publish(items=items, source={**BASE["source"], "codes": codes}, quality={"reject_above": 0.9})
    rows = people(6)
    for row in rows[:4]:
        row["xb"] = "M" if row["xb"] == "1" else "F"
    rows[4]["xb"] = "Q"
    rows[0]["xm"] = "\u3000张0"
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "r")
    assert hub.batch(batch)["repairs"] == {"sex.map:sex": 4, "name.trim": 1, "name.map:titles": 1}
    assert [(row.reasons, row.values["sex"]) for row in held(hub, batch)] == [(["sex.code_table"], "Q")]
    with hub.session() as session:
        found = {(one.item, one.name): one for one in repairs.show(session, batch)}
    assert {f"{i}.{n}": one.changed for (i, n), one in found.items() if one.changed} == hub.batch(batch)["repairs"]
    assert ("citizen_id", "half_width") in found
    assert [(e.row, e.before, e.after) for e in found["name", "map:titles"].examples] == [(1, "张0", "李0")]
    assert len(found["sex", "map:sex"].examples) == 3
    told = CliRunner().invoke(app, ["show", batch, "--item", "name"]).output
    assert "map:titles" in told
    assert "张0" not in told
    assert "李*" in told
    assert "'李0'" in CliRunner().invoke(app, ["show", batch, "--item", "name", "--reveal"]).output
    with hub.session() as session, pytest.raises(Invalid, match=r"quarantine\.unknown_item"):
        repairs.show(session, batch, "shoe_size")


def test_a_key_derived_from_other_columns_is_the_same_key_everywhere(hub: Any) -> None:
    first, second, _ = ORGANISATIONS
    hub.publish(resource_base(), quality={"reject_above": 0.9})
    rows = [
        {"dm": first, "qh": "330106"},
        {"dm": second, "qh": "330106"},
        {"dm": second, "qh": None},
        {"dm": first, "qh": "330106"},
    ]
    hub.fill(rows, "firm")
    batch = ingest.ingest("market_regulation.firm", "r")
    assert hub.batch(batch)["repairs"] == {"code.uscc:9,1,area": 3, "duplicate_row": 1}
    assert hub.reasons(batch) == {3: ["code.check_digit"]}


def resource(**changes: Any) -> ResourceDocument:
    items = changes.pop("items", [{"id": "code", "name": "代码"}, {"id": "area", "name": "区划"}])
    source = {
        **BASE["source"],
        "mapping": {"a": items[0]["id"]},
        "ignore": [],
        "key": changes.pop("key", [items[0]["id"]]),
    }
    source["codes"] = changes.pop("codes", {})
    return ResourceDocument.model_validate({**BASE, "library": None, "items": items, "checks": [], "source": source})


def resource_base() -> dict[str, Any]:
    code = {"id": "code", "name": "代码", "length": 18, "check": "uscc", "normalise": ["trim", "uscc:9,1,area"]}
    source = {
        **BASE["source"], "options": {"table": "firm"}, "mapping": {"dm": "code", "qh": "area"}, "ignore": [], "key": ["code"],
    }  # fmt: skip
    return {
        **BASE, "id": "market_regulation.firm", "department": "market_regulation", "library": None, "checks": [],
        "items": [code, {"id": "area", "name": "区划", "length": 6}], "source": source, "code": "101001/330199000002",
    }  # fmt: skip


def test_a_missing_value_is_filled_from_another_item_or_by_a_constant() -> None:
    document = ResourceDocument.model_validate(BASE)
    other = Binding(document, lambda item: texts("1", "2", None) if item == "phone" else texts())
    filled, count = normalise(texts("a", None, None), "or:phone", other)
    assert (filled.to_pylist(), count) == (["a", "2", None], 1)
    assert normalise(texts("a", None), "else:01")[0].to_pylist() == ["a", "01"]
    assert normalise(texts("a", "b"), "else:01")[1] == 0
    assert (repair_of("or:nobody", other), repair_of("else:"), repair_of("or:phone")) == (None, None, None)
