"""Why: what a caller may have. A grant is loaded once, compiled (one masking function per attribute), and every question is held against it.
Anything outside is refused by name, never dropped. Called by delivery; the desk `grants` writes what is read here.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from exchange_api.grant.rows import Admits, columns_of, compile_rows
from exchange_api.grant.terms import RowRule, is_within
from exchange_api.masking import Form, Masking, compile_mask
from schemas.calendar import CHINA, today
from schemas.errors import Denied, Invalid
from schemas.identifiers import parse_citizen_id, parse_place_code, parse_uscc
from schemas.library import Library, library
from schemas.messages.exchange import Purpose

FIND_GRANT = """
SELECT g.*, (SELECT json_agg(json_build_object('attribute', i.attribute, 'form', i.form, 'version', i.resource_version_id) ORDER BY i.attribute)
    FROM exchange.grant_items i WHERE i.grant_id = g.id) AS items,
    (SELECT json_agg(json_build_array(r.quota, r.day, r.until)) FROM exchange.quota_requests r
        WHERE r.grant_id = g.id AND r.state = 'approved' AND r.until >= current_date - 1) AS raises,
    s.state <> '1' OR d.state = 'dissolved' OR EXISTS (
        SELECT FROM exchange.grant_items i JOIN directory.resource_versions v ON v.id = i.resource_version_id
        JOIN directory.resources r ON r.id = v.resource_id JOIN directory.departments p ON p.id = r.department_id
        WHERE i.grant_id = g.id AND p.state = 'dissolved') AS is_baseless,
    EXISTS (SELECT FROM exchange.sandboxes x WHERE x.application_id = g.application_id AND x.ended_at IS NULL) AS is_testing
FROM exchange.grants g JOIN directory.service_items s ON s.id = g.service_item_id
JOIN exchange.applications a ON a.id = g.application_id JOIN directory.departments d ON d.id = a.department_id
WHERE g.id = $1 AND ($2::text IS NULL OR g.application_id = $2)
"""
_SAME = (
    "id", "application_id", "library", "service_item_id", "state", "is_case_required", "is_source_shown", "quota_per_day", "subjects_per_call",
    "valid_from", "valid_until", "hours", "burst_per_minute",
)  # fmt: skip
_CITIZEN_ID = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")


@dataclass(frozen=True, slots=True)
class GrantedItem:
    """One attribute, how its value may be shown, and where it stands among the library's attributes."""

    attribute: str
    form: Form
    mask: Masking
    position: int
    version: str


@dataclass(frozen=True, slots=True)
class Permit:
    """A grant as delivery needs it."""

    id: str
    application_id: str
    library: str
    service_item_id: str
    state: str
    suspended_by: tuple[str, ...]
    is_case_required: bool
    is_source_shown: bool
    quota_per_day: int
    subjects_per_call: int
    valid_from: date
    valid_until: date
    items: dict[str, GrantedItem]
    modes: frozenset[str] = frozenset(("query", "verify"))
    hours: str | None = None
    burst_per_minute: int | None = None
    raises: tuple[tuple[int, date, date], ...] = ()
    """Approved quotas with the first and last day on which each holds."""
    rows: tuple[RowRule, ...] = ()
    admits: Admits | None = None
    """Whether a stored row may be seen; None: all may."""
    is_sandbox: bool = False
    """Made up, like the records it gives (`exchange_api.sandbox`)."""
    is_testing: bool = False
    """A real grant of an application that is in testing: not to be used."""

    def quota_on(self, day: date) -> int:
        """Return how many subjects may be asked for on a day: the granted quota, or more where that was approved."""
        return max((quota for quota, first, last in self.raises if first <= day <= last), default=self.quota_per_day)


async def load_permit(pool: Any, grant_id: str, application_id: str | None = None) -> Permit | None:
    """Return the compiled grant, or None when there is none of this id; of this application when one is named."""
    row = await pool.fetchrow(FIND_GRANT, grant_id, application_id)
    if row is None:
        return None
    spec = library(row["library"])
    items = [_item(spec, one) for one in json.loads(row["items"] or "[]")]
    flags = {name: row[f"suspended_by_{name}"] for name in ("consumer", "provider", "platform")}
    flags["platform"] |= row[
        "is_baseless"
    ]  # at once; its notice and its place in the timeline follow (grant.foundations)
    rules = tuple(RowRule.model_validate(rule) for rule in json.loads(row["rows"]))
    return Permit(
        **{name: row[name] for name in _SAME},
        suspended_by=tuple(name for name, is_set in flags.items() if is_set),
        items={item.attribute: item for item in sorted(items, key=lambda item: item.position)},
        modes=frozenset(row["modes"]), rows=rules, admits=compile_rows(rules), is_testing=row["is_testing"],
        raises=tuple(_raise(*one) for one in json.loads(row["raises"] or "[]")),
    )  # fmt: skip


