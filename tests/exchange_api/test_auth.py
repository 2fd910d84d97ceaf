"""A caller's key works while it is registered and active, under its own application and algorithm, and not a moment longer."""

import json
from typing import Any

import pytest
from sqlalchemy.orm import Session

from exchange_api import applications
from exchange_api.signing import Algorithm, SoftwareSigner
from tests.exchange_api.promptly import within_a_second


@pytest.fixture(params=["ed25519", "ecdsa-p256-sha256"])
def newcomer(exchange_site: Any, request: pytest.FixtureRequest) -> SoftwareSigner:
    """A second key of the same application, registered at its desk."""
    algorithm: Algorithm = request.param
    signer = SoftwareSigner.generate(algorithm)
    with Session(exchange_site.engine) as session:
        applications.register_key(session, "housing.desk", signer.public.jwk)
        session.commit()
    return signer


def test_a_key_works_from_registration_until_its_end(exchange_site: Any, newcomer: SoftwareSigner) -> None:
    request, response = exchange_site.ask(exchange_site.asking(), signer=newcomer)
    assert response.status == 200, response.body
    assert exchange_site.check(request, response).keyid == newcomer.keyid
    with Session(exchange_site.engine) as session:
        applications.end_key(session, "housing.desk", newcomer.keyid)
        session.commit()
    response = within_a_second(
        lambda: exchange_site.ask(exchange_site.asking(), signer=newcomer)[1], lambda told: told.status != 200
    )
    assert json.loads(response.body)["code"] == "signature.unknown_key"


def test_keys_of_two_applications_are_two_callers(exchange_site: Any) -> None:
    own = exchange_site.ask(exchange_site.asking("SQ-2026-000007"), signer=exchange_site.other_signer)
    foreign = exchange_site.ask(exchange_site.asking("SQ-2026-000007"))
    assert [own[1].status, foreign[1].status] == [200, 403]
