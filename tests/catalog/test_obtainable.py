"""What the hub can obtain is not asked of a citizen again; what it cannot, it says what is missing."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import URL, Engine, create_engine, insert
from sqlalchemy.orm import Session

from catalog import directory
from catalog.folder import import_folder
from catalog.service import services
from catalog.service.obtainable import MaterialAnswer, obtainable
from hutong.demo.city_data import CITY
from schemas.calendar import today
from schemas.errors import Invalid
from schemas.migrations import upgrade
from schemas.tables.exchange import Application, Demand, Grant, GrantItem
from schemas.tables.library import golden_table

WORDS = files("catalog.service").joinpath("obtainable.yml")
RENTAL = "public_rental_housing"
WHOLE = ("name", "sex", "birth_date", "address", "residence_status", "marital_status", "insurance_status", "employer")
_GrantMaker = Callable[..., Grant]


@pytest.fixture(scope="module")
def engine(new_database: Callable[[], URL]) -> Iterator[Engine]:
    """A database of its own with the demonstration city's directory published: importing it for every test would take long."""
    url = new_database()
    upgrade(url)
    made = create_engine(url)
    with Session(made) as session:
        for resource_id in import_folder(session, Path(str(CITY))).drafts:
            directory.publish(session, resource_id)
        session.add(Application(id="housing.desk", name="住房保障受理系统", department_id="housing"))
        session.commit()
    yield made
    made.dispose()


@pytest.fixture
def city(engine: Engine) -> Iterator[Session]:
    """A session in that city, rolled back after the test."""
    with engine.connect() as connection, connection.begin() as outer:
        with Session(connection, join_transaction_mode="create_savepoint") as opened:
            yield opened
        outer.rollback()


@pytest.fixture
def grant(city: Session) -> _GrantMaker:
    """Makes a grant of one library's attributes for one service item."""

    def make(attributes: Any, library: str = "population", item: str = RENTAL, **changes: Any) -> Grant:
        number = f"{library}-{item}"
        forms = attributes if isinstance(attributes, dict) else dict.fromkeys(attributes, "full")
        city.add(
            Demand(
                id=f"XQ-{number}", department_id="housing", service_item_id=item, purpose="p", basis="b", created_by="t"
            )
        )
        city.flush()
        period = {"valid_from": today() - timedelta(1), "valid_until": today() + timedelta(30)}
        values = period | changes
        made = Grant(
            id=f"SQ-{number}", demand_id=f"XQ-{number}", application_id="housing.desk", library=library, service_item_id=item, **values
        )  # fmt: skip
        city.add(made)
        city.flush()
        version = "public_security.resident@1"
        for attribute, form in forms.items():
            city.add(
                GrantItem(
                    grant_id=made.id, attribute=attribute, form=form, resource_version_id=version, item_id=attribute
                )
            )
        city.flush()
        return made

    return make


def _answers(session: Session, item: str = RENTAL) -> dict[str, MaterialAnswer]:
    return {answer.material.id: answer for answer in obtainable(session, item)}


def _missing(answer: MaterialAnswer) -> list[str]:
    return [reason.code for reason in answer.missing]


def test_without_a_grant_only_commitments_replace_a_material(city: Session) -> None:
    answers = _answers(city)
    assert [name for name, answer in answers.items() if answer.is_obtainable] == ["income"]
    assert _missing(answers["identity"]) == ["no_grant"]
    assert "人口库" in answers["identity"].why.words("zh")
    assert "Population" in answers["identity"].why.words("en")


def test_a_grant_that_covers_every_item_replaces_the_material_and_says_by_whom(
    city: Session, grant: _GrantMaker
) -> None:
    made = grant(WHOLE)
    answers = _answers(city)
    spared = {name for name, answer in answers.items() if answer.is_obtainable}
    assert spared == {"identity", "household", "marriage", "insurance", "income"}
    assert answers["identity"].grants == (made.id,)
    words = answers["identity"].why.words("zh")
    assert "兴和市公安局" in words
    assert "姓名、性别、出生日期" in words
    assert "need no longer be asked for" in answers["identity"].why.words("en")
    assert "查无时由申请人补交并记录原因，不符时转人工核查" in words
    assert "查无、不符或超时时由申请人补交" in answers["insurance"].why.words("zh")
    assert answers["identity"].conditions[0].words("zh") == "姓名与申请表“申请人姓名”一致"


def test_one_item_short_of_the_grant_is_named(city: Session, grant: _GrantMaker) -> None:
    grant(set(WHOLE) - {"residence_status"})
    household = _answers(city)["household"]
    assert not household.is_obtainable
    assert _missing(household) == ["item_not_granted"]
    assert "户口登记状态" in household.why.words("zh")


def test_yes_or_no_is_enough_for_a_check_but_not_to_obtain_the_content(city: Session, grant: _GrantMaker) -> None:
    grant(dict.fromkeys(WHOLE, "yes_no"))
    answers = _answers(city)
    assert answers["identity"].is_obtainable  # checked
    assert _missing(answers["marriage"]) == ["form_not_enough"]  # fetched


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"suspended_by_provider": True}, "idle.suspended_by_provider"),
        ({"suspended_by_consumer": True}, "idle.suspended_by_consumer"),
        ({"suspended_by_platform": True}, "idle.suspended_by_platform"),
        ({"valid_until": timedelta(-1)}, "idle.expired"),
        ({"valid_from": timedelta(1)}, "idle.not_yet"),
        ({"state": "revoked"}, "idle.revoked"),
        ({"state": "closed"}, "idle.closed"),
    ],
)
def test_a_grant_that_does_not_answer_replaces_nothing_and_says_why(
    city: Session, grant: _GrantMaker, changes: dict[str, Any], why: str
) -> None:
    dated = {name: today() + one for name, one in changes.items() if isinstance(one, timedelta)}
    made = grant(WHOLE, **changes | dated)
    identity = _answers(city)["identity"]
    assert not identity.is_obtainable
    assert _missing(identity) == [why]
    assert made.id in identity.why.words("en")


