"""What every connector promises, held against every kind of source with the same thousand people in it."""

import csv
import gzip
import io
import json
import secrets
import sqlite3
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook
from sqlalchemy import URL

from connectors.base import Connection, Connector, Slice, open_connector
from schemas.errors import HutongError, Terminal, Transient
from tests.connectors.servers import Bucket, Maria, Sshd

COLUMNS = ["id", "name", "note", "changed"]
People = list[dict[str, Any]]
PASSWORD = "not to be shown"


@dataclass
class Source:
    """A source system, and the same one when it is down."""

    kind: str
    options: dict[str, Any]
    connection: Connection
    down: Connection

    def open(self, **options: Any) -> Connector:
        return open_connector(self.kind, self.options | {"batch_rows": 64} | options, self.connection)


def _values(people: People) -> list[tuple[Any, ...]]:
    return [tuple(person[name] for name in COLUMNS) for person in people]


def _postgres(request: pytest.FixtureRequest, people: People) -> Source:
    url: URL = request.getfixturevalue("new_database")()
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as session:
        session.execute(
            'CREATE SCHEMA "公安"; CREATE TABLE "公安"."Per son" (id text PRIMARY KEY, name text, note text, changed text)'
        )
        with session.cursor().copy('COPY "公安"."Per son" FROM STDIN') as copy:
            for row in _values(people):
                copy.write_row(row)
    options = {"schema": "公安", "table": "Per son", "key": ["id"], "watermark": "changed"}
    return Source(
        "database",
        options,
        Connection("police", "postgres", extra={"url": url.render_as_string(hide_password=False)}),
        Connection("police", "postgres", "127.0.0.1", 1, "police", "reader", PASSWORD),
    )


def _sqlite(request: pytest.FixtureRequest, people: People) -> Source:
    path = request.getfixturevalue("tmp_path") / "civil.db"
    with sqlite3.connect(path) as session:
        session.execute("CREATE TABLE person (id text PRIMARY KEY, name varchar(20), note text, changed date)")
        session.executemany("INSERT INTO person VALUES (?, ?, ?, ?)", _values(people))
    session.close()
    options = {"table": "person", "key": "id", "watermark": "changed"}
    return Source(
        "database", options, Connection("civil", "sqlite", str(path)), Connection("civil", "sqlite", f"{path}.gone")
    )


