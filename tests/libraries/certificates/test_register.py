"""What is odd about certificates is named, whoever asks for one is told how it stands, and issuers are asked for what is missing."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from libraries.certificates import flags, progress, reports, standing, states, types
from libraries.certificates.reports import Missing
from schemas.calendar import today
from schemas.codes import code_table
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.identifiers import issue_certificate_identifier, next_certificate_version
from tests.libraries.certificates.conftest import HOLDER, IDENTIFIER, ISSUER, TYPE, Hold

SECOND = next_certificate_version(IDENTIFIER)
ROOT = "1.2.156.3005.2"
COMPANY = "91330199MA9990019B"
LIST = f"证照类型代码,证照类型名称,证照定义机构,持证主体类型,有效期限,模板字段\n{TYPE},不动产权证书,自然资源部,均可,L,坐落；面积\n"


def refusal(call: Callable[..., object], *arguments: Any, **options: Any) -> str:
    with pytest.raises(HutongError) as caught:
        call(*arguments, **options)
    return caught.value.code


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[str], types.Imported]:
    """Import a CSV of types."""

    def take(content: str) -> types.Imported:
        path = tmp_path / "types.csv"
        path.write_text(content, "utf-8-sig")
        return types.import_file(path)

    return take


def flags_of(entry: str) -> set[str]:
    with transaction("reader") as session:
        return set(flags.of(session, entry))


# --- types ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bureau")
def test_types_are_taken_in_changed_and_left_alone(listed: Any) -> None:
    assert (done := listed(LIST)).added == 1
    assert (done.changed, done.unchanged, len(done.findings)) == (0, 0, 0)
    assert listed(LIST).unchanged == 1
    assert listed(LIST.replace(",L,", ",70Y,")).changed == 1
    with transaction("reader") as session:
        (one,) = types.find(session, "不动产")
    assert (one.code, one.authority_code, one.validity, one.fields) == (TYPE, ISSUER, "70Y", ["坐落", "面积"])


@pytest.mark.usefixtures("bureau")
def test_a_row_that_is_wrong_is_told_and_left_out(listed: Any) -> None:
    rows = [
        f"{TYPE[:-1]},短代码,,,,",
        f"{ISSUER}002,,,,,",
        f"{ISSUER}003,坏有效期,,,永久,",
        f"{ISSUER}004,坏主体,,外星人,,",
    ]
    done = listed(LIST + "\n".join(rows) + "\n")
    assert (done.added, done.findings.refused) == (1, 4)
    assert {finding.row for finding in done.findings} == {3, 4, 5, 6}


# --- flags ------------------------------------------------------------------------------------------------------


def test_a_conforming_certificate_of_a_known_type_with_its_file_has_no_flag(hold: Hold, listed: Any) -> None:
    listed(LIST)
    assert flags_of(hold()) == set()


@pytest.mark.parametrize(
    ("entry", "values", "flag"),
    [
        (f"{ROOT}.{TYPE}.330199.000000016.001.9", {}, "issuer"),
        (f"{ROOT}.{TYPE}.{ISSUER}.test_01.001.0", {}, "serial"),
        ("XH-2019-1", {"certificate_type_code": TYPE}, "form"),
        (IDENTIFIER, {"certificate_type_code": f"{ISSUER}002"}, "type_differs"),
        (IDENTIFIER, {"issuer_code": "113301999999000548"}, "issuer_differs"),
        (IDENTIFIER, {"certificate_version": "002"}, "version_differs"),
        (IDENTIFIER, {"file_digest": "0" * 64}, "file_missing"),
    ],
)
def test_what_is_odd_has_a_flag_of_its_own(
    hold: Hold, listed: Any, entry: str, values: dict[str, Any], flag: str
) -> None:
    listed(LIST)
    hold(entry, **values)
    assert flag in flags_of(entry)
    with transaction("reader") as session:
        assert flags.count(session)[flag] == 1
        assert [one.entry for one in flags.find(session, [flag])] == [entry]


def test_a_type_nobody_listed_is_flagged_until_it_is(hold: Hold, listed: Any) -> None:
    assert "type_unknown" in flags_of(hold())
    listed(LIST)
    assert "type_unknown" not in flags_of(IDENTIFIER)


def test_a_persons_certificate_held_by_a_company_is_flagged(hold: Hold, listed: Any) -> None:
    listed(LIST.replace("均可", "自然人"))
    assert "holder_kind" not in flags_of(hold())
    company = issue_certificate_identifier(TYPE, ISSUER, "2")
    assert "holder_kind" in flags_of(hold(company, subject=COMPANY))


# --- states -----------------------------------------------------------------------------------------------------


def test_the_table_of_states_covers_the_code_table() -> None:
    codes = set(code_table("certificate_state").entries)
    assert set(states.TRANSITIONS) == codes == set(states.STATUSES)
    assert all(following <= codes for following in states.TRANSITIONS.values())


@pytest.mark.parametrize("state", ["03", "04", "07"])
def test_what_was_revoked_or_cancelled_stays_so(state: str) -> None:
    assert not any(states.may_follow(state, other) for other in states.TRANSITIONS if other != state)
    assert states.may_follow(state, state)


def test_every_state_can_be_reached_and_may_be_the_first() -> None:
    assert all(states.may_follow(None, state) for state in states.TRANSITIONS)
    assert {to for following in states.TRANSITIONS.values() for to in following} == set(states.TRANSITIONS) - {"00"}


@pytest.mark.parametrize(
    ("former", "now", "is_flagged"), [("02", "01", False), ("04", "01", True), ("01", "04", False)]
)
def test_a_state_that_may_not_follow_is_flagged(
    hold: Hold, was: Callable[..., None], former: str, now: str, is_flagged: bool
) -> None:
    was(hold(state=now), former)
    assert ("state_change" in flags_of(IDENTIFIER)) == is_flagged


# --- standing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, "valid"),
        ({"valid_until": timedelta(0)}, "valid"),
        ({"valid_until": timedelta(days=-1)}, "expired"),
        ({"state": "05"}, "expired"),
        ({"state": "02"}, "restricted"),
        ({"state": "99"}, "restricted"),
        ({"state": None}, "restricted"),
        ({"state": "03"}, "ended"),
        ({"state": "07", "valid_until": date(2020, 1, 1)}, "ended"),
        ({"state": "08"}, "superseded"),
        ({"state": "00"}, "not_found"),
    ],
)
def test_how_a_certificate_stands_follows_from_state_and_calendar(
    hold: Hold, values: dict[str, Any], status: str
) -> None:
    dated = {name: today() + one for name, one in values.items() if isinstance(one, timedelta)}
    with transaction("reader") as session:
        assert standing.read(session, hold(**values | dated)).status == status


def test_a_newer_version_supersedes_by_itself_and_is_named(hold: Hold) -> None:
    third = next_certificate_version(SECOND)
    for entry in (SECOND, IDENTIFIER, third):
        hold(entry)
    with transaction("reader") as session:
        found = [standing.read(session, entry) for entry in (IDENTIFIER, SECOND, third)]
    assert [(one.status, one.superseded_by) for one in found] == [
        ("superseded", third), ("superseded", third), ("valid", None),
    ]  # fmt: skip
    assert [one.state for one in found] == ["01"] * 3, "what the source said stays as it said it"


# --- missing ----------------------------------------------------------------------------------------------------


def report(**changes: Any) -> Any:
    given = {"holder_code": HOLDER, "certificate_type": "不动产权证书", "department": "certificate_bureau"} | changes
    with transaction("ingest") as session:
        return reports.report_missing(session, Missing(**given), "office")


def test_a_missing_certificate_is_asked_for_once_by_a_date(bureau: Any) -> None:
    first, again = report(), report()
    assert first.id == again.id
    assert first.due_date is not None
    assert first.due_date > today()
    (facts,) = bureau.rows("SELECT facts::text AS said FROM operations.notices")
    assert HOLDER not in facts["said"]


def test_a_certificate_that_came_settles_its_report(hold: Hold) -> None:
    report()
    with transaction("ingest") as session:
        assert reports.settle(session) == 0
    hold(subject=COMPANY, holder_codes=HOLDER)
    with transaction("ingest") as session:
        assert reports.settle(session) == 1
        assert reports.settle(session) == 0
        assert [one.state for one in reports.find(session, closed=True)] == ["added"]


@pytest.mark.parametrize("known_as", ["不动产权证书", TYPE])
def test_what_is_there_is_not_missing_but_another_number_is(hold: Hold, known_as: str) -> None:
    hold()
    assert refusal(report, certificate_type=known_as) == "certificate.not_missing"
    assert report(certificate_type=known_as, number="XH2").state == "open"


@pytest.mark.usefixtures("bureau")
def test_a_report_is_closed_with_a_reason_and_then_stays_so() -> None:
    found = report()
    with transaction("ingest") as session:
        assert refusal(reports.close, session, found.id, "refused", " ") == "certificate.report_end"
        assert refusal(reports.close, session, found.id, "gone", "x") == "certificate.report_end"
        assert refusal(reports.close, session, 4711, "refused", "x") == "certificate.unknown_report"
    for _ in range(2):
        with transaction("ingest") as session:
            assert reports.close(session, found.id, "refused", "本机关未颁发").answer == "本机关未颁发"
    with transaction("ingest") as session:
        assert refusal(reports.close, session, found.id, "added", "x") == "certificate.report_closed"
    assert report().id != found.id, "after a refusal it may be reported anew"


def test_nobody_is_asked_for_a_holder_or_by_a_department_that_is_none(bureau: Any) -> None:
    assert refusal(report, department="nobody") == "directory.unknown_department"
    assert refusal(report, holder_code="123").startswith("identifier.")
    assert bureau.rows("SELECT 1 FROM library.certificate_reports") == []


# --- stock ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bureau")
def test_progress_counts_certificates_once_and_only_those_of_five_years(
    hold: Hold, tmp_path: Path, listed: Any
) -> None:
    listed(LIST)
    for entry in (IDENTIFIER, SECOND):
        hold(entry)
    hold(issue_certificate_identifier(TYPE, ISSUER, "OLD"), issued_date=today() - timedelta(days=6 * 366))
    targets = tmp_path / "stock.csv"
    targets.write_text(
        f"证照类型代码,颁发机构代码,存量\n{TYPE},{ISSUER},4\n{ISSUER}002,{ISSUER},10\n{TYPE},330199,1\n{TYPE},{ISSUER},\n"
    )
    taken, findings = progress.import_targets(targets)
    assert (taken, len(findings)) == (2, 2)
    with transaction("reader") as session:
        here, nothing = progress.read(session)
    assert (here.type_name, here.declared, here.entries, here.share, here.files) == ("不动产权证书", 4, 1, 0.25, 0)
    assert (nothing.declared, nothing.entries, nothing.share) == (10, 0, 0.0)


def test_what_nobody_declared_has_no_share(hold: Hold) -> None:
    hold()
    with transaction("reader") as session:
        (one,) = progress.read(session)
    assert (one.declared, one.entries, one.share, one.file_share) == (None, 1, None, None)


@pytest.mark.usefixtures("bureau")
def test_a_file_that_is_stored_counts(hold: Hold) -> None:
    hold(file_digest="a" * 64)
    with transaction("ingest") as session:
        row = {"d": "a" * 64, "t": TYPE, "i": ISSUER}
        session.execute(
            text("INSERT INTO library.certificate_files VALUES (:d, 1, 'application/pdf', 'trusted', '[]')"), row
        )
        session.execute(
            text("INSERT INTO library.certificate_stock (type_code, issuer_code, declared) VALUES (:t, :i, 1)"), row
        )
    with transaction("reader") as session:
        (one,) = progress.read(session)
    assert (one.files, one.file_share) == (1, 1.0)
