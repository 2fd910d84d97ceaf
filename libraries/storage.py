"""Why: landing is a local folder until one machine is outgrown, then object storage that every worker reaches. Which of the two, with which credentials,
is decided here, so that `libraries.landing` knows only a file system; `libraries.ingest` has its failures named here.

Object storage has no rename, and shows a file only when it is whole: what a local folder gets by a temporary name and a move, it gets by itself.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import pyarrow.fs as fs
from pydantic import Field, SecretStr

from schemas.errors import HutongError, Terminal, Transient
from schemas.settings import HomeSettings, HutongSettings

_P = ParamSpec("_P")
_T = TypeVar("_T")
_REFUSED = ("ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE", "NO_SUCH_BUCKET", "status 403", "allow_bucket_creation")
"""Words by which pyarrow reports what waiting does not mend."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, a quota, the largest file allowed


class LandingSettings(HutongSettings):
    """Where batches are kept, and how object storage is reached."""

    landing: str | None = Field(
        default=None,
        description="Folder or pyarrow filesystem URL (s3://bucket/prefix …) of landed batches; default <var>/landing.",
    )
    landing_s3_endpoint: str | None = Field(
        default=None, description="Address of S3-compatible storage, http(s)://host:port; without: Amazon's own."
    )
    landing_s3_access_key: str | None = Field(
        default=None, description="Its access key; without: AWS's usual chain of variables, profile and machine role."
    )
    landing_s3_secret_key: SecretStr | None = Field(default=None, description="Its secret key.")
    landing_s3_region: str = Field(default="us-east-1", description="Its region.")


def open_root() -> Any:
    """Return the landing's root as a pyarrow filesystem. Raises Terminal `landing.storage_refused`."""
    settings = LandingSettings()
    root = settings.landing or str(HomeSettings().var / "landing")
    if root.startswith("s3://"):
        return _s3(settings, os.getpid())  # a connection of before a fork is its parent's: every process opens its own
    if "://" in root:
        filesystem, base = fs.FileSystem.from_uri(root)
    else:
        filesystem, base = fs.LocalFileSystem(), root
        filesystem.create_dir(base, recursive=True)
    return fs.SubTreeFileSystem(base, filesystem)


@cache
def _s3(settings: LandingSettings, _process: int) -> Any:
    """Open S3-compatible storage by the settings; what stands behind a question mark in the URL (pyarrow's own options) goes before them."""
    root = str(settings.landing)
    if "?" in root or "@" in root:
        filesystem, base = fs.FileSystem.from_uri(root)
        return fs.SubTreeFileSystem(base, filesystem)
    secret, address = settings.landing_s3_secret_key, urlsplit(settings.landing_s3_endpoint or "")
    filesystem = fs.S3FileSystem(
        access_key=settings.landing_s3_access_key, secret_key=secret.get_secret_value() if secret else None,
        endpoint_override=address.netloc or None, scheme=address.scheme or "https", region=settings.landing_s3_region,
    )  # fmt: skip
    return fs.SubTreeFileSystem(root.removeprefix("s3://").strip("/"), filesystem)


@contextmanager
def appearing(filesystem: Any, path: str) -> Iterator[str]:
    """Yield where to write; when the block ends well the file is at `path`, whole, and when it raises or is killed there is none."""
    if _appears_whole(filesystem):
        try:
            yield path
        except BaseException:
            with suppress(OSError):  # closing the stream has shown what was written so far
                filesystem.delete_file(path)
            raise
        return
    temporary = path + ".tmp"
    if _is_there(filesystem, temporary):  # what a killed attempt left is not this one's
        filesystem.delete_file(temporary)
    try:
        yield temporary
    except BaseException:
        with suppress(OSError):  # on a full disk a half-written file stands in the way of everybody
            filesystem.delete_file(temporary)
        raise
    if _is_there(filesystem, temporary):
        filesystem.move(temporary, path)


def _is_there(filesystem: Any, path: str) -> bool:
    return bool(filesystem.get_file_info(path).type == fs.FileType.File)


def _appears_whole(filesystem: Any) -> bool:
    while isinstance(filesystem, fs.SubTreeFileSystem):
        filesystem = filesystem.base_fs
    return isinstance(filesystem, fs.S3FileSystem)


def naming_failures(step: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return the step with the storage's own errors named: wrong keys end it, silence and a full disk are tried again.

    Raises Terminal `landing.storage_refused`, Transient `landing.storage_unreachable`, `landing.storage_full`.
    """

    @wraps(step)
    def named(*arguments: _P.args, **options: _P.kwargs) -> _T:
        with failures_named():
            return step(*arguments, **options)

    return named


@contextmanager
def failures_named() -> Iterator[None]:
    """Name the storage's own errors of a block as `naming_failures` does."""
    try:
        yield
    except OSError as error:
        failure = _name(error)
        if failure is None:
            raise
        raise failure from error


def _name(error: OSError) -> HutongError | None:
    said, root = str(error), (LandingSettings().landing or str(HomeSettings().var / "landing"))
    address = root.partition("?")[0].rpartition("@")[2]
    if error.errno in _FULL:
        return Transient("landing.storage_full", address=address)
    if any(word in said for word in _REFUSED):
        return Terminal("landing.storage_refused", address=address)
    return Transient("landing.storage_unreachable", address=address) if "AWS Error" in said else None
