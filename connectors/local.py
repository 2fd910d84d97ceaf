"""Why: most deliveries arrive in a folder of this machine, or on a share it mounts: they are read where they lie. Only
`connectors.transport.open_transport` comes here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from connectors.transport import Entry, Transport
from schemas.errors import Terminal, Transient


class LocalTransport(Transport):
    """The folder `extra.path` (or host) of the connection."""

    @property
    def folder(self) -> str:
        """Return the folder's own name."""
        return self._root.name

    @property
    def _root(self) -> Path:
        folder = self.connection.extra.get("path") or self.connection.host
        if not folder:
            raise Terminal("connector.bad_connection", connection=self.connection.id, reason="no folder (extra.path)")
        return Path(folder)

    def find(self, patterns: Sequence[str]) -> Iterator[Entry]:
        """Yield the files the globs mean."""
        if not self._root.is_dir():
            raise Transient("files.missing", folder=self.folder, pattern="")
        for path in {path for pattern in patterns for path in self._root.glob(pattern) if path.is_file()}:
            yield self._entry(path)

    def look(self, name: str) -> Entry | None:
        """Return one file by name."""
        path = self._root / name
        return self._entry(path) if path.is_file() else None

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file."""
        try:
            with (self._root / name).open("rb") as file:
                yield file
        except FileNotFoundError:
            raise Transient("files.changed", file=name) from None

    def path_of(self, name: str) -> Path | None:
        """Return the file's own path."""
        return self._root / name

    def _entry(self, path: Path) -> Entry:
        found = path.stat()
        return Entry(path.relative_to(self._root).as_posix(), found.st_size, found.st_mtime)
