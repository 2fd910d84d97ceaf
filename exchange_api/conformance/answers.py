"""Why: what docs/protocol.md says under "Asking" and "Answering" of an answer with records: no more than granted, in the granted form, the same when asked
again. Needs a grant. Entered into `rules`; `kit` calls.
"""

import hashlib
import json
import uuid
from typing import Any

from exchange_api.conformance.probe import Failed, Probe, Seen, Unchecked, expect
from exchange_api.conformance.rules import rule
from schemas.library import LIBRARIES, library


def answered(probe: Probe, **changes: Any) -> Seen:
    """Ask under the grant; raises Failed unless it was answered with records."""
    extra = {name: changes.pop(name) for name in ("items", "as_of", "known_at") if name in changes}
    seen = probe.ask(probe.body(**extra), **changes)
    document = seen.document
    if seen.response.status != 200 or not isinstance(document, dict) or not isinstance(document.get("records"), list):
        raise Failed(f"{seen}; expected records")
    return seen


def _dry(probe: Probe) -> Seen:
    return probe.ask(probe.body(), query="dry-run=true")


@rule("answering.records", ("获授权的请求得到记录", "a granted question is answered with records"), "grant")
def records(probe: Probe) -> str:
    """Ask for one subject."""
    seen = answered(probe)
    missing = [name for name in ("receipt", "grant", "library", "known_at", "items") if name not in seen.document]
    if missing:
        raise Failed(f"{seen}: the answer names no {', '.join(missing)}")
    return str(seen)


@rule("answering.dry_run", ("试运行不给数据", "a dry run gives no data"), "grant")
def dry_run(probe: Probe) -> str:
    """Ask for a dry run."""
    seen = _dry(probe)
    document = seen.document
    if seen.response.status != 200 or not isinstance(document, dict) or document.get("dry_run") is not True:
        raise Failed(f"{seen}; expected dry_run: true")
    if "records" in document or "verdicts" in document:
        raise Failed(f"{seen}: a dry run answered with data")
    return f"would answer {', '.join(document.get('would_answer', {}))}"


@rule("answering.granted_only", ("不给授权以外的字段", "no field beyond the grant is given"), "grant")
def granted_only(probe: Probe) -> str:
    """Hold the fields of records against what the dry run says is granted."""
    granted = (_dry(probe).document or {}).get("would_answer", {})
    given = answered(probe).document
    beyond = set(given.get("items", {})) - set(granted)
    for record in given["records"]:
        beyond |= set(record.get("values") or {}) - set(granted)
    if beyond:
        raise Failed(f"values beyond the grant: {', '.join(sorted(beyond))}; granted: {', '.join(granted)}")
    return f"only {', '.join(granted)}"


@rule("answering.outside", ("授权以外的信息项被点名拒绝", "an item outside the grant is refused by name"), "grant")
def outside(probe: Probe) -> str:
    """Ask for an attribute that is not granted, and for one that is none."""
    expect(probe.ask(probe.body(items=["no_such_attribute"])), "item.unknown")
    granted = (_dry(probe).document or {}).get("would_answer", {})
    known = library(probe.given.library).attribute_ids if probe.given.library in LIBRARIES else ()
    other = next((name for name in known if name not in granted), None)
    if other is None:
        return "item.unknown"
    seen = probe.ask(probe.body(items=[*granted, other]))
    expect(seen, "item.not_granted")
    if other not in json.dumps(seen.document):
        raise Failed(f"{seen}: the refusal does not name {other}")
    return f"{other}: item.not_granted"


@rule("answering.purpose", ("用途不符被拒绝", "another purpose than the granted one is refused"), "grant")
def purpose(probe: Probe) -> str:
    """Name another service item."""
    other = {**probe.given.purpose, "service_item": "conformance.other"}
    return expect(probe.ask(probe.body(purpose=other)), "purpose.mismatch")


