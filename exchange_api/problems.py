"""Why: every refusal looks alike: an RFC 9457 problem document in both languages that names the check that failed and the way to mend it.
Called by sealing and the portal's API pages. No framework; a document never holds personal data.
"""

from typing import Any

from pydantic import ValidationError

from schemas.errors import ErrorCode, HutongError, Invalid, error_codes

MEDIA_TYPE = "application/problem+json"


def problem(error: HutongError, receipt: str) -> dict[str, Any]:
    """Return the problem document of `error`, answered under `receipt`; facts become members of `facts`."""
    facts = {
        name: value if isinstance(value, int | float | str | bool) else str(value)
        for name, value in error.facts.items()
    }
    document: dict[str, Any] = {
        "type": f"/v1/errors#{error.code}",
        "title": error.title("en"),
        "status": error.status,
        "detail": f"{error.title('en')} {error.remedy('en')}",
        "code": error.code,
        "remedy": error.remedy("en"),
        "title_zh": error.title("zh"),
        "remedy_zh": error.remedy("zh"),
        "receipt": receipt,
        "facts": facts,
    }
    if error.code == "signature.clock":
        document["clock_difference"] = facts["seconds"]
    return document


def malformed(wrong: ValidationError) -> Invalid:
    """Return the refusal of a body that is not in form: the first fault, where it is, never the value found there (it may be personal)."""
    fault = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    if fault["type"] == "json_invalid":
        return Invalid("request.not_json")
    where = ".".join(_step(part) for part in fault["loc"]) or "the body"
    return Invalid(
        "request.malformed", where=where, reason=_REASONS.get(fault["type"], fault["type"].replace("_", " "))
    )


def catalogue() -> list[dict[str, Any]]:
    """Return every error code with its meaning and remedy, for GET /v1/errors."""
    return [_described(entry) for _, entry in sorted(error_codes().items())]


def _described(entry: ErrorCode) -> dict[str, Any]:
    return {"code": entry.code, "status": entry.status, "title": entry.title, "remedy": entry.remedy}


def _step(part: int | str) -> str:
    text = str(part)
    is_name = text.replace("_", "").isalpha() and text.isascii() and len(text) <= 64
    return text if isinstance(part, int) or is_name else "?"


_REASONS = {
    "missing": "it is missing",
    "extra_forbidden": "there is no such member",
    "string_pattern_mismatch": "it has characters or a length that are not allowed",
    "string_too_long": "it is too long",
    "string_too_short": "it is too short",
    "too_short": "it has too few parts",
    "too_long": "it has too many parts",
    "model_type": "it must be an object",
    "tuple_type": "it must be a list",
    "string_type": "it must be text",
}
