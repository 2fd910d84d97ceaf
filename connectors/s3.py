"""Why: larger departments deliver into object storage that speaks S3, their own or a government cloud's. Only `connectors.transport.open_transport`
comes here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.fs as fs

from connectors.transport import Entry, Readable, Transport, matches
from schemas.errors import HutongError, Terminal, Transient

CONNECT_SECONDS = 10
READ_BYTES = 8 << 20
_WORDS = (
    (Terminal, "connector.refused", ("ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE", "INVALID_CLIENT_TOKEN", "EXPIRED", "HTTP status 403", "code: 403")),
    (Transient, "files.missing", ("NO_SUCH_BUCKET",)),
    (Transient, "connector.timeout", ("curlCode: 28", "REQUEST_TIMEOUT")),
    (Transient, "connector.unreachable", ("curlCode: 6,", "curlCode: 7,", "SERVICE_UNAVAILABLE", "SLOW_DOWN")),
)  # fmt: skip


class S3Transport(Transport):
    """The bucket and prefix `extra.path` (or schema). login and password are access key and secret key; `extra.endpoint_url` (or host and port),
    `extra.region_name`, `extra.session_token`, `extra.virtual_addressing`; `extra.anonymous` for a public bucket.
    """

    @property
    def folder(self) -> str:
        """Return bucket and prefix."""
        return self._base

    def find(self, patterns: Sequence[str]) -> Iterator[Entry]:
        """Yield the objects the globs mean; a prefix nobody wrote to is an empty folder."""
        is_deep = any("/" in pattern for pattern in patterns)
        with self._translated():
            found = self._files.get_file_info(fs.FileSelector(self._base, allow_not_found=True, recursive=is_deep))
            bucket = self._base.partition("/")[0]
            if not found and self._files.get_file_info(bucket).type == fs.FileType.NotFound:
                raise Transient("files.missing", folder=bucket, pattern="")
        for info in found:
            name = info.path[len(self._base) + 1 :]
            if info.type == fs.FileType.File and any(matches(name, pattern) for pattern in patterns):
                yield _entry(name, info)

    def look(self, name: str) -> Entry | None:
        """Return one object by name."""
        with self._translated():
            info = self._files.get_file_info(f"{self._base}/{name}")
        return _entry(name, info) if info.type == fs.FileType.File else None

    @contextmanager
    def open(self, name: str) -> Iterator[Readable]:
        """Open an object."""
        with self._translated():
            try:
                with self._files.open_input_stream(
                    f"{self._base}/{name}", compression=None, buffer_size=READ_BYTES
                ) as stream:
                    yield stream
            except FileNotFoundError:
                raise Transient("files.changed", file=name) from None

    @cached_property
    def _base(self) -> str:
        given = str(self.connection.extra.get("path") or self.connection.database or "").removeprefix("s3://")
        if not given.strip("/"):
            raise self._unusable("no bucket (extra.path: bucket/prefix)")
        return given.strip("/")

    @cached_property
    def _files(self) -> Any:
        given, extra = self.connection, self.connection.extra
        if not given.login and not extra.get("anonymous"):
            raise self._unusable("no access key (login, password)")  # never the machine's own identity by accident
        address = str(extra.get("endpoint_url") or given.host or "")
        scheme, _, host = address.rpartition("://")
        host = f"{host}:{given.port}" if host and given.port and ":" not in host else host
        keys = {"anonymous": True} if not given.login else {"access_key": given.login, "secret_key": given.password}
        timeout = float(self.options.get("timeout_seconds") or 30)
        try:
            return fs.S3FileSystem(
                **keys, session_token=extra.get("session_token"), region=extra.get("region_name", "us-east-1"),
                scheme=scheme or "https", endpoint_override=host.rstrip("/") or None, request_timeout=timeout,
                connect_timeout=min(CONNECT_SECONDS, timeout), retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2),
                force_virtual_addressing=bool(extra.get("virtual_addressing")),
            )  # fmt: skip
        except (pa.ArrowInvalid, TypeError, ValueError):
            raise self._unusable("endpoint_url, region_name or keys make no sense") from None

    def _unusable(self, reason: str) -> Terminal:
        return Terminal("connector.bad_connection", connection=self.connection.id, reason=reason)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except HutongError:
            raise
        except OSError as error:  # pyarrow knows only this one, and tells the rest in words
            raise self._named(str(error)) from None

    def _named(self, words: str) -> HutongError:
        facts = {"connection": self.connection.id, "address": self.connection.address, "folder": self._base}
        for kind, code, signs in _WORDS:
            if any(sign in words for sign in signs):
                return kind(code, **facts, pattern="")
        return Transient("connector.broken_off", **facts)


def _entry(name: str, info: Any) -> Entry:
    return Entry(name, info.size, float((info.mtime_ns or 0) // 10**9))  # listings and headers agree to the second only
