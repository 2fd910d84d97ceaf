"""Why: pages of the change feed and exports as plain values with types, beside `results`. `Hub` returns them; values and subjects stay out of `repr`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from exchange_api.client.results import Result
from exchange_api.client.wire import Answer


class Change:
    """One change of one record; `key` names it in a copy: a register's entry, else the subject. `values` are all of them, none when removed.

    A view of what the answer told: a page holds hundreds, and of each only what is asked for is read.
    """

    __slots__ = ("_told",)

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told

    @property
    def change(self) -> Literal["added", "changed", "removed"]:
        """Return what happened."""
        found: Literal["added", "changed", "removed"] = self._told["change"]
        return found

    @property
    def key(self) -> str:
        """Return under what a copy keeps it."""
        return str(self._told.get("entry") or self._told["subject"])

    @property
    def subject(self) -> str:
        """Return whose record it is."""
        return str(self._told["subject"])

    @property
    def at(self) -> datetime:
        """Return when it happened."""
        return datetime.fromisoformat(self._told["at"])

    @property
    def values(self) -> Mapping[str, Any]:
        """Return all granted values, none when removed."""
        found: Mapping[str, Any] = self._told.get("values") or {}
        return found

    @property
    def changed(self) -> tuple[str, ...]:
        """Return the names of the values that are others now."""
        return tuple(self._told.get("changed") or ())

    def __eq__(self, other: object) -> bool:
        """Tell whether both tell the same."""
        return isinstance(other, Change) and self._told == other._told

    def __hash__(self) -> int:
        """Return a hash that equal changes share."""
        return hash((self.key, self._told["at"]))

    def __repr__(self) -> str:
        """Name what happened and when, never to whom."""
        return f"Change(change={self.change!r}, at={self.at!r}, changed={self.changed!r})"


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
            answer, told["library"], told["grant"], told["phase"], told["page"], tuple(map(Change, told["changes"])),
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
