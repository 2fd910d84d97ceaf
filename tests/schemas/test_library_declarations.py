"""A library is what its file says; a file that says something else than it may is refused with the place, before anything is made of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.declarations import LibrarySettings, declarations, is_shipped
from schemas.errors import Terminal
from schemas.library import LIBRARIES, OWN_COLUMNS, Library, library
from schemas.resource import ResourceDraft
from schemas.tables.library import PARTS, claims_table, golden_table, history_table, past_claims_table

NAME: dict[str, Any] = {
    "id": "name", "type": "text", "name": "名称", "element": "n", "sensitivity": "public", "mask": "none", "authority": [],
}  # fmt: skip
PARKS: dict[str, Any] = {
    "library": "parks", "kind": "profile", "name": {"zh": "公园库", "en": "Parks"}, "attributes": [NAME],
    "subject": {"element": "park_code", "name": "公园编号", "length": 6, "check": "pattern", "pattern": "GY[0-9]{4}"},
}  # fmt: skip


def refusal(folder: Path, **changes: Any) -> dict[str, Any]:
    """What is said of a folder whose one library is PARKS with these changes."""
    (folder / "parks.yml").write_text(yaml.safe_dump(PARKS | changes), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("schemas.library.declarations", lambda: {"parks": folder / "parks.yml"})
        patch.setattr("schemas.declarations.declarations", lambda: {"parks": folder / "parks.yml"})
        with pytest.raises(Terminal) as refused:
            library.__wrapped__("parks")
    assert refused.value.code == "library.bad_declaration"
    return refused.value.facts


def test_the_shipped_libraries_come_in_their_order_and_are_all_files_there_are() -> None:
    assert LIBRARIES == ("population", "legal_entity", "credit", "certificate", "geography")
    assert set(LIBRARIES) == set(declarations())
    assert all(is_shipped(name) for name in LIBRARIES)
    assert not is_shipped("parks")


@pytest.mark.parametrize("name", LIBRARIES)
def test_what_is_the_hubs_own_among_the_columns_is_kept_from_attributes(name: str) -> None:
    tables = (claims_table(name), past_claims_table(name), golden_table(name), history_table(name))
    assert {table.name for table in tables} == {f"{name}{part}" for part in PARTS}
    own = {column.name for table in tables for column in table.columns} - set(library(name).attribute_ids)
    assert own <= OWN_COLUMNS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": "green"}, "colour"),
        ({"library": "gardens"}, "gardens"),
        ({"library": "Parks"}, "library"),
        ({"kind": "heap"}, "kind"),
        ({"kind": "register"}, "entry"),
        ({"attributes": []}, "attributes"),
        ({"attributes": [NAME, NAME]}, "repeat"),
        ({"attributes": [NAME | {"id": "batch"}]}, "batch"),
        ({"attributes": [NAME | {"id": "order"}]}, "order"),
        ({"attributes": [NAME | {"id": "Name"}]}, "attributes.0.id"),
        ({"attributes": [NAME | {"type": "geometry", "mask": "name"}]}, "mask"),
        ({"attributes": [NAME | {"type": "geometry", "crs": "EPSG:3857"}]}, "crs"),
        ({"subject": PARKS["subject"] | {"pattern": None}}, "pattern"),
        ({"subject": PARKS["subject"] | {"pattern": "("}}, ""),
        ({"subject": PARKS["subject"] | {"check": "uscc"}}, "pattern"),
        ({"business_time": {"from": "opened"}}, "opened"),
        ({"lookups": ["opened"]}, "opened"),
    ],
)
def test_a_bad_declaration_is_refused_with_the_place(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    facts = refusal(tmp_path, **changes)
    assert facts["file"] == str(tmp_path / "parks.yml")
    assert words in facts["reason"]


def test_what_is_no_yaml_is_refused_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parks.yml").write_text("library: [", "utf-8")
    monkeypatch.setattr("schemas.library.declarations", lambda: {"parks": tmp_path / "parks.yml"})
    with pytest.raises(Terminal, match=r"parks\.yml"):
        library.__wrapped__("parks")


def test_an_operators_folder_adds_and_never_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_LIBRARIES", str(tmp_path))
    assert LibrarySettings().libraries == tmp_path
    (tmp_path / "parks.yml").write_text("", "utf-8")
    (tmp_path / "README.md").write_text("", "utf-8")
    assert set(declarations.__wrapped__()) == {*LIBRARIES, "parks"}
    (tmp_path / "credit.yml").write_text("", "utf-8")
    with pytest.raises(Terminal, match=r"credit\.yml"):
        declarations.__wrapped__()
    monkeypatch.setenv("HUTONG_LIBRARIES", str(tmp_path / "nowhere"))
    with pytest.raises(Terminal, match="nowhere"):
        declarations.__wrapped__()


def test_a_resource_feeds_only_a_declared_library() -> None:
    draft = {"id": "gardens.park", "name": "公园", "department": "gardens"}
    assert ResourceDraft.model_validate({**draft, "library": "geography"}).library == "geography"
    with pytest.raises(ValueError, match="parks"):
        ResourceDraft.model_validate({**draft, "library": "parks"})


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_declaration_can_be_written_and_read_again(name: str) -> None:
    found = library(name)
    assert Library.model_validate(found.model_dump(by_alias=True)) == found