def check_grant(permit: Permit | None, application_id: str, library_name: str) -> Permit:
    """Return the permit if this application may use it now for this library; raises Denied grant.*. Another's grant is as unknown as none."""
    if permit is None or permit.application_id != application_id:
        raise Denied("grant.unknown")
    if permit.library != library_name:
        raise Denied("grant.other_library", grant=permit.id, granted=permit.library)
    if permit.is_testing:
        raise Denied("grant.testing", grant=permit.id)
    if permit.state != "active":
        raise Denied("grant.not_active", grant=permit.id, state=permit.state)
    if permit.suspended_by:
        raise Denied("grant.suspended", grant=permit.id, by=", ".join(permit.suspended_by))
    if not permit.valid_from <= today() <= permit.valid_until:
        raise Denied(
            "grant.outside_period", grant=permit.id, valid_from=permit.valid_from, valid_until=permit.valid_until
        )
    if permit.hours is not None and not is_within(permit.hours, datetime.now(CHINA)):
        raise Denied("grant.outside_hours", grant=permit.id, hours=permit.hours)
    return permit


def check_mode(permit: Permit, mode: str) -> None:
    """Hold the kind of question against those the grant may be used for; raises Denied grant.other_mode."""
    if mode not in permit.modes:
        raise Denied("grant.other_mode", grant=permit.id, mode=mode, granted=", ".join(sorted(permit.modes)))


def check_purpose(permit: Permit, purpose: Purpose) -> None:
    """Hold the named purpose against the grant; raises Denied purpose.mismatch, Invalid purpose.case_missing or purpose.case_personal."""
    if purpose.service_item != permit.service_item_id:
        raise Denied("purpose.mismatch", grant=permit.id, granted=permit.service_item_id)
    if permit.is_case_required and not purpose.case:
        raise Invalid("purpose.case_missing", grant=permit.id)
    if purpose.case and _CITIZEN_ID.search(purpose.case):
        raise Invalid("purpose.case_personal")


def choose_items(permit: Permit, wanted: Sequence[str] | None) -> tuple[GrantedItem, ...]:
    """Return the granted items asked for (all when None), in the library's order; raises Denied item.not_granted, Invalid item.unknown."""
    if wanted is None:
        return tuple(permit.items.values())
    known = library(permit.library).attribute_ids
    facts = {"granted": ", ".join(permit.items), "library": permit.library, "grant": permit.id}
    if unknown := [one for one in wanted if one not in known]:
        raise Invalid("item.unknown", items=", ".join(unknown), **facts)
    if outside := [one for one in wanted if one not in permit.items]:
        raise Denied("item.not_granted", items=", ".join(outside), **facts)
    return tuple(item for item in permit.items.values() if item.attribute in wanted)


def check_comparable(items: Sequence[GrantedItem]) -> None:
    """Refuse comparing what is granted masked: guessing would disclose the hidden part. Raises Denied item.form."""
    if masked := [item.attribute for item in items if item.form == "masked"]:
        raise Denied("item.form", items=", ".join(masked))


def check_subjects(permit: Permit, subjects: Sequence[str]) -> None:
    """Check number and form of subjects; raises Invalid subjects.count, subject.repeated, subject.malformed (by position, never by value)."""
    if not 1 <= len(subjects) <= permit.subjects_per_call:
        raise Invalid("subjects.count", found=len(subjects), allowed=permit.subjects_per_call)
    spec, seen = library(permit.library), set[str]()
    for position, subject in enumerate(subjects):
        if subject in seen:
            raise Invalid("subject.repeated", position=position)
        seen.add(subject)
        try:
            _parse_subject(spec, subject)
        except Invalid as wrong:
            raise Invalid("subject.malformed", position=position, kind=spec.subject.name, cause=wrong.code) from None


def is_subject(spec: Library, subject: str) -> bool:
    """Say whether a library's keys look like this."""
    try:
        _parse_subject(spec, subject)
    except Invalid:
        return False
    return True


def admitted(permit: Permit, rows: list[Any]) -> list[Any]:
    """Return the rows that the grant's rules let through: the others are answered as if there were none."""
    return rows if permit.admits is None else [row for row in rows if permit.admits(row)]


def columns(permit: Permit, items: Sequence[GrantedItem]) -> tuple[str, ...]:
    """Return the attributes to read for an answer: the items asked for, and those by which the grant's rules judge a row."""
    wanted = tuple(item.attribute for item in items)
    return wanted if permit.admits is None else tuple(dict.fromkeys((*wanted, *columns_of(permit.rows))))


def _raise(quota: int, first: str, last: str) -> tuple[int, date, date]:
    return quota, date.fromisoformat(first), date.fromisoformat(last)


def _parse_subject(spec: Library, subject: str) -> None:
    if spec.subject.check == "pattern":
        if not re.fullmatch(str(spec.subject.pattern), subject):
            raise Invalid("identifier.pattern", kind=spec.subject.name)
    else:
        _PARSERS[spec.subject.check](subject)


def _parse_holder_code(subject: str) -> None:
    try:
        parse_uscc(subject)
    except Invalid:
        parse_citizen_id(subject)


_PARSERS: dict[str, Callable[[str], object]] = {
    "citizen_id": parse_citizen_id,
    "uscc": parse_uscc,
    "holder_code": _parse_holder_code,
    "place_code": parse_place_code,
}


def _item(spec: Library, row: dict[str, Any]) -> GrantedItem:
    attribute = spec.attribute(row["attribute"])
    position = spec.attribute_ids.index(attribute.id)
    return GrantedItem(attribute.id, row["form"], compile_mask(attribute, row["form"]), position, row["version"])
