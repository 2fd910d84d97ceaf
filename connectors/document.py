"""Why: whatever its format, a delivered file must say what columns it has, whether it is whole, and give its rows without losing one. The formats
(delimited, spreadsheet, lines, parquet) derive from this; only `connectors.files` opens them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.errors import Terminal, Transient


@dataclass(frozen=True)
class MalformedRow:
    """A row whose shape does not fit its file: kept word for word so that it can be quarantined and sent back. Line counts from 1."""

    file: str
    line: int | None
    text: str


class Document(ABC):
    """One file on local disk under the name it was delivered by; `options` is the source binding."""

    def __init__(self, name: str, path: Path, options: Mapping[str, Any]) -> None:
        self.name, self.path, self.options = name, path, options
        self.malformed: list[MalformedRow] = []
        self.batch_rows = int(options.get("batch_rows") or 65_536)

    @abstractmethod
    def schema(self) -> pa.Schema:
        """Return the columns. Raises Transient files.incomplete, Terminal files.bad_header, files.encoding, files.unreadable."""

    @abstractmethod
    def require_whole(self) -> None:
        """Raise Transient files.incomplete when the file ends before its content does."""

    @abstractmethod
    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; malformed ones go to `reject` instead."""

    def reject(self, line: int | None, text: str) -> None:
        """Keep a malformed row, or stop at it unless the binding says `malformed: quarantine`. Raises Terminal files.malformed_row."""
        if self.options.get("malformed") != "quarantine":
            raise Terminal("files.malformed_row", file=self.name, line=line or "?")
        self.malformed.append(MalformedRow(self.name, line, text))

    def incomplete(self, reason: str) -> Transient:
        """Return the error that refuses a half-written file by name."""
        return Transient("files.incomplete", file=self.name, reason=reason)

    def header(self, names: list[str]) -> list[str]:
        """Return column names without stray blanks. Raises Terminal files.bad_header for an empty or repeated one."""
        clean = [name.strip().lstrip("\ufeff") for name in names]
        if not clean or "" in clean:
            raise Terminal(
                "files.bad_header", file=self.name, reason=f"column {clean.index('') + 1 if clean else 1} has no name"
            )
        repeated = [name for name in clean if clean.count(name) > 1]
        if repeated:
            raise Terminal("files.bad_header", file=self.name, reason=f"{repeated[0]} appears twice")
        return clean
