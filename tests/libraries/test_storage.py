"""Landing on object storage: the same batches end the same way as in a local folder, and what the storage refuses is said by name."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.fs as fs
import pytest

from libraries import ingest, landing
from schemas.errors import HutongError, Terminal, Transient
from tests.connectors.servers import free_port, s3_server

RESIDENT = "public_security.resident"


@pytest.fixture(scope="module")
def s3_port() -> Iterator[int]:
    with s3_server() as port:
        raw = fs.S3FileSystem(
            access_key="key", secret_key="secret", endpoint_override=f"127.0.0.1:{port}", scheme="http",
            region="us-east-1", allow_bucket_creation=True,
        )  # fmt: skip
        raw.create_dir("landing")
        yield port


@pytest.fixture
def bucket(s3_port: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Landing lies below a prefix of its own in a bucket."""
    _use_bucket(s3_port, monkeypatch, request.node.originalname)


def _use_bucket(port: int, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setenv("HUTONG_LANDING", f"s3://landing/{prefix}")
    monkeypatch.setenv("HUTONG_LANDING_S3_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("HUTONG_LANDING_S3_ACCESS_KEY", "key")
    monkeypatch.setenv("HUTONG_LANDING_S3_SECRET_KEY", "secret")


def _batches(rows: int, then: HutongError | None = None) -> Iterator[pa.RecordBatch]:
    yield pa.record_batch({"n": pa.array(range(rows))})
    if then is not None:
        raise then


def _night(hub: Any, run: str) -> tuple[Any, ...]:
    """Take the resource in; what became of the batch, without what is another's every time: the score counts what is held against former nights too."""
    batch = hub.batch(ingest.ingest(RESIDENT, run))
    folder = landing.folder_of(batch["path"])
    found = folder.filesystem.get_file_info(fs.FileSelector(folder.path, recursive=True))
    files = sorted(info.path.removeprefix(folder.path) for info in found if info.type == fs.FileType.File)
    counted = hub.one("SELECT count(*) FROM library.population")
    kept = ("state", "rows_in", "rows_good", "rows_quarantined")
    return [batch[name] for name in kept], batch["manifest"]["fingerprint"], hub.reasons(batch["id"]), files, counted


def test_a_batch_ends_in_a_bucket_as_in_a_folder(
    hub: Any, people: Any, s3_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish()
    rows = people(300)
    rows[7]["xm"] = None
    hub.fill(rows)
    in_a_folder = _night(hub, "first night")
    assert in_a_folder[0][0] == "merged"
    _use_bucket(s3_port, monkeypatch, "whole")
    assert _night(hub, "second night") == in_a_folder
    assert in_a_folder[-1] == 299


@pytest.mark.usefixtures("bucket")
def test_a_file_is_there_whole_or_not_at_all() -> None:
    folder = landing.folder_of("r/b")
    folder.clear("landed")
    with pytest.raises(Transient, match=r"database\.unreachable"):
        landing.write_part(folder, "landed/a.parquet", _batches(9, Transient("database.unreachable", address="x")))
    assert folder.files("landed") == []
    assert landing.write_part(folder, "landed/a.parquet", _batches(9)) == 9
    assert landing.write_part(folder, "landed/b.parquet", iter([])) == 0
    assert folder.files("landed") == ["r/b/landed/a.parquet"]
    folder.clear("landed")
    assert folder.files("landed") == []


@pytest.mark.usefixtures("bucket")
def test_what_is_written_is_read_back() -> None:
    folder = landing.folder_of("r/b")
    assert folder.read("quality", "result.json") is None
    folder.write(b"{}", "quality", "result.json")
    folder.write(b"[1]", "quality", "result.json")
    assert folder.read("quality", "result.json") == b"[1]"
    landing.write_table(folder, "checked/part-00000.parquet", pa.table({"n": [1, 2]}))
    (place,) = landing.groups_of(folder, "checked")
    assert landing.read_group(folder, *place).num_rows == landing.rows_in(folder, *place) == 2
    assert len(landing.digest_of(folder, "checked/part-00000.parquet")) == 64


def test_what_a_killed_attempt_left_in_a_folder_is_not_taken_for_this_ones(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_LANDING", str(tmp_path))
    folder = landing.folder_of("r/b")
    folder.clear("landed")
    (tmp_path / "r/b/landed/a.parquet.tmp").write_bytes(b"half")
    assert landing.write_part(folder, "landed/a.parquet", iter([])) == 0
    assert folder.files("landed") == []


@pytest.mark.parametrize(
    ("variable", "value", "kind", "code"),
    [
        ("HUTONG_LANDING_S3_ENDPOINT", "http://127.0.0.1:{port}", Transient, "landing.storage_unreachable"),
        ("HUTONG_LANDING", "s3://no-such-bucket/x", Terminal, "landing.storage_refused"),
    ],
)
def test_storage_that_fails_is_named(
    hub: Any,
    people: Any,
    s3_port: int,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    kind: Any,
    code: str,
) -> None:
    hub.publish()
    hub.fill(people(3))
    batch = ingest.plan(RESIDENT, "night")
    _use_bucket(s3_port, monkeypatch, "named")
    monkeypatch.setenv(variable, value.format(port=free_port()))
    with pytest.raises(kind, match=code.replace(".", r"\.")):
        ingest.land(batch)
    assert hub.batch(batch)["state"] == "planned"
