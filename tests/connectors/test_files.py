"""Delivered files as departments deliver them: odd encodings, half copied, twice, and touched by Excel."""

import hashlib
import json
import os
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from connectors.base import Connection
from connectors.files import FilesConnector
from schemas.errors import HutongError, Terminal, Transient

GOOD = "编号,姓名,备注\n1,张三,\n2,李四,龘龑\n"


def _open(folder: Path, **options: Any) -> FilesConnector:
    return FilesConnector(options, Connection("drops", "fs", extra={"path": str(folder)}))


def _rows(connector: FilesConnector) -> list[dict[str, Any]]:
    pieces = connector.slices()
    return [row for piece in pieces for batch in connector.read(piece) for row in batch.to_pylist()]


def _sheet(book: Workbook) -> Worksheet:
    """The one sheet of a new book."""
    assert isinstance(book.active, Worksheet)
    return book.active


def _refusal(connector: FilesConnector) -> HutongError:
    with pytest.raises(HutongError) as caught:
        _rows(connector)
    return caught.value


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_the_encoding_is_found(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a.csv").write_bytes(GOOD.replace("龑", "龙").encode(codec))
    assert _rows(_open(tmp_path)) == [
        {"编号": "1", "姓名": "张三", "备注": None},
        {"编号": "2", "姓名": "李四", "备注": "龘龙"},
    ]


def test_a_late_chinese_character_decides_the_encoding(tmp_path: Path) -> None:
    text = "id,name\n" + "1,plain\n" * 400_000 + "2,末\n"
    (tmp_path / "a.csv").write_bytes(text.encode("gb18030"))
    rows = _rows(_open(tmp_path))
    assert (len(rows), rows[-1]["name"]) == (400_001, "末")


def test_text_in_no_known_encoding_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,name\n1,\xff\xff\n2,b\n")
    error = _refusal(_open(tmp_path))
    assert (type(error), error.code, error.facts["offset"]) == (Terminal, "files.encoding", 10)
    assert _refusal(_open(tmp_path, encoding="utf-8")).code == "files.encoding"
    assert _refusal(_open(tmp_path, encoding="no-such-codec")).code == "files.encoding"


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "a.txt").write_text(GOOD.replace(",", delimiter), "utf-8")
    assert _rows(_open(tmp_path))[1]["姓名"] == "李四"


def test_nothing_is_guessed_to_be_a_number_and_empty_text_is_not_null(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b,c,d\n007,1e5,"",\ntrue,2026-01-01,NULL,nan\n', "utf-8")
    assert _rows(_open(tmp_path)) == [
        {"a": "007", "b": "1e5", "c": "", "d": None},
        {"a": "true", "b": "2026-01-01", "c": "NULL", "d": "nan"},
    ]


def test_a_file_without_header_takes_the_bound_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,x\n2,y\n", "utf-8")
    assert _rows(_open(tmp_path, header=["id", "name"])) == [{"id": "1", "name": "x"}, {"id": "2", "name": "y"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"id,name,note\n1,a,b\n2,c", "2 of 3 fields"),
        (b"id,name,note\n1,a,b\n2\n", "1 of 3 fields"),
        (b'id,name,note\n1,a,b\n2,c,"cut', "inside a quoted value"),
        (b'id,name,note\n1,"a\nb",c\n2,d,"cut\nhere', "inside a quoted value"),
        ("id,name\n1,张三\n2,李".encode()[:-1], "inside a character"),
    ],
)
def test_a_half_written_csv_is_refused_by_name(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "半.csv").write_bytes(content)
    error = _refusal(_open(tmp_path))
    assert (type(error), error.code, error.facts["file"]) == (Transient, "files.incomplete", "半.csv")
    assert reason in error.facts["reason"]


