"""The directory as DCAT-AP 3: conforms to the official shapes, says the same in both forms, needs no network and little memory."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from rdflib import DCAT, DCTERMS, FOAF, RDF, SKOS, Graph, URIRef
from rdflib.compare import isomorphic
from sqlalchemy.orm import Session

from catalog import dcat, departments, directory
from catalog.dcat.description import VCARD
from schemas.errors import Invalid
from schemas.resource import ResourceDocument
from schemas.tables.departments import Department
from schemas.tables.directory import Resource, ResourceVersion
from tests.catalog.conftest import resource

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib's own parsers still use it
SHAPES = Path(__file__).parent / "shapes" / "dcat-ap-3.0.0-shacl.jsonld"
BASE = "http://hutong.local"
RESIDENT = URIRef(f"{BASE}/catalog/resources/public_security.resident")


@cache
def shapes() -> Graph:
    return Graph().parse(SHAPES, format="json-ld")


def graph(text: str, form: str = "turtle") -> Graph:
    return Graph().parse(data=text, format=form)


def violations(found: Graph) -> str:
    conforms, _, words = pyshacl.validate(found, shacl_graph=shapes(), inference="none", advanced=False)
    return "" if conforms else words


@pytest.fixture
def published(directory_session: Session) -> Session:
    session = directory_session
    departments.save(session, departments.DepartmentDocument(
        id="public_security", name="兴和市公安局", short_name="公安局", parent_id="city", division_code="110101", sharing_office="科技处",
        contact={"name": "钱某", "phone": "010-0000 0001", "email": "kj@police.example"},
    ))  # fmt: skip
    spreadsheet = {"format": {"category": "2", "type": "xlsx"}, "category": "主题信息资源/交通运输"}
    others: list[dict[str, Any]] = [
        {"id": "city.roads", "name": "公路信息", "code": "201001/0001", "related_codes": ["101001/0001", "999999/9"], **spreadsheet,
         "sharing": {"type": 2, "condition": "用于规划", "mode": "文件"}},
        {"id": "city.secret_list", "name": "桥梁信息", "code": "201001/0002", **spreadsheet, "update_cycle": 7,
         "sharing": {"type": 3, "condition": "依据《某法》第三条", "mode": "文件"}},
        {"id": "city.open", "name": "公交信息", "code": "201001/0003", **spreadsheet, "sharing": {"type": 1, "mode": "文件"}, "is_open": True,
         "publish_date": "2026-01-05", "keywords": ["道路"], "duty": "道路管理", "update_cycle": 8, "open_condition": "无",
         "abstract": '公交“线路” "a"\\b\n@prefix x: <y> .\n\n"""'},
    ]  # fmt: skip
    for changes in others:
        body = resource(department="city", library=None, source=None, checks=[]) | changes
        directory.save_draft(session, ResourceDocument.model_validate(body))
    for row in directory.find(session, state="draft"):
        directory.publish(session, row.resource_id)
    return session


def test_the_directory_conforms_to_the_official_shapes(published: Session) -> None:
    found = graph(dcat.write(published))
    assert len(set(found.subjects(RDF.type, DCAT.Dataset))) == 4
    assert violations(found) == ""


@pytest.mark.parametrize(
    ("node", "what"),
    [
        (RESIDENT, DCTERMS.title),
        (URIRef(f"{BASE}/catalog"), DCTERMS.publisher),
        (URIRef(f"{RESIDENT}#distribution"), DCAT.accessURL),
        (URIRef(f"{BASE}/catalog/departments/city"), RDF.type),
        (URIRef("http://publications.europa.eu/resource/authority/frequency/DAILY"), RDF.type),
    ],
)
def test_the_shapes_would_catch_what_is_missing(published: Session, node: URIRef, what: URIRef) -> None:
    found = graph(dcat.write(published))
    assert (node, what, None) in found
    found.remove((node, what, None))
    assert violations(found) != ""


def test_both_forms_say_the_same_and_say_it_twice_alike(published: Session) -> None:
    turtle, json_ld = dcat.write(published), dcat.write(published, form="json-ld")
    assert isomorphic(graph(turtle), graph(json_ld, "json-ld"))
    assert (dcat.write(published), dcat.write(published, form="json-ld")) == (turtle, json_ld)
    assert isinstance(json.loads(json_ld)["@context"], dict)  # no address to fetch it from


