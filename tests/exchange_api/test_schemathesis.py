"""The API reference is true: what is made up from it, well-formed and not, signed by an application, is answered as it says, and never by a server error."""

import json
import time
import uuid
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from requests.auth import AuthBase
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from exchange_api.app import create_app
from exchange_api.conformance.probe import Seen
from exchange_api.conformance.seals import as_covered
from exchange_api.signing import Request, Response, public_key_from_jwk, sign_request, verify_response
from tests.exchange_api.sensible import RECORDS, reached, sensible

REFERENCE: dict[str, Any] = create_app().openapi()
OPERATIONS = [(path, method) for path, ways in REFERENCE["paths"].items() for method in ways]
EXAMPLES, EXAMPLES_OF_RECORDS = 4, 40
WAITING = ("log.empty", "receipt.pending")
"""Nothing is wrong with the server: the log takes things in later."""
SAYS_HOW_IT_IS = ("/readyz",)
"""503 is an answer here, in its own form: in the tests no sequencer is at work, so after a while the hub is not ready."""
CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]


class Signed(AuthBase):
    """Signs what goes out in the profile, as it stands on the wire."""

    def __init__(self, signer: Any) -> None:
        self.signer = signer
        self.asked: Request | None = None

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the headers of the profile in the place of those made up."""
        parts = urlsplit(str(prepared.url))
        body = prepared.body or b""
        body = body.encode() if isinstance(body, str) else body
        for name in ("signature", "signature-input", "content-digest", "x-request-id", "host"):
            prepared.headers.pop(name, None)
        headers = {
            "content-type": prepared.headers.get("content-type") or "application/json",
            "x-request-id": str(uuid.uuid4()),
        }
        bare = Request(str(prepared.method), parts.netloc, parts.path, parts.query, headers, body)
        headers |= sign_request(bare, self.signer, int(time.time()))
        prepared.headers.update({**headers, "accept-encoding": "identity"})
        self.asked = Request(bare.method, bare.authority, bare.path, bare.query, headers, body)
        return prepared


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method}:{path}" for path, method in OPERATIONS])
def test_every_operation_answers_as_the_reference_says(exchange_site: Any, path: str, method: str) -> None:
    operation = schemathesis.openapi.from_dict(REFERENCE)[path][method.upper()]
    find_key = {jwk["kid"]: public_key_from_jwk(jwk, jwk["kid"]) for jwk in exchange_site.jwks["keys"]}.get

    told: Counter[int] = Counter()

    @seed(7)
    @settings(
        max_examples=EXAMPLES_OF_RECORDS if path in RECORDS else EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=sensible(exchange_site, operation, path))
    def hold(case: Any) -> None:
        auth = Signed(exchange_site.signer)
        response = case.call(base_url=exchange_site.url, auth=auth, allow_redirects=False)
        told[response.status_code] += 1
        if response.status_code >= 500 and path not in SAYS_HOW_IT_IS:
            assert json.loads(response.content)["code"] in WAITING, response.content
        case.validate_response(response, checks=CHECKS)
        if path.startswith("/v1/"):
            headers = {name.lower(): ", ".join(values) for name, values in response.headers.items()}
            assert auth.asked is not None
            seen = Seen(auth.asked, Response(response.status_code, headers, response.content))
            verify_response(seen.response, as_covered(seen), find_key)

    hold()
    assert told[200] >= reached(path) * told.total(), f"too few were answered: {dict(told)}"


def test_every_question_says_what_may_be_refused_by_example() -> None:
    components = REFERENCE["components"]
    for path, ways in REFERENCE["paths"].items():
        for way in ways.values() if path.startswith("/v1/") else ():
            assert {"400", "401", "404", "405", "413", "422", "429", "500", "503"} <= set(way["responses"]), path
            assert way["summary"]
            for said in way["responses"].values():
                told = components["responses"][said["$ref"].rpartition("/")[2]] if "$ref" in said else said
                assert {"X-Receipt", "Signature"} <= set(told["headers"]), path
    for name, said in components["responses"].items():
        (media,) = said["content"].values()
        assert f"Refused{media['example']['status']}" == name
        assert media["example"]["remedy_zh"]
    assert "HTTPValidationError" not in json.dumps(REFERENCE)