@pytest.mark.parametrize(
    "content",
    [
        "id,note\n",
        "id,note",
        'id,note\n1,"ends\nin, lines"',
        'id,note\n1,"a\nb"\n2,"x ""y"" z"\n',
        "id,note\r\n1,2\r\n\r\n",
    ],
)
def test_a_whole_csv_with_an_unusual_end_is_taken(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_bytes(content.encode())
    assert len(_open(tmp_path).slices()) == 1
    _rows(_open(tmp_path))


def test_good_files_go_on_beside_a_half_written_one_when_the_binding_says_skip(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD, "utf-8")
    (tmp_path / "b.csv").write_text(GOOD[:-5], "utf-8")
    connector = _open(tmp_path, incomplete="skip")
    assert len(_rows(connector)) == 2
    assert [name for name, _ in connector.incomplete] == ["b.csv"]


def test_truncated_archives_and_footers_are_incomplete(tmp_path: Path) -> None:
    table = pa.table({"id": [str(n) for n in range(1_000)]})
    pq.write_table(table, tmp_path / "a.parquet")
    book = Workbook()
    _sheet(book).append(["id"])
    book.save(tmp_path / "b.xlsx")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("a.csv", "id\n" * 100)
    (tmp_path / "d.ndjson").write_text('{"id": 1}\n{"id": 2}\n', "utf-8")
    for name in ("a.parquet", "b.xlsx", "c.zip", "d.ndjson"):
        whole = (tmp_path / name).read_bytes()
        _open(tmp_path, pattern=name).slices()
        (tmp_path / name).write_bytes(whole[: len(whole) - 5])
        error = _refusal(_open(tmp_path, pattern=name))
        assert (error.code, error.facts["file"]) == ("files.incomplete", name)


def test_a_damaged_archive_member_is_incomplete(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("a.csv", "id,name\n" + "1,xxxxxxxx\n" * 100)
    damaged = bytearray((tmp_path / "c.zip").read_bytes())
    damaged[200] ^= 0xFF
    (tmp_path / "c.zip").write_bytes(damaged)
    assert _refusal(_open(tmp_path)).code == "files.incomplete"


def test_a_marker_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD, "utf-8")
    assert _refusal(_open(tmp_path, marker=True)).code == "files.incomplete"
    (tmp_path / "a.csv.done").touch()
    assert len(_rows(_open(tmp_path, marker=".done"))) == 2
    (tmp_path / "a.csv.done").rename(tmp_path / "a.csv.ok")
    assert len(_rows(_open(tmp_path, marker=True))) == 2


def test_a_file_written_a_moment_ago_rests_first(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOOD, "utf-8")
    assert _refusal(_open(tmp_path, settle_seconds=600)).code == "files.incomplete"
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 601))
    assert len(_rows(_open(tmp_path, settle_seconds=600))) == 2


@pytest.mark.parametrize(("declared", "reason"), [({"rows": 3}, "2 of 3"), ({"sha256": "00"}, "SHA-256")])
def test_a_declared_count_or_digest_is_held(tmp_path: Path, declared: dict[str, Any], reason: str) -> None:
    (tmp_path / "a.csv").write_text(GOOD, "utf-8")
    manifest = tmp_path / "a.csv.manifest.json"
    manifest.write_text(json.dumps(declared), "utf-8")
    error = _refusal(_open(tmp_path))
    assert error.code == "files.incomplete"
    assert reason in error.facts["reason"]
    manifest.write_text(json.dumps({"rows": 2, "sha256": hashlib.sha256(GOOD.encode()).hexdigest()}), "utf-8")
    assert len(_rows(_open(tmp_path))) == 2


