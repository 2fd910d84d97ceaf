"""Why: a provider's terms for one demand come as fields of a form and go back as they were written, right or wrong. Called by the page of supply tasks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData

from exchange_api.grant.terms import Terms
from exchange_api.portal.visit import text_of, texts_of
from schemas.errors import Invalid

FIELDS = ("hours", "quota_per_day", "valid_until", "is_case_required")
ROWS = 3
_SEPARATORS = re.compile(r"[,，、;；\s]+")


@dataclass(frozen=True)
class RowWritten:
    """One rule on rows as it stands in the form."""

    attribute: str = ""
    kind: str = "prefix"
    values: str = ""


@dataclass(frozen=True)
class TermsWritten:
    """The terms for one demand as they stand in the form; wrong: the fields that cannot be read."""

    fields: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    rows: tuple[RowWritten, ...] = (RowWritten(),) * ROWS
    wrong: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was written."""
        return not any(self.fields.values()) and not any(row.attribute or row.values for row in self.rows)


def written(form: FormData, demand_id: str) -> TermsWritten:
    """Read the fields of one demand's terms."""
    said = {name: text_of(form, f"{name}_{demand_id}") for name in FIELDS}
    parts = (texts_of(form, f"row_{part}_{demand_id}")[:ROWS] for part in ("attribute", "kind", "values"))
    rows = tuple(RowWritten(*row) for row in zip(*parts, strict=False))
    return TermsWritten(said, (*rows, *(RowWritten(),) * (ROWS - len(rows))))


def kept(terms: Mapping[str, Any]) -> TermsWritten:
    """Return kept terms as fields."""
    said = {name: "" if terms.get(name) is None else str(terms[name]) for name in FIELDS}
    said["is_case_required"] = {"True": "yes", "False": "no"}.get(said["is_case_required"], "")
    rows = tuple(
        RowWritten(row["attribute"], row.get("kind", "in"), "、".join(row["values"])) for row in terms.get("rows", ())
    )
    return TermsWritten(said, (*rows, *(RowWritten(),) * (ROWS - len(rows))))


def read(said: TermsWritten) -> Terms:
    """Return what was written as terms. Raises ValidationError, Invalid `grant.hours`."""
    given: dict[str, Any] = {name: text for name, text in said.fields.items() if text}
    if "is_case_required" in given:
        given["is_case_required"] = given["is_case_required"] == "yes"
    given["rows"] = [
        {"attribute": row.attribute, "kind": row.kind, "values": [one for one in _SEPARATORS.split(row.values) if one]}
        for row in said.rows
        if row.attribute or row.values
    ]
    return Terms.model_validate(given)


def wrong_fields(error: ValidationError | Invalid) -> frozenset[str]:
    """Return the fields that an error of `read` speaks of."""
    if isinstance(error, Invalid):
        return frozenset({"hours"})
    return frozenset(str(one["loc"][0]) if one["loc"] else "rows" for one in error.errors(include_input=False))
