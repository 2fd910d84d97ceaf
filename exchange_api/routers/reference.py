"""Why: the API reference must say of every question under /v1/ what the answering layer does to each: signed answers with a receipt, refusals as problem
documents with their real media type, the refusals that any of them may get, and examples. Said here once instead of at ninety routes. `app` calls.
"""

from typing import Any

from exchange_api.problems import MEDIA_TYPE, problem
from schemas.errors import HutongError
from schemas.messages.exchange import Problem

Document = dict[str, Any]
ANYWHERE: dict[int, HutongError] = {
    error.status: error
    for error in (
        HutongError("request.malformed", where="subjects", reason="it is missing"),
        HutongError("url.personal"),
        HutongError("signature.clock", seconds=-412),
        HutongError("item.not_granted", items="phone", granted="name, birth_date", library="population", grant="SQ-2026-000001"),
        HutongError("route.unknown"),
        HutongError("route.method", method="PUT", allowed="POST"),
        HutongError("request.slow", seconds=30),
        HutongError("request_id.reused", earlier="01890a5d-ac96-774b-bcce-b302099a8057"),
        HutongError("request.too_large", limit=1_048_576),
        HutongError("request.media_type"),
        HutongError("authority.unknown", authority="elsewhere.example"),
        HutongError("quota.exceeded", grant="SQ-2026-000001", quota=1000, used=1000, asked=1),
        HutongError("server.error"),
        HutongError("evidence.unavailable"),
    )
}  # fmt: skip
"""One refusal of each status that any question may get, as it is answered."""
_RECEIPT = "01890a5d-ac96-774b-bcce-b302099a8057"
_HEADERS = {
    "X-Receipt": "Id of the evidence entry; `none` for parts of the public log and when there is too much to do. 回执编号",
    "X-Request-Id": "The question's, or one of the hub's own. 请求编号",
    "Content-Digest": "RFC 9530: sha-256 of the body. 报文摘要",
    "Signature-Input": "RFC 9421, profile hutong-9421/1, label hub, bound to the question. 签名参数",
    "Signature": "By a key of /.well-known/jwks.json. 签名",
}
_PURPOSE = {"service_item": "public_rental_housing", "case": "XQ-2026-000001-01"}
_ASKED = {"grant": "SQ-2026-000001", "purpose": _PURPOSE}
EXAMPLES: dict[str, Any] = {
    "RecordsQuestion": {**_ASKED, "subjects": ["330199199001010011"], "items": ["name", "marital_status"]},
    "VerifyQuestion": {**_ASKED, "claims": [{"subject": "330199199001010011", "values": {"marital_status": "20"}}]},
    "CertificatesQuestion": {**_ASKED, "grant": "SQ-2026-000041", "subjects": ["330199199001010011"]},
    "CertificateFileQuestion": {
        **_ASKED, "grant": "SQ-2026-000041", "identifier": "1.2.156.3005.2.11100000000013338W001.12330106MB1234567X.0000001.001.K",
        "cause": "办理施工许可，核验权属",
    },
}  # fmt: skip
"""Whole questions as examples, by the model of the body."""


def complete(document: Document) -> Document:
    """Write into an OpenAPI document what holds for every question under /v1/, and return it."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.setdefault("Problem", Problem.model_json_schema())
    for name, example in EXAMPLES.items():
        if name in schemas:
            schemas[name]["examples"] = [example]
    components["headers"] = {
        name: {"description": words, "schema": {"type": "string"}} for name, words in _HEADERS.items()
    }
    components["responses"] = {f"Refused{status}": _refusal(error) for status, error in ANYWHERE.items()}
    for path, ways in document["paths"].items():
        for way in ways.values():
            if path.startswith("/v1/"):
                _complete(way)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document


def _complete(way: Document) -> None:
    said = way["responses"]
    for status in {*ANYWHERE, *(int(one) for one in said if int(one) >= 400)}:
        if status == 415 and "requestBody" not in way:
            continue
        known = status in ANYWHERE
        words = said.get(str(status), {}).get("description")
        said[str(status)] = {"$ref": f"#/components/responses/Refused{status}"} if known else _refusal(None, words)
    for status, one in said.items():
        if int(status) < 400:
            one.setdefault("headers", {}).update(_named())
    way["responses"] = dict(sorted(said.items()))


def _refusal(error: HutongError | None, words: str | None = None) -> Document:
    content: Document = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if error is not None:
        content["example"] = problem(error, _RECEIPT)
        words = f"{error.entry.title['en']} {error.entry.title['zh']}"
    return {"description": words or "Refused. 拒绝", "headers": _named(), "content": {MEDIA_TYPE: content}}


def _named() -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
