"""Deliveries that lie elsewhere: on an SFTP server and in object storage."""

import gzip
import os
import resource
import secrets
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.base import Connection
from connectors.files import FilesConnector
from connectors.transport import matches
from schemas.errors import HutongError, Terminal, Transient
from tests.connectors.servers import Bucket, Sshd, line_to, password_server

GOOD = "编号,姓名\n1,张三\n2,李四\n"
PASSWORD = "not to be shown"


def _rows(connector: FilesConnector, since: Any = None) -> list[dict[str, Any]]:
    return [row for piece in connector.slices(since) for batch in connector.read(piece) for row in batch.to_pylist()]


def _refusal(connector: FilesConnector) -> HutongError:
    with pytest.raises(HutongError) as caught:
        _rows(connector)
    return caught.value


@pytest.fixture
def folder(sshd: Sshd) -> Path:
    """A folder of this test's own on the SFTP server."""
    folder = sshd.folder / secrets.token_hex(4)
    folder.mkdir()
    return folder


def _sftp(sshd: Sshd, folder: Path, source: dict[str, Any] | None = None, **changed: Any) -> FilesConnector:
    return FilesConnector(source or {}, sshd.connection(path=str(folder), **changed))


def test_a_server_that_shows_another_key_gets_nothing(sshd: Sshd, folder: Path) -> None:
    another = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIsD8zQCnVrDH5nf2pWJjAsQbyVwlWCkAJ6fq0xGQGzS"
    error = _refusal(_sftp(sshd, folder, host_key=another))
    assert (type(error), error.code) == (Terminal, "connector.host_key")
    unknown = folder.parent / "known_hosts"
    unknown.write_text(f"[elsewhere.example]:22 {sshd.host_key}\n")
    assert _refusal(_sftp(sshd, folder, host_key=None, known_hosts=str(unknown))).code == "connector.host_key"
    unknown.write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_key}\n")
    assert _rows(_sftp(sshd, folder, host_key=None, known_hosts=str(unknown))) == []


@pytest.mark.parametrize(
    "extra", [{"host_key": None}, {"host_key": "nonsense"}, {"key_file": "/nowhere"}, {"private_key": "x"}]
)
def test_a_connection_that_lacks_something_is_told_so(sshd: Sshd, folder: Path, extra: dict[str, Any]) -> None:
    extra = {"key_file": None} | extra if "private_key" in extra else extra
    error = _refusal(_sftp(sshd, folder, **extra))
    assert (type(error), error.code) == (Terminal, "connector.bad_connection")


def test_the_key_may_be_given_as_text_and_a_wrong_one_is_refused(sshd: Sshd, folder: Path) -> None:
    (folder / "a.csv").write_text(GOOD, "utf-8")
    text = sshd.key_file.read_text()
    assert len(_rows(_sftp(sshd, folder, key_file=None, private_key=text))) == 2
    error = _refusal(_sftp(sshd, folder, key_file=str(sshd.folder.parent / "host")))
    assert (type(error), error.code) == (Terminal, "connector.refused")


def test_a_password_opens_and_a_wrong_one_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD, "utf-8")
    with password_server("hub", PASSWORD) as (port, host_key):
        extra = {"path": str(tmp_path), "host_key": host_key}
        known = Connection("tax", "sftp", "127.0.0.1", port, login="hub", password=PASSWORD, extra=extra)
        assert len(_rows(FilesConnector({"pattern": "*.csv"}, known))) == 2
        error = _refusal(FilesConnector({}, replace(known, password="wrong, and secret")))
    assert (type(error), error.code) == (Terminal, "connector.refused")
    assert "secret" not in f"{error!r}{error.facts}{known}"


