"""Why: answers as plain values with types, so that a program does not grope in JSON. `Hub` returns them; `document` is always the whole answer as it came.

Whatever may be personal stays out of `repr`, so that no log or traceback holds it by accident.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, Self, TypeVar

from exchange_api.client.wire import Answer

One = TypeVar("One")


@dataclass(frozen=True, slots=True)
class Result:
    """What every result is: a verified answer."""

    answer: Answer = field(repr=False)

    @property
    def document(self) -> Any:
        """Return the answer's JSON as it came."""
        return self.answer.document

    @property
    def receipt_id(self) -> str:
        """Return the id of the answer's evidence entry."""
        return str(self.answer.receipt_id)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from."""

    resource: str | None
    batch: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """One record, or the word that there is none (`found` is false); `key` is what was asked by: a subject or a certificate's identifier."""

    key: str = field(repr=False)
    found: bool
    values: Mapping[str, Any] = field(repr=False)
    entry: str | None = field(repr=False)
    version: int | None
    recorded_at: datetime | None
    sources: Mapping[str, Source]

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """Return the record that a member of `records` tells."""
        sources = {name: Source(one["resource"], one["batch"]) for name, one in told.get("sources", {}).items()}
        key = told["subject"] if "subject" in told else told["identifier"]
        at = _moment(told.get("recorded_at"))
        return cls(key, told["found"], told.get("values", {}), told.get("entry"), told.get("version"), at, sources)


@dataclass(frozen=True, slots=True)
class Records(Result):
    """Records as granted, in the order asked; `known_at`: asked for with the same grant, it finds exactly the same again."""

    library: str
    grant: str
    records: tuple[Record, ...]
    items: Mapping[str, str]
    known_at: datetime | None
    as_of: date | None

    @classmethod
    def read(cls, answer: Answer) -> Self:
        """Return the records of an answer to a query."""
        told = answer.document
        day = told.get("as_of")
        return cls(
            answer, told["library"], told["grant"], tuple(Record.read(one) for one in told["records"]), told["items"],
            _moment(told["known_at"]), date.fromisoformat(day) if day else None,
        )  # fmt: skip

    def of(self, key: str) -> tuple[Record, ...]:
        """Return what was found of one subject: nothing, one record, or a register's entries."""
        return tuple(one for one in self.records if one.key == key and one.found)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes or no per claimed value of one subject; `status` of a certificate asked about by its own name."""

    key: str = field(repr=False)
    found: bool
    matches: Mapping[str, bool]
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Verdicts(Result):
    """Yes or no per claimed value, in the order claimed."""

    library: str
    grant: str
    verdicts: tuple[Verdict, ...]

    @classmethod
    def read(cls, answer: Answer) -> Self:
        """Return the verdicts of an answer to a verification."""
        told = answer.document
        return cls(answer, told["library"], told["grant"], tuple(_verdict(one) for one in told["verdicts"]))


@dataclass(frozen=True, slots=True)
class Rehearsal(Result):
    """A dry run that went well: which attributes would be answered, in which form. No data, nothing counted."""

    library: str
    grant: str
    would_answer: Mapping[str, str]

    @classmethod
    def read(cls, answer: Answer) -> Self:
        """Return what a dry run told."""
        return cls(answer, answer.document["library"], answer.document["grant"], answer.document["would_answer"])


@dataclass(frozen=True, slots=True)
class CertificateFile(Result):
    """How a certificate stands; `address` (one-time) of the annotated copy when it is valid, `superseded_by` when another took its place."""

    status: str
    address: str | None = field(repr=False)
    expires_at: datetime | None
    copy_valid_until: date | None
    superseded_by: str | None

    @classmethod
    def read(cls, answer: Answer) -> Self:
        """Return what was promised."""
        told = answer.document
        until = told.get("copy_valid_until")
        return cls(
            answer, told["status"], told.get("address"), _moment(told.get("expires_at")),
            date.fromisoformat(until) if until else None, told.get("superseded_by"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recall(Result):
    """A recall as it concerns this application; `receipts` are the affected ones of this page, `following` continues them."""

    recall: str
    state: str
    outcome: str | None
    library: str
    attributes: tuple[str, ...]
    acknowledge_by: date
    receipts: tuple[str, ...]
    following: str | None

    @classmethod
    def read(cls, answer: Answer, told: Mapping[str, Any] | None = None) -> Self:
        """Return the recall an answer tells, or one (`told`) of its list."""
        one = answer.document if told is None else told
        receipts = tuple(row["receipt"] for row in one.get("receipts", ()))
        return cls(
            answer, one["recall"], one["state"], one["outcome"], one["library"], tuple(one["attributes"]),
            date.fromisoformat(one["acknowledge_by"]), receipts, one.get("next"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Objection(Result):
    """Where an objection stands: open → correcting → corrected, refused, ruled, withdrawn."""

    objection: str
    state: str
    library: str
    attribute: str
    receipt_doubted: str
    source_department: str
    due: date
    refusal: str | None
    is_value_changed: bool

    @classmethod
    def read(cls, answer: Answer, told: Mapping[str, Any] | None = None) -> Self:
        """Return the objection an answer tells, or one (`told`) of its list."""
        one = answer.document if told is None else told
        return cls(
            answer, one["objection"], one["state"], one["library"], one["attribute"], one["receipt_doubted"],
            one["source_department"], date.fromisoformat(one["due"]), one["refusal"], one["is_value_changed"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page(Result, Generic[One]):
    """Part of a list; `following` is what to give as `after` for the next part, None at the end."""

    entries: tuple[One, ...]
    following: str | None


@dataclass(frozen=True, slots=True)
class Chain(Result):
    """The chain around an id: nodes and which leads to which; `is_cut` when there is more than was told."""

    start: str
    nodes: tuple[Mapping[str, Any], ...]
    edges: tuple[tuple[str, str], ...]
    is_cut: bool

    @classmethod
    def read(cls, answer: Answer) -> Self:
        """Return the chain of an answer to a trace."""
        told = answer.document
        edges = tuple((one["from"], one["to"]) for one in told["edges"])
        return cls(answer, told["start"], tuple(told["nodes"]), edges, told["is_cut"])


def _verdict(told: Mapping[str, Any]) -> Verdict:
    key = next(told[name] for name in ("subject", "identifier", "number") if told.get(name) is not None)
    return Verdict(key, told["found"], told["matches"], told.get("status"))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