def test_a_grant_of_another_service_item_counts_for_nothing(city: Session, grant: _GrantMaker) -> None:
    grant(WHOLE, item="talent_subsidy")
    assert not _answers(city)["identity"].is_obtainable


def test_a_withdrawn_resource_supplies_nothing_any_more(city: Session, grant: _GrantMaker) -> None:
    grant(WHOLE)
    directory.withdraw(city, "civil_affairs.marriage")
    marriage = _answers(city)["marriage"]
    assert _missing(marriage) == ["resource_not_published"]


def test_what_nobody_linked_yet_names_who_could_supply_it(city: Session) -> None:
    answers = _answers(city, "school_enrolment")
    insurance = answers["insurance"]
    assert _missing(insurance) == ["not_linked"]
    assert [(c.word, c.resource_id, c.item) for c in insurance.candidates] == [
        ("参保状态", "human_resources.insured", "insurance_status"),
        ("用人单位", "human_resources.insured", "employer"),
    ]
    identity = {c.word: c.department_id for c in answers["guardian_identity"].candidates}
    assert identity["姓名"] == "public_security"  # of five that hold names, the one whose word counts most
    assert answers["vaccination"].why.code == "applicant"
    assert answers["vaccination"].missing == ()


def test_a_certificate_replaces_its_paper_when_its_type_is_held_and_granted(city: Session, grant: _GrantMaker) -> None:
    licence = _answers(city, "construction_permit")["licence"]
    assert _missing(licence) == ["certificate_type_unknown"]
    row = {
        "entry": "1",
        "certificate_identifier": "1",
        "subject": "91330199MA9990019B",
        "certificate_type": "营业执照",
        "state": "01",
    }
    city.execute(insert(golden_table("certificate")).values(**row, sources=[], batches=[]))
    assert _missing(_answers(city, "construction_permit")["licence"]) == ["no_grant"]
    grant(("certificate_type", "state"), "certificate", "construction_permit")
    answers = _answers(city, "construction_permit")
    assert answers["licence"].is_obtainable
    assert "电子证照“营业执照”" in answers["licence"].why.words("zh")
    assert _missing(answers["qualification"]) == ["certificate_type_unknown"]
    other = {"entry": "2", "certificate_identifier": "2", "certificate_type": "施工企业资质证书"}
    city.execute(insert(golden_table("certificate")).values(**(row | other), sources=[], batches=[]))
    qualification = _answers(city, "construction_permit")["qualification"]
    assert "证照编号、证照颁发机构、有效期截止" in qualification.why.words("zh")
    assert answers["safety"].certificate_candidates == ()


def test_another_department_can_be_asked_as_long_as_it_exists(city: Session) -> None:
    assert _answers(city, "hazardous_permit")["training"].is_obtainable
    services.save(city, _changed(city, "hazardous_permit", "training", target={"department": "nobody"}))
    assert _missing(_answers(city, "hazardous_permit")["training"]) == ["department_not_active"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "suspended"}, "suspended"),
        ({"match_keys": {"申请人姓名": "name"}}, "no_key"),
        ({"target": {"resource": "public_security.resident", "items": ["nothing"]}}, "item_not_there"),
        ({"target": {"resource": "human_resources.insured", "items": ["insured_since"]}, "sufficient": []}, "item_not_collected"),
    ],
)  # fmt: skip
def test_a_broken_link_says_where_it_is_broken(
    city: Session, grant: _GrantMaker, changes: dict[str, Any], code: str
) -> None:
    grant(WHOLE)
    services.save(city, _changed(city, RENTAL, "identity", **changes))
    identity = _answers(city)["identity"]
    assert not identity.is_obtainable
    assert identity.why.code == code
    assert identity.why.words("zh") != identity.why.words("en")


def test_every_reason_has_its_words_in_both_languages() -> None:
    for code, words in yaml.safe_load(WORDS.read_text("utf-8")).items():
        assert set(words) == {"zh", "en"}, code
        assert set(re.findall(r"{(\w+)}", words["zh"])) == set(re.findall(r"{(\w+)}", words["en"])), code


def test_an_unknown_service_item_is_named(city: Session) -> None:
    with pytest.raises(Invalid, match=r"directory\.unknown_service_item"):
        obtainable(city, "nothing")


def test_a_service_item_is_found_by_its_national_code_too(city: Session) -> None:
    assert len(obtainable(city, "1133019999990011863331017001001")) == 6


def _changed(session: Session, item: str, material_id: str, **changes: Any) -> services.ServiceItemDocument:
    body = services.document_of(services.get(session, item)).model_dump(mode="json")
    body["materials"] = [m | changes if m["id"] == material_id else m for m in body["materials"]]
    return services.ServiceItemDocument.model_validate(body)
