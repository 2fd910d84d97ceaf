"""Every refusal of the machine interface, each by a real request: it names the failing check, is signed and bound to the question, and leaves evidence."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exchange_api.signing import Request, Response, SoftwareSigner, public_key_from_jwk, verify_response

Ask = Callable[[Any], Request]
QUERY = "/v1/libraries/population/query"
VERIFY = "/v1/libraries/population/verify"


def _with(**headers: str | None) -> Ask:
    """A good question with headers changed or taken away after signing."""

    def ask(site: Any) -> Request:
        good: Request = site.question(site.asking())
        changed = {**good.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return replace(good, headers={name: value for name, value in changed.items() if value is not None})

    return ask


def _asks(document: Callable[[Any], Any] | Any, path: str = QUERY, **changes: Any) -> Ask:
    """A well-signed question."""
    return lambda site: site.question(document(site) if callable(document) else document, path, **changes)


def _grant(grant: str, **more: Any) -> Ask:
    return _asks(lambda site: site.asking(grant, **more))


def _timed(**seconds: int) -> Ask:
    """A question whose times are so many seconds from the moment it is asked, which may be long after this file was read."""
    return lambda site: site.question(
        site.asking(), **{name: int(time.time()) + offset for name, offset in seconds.items()}
    )


def _body(**members: Any) -> Ask:
    return _asks(lambda site: {**site.asking(), **members})


def _resigned(old: str, new: str) -> Ask:
    """A question whose signature parameters were changed, so that the signature no longer fits or the form is wrong."""

    def ask(site: Any) -> Request:
        good: Request = site.question(site.asking())
        return replace(
            good, headers={**good.headers, "signature-input": good.headers["signature-input"].replace(old, new)}
        )

    return ask


def _short_nonce(site: Any) -> Request:
    good: Request = site.question(site.asking())
    start, _, rest = good.headers["signature-input"].partition('nonce="')
    return replace(
        good, headers={**good.headers, "signature-input": f'{start}nonce="short"{rest[rest.index(chr(34)) + 1 :]}'}
    )


def _replayed(site: Any) -> Request:
    good: Request = site.question(site.asking())
    assert site.send(good).status == 200
    return good


def _reused_id(site: Any) -> Request:
    first = site.question(site.asking())
    assert site.send(first).status == 200
    again: Request = site.question(
        site.asking(subjects=site.people[1:2]), headers={"x-request-id": first.headers["x-request-id"]}
    )
    return again


def _quota(site: Any) -> Request:
    site.send(site.question(site.asking("SQ-2026-000006", site.people[:3])))
    return site.question(site.asking("SQ-2026-000006"))  # type: ignore[no-any-return]


def _personal_url(site: Any) -> Request:
    return site.question(None, "/v1/receipts", method="GET", query=f"subject={site.people[0]}")  # type: ignore[no-any-return]


def _masked_claim(site: Any) -> Any:
    claims = [{"subject": site.people[0], "values": {"name": "某"}}]
    return {"grant": "SQ-2026-000002", "purpose": site.purpose, "claims": claims}


def _long_header(site: Any) -> Request:
    headers = {"content-type": f"application/json; note={'a' * 66_000}"}
    return site.question(site.asking(), headers=headers)  # type: ignore[no-any-return]


def _fresh_receipt(site: Any) -> Request:
    receipt = site.send(site.question(site.asking())).headers["x-receipt"]
    return site.question(None, f"/v1/receipts/{receipt}", method="GET")  # type: ignore[no-any-return]


REFUSALS: dict[str, tuple[int, str, Ask]] = {
    "no signature": (401, "signature.missing", _with(signature=None, signature_input=None)),
    "unreadable signature": (401, "signature.malformed", _with(signature="sig1=nonsense")),
    "covers too little": (401, "signature.components", _resigned(' "@query"', "")),
    "valid too long": (401, "signature.lifetime", _timed(expires=4000)),
    "clock slow": (401, "signature.clock", _timed(created=-4000)),
    "clock fast": (401, "signature.clock", _timed(created=4000)),
    "expired": (401, "signature.expired", _timed(created=-60, expires=-30)),
    "short nonce": (401, "signature.nonce", _short_nonce),
    "unknown key": (401, "signature.unknown_key", _asks(lambda s: s.asking(), signer=SoftwareSigner.generate())),
    "changed request id": (401, "signature.wrong", _with(x_request_id="0190f0c4-7d3b-7c3a-9a55-0d3b6f3c2a11")),
    "no digest": (400, "digest.missing", _with(content_digest=None)),
    "changed body": (400, "digest.wrong", lambda s: replace(s.question(s.asking()), body=b"{}")),
    "replayed": (409, "nonce.replayed", _replayed),
    "another host": (421, "authority.unknown", _asks(lambda s: s.asking(), authority="hub.elsewhere:8443")),
    "no request id": (400, "request_id.missing", _with(x_request_id=None)),
    "request id is no UUID": (400, "request_id.malformed", _asks(lambda s: s.asking(), headers={"x-request-id": "seven"})),
    "no content type": (400, "content_type.missing", _with(content_type=None)),
    "unknown query parameter": (422, "request.malformed", _asks(lambda s: s.asking(), query="other=true")),
    "address not in plain form": (400, "path.malformed", _asks(lambda s: s.asking(), query='dry-run="true"')),
    "headers too large for an entry": (422, "evidence.too_large", _long_header),
    "receipt not yet in the log": (404, "receipt.pending", _fresh_receipt),
    "unclear dry run": (422, "request.malformed", _asks(lambda s: s.asking(), query="dry-run=perhaps")),
    "reused request id": (409, "request_id.reused", _reused_id),
    "not JSON": (400, "request.not_json", _asks(None, body=b"{")),
    "not sent as JSON": (415, "request.media_type", _asks(lambda s: s.asking(), headers={"content-type": "text/plain"})),
    "too large": (413, "request.too_large", _asks(None, body=b" " * 1_048_577)),
    "unknown member": (422, "request.malformed", _body(fields=["name"])),
    "no grant": (422, "request.malformed", _asks({"purpose": {"service_item": "x"}, "subjects": []})),
    "grant number with a NUL": (422, "request.malformed", _body(grant="SQ\x00")),
    "unknown grant": (403, "grant.unknown", _grant("SQ-2026-999999")),
    "another application's grant": (403, "grant.unknown", _grant("SQ-2026-000007")),
    "revoked grant": (403, "grant.not_active", _grant("SQ-2026-000004")),
    "suspended grant": (403, "grant.suspended", _grant("SQ-2026-000003")),
    "grant of another time": (403, "grant.outside_period", _grant("SQ-2026-000005")),
    "grant of another library": (403, "grant.other_library", _asks(lambda s: s.asking(), "/v1/libraries/credit/query")),
    "another purpose": (403, "purpose.mismatch", _body(purpose={"service_item": "tax.refund", "case": "1"})),
    "no case": (422, "purpose.case_missing", _body(purpose={"service_item": "housing.rental_subsidy"})),
    "a person as case": (422, "purpose.case_personal", _asks(lambda s: s.asking() | {"purpose": s.purpose | {"case": s.people[0]}})),
    "item outside the grant": (403, "item.not_granted", _body(items=["name", "address"])),
    "no such item": (422, "item.unknown", _body(items=["name", "salary"])),
    "comparing a masked item": (403, "item.form", _asks(_masked_claim, VERIFY)),
    "no subject": (422, "subjects.count", _grant("SQ-2026-000001", subjects=[])),
    "too many subjects": (422, "subjects.count", _asks(lambda s: s.asking("SQ-2026-000008", s.people[:3]))),
    "subject twice": (422, "subject.repeated", _asks(lambda s: s.asking(subjects=s.people[:1] * 2))),
    "mistyped subject": (422, "subject.malformed", _asks(lambda s: s.asking(subjects=[s.people[0][:-1] + "5"]))),
    "quota used up": (429, "quota.exceeded", _quota),
    "unknown library": (404, "library.unknown", _asks(lambda s: s.asking(), "/v1/libraries/weather/query")),
    "unknown address": (404, "route.unknown", _asks(None, "/v1/nothing", method="GET")),
    "wrong method": (405, "route.method", _asks(None, QUERY, method="GET")),
    "wrong method behind the layer": (405, "route.method", _asks(None, "/v1/errors", method="DELETE")),
    "person in a URL": (400, "url.personal", _personal_url),
    "unknown receipt": (404, "receipt.not_found", _asks(None, "/v1/receipts/00000000-0000-7000-8000-000000000000", method="GET")),
    "no such tile": (404, "log.no_tile", _asks(None, "/v1/log/tile/0/x999/999", method="GET")),
    "both keys of a certificate": (422, "request.malformed", _asks(lambda s: s.asking("SQ-2026-000009", identifiers=["1"]), "/v1/certificates/query")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_names_the_check_is_signed_and_leaves_evidence(exchange_site: Any, name: str) -> None:
    status, code, ask = REFUSALS[name]
    request = ask(exchange_site)
    response = exchange_site.send(request)
    problem = json.loads(response.body)
    assert (response.status, problem["code"]) == (status, code), problem
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["receipt"] == response.headers["x-receipt"]
    assert all(problem[member] for member in ("type", "title", "detail", "remedy", "title_zh", "remedy_zh"))
    assert "<" not in problem["detail"], "a fact is missing"
    entry = _check(exchange_site, request, response, code)
    assert (entry.kind, entry.status, entry.code) == ("refusal", status, code)
    assert not any(person in entry.document.decode() for person in exchange_site.people)
    assert not any(person in response.body.decode() for person in exchange_site.people)


def _check(site: Any, request: Request, response: Response, code: str) -> Any:
    if code == "url.personal":  # a person in the URL must not be kept, so neither is the proof of that address
        return site.entry(response.headers["x-receipt"])
    if code == "path.malformed":  # the general library does not even read such an address
        keys = {one["kid"]: public_key_from_jwk(one, one["kid"]) for one in site.jwks["keys"]}
        assert verify_response(response, request, keys.get).is_bound
        return site.entry(response.headers["x-receipt"])
    return site.check(request, response)


def test_a_wrong_clock_is_told_how_wrong_it_is(exchange_site: Any) -> None:
    begun = time.time()
    _, response = exchange_site.ask(exchange_site.asking(), created=int(begun) - 4000)
    assert abs(json.loads(response.body)["clock_difference"] + 4000) <= time.time() - begun + 2


def test_an_unknown_keys_refusal_holds_the_key_as_claimed(exchange_site: Any) -> None:
    stranger = SoftwareSigner.generate()
    request, response = exchange_site.ask(exchange_site.asking(), signer=stranger)
    entry = exchange_site.check(request, response)
    assert (entry.keyid, entry.application_id, entry.nonce) == (stranger.keyid, None, None)


def test_another_host_in_the_header_is_refused_under_the_name_it_gave(exchange_site: Any) -> None:
    request, response = exchange_site.ask(exchange_site.asking(), authority="evil.example")
    assert json.loads(response.body)["facts"]["authority"] == "evil.example"
    assert exchange_site.check(request, response).code == "authority.unknown"


def test_no_refusal_counts_against_the_quota(exchange_site: Any) -> None:
    before = exchange_site.used("SQ-2026-000001")
    exchange_site.ask(exchange_site.asking(items=["address"]))
    exchange_site.ask(exchange_site.asking(), query="dry-run=true")
    assert exchange_site.used("SQ-2026-000001") == before