def _mariadb(request: pytest.FixtureRequest, people: People) -> Source:
    maria: Maria = request.getfixturevalue("maria")
    name = f"t_{secrets.token_hex(4)}"
    maria.run(f"CREATE DATABASE {name}", f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
    maria.run(f"GRANT SELECT ON {name}.* TO {name}@'127.0.0.1'")
    with maria.root(name) as session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE `per son` (id varchar(20) PRIMARY KEY, name text, note text, changed varchar(10))")
        cursor.executemany("INSERT INTO `per son` VALUES (%s, %s, %s, %s)", _values(people))
    options = {"table": "per son", "key": ["id"], "watermark": "changed"}
    reader = Connection("civil", "mysql", "127.0.0.1", maria.port, name, name, PASSWORD)
    return Source("database", options, reader, replace(reader, port=1))


def _rest(request: pytest.FixtureRequest, _: People) -> Source:
    service = request.getfixturevalue("service")
    paging = {"size": 70, "total": "data.total"}
    options: dict[str, Any] = {"path": "api/people", "records": "data.items", "paging": paging, "retries": 0}
    options |= {"since_param": "since", "watermark": "changed", "key": ["id"]}
    return Source("rest", options, service.connection, Connection("market", "http", "127.0.0.1", 1, password=PASSWORD))


def _rest_of(shape: str, **options: Any) -> Callable[[pytest.FixtureRequest, People], Source]:
    def make(request: pytest.FixtureRequest, people: People) -> Source:
        service = request.getfixturevalue("service")
        service.shape, made = shape, _rest(request, people)
        return replace(made, options=made.options | options)

    return make


def _files(write: Callable[[Path, People], None], suffix: str) -> Callable[[pytest.FixtureRequest, People], Source]:
    def make(request: pytest.FixtureRequest, people: People) -> Source:
        folder = request.getfixturevalue("tmp_path")
        for part in range(4):
            write(folder / f"名单-{part}.{suffix}", people[part * 250 : part * 250 + 250])
        options = {"pattern": f"*.{suffix}"}
        return Source(
            "files", options, Connection("drops", "fs", str(folder)), Connection("drops", "fs", f"{folder}/gone")
        )

    return make


def _sftp(request: pytest.FixtureRequest, people: People) -> Source:
    sshd: Sshd = request.getfixturevalue("sshd")
    folder = sshd.folder / secrets.token_hex(4)
    folder.mkdir()
    for part in range(4):
        _write_csv(folder / f"名单-{part}.csv", people[part * 250 : part * 250 + 250])
    here = sshd.connection(path=str(folder))
    return Source("files", {"pattern": "*.csv"}, here, replace(here, port=1, password=PASSWORD))


def _s3(request: pytest.FixtureRequest, people: People) -> Source:
    bucket: Bucket = request.getfixturevalue("bucket")
    folder: Path = request.getfixturevalue("tmp_path")
    for part in range(4):
        _write_parquet(folder / "part", people[part * 250 : part * 250 + 250])
        bucket.write(f"2026/名单-{part}.parquet", (folder / "part").read_bytes())
    down = replace(bucket.connection(1), password=PASSWORD)
    return Source("files", {"pattern": "**/*.parquet", "timeout_seconds": 20}, bucket.connection(), down)


def _csv_text(people: People) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([COLUMNS, *_values(people)])
    return out.getvalue()


def _write_csv(path: Path, people: People) -> None:
    path.write_bytes(_csv_text(people).encode("gb18030"))


def _write_xlsx(path: Path, people: People) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("人员")
    for row in [COLUMNS, *_values(people)]:
        sheet.append(row)
    book.save(path)


def _write_parquet(path: Path, people: People) -> None:
    pq.write_table(pa.Table.from_pylist(people), path)


def _write_ndjson(path: Path, people: People) -> None:
    path.write_text("".join(json.dumps(person, ensure_ascii=False) + "\n" for person in people), "utf-8")


def _write_zip(path: Path, people: People) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "\ufeff" + _csv_text(people[:100]))
        archive.writestr("b/c.ndjson", "".join(json.dumps(person) + "\n" for person in people[100:]))


def _write_tar(path: Path, people: People) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, part in (("a.csv", people[:100]), ("b/c.csv", people[100:])):
            text = _csv_text(part).encode()
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))


def _write_gzip(path: Path, people: People) -> None:
    path.write_bytes(gzip.compress(_csv_text(people).encode("gb18030")))


SOURCES = {
    "postgres": _postgres,
    "mariadb": _mariadb,
    "sqlite": _sqlite,
    "rest": _rest,
    "rest offset": _rest_of("json", paging={"style": "offset", "size": 70, "total": "data.total"}),
    "rest xml": _rest_of("xml", format="xml", records="body.people.person", paging={"size": 70, "total": "body.total"}),
    "csv": _files(_write_csv, "csv"),
    "xlsx": _files(_write_xlsx, "xlsx"),
    "parquet": _files(_write_parquet, "parquet"),
    "ndjson": _files(_write_ndjson, "ndjson"),
    "zip": _files(_write_zip, "zip"),
    "tar": _files(_write_tar, "tar.gz"),
    "gzip": _files(_write_gzip, "csv.gz"),
    "sftp": _sftp,
    "s3": _s3,
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, people: People) -> Source:
    made: Source = SOURCES[request.param](request, people)
    return made


