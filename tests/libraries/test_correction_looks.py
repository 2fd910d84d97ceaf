"""A file of corrections is looked at before any of it is taken: masked cells are no corrections, rules are asked beforehand, each mistake is at its cell."""

from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from sqlalchemy import text

from libraries import batches, quarantine
from libraries.correcting import correction_files, corrections, remedies, reports
from libraries.correcting.correction_files import Form
from libraries.holding import concealing
from libraries.judging.masks import JUDGES
from libraries.judging.screening import BEYOND
from tests.libraries.story import RESIDENT, at_source, faulty
from tests.libraries.test_corrections import exported, place, save


def masked(hub: Any, path: Path, batch_id: str) -> list[list[Any]]:
    """What a file of a batch's rows holds when nothing personal may be shown."""
    with hub.session() as session:
        rows = quarantine.find(session, batch_id=batch_id)
        document = batches.get(session, batch_id).document
        form = corrections.form_of(session, RESIDENT, rows)
        hidden = Form(form.resource_id, form.items, form.remedies, lambda row: concealing.conceal(document, row.values))
        correction_files.write(path, hidden, rows)
    return [[cell.value for cell in row] for row in load_workbook(path).worksheets[0].iter_rows()]


def states(hub: Any, path: Path) -> list[str]:  # noqa: ARG001 - the hub must be there
    return [answer.state for answer in corrections.look_at(correction_files.read(path)).answers]


def test_beside_each_reason_stands_what_to_do(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 0.9})
    at_source(hub, faulty(people(4), wrong=(0,)), "r")
    lines = exported(hub, tmp_path / "out.xlsx")
    assert lines[0][4] == "处理办法 remedy"
    assert "name.required：必填：请补充。" in lines[1][4]
    assert "Fill it in" in lines[1][4] or "fill it in" in lines[1][4]


def test_every_kind_of_rule_has_its_remedy() -> None:
    assert set(JUDGES) | set(BEYOND) | {"unique", "sql"} <= set(remedies.words())
    for said in remedies.words().values():
        assert set(said) == {"zh", "en"}


def test_a_masked_file_sent_back_untouched_corrects_nothing(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 0.9})
    rows = people(6)
    batch = at_source(hub, faulty(rows, wrong=(0, 1)), "r")
    lines = masked(hub, tmp_path / "out.xlsx", batch)
    assert not [cell for line in lines[1:] for cell in line if cell in {row["gmsfhm"] for row in rows}]
    save(tmp_path / "back.xlsx", lines)
    assert states(hub, tmp_path / "back.xlsx") == ["unchanged", "unchanged"]


def test_looking_tells_what_would_be_taken_and_takes_nothing(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 0.9})
    batch = at_source(hub, faulty(people(8), wrong=(0, 1, 2, 3)), "r")
    lines = masked(hub, tmp_path / "out.xlsx", batch)
    name, phone = place(lines, "name"), place(lines, "phone")
    lines[1][name] = "李一"
    lines[2][name], lines[2][phone] = "李二", "12"
    lines[3][name] = "李*"
    save(tmp_path / "back.xlsx", lines)
    looked = corrections.look_at(correction_files.read(tmp_path / "back.xlsx"))
    assert [(one.state, one.detail) for one in looked.answers[:3]] == [
        ("to_send", ""), ("still_wrong", "phone.pattern"), ("masked", "name"),
    ]  # fmt: skip
    assert looked.changes[int(lines[1][0])] == {"name": "李*"}
    assert hub.one("SELECT count(*) FROM landing.batches") == 1
    assert corrections.fix(tmp_path / "back.xlsx")[0].state == "released"
    assert states(hub, tmp_path / "back.xlsx")[0] == "already_in"


def test_a_report_marks_mistakes_at_their_cells_and_can_be_sent_again(hub: Any, people: Any, tmp_path: Path) -> None:
    hub.publish(quality={"reject_above": 0.9})
    batch = at_source(hub, faulty(people(8), wrong=(0, 1)), "r")
    lines = masked(hub, tmp_path / "out.xlsx", batch)
    name, phone = place(lines, "name"), place(lines, "phone")
    lines[1][name], lines[1][phone] = "=1+1", "12"
    lines[2][name] = "李二"
    save(tmp_path / "back.xlsx", lines)
    sent = correction_files.read(tmp_path / "back.xlsx")
    report = tmp_path / "report.xlsx"
    reports.write(report, {"name": "姓名", "phone": "电话"}, sent, corrections.look_at(sent).answers)
    book = load_workbook(report)
    sheet = book.worksheets[0]
    heads = [cell.value for cell in sheet[1]]
    marked = {heads[int(cell.column or 1) - 1] for cell in sheet[2] if cell.fill.fgColor.rgb == "FFFFC7CE"}
    assert marked == {"结果 result", "电话 phone"}
    assert sheet.cell(2, heads.index("姓名 name") + 1).value == "'=1+1"
    assert "phone.pattern" in str(sheet.cell(2, heads.index("结果 result") + 1).value)
    assert not {cell.fill.fgColor.rgb for cell in sheet[3]} & {"FFFFC7CE"}
    sheet.cell(2, heads.index("电话 phone") + 1).value = "13811112222"
    book.save(report)
    assert states(hub, report) == ["to_send", "to_send"]
    with hub.session() as session:
        assert session.scalar(text("SELECT count(*) FROM landing.quarantined_rows")) == 2
