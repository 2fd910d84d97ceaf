"""The directory's ways in and out from a shell: what is typed, what is told, what is left behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import URL, create_engine, text
from typer.testing import CliRunner, Result

from catalog import departments
from catalog.departments import DepartmentDocument
from hutong.commands.catalog import app
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.migrations import upgrade
from tests.catalog.workbook.conftest import SHORT, continued, row
from tests.house.tree import ROOT

Book = Callable[..., Path]
SECOND = {"信息资源名称": "特困人员", "信息资源代码": "306001/0002"}
ASSESSED = {
    "涉密评估": "不涉密",
    "是否含个人信息": "否",
    "评估结论": "可共享",
    "评估日期": "2026-01-01",
    "评估人": "民政局",
}


@pytest.fixture(scope="module")
def migrated(new_database: Callable[[], URL]) -> URL:
    url = new_database()
    upgrade(url)
    return url


@pytest.fixture(autouse=True)
def hub(migrated: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = migrated.render_as_string(hide_password=False)
    monkeypatch.setenv("HUTONG_DATABASE_URL", url)
    monkeypatch.setenv("HUTONG_SNAPSHOT", str(tmp_path / "snapshot.json"))
    with transaction() as session:
        session.execute(text("TRUNCATE directory.resources, directory.departments, directory.suggestions CASCADE"))
        departments.save(session, DepartmentDocument(id="civil_affairs", name="兴和市民政局", short_name="民政局"))
    return url


def run(*typed: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [str(part) for part in typed], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def test_export_and_import_again_changes_nothing(book: Book, tmp_path: Path) -> None:
    path = book([SHORT, row(), continued(信息项名称="年龄", 数据类型="I"), row(**SECOND)])
    assert run("import", path).stdout.startswith("2 created, 0 changed")
    out = tmp_path / "out.xlsx"
    run("export", "--format", "xlsx", "--out", out)
    assert run("import", out).stdout.startswith("0 created, 0 changed, 2 unchanged, 0 refused")


def test_errors_are_told_with_place_and_remedy_and_nothing_is_taken_in(book: Book, tmp_path: Path) -> None:
    path = book([SHORT, row(), row(**SECOND, 数据类型="varchar")])
    done = run("import", path, "--report", tmp_path / "var" / "report.xlsx", code=1)
    assert "第 3 行" in done.stderr
    assert "“varchar”不在可选范围内" in done.stderr
    assert "Choose one of" in done.stderr
    assert done.stdout.startswith("0 created, 0 changed, 0 unchanged, 2 refused; findings: ")
    assert "1 workbook.not_in_list" in done.stdout
    assert (tmp_path / "var" / "report.xlsx").is_file()
    assert run("import", path, "--partial").stdout.startswith("1 created, 0 changed, 0 unchanged, 1 refused")


def test_the_outcome_as_json(book: Book) -> None:
    told = json.loads(run("import", book([SHORT, row(数据类型="varchar")]), "--json", code=1).stdout)
    (error,) = [finding for finding in told["findings"] if finding["is_error"]]
    assert (error["sheet"], error["row"], error["column"], error["value"]) == ("Sheet", 2, "数据类型", "varchar")
    assert set(error["words"]) == set(error["remedy"]) == {"zh", "en"}
    assert (told["created"], told["refused"], told["errors"]) == ([], 1, 1)


def test_a_workbook_may_be_published_at_once_and_goes_out_in_every_form(book: Book, tmp_path: Path) -> None:
    path = book([[*SHORT, *ASSESSED], [*row(), *ASSESSED.values()]])
    assert "1 published" in run("import", path, "--publish").stdout
    assert "低保对象信息" in run("export", "--format", "dcat-ap").stdout
    assert "低保对象信息" in run("export", "--format", "dcat-ap-jsonld", "--department", "civil_affairs").stdout
    assert (
        yaml.safe_load(run("export", "--format", "odcs", "--resource", "306001/0001").stdout)["kind"] == "DataContract"
    )
    assert yaml.safe_load(run("export", "--format", "yaml").stdout)["code"] == "306001/0001"
    run("export", "--format", "odcs", "--out", tmp_path / "c.yaml")
    assert run("import", tmp_path / "c.yaml").stdout.startswith("0 created, 0 changed, 1 unchanged")
    run("export", "--format", "yaml", "--out", tmp_path / "folder")
    assert run("import", tmp_path / "folder").stdout.startswith("0 created, 0 changed")


def test_what_cannot_be_published_is_not_taken_in_either(book: Book) -> None:
    with pytest.raises(Invalid, match=r"directory\.has_gaps"):
        run("import", book([SHORT, row()]), "--publish")
    assert run("import", book([SHORT, row()])).stdout.startswith("1 created")


def test_plain_tables_are_known_by_their_folder(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "resources.csv").write_text(
        "code,name,department,department_code\nA1,低保,民政局,\n", "utf-8"
    )
    assert run("import", tmp_path / "lists").stdout.startswith("1 created, 0 changed")
    assert run("import", tmp_path / "lists", "--format", "csv").stdout.startswith("0 created, 0 changed, 1 unchanged")


def test_what_nobody_knows_is_refused_by_name(tmp_path: Path, book: Book) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(Invalid, match=r"directory\.unknown_format"):
        run("import", tmp_path / "a.pdf")
    path = book([SHORT, row()])
    with pytest.raises(Invalid, match=r"workbook\.report_over_source"):
        run("import", path, "--report", path)
    with pytest.raises(Invalid, match=r"directory\.unknown_resource"):
        run("export", "--format", "yaml", "--resource", "no.such")


def test_a_workbook_goes_to_standard_output_when_it_is_no_terminal(book: Book) -> None:
    run("import", book([SHORT, row()]))
    assert run("export").stdout_bytes.startswith(b"PK")


def test_interrupting_leaves_nothing_behind(book: Book, hub: str) -> None:
    """The import waits for a lock that the test holds; there it is interrupted."""
    engine = create_engine(hub)
    command = [sys.executable, "-m", "hutong", "catalog", "import", str(book([SHORT, row()]))]
    with engine.connect() as holding, engine.connect() as watching:
        holding.execute(text("SELECT pg_advisory_xact_lock(hashtext('directory.saving'))"))
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
        )
        _wait_until_it_waits(process, watching.execution_options(isolation_level="AUTOCOMMIT"))
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        holding.rollback()
    engine.dispose()
    assert process.returncode == 130, told
    assert "nothing was imported" in told
    assert "Traceback" not in told
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM directory.resources")) == 0


def _hear_interrupts() -> None:
    """Whoever started the tests in the background had interrupts ignored, and a child would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore"}


def _wait_until_it_waits(process: subprocess.Popen[str], watching: Any) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    while not watching.scalar(waiting):
        assert process.poll() is None, process.communicate()[1]
