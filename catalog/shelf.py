"""Why: an index over ten thousand resources costs seconds of a processor and much memory, and every worker would make its own. A process of its own makes it
once, with low priority, and lays it on a shelf: a file below var/ that all workers map, so that its arrays are in memory once. Called by `catalog.search`
and the matching room.

A file is replaced in one step, bound to the programs that made it, checked when it is opened, and opened with a list of the classes that may be in it.
"""

import fcntl
import hashlib
import io
import json
import logging
import mmap
import os
import pickle
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import URL
from sqlalchemy.orm import Session

from schemas.database import database_url
from schemas.declarations import declarations
from schemas.settings import HomeSettings

log = logging.getLogger(__name__)
_ALIGNED, _NICE, _PATIENCE_S = 64, 10, 300.0
_GAP_S = 10.0  # between two makings: who changes the directory all day long does not keep a processor busy with it
_OLD_S = 7 * 86_400  # after which a file that nobody replaced is another release's
_ARRAYS = {
    ("numpy", "dtype"), ("numpy", "ndarray"), ("numpy._core.numeric", "_frombuffer"), ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"), ("builtins", "frozenset"), ("builtins", "set"),
}  # fmt: skip
_BROKEN = (
    OSError,
    pickle.UnpicklingError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    EOFError,
    ImportError,
)


@dataclass(frozen=True)
class Laid:
    """What lies on a shelf: of which state of the directory, when it was put there (file's number and date), and the thing itself."""

    mark: tuple[object, ...]
    seen: tuple[int, int]
    thing: Any


