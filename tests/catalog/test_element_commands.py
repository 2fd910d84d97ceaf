"""The dictionary, service items and what need not be asked for, as an officer at a shell sees them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner

from catalog import directory
from catalog.folder import import_folder
from hutong.commands.catalog import app
from hutong.demo.city_data import CITY
from schemas import database
from schemas.errors import Invalid
from schemas.migrations import upgrade
from schemas.resource import ResourceDraft


@pytest.fixture(scope="module")
def city(new_database: Callable[[], URL], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The demonstration city in a database of its own, where commands find it, and two drafts with an item of one name."""
    url = new_database()
    upgrade(url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUTONG_DATABASE_URL", url.render_as_string(hide_password=False))
        patch.setenv("HUTONG_SNAPSHOT", str(tmp_path_factory.mktemp("snapshot") / "snapshot.json"))
        with database.transaction() as session:
            for resource_id in import_folder(session, Path(str(CITY))).drafts:
                directory.publish(session, resource_id)
            directory.save_drafts(session, [_draft("housing"), _draft("emergency")])
        yield
        for role in (None, "reader"):
            (database.engine(role) if role else database.engine()).dispose()


def _draft(department: str) -> ResourceDraft:
    return ResourceDraft.model_validate(
        {
            "id": f"{department}.honour", "name": f"{department}荣誉", "department": department,
            "items": [{"id": "honor_name", "name": "荣誉名称"}],
        }
    )  # fmt: skip


def _run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "240"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.usefixtures("city")
def test_proposals_are_made_and_decided() -> None:
    known, one = sorted(json.loads(_run("elements", "propose", "--json")), key=lambda found: found["items"])
    assert (known["given"], known["existing"]) == ("登记机关", ["registrar_name"])  # the city left one unbound
    assert (one["given"], one["new"], one["departments"], one["existing"]) == ("荣誉名称", "honor_name", 2, [])
    number = str(one["id"])
    assert "荣誉名称" in _run("elements", "propose")
    assert "2 items bound in 2 drafts" in _run("elements", "accept", number, "--id", "honour", "--by", "数据局")
    assert "rejected" in _run("elements", "reject", str(known["id"]), "--why", "婚姻登记机关另有其义")
    assert json.loads(_run("elements", "propose", "--json")) == []
    assert "name: 荣誉名称" in _run("elements", "show", "honour")
    with database.transaction("reader") as session:
        assert directory.draft(session, "housing.honour").item("honor_name").element == "honour"


@pytest.mark.usefixtures("city")
def test_deviations_of_what_is_published_are_shown() -> None:
    found = json.loads(_run("elements", "deviations", "--json"))
    assert {(one["resource"], one["item"], one["said"], one["meant"]) for one in found} == {
        ("credit_office.decision", "valid_from", "public", "internal"),
        ("credit_office.decision", "valid_until", "public", "internal"),
    }
    assert "2 deviations" in _run("elements", "deviations")
    assert json.loads(_run("elements", "deviations", "--department", "education", "--json")) == []


@pytest.mark.usefixtures("city")
def test_the_dictionary_is_shown_with_leads_words_and_versions() -> None:
    assert "population.name" in _run("elements", "list")
    assert "单位名称" in _run("elements", "synonyms")
    assert "human_resources leads it now" in _run("elements", "lead", "school_name", "human_resources")
    assert "version: 2" in _run("elements", "show", "school_name")
    assert "0 data elements registered" in _run("elements", "seed")


@pytest.mark.usefixtures("city")
def test_service_items_are_shown_with_their_materials() -> None:
    assert "1133019999990011863331017001001" in _run("services", "list", "--department", "housing")
    assert "public_rental_housing" not in _run("services", "list", "--flagged")
    assert "certificate_type: 营业执照" in _run("services", "show", "construction_permit")
    shown = json.loads(_run("services", "show", "public_rental_housing", "--json"))
    assert shown["materials"][1]["target"]["resource"] == "public_security.resident"


@pytest.mark.usefixtures("city")
def test_what_need_not_be_asked_for_is_told_to_people_and_machines() -> None:
    told = _run("obtainable", "public_rental_housing")
    assert "1 / 6" in told
    assert "✓ 家庭收入情况声明" in told
    assert "register a demand" in told
    answers = json.loads(_run("obtainable", "public_rental_housing", "--json"))
    assert (answers["materials"], answers["obtainable"]) == (6, 1)
    assert answers["answers"][1]["why"]["code"] == "no_grant"
    assert "could come from" in _run("obtainable", "school_enrolment")
    with pytest.raises(Invalid, match=r"directory\.unknown_service_item"):
        _run("obtainable", "nothing")