def test_folders_links_and_side_files_are_understood(sshd: Sshd, folder: Path) -> None:
    (folder / "2026" / "01").mkdir(parents=True)
    (folder / "2026" / "01" / "a.csv").write_text(GOOD, "utf-8")
    (folder / "b.csv").symlink_to(folder / "2026" / "01" / "a.csv")
    (folder / "c.csv").symlink_to(folder / "nowhere")
    (folder / "d.csv.filepart").write_text("half", "utf-8")
    connector = _sftp(sshd, folder, {"pattern": ["**/*.csv", "*"]})
    assert [piece.name for piece in connector.slices()] == ["2026/01/a.csv"]
    assert connector.duplicates == [("b.csv", "2026/01/a.csv")]
    assert _refusal(_sftp(sshd, folder / "nowhere")).code == "files.missing"


def test_a_half_uploaded_file_waits_for_its_marker_and_rest(sshd: Sshd, folder: Path) -> None:
    path = folder / "a.csv"
    path.write_text(GOOD, "utf-8")
    (folder / "b.csv").write_text(GOOD.replace("李四", "王五"), "utf-8")
    (folder / "b.csv.ok").touch()
    connector = _sftp(sshd, folder, {"marker": True, "incomplete": "skip"})
    assert [row["姓名"] for row in _rows(connector)] == ["张三", "王五"]
    assert [name for name, _ in connector.incomplete] == ["a.csv"]
    assert _refusal(_sftp(sshd, folder, {"pattern": "a.csv", "settle_seconds": 600})).code == "files.incomplete"
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 601))
    assert len(_rows(_sftp(sshd, folder, {"pattern": "a.csv", "settle_seconds": 600}))) == 2


def test_a_declared_digest_and_count_are_held_elsewhere_too(bucket: Bucket) -> None:
    bucket.write("a.csv", GOOD.encode())
    bucket.write("a.csv.manifest.json", b'{"rows": 3}')
    error = _refusal(FilesConnector({}, bucket.connection()))
    assert (error.code, error.facts["reason"]) == ("files.incomplete", "it has 2 of 3 declared rows")
    bucket.write("a.csv.manifest.json", b'{"sha256": "00"}')
    assert "SHA-256" in _refusal(FilesConnector({}, bucket.connection())).facts["reason"]


def test_a_delivery_overwritten_after_planning_is_not_read(sshd: Sshd, folder: Path, bucket: Bucket) -> None:
    (folder / "a.csv").write_text(GOOD, "utf-8")
    bucket.write("a.csv", GOOD.encode())
    for connector, change in (
        (_sftp(sshd, folder), lambda text: (folder / "a.csv").write_text(text, "utf-8")),
        (FilesConnector({}, bucket.connection()), lambda text: bucket.write("a.csv", text.encode())),
    ):
        piece = connector.slices()[0]
        change(GOOD + "3,王五\n")
        with pytest.raises(Transient) as caught:
            list(connector.read(piece))
        assert caught.value.code == "files.changed"


def test_a_known_delivery_is_not_fetched_again(sshd: Sshd, folder: Path) -> None:
    path = folder / "a.csv"
    path.write_text("n,filler\n" + "".join(f"{n},{'x' * 90}\n" for n in range(20_000)), "utf-8")
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 3_600))
    with line_to(sshd.port) as line:
        host_key = f"{sshd.host_key}"
        first = _sftp(sshd, folder, port=line.port, host_key=host_key)
        landed = {piece.digest: piece.name for piece in first.slices()}
        line.passes = 500_000  # far less than the file
        assert _sftp(sshd, folder, port=line.port).slices(landed) == []
        assert line.passes is not None
        os.utime(path)  # touched: who knows
        line.passes = None
        assert _sftp(sshd, folder, port=line.port).slices(landed) == []


@pytest.mark.parametrize("place", ["sftp", "s3"])
def test_a_network_cut_in_mid_file_is_worth_another_try_and_that_one_reads_all(
    request: pytest.FixtureRequest, spool: Path, place: str
) -> None:
    text = "n,filler\n" + "".join(f"{n},{'x' * 90}\n" for n in range(40_000))
    if place == "sftp":
        folder, sshd = request.getfixturevalue("folder"), request.getfixturevalue("sshd")
        (folder / "a.csv").write_text(text, "utf-8")
        server = sshd.port
    else:
        bucket = request.getfixturevalue("bucket")
        bucket.write("a.csv", text.encode())
        server = bucket.port
    with line_to(server) as line:
        connection = (
            sshd.connection(path=str(folder), port=line.port) if place == "sftp" else bucket.connection(line.port)
        )
        connector = FilesConnector({"timeout_seconds": 5}, connection)
        connector._drops.find()
        line.passes = 1_000_000
        line.cuts_for_good = True
        error = _refusal(connector)
        assert (type(error), error.code) == (Transient, "connector.broken_off")
        assert isinstance(_refusal(connector), Transient)
        line.cuts_for_good = False
        line.mend()
        assert len(_rows(connector)) == 40_000
    assert list(spool.glob("drops-*/*/*")) == []  # what was read is gone