class Shelf:
    """One kind of thing, for the hub's own database. name: of its file; program: the module that makes it, perhaps with a word; rooms: packages whose
    classes it holds.
    """

    def __init__(self, name: str, program: str, rooms: tuple[str, ...]) -> None:
        self._name, self._program, self._rooms = name, program, rooms
        self._making: subprocess.Popen[bytes] | None = None
        self._begun = -_GAP_S
        self._lock = threading.Lock()

    def is_for(self, session: Session) -> bool:
        """Return whether a session asks the hub's own database: of others nothing is laid down."""
        return _place_of(session.get_bind().engine.url) == _place_of(database_url("reader"))

    @property
    def path(self) -> Path:
        """Return the file: another one for another database and for other programs."""
        key = json.dumps([_place_of(database_url("reader")), _programs(self._rooms)])
        return HomeSettings().var / "shelf" / f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.bin"

    def newer(self, seen: tuple[int, int] | None) -> Laid | None:
        """Return what lies here, unless it was `seen` before or cannot be used; asking costs a look at the file's date."""
        try:
            stat = self.path.stat()
            now = (stat.st_ino, stat.st_mtime_ns)
            return None if now == seen else _opened(self.path, now, self._rooms)
        except FileNotFoundError:
            return None
        except _BROKEN as failure:
            log.warning("%s cannot be used and is made again: %s", self.path.name, type(failure).__name__)
            self.path.unlink(missing_ok=True)
            return None

    def begin(self) -> None:
        """Have it made, unless that goes on already or began just now; returns at once."""
        with self._lock:
            is_free = self._making is None or self._making.poll() is not None
            if is_free and time.monotonic() - self._begun >= _GAP_S:
                self._begun, command = time.monotonic(), [sys.executable, "-m", *self._program.split()]
                self._making = subprocess.Popen(command, cwd=_top(), stdin=subprocess.DEVNULL)  # noqa: S603 - our own words
                threading.Thread(target=self._making.wait, name=f"shelf-{self._name}", daemon=True).start()

    def wait(self, seconds: float = _PATIENCE_S) -> bool:
        """Wait for what was begun; return whether it came to a good end."""
        try:
            return self._making is not None and self._making.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False

    def make(self, read: Callable[[Session], tuple[tuple[object, ...], Any]], session: Session) -> None:
        """Make the thing and lay it down: for the program of its own. Of several processes one makes it, the others wait for that one and end."""
        before = self._date()
        if before is not None:  # the former answers meanwhile; for the very first somebody waits
            os.nice(_NICE)
        with self._alone():
            if self._date() == before:
                mark, thing = read(session)
                self.put(mark, thing)

    def keep(self, mark: tuple[object, ...], thing: Any) -> None:
        """Lay down what a process has made for itself. Raises OSError where nothing can be written."""
        with self._alone():
            self.put(mark, thing)

    def put(self, mark: tuple[object, ...], thing: Any) -> None:
        """Lay a thing down in place of the one before."""
        buffers: list[pickle.PickleBuffer] = []
        body = pickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
        parts = [memoryview(body), *(one.raw() for one in buffers)]
        check = 0
        for part in parts:
            check = zlib.crc32(part, check)
        head = json.dumps({"mark": mark, "sizes": [len(part) for part in parts], "check": check}).encode()
        own = self.path.with_suffix(f".{os.getpid()}.part")
        with own.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(len(head).to_bytes(8, "little") + head)
            for part in parts:
                file.write(bytes(-file.tell() % _ALIGNED))
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        own.replace(self.path)

    def _date(self) -> int | None:
        return self.path.stat().st_mtime_ns if self.path.exists() else None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.parent.chmod(0o700)
        with (self.path.parent / f"{self._name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self.path.parent.glob(f"{self._name}-*"):
                if (
                    left.suffix == ".part" or time.time() - left.stat().st_mtime > _OLD_S
                ):  # of one that was killed, or of another release
                    left.unlink(missing_ok=True)
            yield


class _Careful(pickle.Unpickler):
    """Opens nothing but arrays and the rooms' own classes."""

    def __init__(self, body: memoryview, buffers: list[memoryview], rooms: tuple[str, ...]) -> None:
        super().__init__(io.BytesIO(body), buffers=buffers)
        self._rooms = rooms

    def find_class(self, module: str, name: str) -> Any:
        """Return a class that may be there; raises UnpicklingError for any other."""
        is_ours = any(module.startswith(f"{room}.") for room in self._rooms) and "." not in name
        found = super().find_class(module, name) if is_ours or (module, name) in _ARRAYS else None
        if found is None or (is_ours and not isinstance(found, type)):
            raise pickle.UnpicklingError(f"{module}.{name}")
        return found


def _opened(path: Path, seen: tuple[int, int], rooms: tuple[str, ...]) -> Laid:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_uid != os.geteuid():
            raise ValueError(path)
        whole = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
    at = 8 + int.from_bytes(whole[:8], "little")
    head: Mapping[str, Any] = json.loads(bytes(whole[8:at]))
    parts, check = list[memoryview](), 0
    for size in head["sizes"]:
        at += -at % _ALIGNED
        parts.append(whole[at : at + size])
        at += size
        check = zlib.crc32(parts[-1], check)
    if check != head["check"]:
        raise ValueError(path)
    return Laid(tuple(head["mark"]), seen, _Careful(parts[0], parts[1:], rooms).load())


_known: dict[tuple[str, ...], str] = {}


def _programs(rooms: tuple[str, ...]) -> str:
    """Return what names the programs and words a thing is made by: a release, or another library's declaration, makes it anew."""
    if rooms not in _known:
        digest = hashlib.sha256(f"{sys.version} {_version_of_arrays()}".encode())
        sources = [file for room in rooms for file in files(room).iterdir() if file.name.endswith((".py", ".yml"))]
        for file in sorted(sources, key=lambda one: one.name) + list(declarations().values()):
            digest.update(file.read_bytes())
        _known[rooms] = digest.hexdigest()
    return _known[rooms]


def _version_of_arrays() -> str:
    from numpy import __version__

    return str(__version__)


def _place_of(url: URL) -> list[str]:
    host = url.query.get("host", url.host) or "localhost"
    return [str(host), str(url.port or url.query.get("port") or 5432), str(url.database)]


def _top() -> Path:
    return Path(str(files("catalog"))).parent
