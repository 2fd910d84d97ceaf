"""Questions made up from the API reference, in which grant, purpose and subjects are put that are there: so that they reach the answer, not only a refusal."""

import uuid
from typing import Any

from hypothesis import strategies as st

PARTS = {
    "population": "SQ-2026-000001",
    "legal_entity": "SQ-2026-000010",
    "certificate": "SQ-2026-000009",
    "credit": "SQ-2026-000013",
}
"""Grants of the shared exchange by library."""
ITEMS = {"population": "name", "legal_entity": "name", "certificate": "holder_name", "credit": "title"}
RECORDS = (
    "/v1/libraries/{library}/query",
    "/v1/libraries/{library}/verify",
    "/v1/certificates/query",
    "/v1/certificates/verify",
)

LEAST = dict.fromkeys(RECORDS, 0.2) | {
    "/v1/certificates/verify": 0.1
}  # of certificates only one item is granted that can be compared


def reached(path: str) -> float:
    """The share of questions at this path that must be answered, not refused."""
    return LEAST.get(path, 0.0)


@st.composite
def sensible(draw: Any, site: Any, operation: Any, path: str) -> Any:
    """A case of the operation; of questions for records two in three made sensible, each part of them kept as it was made up now and then."""
    case = draw(operation.as_strategy())
    if path not in RECORDS or not draw(st.sampled_from((True, True, False))) or not isinstance(case.body, dict):
        return case
    library = draw(st.sampled_from(("population", "legal_entity", "credit"))) if "{library}" in path else "certificate"
    if "{library}" in path:
        case.path_parameters = {"library": library}
    body = {name: value for name, value in case.body.items() if name in ("grant", "purpose", "items", "dry_run")}
    body |= {"grant": PARTS[library], "purpose": dict(site.purpose), "items": [ITEMS[library]]}
    subjects = draw(st.lists(st.sampled_from(_subjects(site, library)), min_size=1, max_size=3, unique=True))
    if path.endswith("/verify"):
        body.pop("items")
        body["claims"] = _claims(site, library, subjects)
    else:
        body["subjects"] = subjects
    if draw(st.integers(0, 5)) == 0:  # and one part as it was made up
        part = draw(st.sampled_from(sorted(body)))
        body[part] = case.body.get(part, body[part]) if isinstance(case.body, dict) else body[part]
    case.body = body
    case.headers = {**(case.headers or {}), "content-type": "application/json", "x-request-id": str(uuid.uuid4())}
    return case


def _subjects(site: Any, library: str) -> list[str]:
    return [site.company] if library == "legal_entity" else [*site.people[:5], site.unknown_person]


def _claims(site: Any, library: str, subjects: list[str]) -> list[dict[str, Any]]:
    if library == "certificate":  # what is granted masked is not compared
        return [{"identifier": f"{site.certificate}0", "values": {"certificate_type": "不动产权证书"}}]
    return [{"subject": one, "values": {ITEMS[library]: "欧阳小一"}} for one in subjects]
