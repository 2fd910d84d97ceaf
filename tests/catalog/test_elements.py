"""The dictionary: every change is a version, one department leads, and base libraries hold nothing that is no data element."""

import pytest
import yaml
from sqlalchemy.orm import Session

from catalog import departments, elements
from catalog.departments import DepartmentDocument
from catalog.elements import TYPES, ElementDocument, contested
from hutong.demo.city_data import CITY
from schemas.errors import Invalid
from schemas.library import LIBRARIES, library

NAME = ElementDocument(
    id="person_name", name="姓名", synonyms=("名字",), type="C", length=50, lead_department_id="police"
)


@pytest.fixture
def bureaus(session: Session) -> Session:
    """A session with two departments."""
    for department in ("police", "civil"):
        departments.save(session, DepartmentDocument(id=department, name=department, short_name=department))
    return session


def test_every_change_is_a_version_and_no_change_is_none(bureaus: Session) -> None:
    assert elements.save(bureaus, NAME, by="甲")
    assert not elements.save(bureaus, NAME)
    assert elements.save(bureaus, NAME.model_copy(update={"length": 100}), by="乙")
    newest, first = elements.versions(bureaus, "person_name")
    assert (newest.version, newest.document["length"], newest.created_by) == (2, 100, "乙")
    assert (first.version, first.document["length"], first.created_by) == (1, 50, "甲")
    assert elements.get(bureaus, "person_name").version == 2


def test_a_second_lead_is_refused_by_name_until_the_authority_decides(bureaus: Session) -> None:
    elements.save(bureaus, NAME)
    claim = NAME.model_copy(update={"lead_department_id": "civil"})
    with pytest.raises(Invalid) as refused:
        elements.save(bureaus, claim)
    assert refused.value.code == "directory.second_lead"
    for name in ("police", "civil", "姓名"):
        assert name in refused.value.title("zh")
    assert elements.reassign_lead(bureaus, "person_name", "civil", by="数据局")
    assert not elements.save(bureaus, claim)
    assert elements.versions(bureaus, "person_name")[0].created_by == "数据局"


def test_saying_nothing_of_the_lead_leaves_it(bureaus: Session) -> None:
    elements.save(bureaus, NAME)
    assert not elements.save(bureaus, NAME.model_copy(update={"lead_department_id": None}))
    assert elements.get(bureaus, "person_name").lead_department_id == "police"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code_table": "no_such"}, "directory.unknown_code_table"),
        ({"lead_department_id": "nobody"}, "directory.unknown_department"),
    ],
)
def test_an_element_is_held_against_what_exists(bureaus: Session, changes: dict[str, str], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        elements.save(bureaus, NAME.model_copy(update=changes))
    assert refused.value.code == code


def test_a_word_of_two_elements_is_reported() -> None:
    other = ElementDocument(id="entity_name", name="机构名称", synonyms=("名字", "NAME"), type="C")
    third = ElementDocument(id="x", name="name", type="C")
    assert [(one.word, one.elements) for one in contested([NAME, other, third])] == [
        ("name", ("entity_name", "x")),
        ("名字", ("entity_name", "person_name")),
    ]


def test_attributes_of_base_libraries_are_filled_in_both_ways(bureaus: Session) -> None:
    elements.save(bureaus, NAME)
    assert elements.get(bureaus, "person_name").attributes == ["population.name"]
    elements.save(bureaus, ElementDocument(id="valid_from", name="有效期起始", type="D"))
    assert elements.get(bureaus, "valid_from").attributes == ["credit.valid_from", "certificate.valid_from"]
    elements.save(bureaus, ElementDocument(id="own", name="自有", type="C"))
    assert elements.get(bureaus, "own").attributes == []


def test_a_directory_without_a_dictionary_begins_with_the_libraries(bureaus: Session) -> None:
    elements.save(bureaus, NAME)
    assert elements.seed_libraries(bureaus) == len(elements.of_libraries()) - 1
    assert elements.seed_libraries(bureaus) == 0
    assert elements.get(bureaus, "person_name").length == 50  # what the dictionary said stays
    assert elements.get(bureaus, "uscc").sensitivity == "public"


def test_every_attribute_of_a_base_library_is_a_data_element_of_the_city() -> None:
    dictionary = {
        e["id"]: ElementDocument.model_validate(e) for e in yaml.safe_load((CITY / "elements.yml").read_text("utf-8"))
    }
    links = elements.attributes_of_libraries()
    assert set(links) <= set(dictionary)
    for name in LIBRARIES:
        assert f"{name}.subject" in links[library(name).subject.element]
        assert dictionary[library(name).subject.element].length == library(name).subject.length
        for attribute in library(name).attributes:
            element = dictionary[attribute.element]
            assert f"{name}.{attribute.id}" in links[attribute.element]
            assert TYPES[attribute.type] == {"M": "C"}.get(element.type, element.type), attribute.id
            assert attribute.length == element.length, attribute.id
            assert attribute.code_table in (None, element.code_table), attribute.id


def test_the_links_lead_back_to_the_attributes() -> None:
    for element, places in elements.attributes_of_libraries().items():
        for place in places:
            name, _, attribute = place.partition(".")
            spec = library(name)
            assert element == (spec.subject.element if attribute == "subject" else spec.attribute(attribute).element)
