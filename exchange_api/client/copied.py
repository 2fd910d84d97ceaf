"""Why: pages of the change feed and exports as plain values with types, beside `results`. `Hub` returns them; values and subjects stay out of `repr`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self

from exchange_api.client.results import Result
from exchange_api.client.wire import Answer


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one record; `key` names it in a copy: a register's entry, else the subject. `values` are all of them, none when removed."""

    change: Literal["added", "changed", "removed"]
    key: str = field(repr=False)
    subject: str = field(repr=False)
    at: datetime
    values: Mapping[str, Any] = field(repr=False)
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangePage(Result):
    """One page: `follows` is the cursor it was asked with, `following` the one to go on with; `is_more`: ask again at once."""

    library: str
    grant: str
    phase: str
    page: int
    changes: tuple[Change, ...]
    follows: str | None
    following: str
    is_more: bool
    known_at: datetime

    @classmethod
    def read(cls, answer: Answer) -> Self:
        """Return the page of an answer."""
        told = answer.document
        return cls(
            answer, told["library"], told["grant"], told["phase"], told["page"], tuple(_change(one) for one in told["changes"]),
            told["follows"], told["next"], told["more"], datetime.fromisoformat(told["known_at"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file of an export; `size` in bytes."""

    number: int
    rows: int
    size: int
    sha256: str
    address: str


@dataclass(frozen=True, slots=True)
class Export(Result):
    """Where an export stands: waiting → building → ready → expired, or failed, stopped, cancelled (`code` says why)."""

    export: str
    grant: str
    library: str
    state: str
    code: str | None
    format: str
    known_at: datetime
    files: tuple[ExportedFile, ...]

    @classmethod
    def read(cls, answer: Answer) -> Self:
        """Return the export an answer tells."""
        told = answer.document
        files = tuple(
            ExportedFile(one["number"], one["rows"], one["bytes"], one["sha256"], one["address"])
            for one in told["files"]
        )
        return cls(
            answer, told["export"], told["grant"], told["library"], told["state"], told["code"], told["format"],
            datetime.fromisoformat(told["known_at"]), files,
        )  # fmt: skip


def _change(told: Mapping[str, Any]) -> Change:
    key = told.get("entry") or told["subject"]
    at = datetime.fromisoformat(told["at"])
    return Change(told["change"], key, told["subject"], at, told.get("values") or {}, tuple(told.get("changed") or ()))
