"""The same from a shell: what is typed, what is printed, and that no holder's code is."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hutong.commands.certificate import app
from schemas.errors import HutongError
from schemas.identifiers import next_certificate_version
from tests.libraries.certificates.conftest import HOLDER, IDENTIFIER, ISSUER, TYPE, Hold
from tests.libraries.certificates.papers import paper

SECOND = next_certificate_version(IDENTIFIER)


def run(*words: str, given: str | None = None, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words), input=given, env={"COLUMNS": "200"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    assert HOLDER not in result.output
    return result.output


def test_identifiers_are_made_and_counted_on() -> None:
    assert run("issue", TYPE, ISSUER, "2026000001").strip() == IDENTIFIER
    assert run("next", IDENTIFIER).strip() == SECOND


@pytest.mark.usefixtures("bureau")
def test_types_are_imported_and_listed(tmp_path: Path) -> None:
    file = tmp_path / "types.csv"
    file.write_text(f"证照类型代码,证照类型名称\n{TYPE},不动产权证书\n", "utf-8")
    assert "新增 1" in run("types", "import", str(file))
    assert "不动产权证书" in run("types", "list")
    file.write_text("证照类型代码,证照类型名称\n123,短\n", "utf-8")
    run("types", "import", str(file), code=1)


def test_a_certificate_is_shown_with_what_supersedes_it(hold: Hold) -> None:
    hold()
    hold(SECOND)
    shown = run("show", IDENTIFIER)
    assert "superseded (newer version)" in shown
    assert SECOND in shown
    assert "type_unknown" in run("flags")
    assert IDENTIFIER in run("flags", "--kind", "type_unknown")


@pytest.mark.usefixtures("bureau")
def test_a_folder_of_files_is_stored_and_what_is_no_file_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(paper())
    (folder / "b.txt").write_text("not a certificate")
    said = run("file", "add", str(folder), code=1)
    assert "new 1" in said
    assert "refused 1" in said
    digest = next(word for word in said.split() if len(word) == 64)
    assert "unsigned" in run("file", "show", digest)
    run("file", "get", digest, "--out", str(tmp_path / "out.pdf"))
    assert (tmp_path / "out.pdf").read_bytes() == paper()


@pytest.mark.usefixtures("bureau")
def test_a_missing_one_is_reported_listed_and_closed() -> None:
    said = run("missing", "report", "不动产权证书", "certificate_bureau", given=f"{HOLDER}\n")
    number = said.split()[0]
    assert "certificate_bureau" in run("missing", "list")
    assert "refused" in run("missing", "close", number, "--as", "refused", "--answer", "未颁发")
    assert "refused" in run("missing", "list", "--all")


def test_progress_is_a_table_of_types_and_issuers(hold: Hold, tmp_path: Path) -> None:
    hold()
    file = tmp_path / "stock.csv"
    file.write_text(f"证照类型代码,颁发机构代码,存量\n{TYPE},{ISSUER},2\n", "utf-8")
    assert "50.0%" in run("progress", "--import", str(file))


@pytest.mark.usefixtures("bureau")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "none"), "certificate.unknown"),
        (("flags", "--kind", "nonsense"), "certificate.unknown_flag"),
        (("file", "show", "0" * 64), "certificate.no_file"),
        (("issue", TYPE, "330199", "1"), "identifier.length"),
    ],
)
def test_what_cannot_be_done_is_said_by_name(words: tuple[str, ...], code: str) -> None:
    with pytest.raises(HutongError) as caught:
        run(*words)
    assert caught.value.code == code


def test_one_certificate_has_one_file(hold: Hold, tmp_path: Path) -> None:
    files: list[Any] = [tmp_path / name for name in ("a.pdf", "b.pdf")]
    for file in files:
        file.write_bytes(paper())
    with pytest.raises(HutongError) as caught:
        run("file", "add", *map(str, files), "--certificate", hold())
    assert caught.value.code == "certificate.one_file"
