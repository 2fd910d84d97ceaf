"""Why: the whole answer on one screen. authenticate → permit → find → mask, then (in `sealing`) sign → record evidence → send.

Each step either goes on or raises a coded refusal; what was known until then is in the answer and so in its evidence. Called by `answering` for every
question to a library.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qs

from exchange_api import questions, records
from exchange_api.answer import Answer
from exchange_api.evidence.ledger import subject_hash
from exchange_api.find import By
from exchange_api.hub import Hub
from exchange_api.moments import NOW, Time
from exchange_api.permit import (
    GrantedItem,
    Permit,
    admitted,
    check_comparable,
    check_subjects,
    choose_items,
    columns,
)
from exchange_api.recording import Use
from exchange_api.sandbox import permits as sandbox
from schemas.errors import Denied, Invalid
from schemas.library import LIBRARIES, library
from schemas.messages.exchange import CertificatesQuestion, Question, RecordsQuestion, TimedQuestion, VerifyQuestion

Asked = TypeVar("Asked", bound=Question)


@dataclass(slots=True)  # not frozen: made for every answer, and a frozen one takes five times as long to make
class Lookup:
    """What a permitted question comes to: which items of which records."""

    permit: Permit
    items: tuple[GrantedItem, ...]
    keys: tuple[str, ...]
    by: By = "subject"
    time: Time = NOW


class Found(NamedTuple):
    """Records as stored, and the moment they stand at."""

    rows: list[Any]
    moment: datetime


async def query(hub: Hub, answer: Answer, library_name: str) -> None:
    """Answer POST /v1/libraries/{library}/query: the granted items of each subject, in the granted form."""
    await questions.know(hub, answer)
    await answer_question(hub, answer, questions.read(answer, RecordsQuestion), library_name)


async def verify(hub: Hub, answer: Answer, library_name: str) -> None:
    """Answer POST /v1/libraries/{library}/verify: yes or no per claimed value."""
    await questions.know(hub, answer)
    asked = questions.read(answer, VerifyQuestion)
    permit = await questions.permit(hub, answer, asked, library_name)
    claimed = [name for claim in asked.claims for name in claim.values]
    items = choose_items(permit, list(dict.fromkeys(claimed)))
    check_comparable(items)
    lookup = Lookup(permit, items, tuple(claim.subject for claim in asked.claims))
    found = await _find(hub, answer, lookup)
    if found is not None:
        answer.document["verdicts"] = records.compare(library(permit.library), asked.claims, found.rows)


async def certificates(hub: Hub, answer: Answer, library_name: str) -> None:
    """Answer POST /v1/certificates/query: by holders or by certificate identifiers."""
    await questions.know(hub, answer)
    asked = questions.read(answer, CertificatesQuestion)
    if bool(asked.subjects) == bool(asked.identifiers):
        raise Invalid("request.malformed", where="subjects, identifiers", reason="exactly one of the two must be given")
    if asked.subjects:
        return await _answer_records(hub, answer, asked, (library_name, asked.subjects, "subject"))
    return await _answer_records(hub, answer, asked, (library_name, asked.identifiers, "entry"))


async def answer_question(hub: Hub, answer: Answer, asked: RecordsQuestion, library_name: str) -> None:
    """Answer a question whose caller is known and whose words have been read: for doors that other words come through (`legacy`)."""
    await _answer_records(hub, answer, asked, (library_name, asked.subjects, "subject"))


async def _answer_records(
    hub: Hub, answer: Answer, asked: RecordsQuestion | CertificatesQuestion, what: tuple[str, tuple[str, ...], By]
) -> None:
    library_name, keys, by = what
    permit = await questions.permit(hub, answer, asked, library_name)
    lookup = Lookup(permit, choose_items(permit, asked.items), keys, by, time_of(asked))
    found = await _find(hub, answer, lookup)
    if found is not None:
        _tell(hub, answer, lookup, found)
        answer.at = partial(_answer_at, hub, answer, lookup)


def time_of(asked: TimedQuestion) -> Time:
    """Return the time a question is about."""
    return Time(asked.as_of, asked.known_at) if asked.as_of or asked.known_at else NOW


def _tell(hub: Hub, answer: Answer, lookup: Lookup, found: Found) -> None:
    """Write the records into the answer: what they say, the moment they stand at, and the digest by which a repetition is compared."""
    told = records.describe(hub.names, lookup.permit, lookup.items, (lookup.keys, lookup.by), found.rows)
    time = {"known_at": found.moment.isoformat()}
    if lookup.time.as_of is not None:
        time["as_of"] = lookup.time.as_of.isoformat()
    forms = {item.attribute: item.form for item in lookup.items}
    if lookup.permit.rows:  # so that a repetition can hold to the same rules
        answer.document["rows"] = [rule.model_dump() for rule in lookup.permit.rows]
    answer.document |= {"items": forms, **time, "records_digest": records.digest_of(told), "records": told}
    answer.facts |= time


async def _answer_at(hub: Hub, answer: Answer, lookup: Lookup, moment: datetime) -> None:
    """Answer once more as of the moment at which the same question was answered before."""
    before = replace(lookup, time=Time(lookup.time.as_of, moment))
    _tell(hub, answer, before, await _look_up(hub, answer, before))


async def _find(hub: Hub, answer: Answer, lookup: Lookup) -> Found | None:
    """Check the subjects, set the quota aside and return the records as stored; None when it is a dry run."""
    permit, items = lookup.permit, lookup.items
    check_keys(lookup)
    versions = sorted({item.version for item in items})
    answer.document = {"library": permit.library, "grant": permit.id, "directory_versions": versions}
    answer.directory_versions = versions
    use = await _set_aside(hub, answer, lookup)
    if _is_dry_run(answer):
        if use:
            hub.quota.release(use)
        answer.code = "dry_run"
        answer.document |= {"dry_run": True, "would_answer": {item.attribute: item.form for item in items}}
        return None
    answer.use = use
    if permit.is_sandbox:  # nobody is named: entries, detectors and recalls have nothing to do with it
        return Found(*sandbox.read(permit, lookup.keys, lookup.time.known_at))
    answer.subjects = [subject_hash(hub.secret, permit.library, key) for key in lookup.keys]
    answer.facts["items"] = ",".join(
        [f"{item.attribute}:{item.form}" for item in items]
    )  # for whoever asks who saw what
    hub.guard.name(answer, answer.subjects)
    found = await _look_up(hub, answer, lookup)
    hub.guard.saw(answer, lookup.keys, {row[lookup.by] for row in found.rows})
    return found


async def _look_up(hub: Hub, answer: Answer, lookup: Lookup) -> Found:
    permit = lookup.permit
    if permit.is_sandbox:
        return Found(*sandbox.read(permit, lookup.keys, lookup.time.known_at))
    wanted = permit.library, columns(permit, lookup.items), lookup.by
    rows, moment = await hub.moments.read(wanted, lookup.keys, lookup.time)
    found = Found(admitted(permit, rows), moment)
    answer.batches = await records.batches_of(hub.names, lookup.items, found.rows)
    return found


async def _set_aside(hub: Hub, answer: Answer, lookup: Lookup) -> Use | None:
    """Set the quota aside; a question already answered under this request id takes nothing, even when the quota is used up by now."""
    try:
        if lookup.permit.is_sandbox:
            hub.played.count(lookup.permit, len(lookup.keys))
            return None
        return await hub.quota.reserve(lookup.permit, len(lookup.keys))
    except Denied:
        if await hub.recorder.find_earlier(answer.keyid or "", answer.request_id) is None:
            raise
    return None


def check_keys(lookup: Lookup) -> None:
    """Check number and form of what is looked up; a certificate identifier is only held against its length."""
    if lookup.by == "subject":
        return check_subjects(lookup.permit, lookup.keys)
    if not 1 <= len(lookup.keys) <= lookup.permit.subjects_per_call:
        raise Invalid("subjects.count", found=len(lookup.keys), allowed=lookup.permit.subjects_per_call)
    if len(set(lookup.keys)) < len(lookup.keys):
        position = next(i for i, key in enumerate(lookup.keys) if key in lookup.keys[:i])
        raise Invalid("subject.repeated", position=position)
    return None


def _is_dry_run(answer: Answer) -> bool:
    if not answer.request.query:
        return False
    given = parse_qs(answer.request.query, keep_blank_values=True)
    if set(given) != {"dry-run"} or given["dry-run"] not in (["true"], ["false"]):
        raise Invalid(
            "request.malformed", where="the query string", reason="only dry-run=true or dry-run=false is known"
        )
    return given["dry-run"] == ["true"]


def require_library(name: str) -> str:
    """Return the library's name; raises Denied library.unknown."""
    try:
        return library(name).library
    except KeyError:
        raise Denied("library.unknown", known=", ".join(LIBRARIES)) from None