def test_a_dataset_says_what_the_resource_says(published: Session) -> None:
    found = graph(dcat.write(published))
    authority = "http://publications.europa.eu/resource/authority/"
    said = {
        "title": found.value(RESIDENT, DCTERMS.title),
        "cycle": found.value(RESIDENT, DCTERMS.accrualPeriodicity),
        "rights": found.value(RESIDENT, DCTERMS.accessRights),
        "place": found.value(found.value(RESIDENT, DCTERMS.spatial), SKOS.prefLabel),
        "publisher": found.value(found.value(RESIDENT, DCTERMS.publisher), FOAF.name),
        "contact": found.value(found.value(RESIDENT, DCAT.contactPoint), VCARD.fn),
        "access": found.value(URIRef(f"{RESIDENT}#distribution"), DCAT.accessURL),
    }
    assert {name: str(value) for name, value in said.items()} == {
        "title": "常住人口登记信息",
        "cycle": f"{authority}frequency/DAILY",
        "rights": f"{authority}access-right/RESTRICTED",
        "place": "东城区",
        "publisher": "兴和市公安局",
        "contact": "科技处",
        "access": f"{BASE}/v1/libraries/population/query",
    }
    assert "钱某" not in dcat.write(published)  # offices, never persons
    assert (URIRef(f"{BASE}/catalog/exchange"), DCAT.servesDataset, RESIDENT) in found
    roads = URIRef(f"{BASE}/catalog/resources/city.roads")
    assert list(found.objects(roads, DCTERMS.relation)) == [RESIDENT]  # codes that nobody publishes are no relation


def test_open_and_refused_resources_say_so(published: Session) -> None:
    found = graph(dcat.write(published))
    rights = {
        str(node).rpartition(".")[2]: str(found.value(node, DCTERMS.accessRights)).rpartition("/")[2]
        for node in found.subjects(RDF.type, DCAT.Dataset)
    }
    assert rights == {"resident": "RESTRICTED", "roads": "RESTRICTED", "secret_list": "NON_PUBLIC", "open": "PUBLIC"}
    assert found.value(URIRef(f"{BASE}/catalog/resources/city.secret_list"), DCAT.distribution) is None


def test_one_resource_or_one_department(published: Session) -> None:
    one = graph(dcat.write(published, resources=["city.roads"]))
    assert list(one.subjects(RDF.type, DCAT.Dataset)) == [URIRef(f"{BASE}/catalog/resources/city.roads")]
    assert violations(one) == ""
    assert len(set(graph(dcat.write(published, department="city")).subjects(RDF.type, DCAT.Dataset))) == 3
    with pytest.raises(Invalid, match="no_such"):
        dcat.write(published, resources=["city.roads", "no_such"])
    with pytest.raises(Invalid, match="unknown_department"):
        dcat.write(published, department="nobody")


def test_an_empty_directory_is_a_catalogue_without_datasets(session: Session) -> None:
    assert violations(graph(dcat.write(session))) == ""


def test_addresses_follow_the_setting(published: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUTONG_PUBLIC_ADDRESS", "https://data.xinghe.example/")
    monkeypatch.setenv("HUTONG_DIRECTORY_PUBLISHER", "public_security")
    found = graph(dcat.write(published))
    assert (URIRef("https://data.xinghe.example/catalog"), RDF.type, DCAT.Catalog) in found
    assert BASE not in dcat.write(published)
    publisher = found.value(URIRef("https://data.xinghe.example/catalog"), DCTERMS.publisher)
    assert str(publisher) == "https://data.xinghe.example/catalog/departments/public_security"


def test_a_directory_of_several_parts_is_one_document(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.dcat.writing.PART", 20)
    session.add(Department(id="d", name="某局", short_name="某局", former_names=[], contact={}))
    session.flush()
    number = 41
    body = resource(department="d", library=None, source=None, checks=[])
    session.add_all(Resource(id=f"d.r{n}", department_id="d") for n in range(number))
    session.flush()
    session.add_all(
        ResourceVersion(
            id=f"d.r{n}@1",
            resource_id=f"d.r{n}",
            version=1,
            state="published",
            digest="",
            document={**body, "id": f"d.r{n}"},
        )
        for n in range(number)
    )
    session.flush()
    assert len(list(dcat.parts(session))) == 5
    turtle, json_ld = graph(dcat.write(session)), graph(dcat.write(session, form="json-ld"), "json-ld")
    assert len(set(turtle.objects(None, DCAT.dataset))) == number
    assert len(turtle) == len(json_ld)
