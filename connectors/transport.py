"""Why: a delivered file may lie on a local disk, on a department's SFTP server or in object storage; finding, unpacking and reading it must not know
where. Each place is one small module with one `Transport`; only `connectors.files` and what it is made of come here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from connectors.base import Connection
from schemas.errors import Terminal

CHUNK = 1 << 20
KINDS = {
    "sftp": "connectors.sftp:SftpTransport",
    "ssh": "connectors.sftp:SftpTransport",
    "s3": "connectors.s3:S3Transport",
    "aws": "connectors.s3:S3Transport",
}
Lister = Callable[[str], Iterator[tuple["Entry", bool]]]


@dataclass(frozen=True)
class Entry:
    """A file as it lies there: `name` below the connection's folder, size in bytes, time of its last change (seconds since 1970)."""

    name: str
    size: int
    modified: float


class Readable(Protocol):
    """An opened file, read from its beginning."""

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes at most, none at the end."""
        ...


class Transport(ABC):
    """One folder of delivered files; it is only ever read. Vendor errors come out as Transient or Terminal."""

    def __init__(self, connection: Connection, options: Mapping[str, Any]) -> None:
        self.connection, self.options = connection, options

    @property
    @abstractmethod
    def folder(self) -> str:
        """Return the folder's own name, for messages."""

    @abstractmethod
    def find(self, patterns: Sequence[str]) -> Iterator[Entry]:
        """Yield the files that any of the globs matches, each once, in no promised order.

        Raises Transient files.missing when the folder is not there, connector.unreachable, connector.timeout; Terminal connector.refused.
        """

    @abstractmethod
    def look(self, name: str) -> Entry | None:
        """Return one file by name, None when it is not there. Raises as `find`."""

    @abstractmethod
    def open(self, name: str) -> AbstractContextManager[Readable]:
        """Open a file to be read once from beginning to end. Raises Transient connector.broken_off, files.changed when it is gone."""

    def path_of(self, name: str) -> Path | None:
        """Return where a file lies on this machine's disk; None where it must be fetched first."""
        del name
        return None


def open_transport(connection: Connection, options: Mapping[str, Any]) -> Transport:
    """Return the transport of a connection's kind ("sftp", "s3"; any other is a local folder); nothing is opened yet."""
    module, name = KINDS.get(connection.kind, "connectors.local:LocalTransport").split(":")
    found: Transport = getattr(import_module(module), name)(connection, options)
    return found


def patterns_of(options: Mapping[str, Any], connection: str) -> list[str]:
    """Return the binding's globs. Raises Terminal connector.bad_binding for one that leaves the folder."""
    given = options.get("pattern") or "*"
    patterns = [given] if isinstance(given, str) else list(given)
    if any(pattern.startswith(("/", "~")) or ".." in pattern for pattern in patterns):
        raise Terminal("connector.bad_binding", connection=connection, option="pattern", reason="it leaves the folder")
    return patterns


def walk(listed: Lister, patterns: Sequence[str], below: str = "") -> Iterator[Entry]:
    """Yield the matching files of a listing that gives (entry, is a folder) of one folder, no deeper than the globs reach."""
    for entry, is_folder in listed(below):
        if is_folder and is_reached(entry.name, patterns):
            yield from walk(listed, patterns, entry.name)
        elif not is_folder and any(matches(entry.name, pattern) for pattern in patterns):
            yield entry


def matches(name: str, pattern: str) -> bool:
    """Say whether a glob, as pathlib understands it (`*` within a folder, `**` over folders), means a name."""
    return _match(name.split("/"), pattern.split("/"))


def is_reached(folder: str, patterns: Sequence[str]) -> bool:
    """Say whether a folder may hold files that any of the globs means."""
    depth = folder.count("/") + 1
    return any("**" in pattern.split("/") or pattern.count("/") >= depth for pattern in patterns)


def _match(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern or not parts:
        return not parts and not [part for part in pattern if part != "**"]
    if pattern[0] == "**":
        return _match(parts, pattern[1:]) or _match(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and _match(parts[1:], pattern[1:])