@rule(
    "answering.subjects",
    ("对象个数与格式不符被拒绝且不复述", "wrong numbers and forms of subjects are refused, not repeated"),
    "grant",
)
def subjects(probe: Probe) -> str:
    """Ask for nobody, for one twice, and for one who cannot be."""
    expect(probe.ask(probe.body(subjects=[])), "subjects.count")
    seen = probe.ask(probe.body(subjects=["330000-no-such-form"]))
    expect(seen, "subject.malformed")
    if b"no-such-form" in seen.response.body:
        raise Failed(f"{seen}: the refusal repeats the subject")
    twice = list(probe.given.subjects[:1]) * 2
    return expect(probe.ask(probe.body(subjects=twice)), "subject.repeated", "subjects.count")


@rule("answering.forms", ("脱敏与是否形式如授权所示", "masked and yes/no items are given in that form"), "grant")
def forms(probe: Probe) -> str:
    """Hold each value against the form granted."""
    spec = library(probe.given.library) if probe.given.library in LIBRARIES else None
    document = answered(probe).document
    looked = 0
    for record in document["records"]:
        for name, value in (record.get("values") or {}).items():
            form = document["items"].get(name)
            is_hidden = spec is None or spec.attribute(name).mask != "none"
            if form == "yes_no" and not isinstance(value, bool | None):
                raise Failed(f"{name} is granted as yes/no and was given as {type(value).__name__}")
            if form == "masked" and is_hidden and not _is_masked(value):
                raise Failed(f"{name} is granted masked and was given plainly")
            looked += form != "full" and value is not None
    if not looked:
        raise Unchecked("the grant has no masked item with a value among these subjects")
    return f"{looked} values"


@rule(
    "answering.again", ("同编号同内容重问得同一回执", "asking again under the same id gives the same receipt"), "grant"
)
def again(probe: Probe) -> str:
    """Ask twice under one id, signed anew."""
    same = {"x-request-id": str(uuid.uuid4())}
    first, second = answered(probe, headers=same), answered(probe, headers=same)
    receipts = [seen.response.headers.get("x-receipt") for seen in (first, second)]
    if receipts[0] != receipts[1]:
        raise Failed(f"two receipts for one question: {receipts[0]}, {receipts[1]}")
    if first.document.get("records_digest") != second.document.get("records_digest"):
        raise Failed("the repetition was answered otherwise")
    return f"receipt {receipts[0]} twice"


@rule("answering.reused_id", ("同编号不同内容被拒绝", "the same id with another body is refused"), "grant")
def reused_id(probe: Probe) -> str:
    """Ask twice under one id, the second time for other items."""
    same = {"x-request-id": str(uuid.uuid4())}
    granted = list(answered(probe, headers=same).document["items"])
    return expect(probe.ask(probe.body(items=granted[:1]), headers=same), "request_id.reused")


@rule("answering.records_digest", ("records_digest 与记录相符", "records_digest fits the records"), "grant")
def records_digest(probe: Probe) -> str:
    """Compute it from the records as given."""
    document = answered(probe).document
    text = json.dumps(document["records"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if hashlib.sha256(text.encode()).hexdigest() != document.get("records_digest"):
        raise Failed("records_digest is not that of the records given")
    return str(document["records_digest"])


@rule("answering.known_at", ("按同一时点再问，所得完全相同", "asked for the same moment, the same is found"), "grant")
def known_at(probe: Probe) -> str:
    """Ask for the moment of an answer; for one to come."""
    first = answered(probe).document
    second = answered(probe, known_at=first["known_at"]).document
    if first["records_digest"] != second["records_digest"]:
        raise Failed(f"other records for known_at {first['known_at']}")
    expect(probe.ask(probe.body(known_at="2999-01-01T00:00:00+08:00")), "record.known_at_future")
    return str(first["known_at"])


def _is_masked(value: Any) -> bool:
    """Say whether a value shows a mask: stars, or of a date the year alone; nothing shows nothing."""
    return value is None or "*" in str(value) or (len(str(value)) == 4 and str(value).isdigit())
