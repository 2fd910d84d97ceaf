"""An application in testing asks the real API about people who do not exist, and reaches nobody who does; once promoted it is the other way round."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from exchange_api.permit import check_subjects
from exchange_api.sandbox import city, permits
from schemas.errors import HutongError
from schemas.library import library
from schemas.masking import mask_of
from schemas.tables.exchange import Grant, GrantItem
from schemas.tables.sandbox import Sandbox
from tests.exchange_api.conftest import _seed_grant
from tests.exchange_api.promptly import within_a_second
from tests.exchange_api.tried import PURPOSE, Testing, run


@pytest.fixture(scope="module")
def testing(exchange_site: Any) -> Testing:
    return Testing(exchange_site, "housing.testing")


@pytest.mark.parametrize("kind", permits.KINDS)
def test_answers_are_made_up_and_marked_everywhere(testing: Testing, kind: str) -> None:
    document, response, entry = testing.ask(kind)
    assert (response.status, document["sandbox"], response.headers["x-hutong-sandbox"]) == (200, True, "true"), document
    assert entry["facts"]["sandbox"] is True
    assert (entry["subjects"], entry["batches"]) == ([], [])
    (record,) = document["records"]
    assert record["found"]
    assert set(record["values"]) == set(permits.KINDS[kind][1])


def test_masks_and_claims_are_those_of_production(testing: Testing) -> None:
    subject = city.subjects("population")[0]
    (held,) = city.find("population", [subject])
    (record,) = testing.ask("masked")[0]["records"]
    assert record["values"]["name"] == mask_of("name")(held["name"])
    assert record["values"]["phone"] == mask_of("phone")(held["phone"])
    claims = [{"subject": subject, "values": {"name": held["name"], "sex": "9"}}]
    asked = {"grant": testing.grants["population"], "purpose": PURPOSE, "claims": claims}
    _, response = testing.site.ask(asked, "/v1/libraries/population/verify", signer=testing.signer)
    assert json.loads(response.body)["verdicts"][0]["matches"] == {"name": True, "sex": False}


def test_nobody_who_exists_is_found(testing: Testing) -> None:
    document, _, _ = testing.ask(subjects=testing.site.people[:1])
    assert document["records"] == [{"subject": testing.site.people[0], "found": False}]
    assert document["sandbox"] is True


def test_the_libraries_are_not_even_read(testing: Testing) -> None:
    with testing.site.engine.connect() as holding:
        for name in ("population", "legal_entity", "population_history", "legal_entity_history"):
            holding.execute(text(f"LOCK TABLE library.{name} IN ACCESS EXCLUSIVE MODE"))
        for kind in permits.KINDS:
            for more in ({}, {"as_of": "2026-03-01"}, {"known_at": "2026-03-01T08:00:00+08:00"}):
                document, response, _ = testing.ask(kind, **more)
                assert (response.status, document["sandbox"]) == (200, True)
        holding.rollback()


def test_a_refusal_under_a_made_up_grant_is_marked_too(testing: Testing) -> None:
    document, response, entry = testing.ask(items=["phone"])
    assert (document["code"], document["sandbox"], entry["facts"]["sandbox"]) == ("item.not_granted", True, True)
    assert response.headers["x-hutong-sandbox"] == "true"


def test_real_answers_are_not_marked(testing: Testing) -> None:
    request, response = testing.site.ask(testing.site.asking())
    assert "sandbox" not in json.loads(response.body)
    assert "x-hutong-sandbox" not in response.headers
    assert "sandbox" not in json.loads(testing.site.check(request, response).document)["facts"]


def test_made_up_grants_are_for_their_application_and_for_questions_only(testing: Testing) -> None:
    asked = {"grant": testing.grants["population"], "purpose": PURPOSE, "subjects": testing.site.people[:1]}
    _, response = testing.site.ask(asked)
    assert json.loads(response.body)["code"] == "grant.unknown", "another application's sandbox"
    grant = testing.grants["population"]
    for method, path in (("GET", f"/v1/grants/{grant}/changes"), ("POST", f"/v1/grants/{grant}/exports")):
        _, response = testing.site.ask(
            {"format": "ndjson"} if method == "POST" else None, path, method=method, signer=testing.signer
        )
        assert response.status in (403, 422), response.body
    certificate = testing.ask(path="/v1/certificates/query")[0]
    assert certificate["code"] == "grant.other_library"
    receipt = testing.ask()[0]["receipt"]
    form = {"receipt": receipt, "subject": city.subjects("population")[0], "attribute": "name", "reason": "x"}
    _, response = testing.site.ask(form, "/v1/objections", signer=testing.signer)
    assert 400 <= response.status < 500, response.body


def test_asking_again_gives_the_same_receipt(testing: Testing) -> None:
    same = {"x-request-id": "01890a5d-ac96-774b-bcce-b302099a8057"}
    asked = {"grant": testing.grants["legal"], "purpose": PURPOSE, "subjects": city.subjects("legal_entity")[:1]}
    answers = [
        testing.site.ask(asked, "/v1/libraries/legal_entity/query", signer=testing.signer, headers=same)[1]
        for _ in "12"
    ]
    told = [json.loads(answer.body) for answer in answers]
    assert told[0] == told[1]


@pytest.fixture
def real_grant(testing: Testing) -> Iterator[str]:
    """A grant of real data, given to the application while it is in testing."""
    wanted = {"items": {"name": "full"}, "application_id": testing.name}
    with Session(testing.site.engine) as session:
        _seed_grant(session, "SQ-2026-000901", wanted)
        session.commit()
    yield "SQ-2026-000901"
    with Session(testing.site.engine) as session:
        session.execute(delete(GrantItem).where(GrantItem.grant_id == "SQ-2026-000901"))
        session.execute(delete(Grant).where(Grant.id == "SQ-2026-000901"))
        session.commit()


def test_a_real_grant_gives_nothing_in_testing(testing: Testing, real_grant: str) -> None:
    _, response = testing.site.ask(testing.site.asking(real_grant), signer=testing.signer)
    document = json.loads(response.body)
    assert (response.status, document["code"]) == (403, "grant.testing")
    assert "欧阳" not in response.body.decode()


def test_the_quota_is_small(exchange_site: Any) -> None:
    eager = Testing(exchange_site, "housing.eager")
    codes = []
    for _ in range(permits.QUOTA_PER_DAY // permits.SUBJECTS_PER_CALL + 1):
        codes.append(eager.ask(subjects=city.subjects("population")[: permits.SUBJECTS_PER_CALL])[0].get("code"))
    assert codes == [None] * (len(codes) - 1) + ["quota.exceeded"]
    assert eager.ask(subjects=city.subjects("population")[:6])[0]["code"] == "subjects.count"


def test_promotion_ends_it_at_once_and_lets_real_grants_work(exchange_site: Any) -> None:
    ready = Testing(exchange_site, "housing.ready")
    with Session(exchange_site.engine) as session:
        _seed_grant(session, "SQ-2026-000902", {"items": {"name": "full"}, "application_id": "housing.ready"})
        session.commit()
    assert "in production" in run(exchange_site, "promote", "housing.ready")
    run(exchange_site, "promote", "housing.ready")
    within_a_second(lambda: ready.ask()[0].get("code"), lambda code: code == "grant.unknown")
    _, response = exchange_site.ask(exchange_site.asking("SQ-2026-000902"), signer=ready.signer)
    assert response.status == 200, response.body
    with pytest.raises(HutongError) as refused:
        run(exchange_site, "open", "housing.ready", code=1)
    assert refused.value.code == "sandbox.in_production"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["open", "nobody.here"], "application.unknown"),
        (["open", "housing.desk"], "sandbox.in_production"),
        (["promote", "housing.desk"], "sandbox.unknown"),
        (["open", "housing.testing", "--as", "nobody"], "officer.unknown"),
    ],
)
def test_what_cannot_be_done_is_said_by_name(testing: Testing, words: list[str], code: str) -> None:
    with pytest.raises(HutongError) as refused:
        run(testing.site, *words, code=1)
    assert refused.value.code == code


def test_opening_again_changes_nothing(testing: Testing) -> None:
    before = testing.open("legal")
    assert testing.open("legal") == before
    with Session(testing.site.engine) as session:
        assert session.get_one(Sandbox, testing.name).ended_at is None


@pytest.mark.parametrize("kind", permits.KINDS)
def test_made_up_subjects_are_in_form(kind: str) -> None:
    name, forms = permits.KINDS[kind]
    assert set(forms) <= set(library(name).attribute_ids)
    assert len(city.subjects(name)) >= 3
    for subject in city.subjects(name):
        check_subjects(_Allows(name), [subject])  # type: ignore[arg-type]


class _Allows:
    """As much of a permit as the check of subjects reads."""

    subjects_per_call = 1

    def __init__(self, name: str) -> None:
        self.library = name
