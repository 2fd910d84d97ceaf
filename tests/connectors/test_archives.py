"""Packed deliveries: cut off, booby-trapped, named in GBK."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Connection
from connectors.files import FilesConnector
from schemas.errors import HutongError, Terminal, Transient

GOOD = "编号,姓名\n1,张三\n2,李四\n"
LONG = "编号,姓名\n" + "".join(f"{n},张三{n * 7919 % 100_003}\n" for n in range(20_000))


def _open(folder: Path, **options: Any) -> FilesConnector:
    return FilesConnector(options, Connection("drops", "fs", extra={"path": str(folder)}))


def _rows(connector: FilesConnector) -> list[dict[str, Any]]:
    return [row for piece in connector.slices() for batch in connector.read(piece) for row in batch.to_pylist()]


def _refusal(connector: FilesConnector) -> HutongError:
    with pytest.raises(HutongError) as caught:
        _rows(connector)
    return caught.value


def _tar(path: Path, members: dict[str, str], mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", LONG)


PACKERS: dict[str, Callable[[Path], Any]] = {
    "a.zip": _zip,
    "a.csv.gz": lambda path: path.write_bytes(gzip.compress(LONG.encode())),
    "a.tar.gz": lambda path: _tar(path, {"a.csv": LONG}),
    "a.tgz": lambda path: _tar(path, {"a.csv": LONG}),
    "a.tar": lambda path: _tar(path, {"a.csv": LONG}, "w"),
}


@pytest.mark.parametrize("name", PACKERS)
def test_an_archive_is_read_whole_and_one_cut_off_anywhere_is_named_and_waits(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    PACKERS[name](path)
    whole = path.read_bytes()
    assert len(_rows(_open(tmp_path))) == 20_000
    for end in (len(whole) - 12_000, len(whole) // 2, 100, 0):
        path.write_bytes(whole[:end])
        error = _refusal(_open(tmp_path))
        assert (type(error), error.code, error.facts["file"]) == (Transient, "files.incomplete", name), end
    (tmp_path / "b.csv").write_text(GOOD, "utf-8")
    connector = _open(tmp_path, incomplete="skip")
    assert len(_rows(connector)) == 2
    assert [file for file, _ in connector.incomplete] == [name]


def test_a_tar_cut_off_between_two_members_is_not_taken_for_whole(tmp_path: Path) -> None:
    _tar(tmp_path / "a.tar", {"a.csv": GOOD, "b.csv": GOOD + "3,王五\n"}, "w")
    whole = (tmp_path / "a.tar").read_bytes()
    assert len(_rows(_open(tmp_path))) == 5
    (tmp_path / "a.tar").write_bytes(whole[: 2 * tarfile.BLOCKSIZE])  # the first member, complete
    assert _refusal(_open(tmp_path)).code == "files.incomplete"


def test_a_damaged_gzip_is_not_taken(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LONG.encode()))
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "a.csv.gz").write_bytes(packed)
    assert _refusal(_open(tmp_path)).code == "files.incomplete"


def test_members_that_would_leave_the_folder_stay_in_it_and_links_are_not_followed(tmp_path: Path, spool: Path) -> None:
    _tar(tmp_path / "a.tar.gz", {"../../evil.csv": GOOD, "/tmp/evil.csv": GOOD + "3,王五\n"})
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        link = tarfile.TarInfo("passwd.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    connector = _open(tmp_path)
    assert len(_rows(connector)) == 5
    written = [path.name for path in spool.rglob("*.csv")]
    assert len(written) == 2
    assert "evil.csv" not in written


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.zip", "bomb.tar.gz"])
def test_an_archive_that_would_burst_is_stopped_while_it_is_unpacked(tmp_path: Path, spool: Path, name: str) -> None:
    text = "a\n" + "x" * 20_000_000
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", text)
    elif name.endswith(".tar.gz"):
        _tar(tmp_path / name, {"a.csv": text})
    else:
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    connector = _open(tmp_path, archive_bytes=1_000_000)
    error = _refusal(connector)
    assert (type(error), error.code) == (Terminal, "files.too_large")
    assert sum(path.stat().st_size for path in spool.rglob("*") if path.is_file()) <= 1_000_001


def test_an_encrypted_archive_is_told(tmp_path: Path) -> None:
    _zip(tmp_path / "a.zip")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[6] |= 1  # the flag that says so, in the member's own head and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    error = _refusal(_open(tmp_path))
    assert (type(error), error.code) == (Terminal, "files.unreadable")


def test_names_in_gbk_are_read_in_tar_too(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, encoding="gbk") as archive:
        entry = tarfile.TarInfo("名册.csv")
        entry.size = len(GOOD.encode())
        archive.addfile(entry, io.BytesIO(GOOD.encode()))
    assert [piece.name for piece in _open(tmp_path).slices()] == ["a.tar!名册.csv"]


def test_the_disk_is_given_back(tmp_path: Path, spool: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.csv.gz").write_bytes(gzip.compress(LONG.replace("张", str(number)).encode()))
    connector = _open(tmp_path, spool_bytes=700_000)  # room for two
    pieces = connector.slices()
    assert len(list(spool.rglob("*.csv"))) <= 2
    assert sum(batch.num_rows for piece in pieces for batch in connector.read(piece)) == 80_000
    del connector
    assert list(spool.rglob("*.csv")) == []