def _read(connector: Connector, pieces: list[Slice]) -> Counter[tuple[Any, ...]]:
    rows: Counter[tuple[Any, ...]] = Counter()
    for piece in pieces:
        for batch in connector.read(piece):
            rows.update(zip(*batch.to_pydict().values(), strict=True))
    return rows


def test_it_describes_the_columns_the_source_has(source: Source) -> None:
    schema = source.open(columns=["id"]).describe()
    assert schema.names == COLUMNS
    assert all(pa.types.is_string(field.type) for field in schema)


def test_its_slices_cover_every_row_exactly_once(source: Source, people: People) -> None:
    pieces = source.open().slices(count=4)
    assert len(pieces) >= 4
    assert len({piece.id for piece in pieces}) == len(pieces)
    assert _read(source.open(), pieces) == Counter(_values(people))


def test_one_slice_is_everything_unless_it_is_a_file(source: Source, people: People) -> None:
    pieces = source.open().slices()
    assert len(pieces) == 1 or source.kind == "files"
    assert _read(source.open(), pieces) == Counter(_values(people))


def test_batches_are_bounded(source: Source) -> None:
    connector = source.open()
    sizes = [batch.num_rows for piece in connector.slices() for batch in connector.read(piece)]
    assert max(sizes) <= 64
    assert sum(sizes) == 1_000


def test_slices_travel_as_json_and_read_the_same_elsewhere(source: Source) -> None:
    pieces = source.open().slices(count=3)
    again = [Slice.from_json(piece.to_json()) for piece in pieces]
    assert again == pieces
    assert _read(source.open(), again) == _read(source.open(), pieces)


def test_it_reads_only_the_bound_columns_in_their_order(source: Source) -> None:
    connector = source.open(columns=["name", "id"])
    batch = next(iter(connector.read(connector.slices()[0])))
    assert batch.schema.names == ["name", "id"]


def test_batches_carry_the_described_types(source: Source) -> None:
    connector = source.open()
    batch = next(iter(connector.read(connector.slices()[0])))
    assert [(field.name, field.type) for field in batch.schema] == [
        (field.name, field.type) for field in connector.describe()
    ]


def test_it_reads_only_what_is_new(source: Source, people: People) -> None:
    if source.kind == "files":
        landed = source.open().slices()
        assert source.open().slices({piece.digest: piece.name for piece in landed[1:]}) == landed[:1]
        return
    expected = [row for row in _values(people) if row[3] >= "2026-01-20"]
    assert _read(source.open(), source.open().slices("2026-01-20", 3)) == Counter(expected)


def test_slices_say_from_where_the_next_plan_goes_on(source: Source, people: People) -> None:
    pieces = source.open().slices(count=2)
    newest = max(person["changed"] for person in people)
    assert {piece.until for piece in pieces} == ({None} if source.kind == "files" else {newest})


def test_a_source_that_is_down_is_worth_another_try(source: Source) -> None:
    with pytest.raises(Transient) as caught:
        open_connector(source.kind, source.options, source.down).describe()
    assert caught.value.code in ("connector.unreachable", "files.missing")
    assert PASSWORD not in repr(source.down)
    assert PASSWORD not in f"{caught.value!r}{caught.value.facts}{caught.value.title()}{caught.value.__cause__!r}"


def test_a_column_that_is_gone_is_named(source: Source) -> None:
    connector = source.open(columns=["id", "vanished"])
    if source.kind == "rest":
        assert (
            "vanished" not in connector.describe().names
        )  # a service may leave empty fields out: only the description tells
        return
    with pytest.raises(Terminal) as caught:
        _read(connector, connector.slices())
    assert (caught.value.code, caught.value.facts["column"]) == ("connector.missing_column", "vanished")


def test_every_error_has_words_in_both_languages() -> None:
    for kind, code in ((Terminal, "connector.unknown_kind"), (Transient, "files.incomplete")):
        error: HutongError = kind(code, kind="x", file="a.csv")
        assert error.title("zh") != error.title("en")
        assert error.remedy("zh") != error.remedy("en")