def test_the_same_content_under_another_name_is_taken_once_and_reported(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(GOOD, "utf-8")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("again.csv", GOOD)
    connector = _open(tmp_path)
    landed = connector.slices()
    assert [piece.name for piece in landed] == ["a.csv"]
    assert connector.duplicates == [("b.csv", "a.csv"), ("c.zip!again.csv", "a.csv")]
    digest = connector.fingerprint(landed[0])
    assert connector.slices([digest]) == []
    assert connector.slices({digest: "sent last month.csv"}) == []
    assert ("a.csv", "sent last month.csv") in connector.duplicates


def test_malformed_rows_stop_the_file_or_are_kept_word_for_word(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,a\n2,b,too many\n3\n4,d\n", "utf-8")
    error = _refusal(_open(tmp_path))
    assert (type(error), error.code, error.facts["line"]) == (Terminal, "files.malformed_row", 3)
    connector = _open(tmp_path, malformed="quarantine")
    assert [row["id"] for row in _rows(connector)] == ["1", "4"]
    assert [(row.file, row.line, row.text) for row in connector.malformed] == [
        ("a.csv", 3, "2,b,too many"),
        ("a.csv", 4, "3"),
    ]


def test_malformed_json_lines_are_kept_word_for_word(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"id": 1, "x": [1.50]}\nnot json\n[2]\n{"id": 3.10, "x": {"甲": 1}}\n', "utf-8")
    connector = _open(tmp_path, malformed="quarantine")
    assert _rows(connector) == [{"id": "1", "x": "[1.5]"}, {"id": "3.10", "x": '{"甲": 1}'}]
    assert [(row.line, row.text) for row in connector.malformed] == [(2, "not json"), (3, "[2]")]
    assert _refusal(_open(tmp_path)).code == "files.malformed_row"


def test_excel_cells_come_out_as_excel_shows_them(tmp_path: Path) -> None:
    book = Workbook()
    sheet = _sheet(book)
    sheet.title = "名册"
    sheet.append(["id", "when", "count", "share", "text", "flag", None])
    sheet.append([320106199001010011, date(2026, 1, 5), 13900001111, 0.1, "0012", True])
    sheet.append([3.2e17, datetime.fromisoformat("2026-01-05T08:30"), 7.0, 1e-7, " kept ", None])
    sheet.append([None] * 6)
    book.save(tmp_path / "a.xlsx")
    rows = [list(row.values()) for row in _rows(_open(tmp_path, sheet="名册"))]
    assert rows == [
        ["3.20106E+17", "2026-01-05", "13900001111", "0.1", "0012", "TRUE"],
        ["3.2E+17", "2026-01-05T08:30:00", "7", "1E-07", " kept ", None],
    ]
    assert _refusal(_open(tmp_path, sheet="别的")).code == "connector.missing_table"


def test_excel_cells_beyond_the_header_are_malformed(tmp_path: Path) -> None:
    book = Workbook()
    for row in (["id"], ["1"], ["2", "stray"]):
        _sheet(book).append(row)
    book.save(tmp_path / "a.xlsx")
    connector = _open(tmp_path, malformed="quarantine")
    assert _rows(connector) == [{"id": "1"}]
    assert [(row.line, row.text) for row in connector.malformed] == [(3, "2\tstray")]


def test_parquet_keeps_its_types_and_nested_values_become_json(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array([1], pa.int32()), "d": [date(2026, 1, 1)], "list": [[1, 2]]})
    pq.write_table(table.append_column("dictionary", pa.array(["x"]).dictionary_encode()), tmp_path / "a.parquet")
    connector = _open(tmp_path)
    assert connector.describe().types == [pa.int32(), pa.date32(), pa.string(), pa.string()]
    assert _rows(connector) == [{"n": 1, "d": date(2026, 1, 1), "list": "[1, 2]", "dictionary": "x"}]


def test_archives_from_chinese_windows_name_their_members_right(tmp_path: Path) -> None:
    name = "名册.csv".encode("gbk")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("x" * len(name), GOOD)
    (tmp_path / "b.zip").write_bytes((tmp_path / "b.zip").read_bytes().replace(b"x" * len(name), name))
    assert [piece.name for piece in _open(tmp_path).slices()] == ["b.zip!名册.csv"]


def test_archives_are_bounded_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", GOOD)
        archive.writestr("liesmich.doc", "x" * 1_000)
    assert _refusal(_open(tmp_path, archive_bytes=500)).code == "files.too_large"
    error = _refusal(_open(tmp_path))
    assert (error.code, error.facts["file"]) == ("files.unknown_format", "a.zip!liesmich.doc")
    assert len(_rows(_open(tmp_path, members="*.csv"))) == 2


@pytest.mark.parametrize("header", ["id,,name", "id,name,id"])
def test_a_header_must_name_every_column_once(tmp_path: Path, header: str) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n1,2,3\n", "utf-8")
    assert _refusal(_open(tmp_path)).code == "files.bad_header"


def test_files_of_different_layout_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,x\n", "utf-8")
    (tmp_path / "b.csv").write_text("id,name,new\n1,x,y\n", "utf-8")
    error = _refusal(_open(tmp_path))
    assert (error.code, error.facts["columns"]) == ("files.header_differs", "new")


def test_a_file_changed_after_planning_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD, "utf-8")
    connector = _open(tmp_path)
    piece = connector.slices()[0]
    (tmp_path / "a.csv").write_text(GOOD + "3,王五,\n", "utf-8")
    with pytest.raises(Transient) as caught:
        list(connector.read(piece))
    assert caught.value.code == "files.changed"


def test_a_pattern_does_not_leave_its_folder_and_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    assert _open(tmp_path).slices() == []
    assert _refusal(_open(tmp_path, pattern="../*.csv")).code == "connector.bad_binding"
    with pytest.raises(Transient) as caught:
        _open(tmp_path, pattern="*.csv").describe()
    assert caught.value.code == "files.missing"