def test_what_object_storage_refuses_is_told(bucket: Bucket, s3: int) -> None:
    bucket.write("a.csv", GOOD.encode())
    assert _refusal(FilesConnector({}, bucket.connection(path="no-such-bucket"))).code == "files.missing"
    assert _rows(FilesConnector({}, bucket.connection(path=f"{bucket.name}/nothing/yet"))) == []
    for wrong in (bucket.connection(path=""), replace(bucket.connection(), login=None)):
        error = _refusal(FilesConnector({}, wrong))
        assert (type(error), error.code) == (Terminal, "connector.bad_connection")
    asked = requests.post(f"http://127.0.0.1:{s3}/moto-api/reset-auth", data=b"0", timeout=10)
    assert asked.status_code == 200
    try:
        error = _refusal(FilesConnector({}, bucket.connection()))
    finally:
        requests.post(f"http://127.0.0.1:{s3}/moto-api/reset-auth", data=b"inf", timeout=10)
    assert (type(error), error.code) == (Terminal, "connector.refused")


def test_a_full_disk_is_told_and_leaves_nothing_half_taken(bucket: Bucket) -> None:
    text = ("n,filler\n" + "1,xxxxxxxx\n" * 50_000).encode()
    bucket.write("a.csv.gz", gzip.compress(text))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # as if there were no more room
    try:
        error = _refusal(FilesConnector({}, bucket.connection()))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (type(error), error.code) == (Transient, "files.no_space")
    assert len(_rows(FilesConnector({}, bucket.connection()))) == 50_000


READ = """
import resource, sys
from connectors.base import Connection
from connectors.files import FilesConnector

connection = Connection("cloud", "aws", login="key", password="secret", extra={"endpoint_url": sys.argv[1], "path": sys.argv[2]})
FilesConnector({"pattern": "small.csv"}, connection).slices()  # whatever is loaded is loaded now
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmData")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (used + (56 << 20), used + (96 << 20)))
connector = FilesConnector({"pattern": "*.gz"}, connection)
print(sum(batch.num_rows for piece in connector.slices() for batch in connector.read(piece)))
"""


def test_a_file_larger_than_the_memory_the_process_may_use_is_read(bucket: Bucket) -> None:
    line = f"1,{'x' * 1_000}\n"
    bucket.write("small.csv", GOOD.encode())
    bucket.write("large.csv.gz", gzip.compress(("n,filler\n" + line * 70_000).encode(), 1))  # 70 MB, in 56 MB
    command = [sys.executable, "-c", READ, f"http://127.0.0.1:{bucket.port}", f"{bucket.name}/drops"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.strip() == "70000", done.stderr[-2_000:]


@pytest.mark.parametrize(
    ("name", "pattern", "is_meant"),
    [
        ("a.csv", "*.csv", True),
        ("b/a.csv", "*.csv", False),
        ("b/a.csv", "*/*.csv", True),
        ("a.csv", "**/*.csv", True),
        ("b/c/a.csv", "**/*.csv", True),
        ("b/c/a.csv", "b/**/a.csv", True),
        ("c/a.csv", "b/**/a.csv", False),
        ("[a].csv", "*.csv", True),
        ("名单.CSV", "名*.csv", False),
    ],
)
def test_globs_elsewhere_mean_what_they_mean_here(tmp_path: Path, name: str, pattern: str, is_meant: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert matches(name, pattern) == is_meant == (path in tmp_path.glob(pattern))
