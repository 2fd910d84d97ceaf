"""Codes of service items: three national lengths with a credit code inside, and the older forms that lists still hold."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.service.service_codes import parse_catalog_code, parse_handle_code, parse_task_code, read_code, uscc_flags
from schemas.errors import Invalid
from schemas.identifiers import append_organisation_check_digits, append_uscc_check_digits

digits = st.text("0123456789", min_size=12, max_size=12)
levels = st.sampled_from("123456")
NATIONAL = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@st.composite
def usccs(draw: st.DrawFn) -> str:
    """A credit code whose two check characters hold."""
    front = draw(st.sampled_from(["11", "12", "51", "91", "N2"])) + draw(st.text("0123456789", min_size=6, max_size=6))
    body = draw(st.text("0123456789", min_size=8, max_size=8))
    organisation = append_organisation_check_digits(pa.array([body]))[0].as_py()
    return str(append_uscc_check_digits(pa.array([front + organisation]))[0].as_py())


@given(usccs(), levels, digits, st.text("0123456789", min_size=2, max_size=2))
def test_a_national_code_is_read_back_as_it_was_made(uscc: str, level: str, catalog: str, number: str) -> None:
    task = parse_task_code(uscc + level + catalog)
    assert (task.uscc, task.level, task.catalog.text) == (uscc, level, catalog)
    assert task.text == uscc + level + catalog
    assert parse_handle_code(task.text + number) == (task, number)
    read = read_code(task.text + number)
    assert (read.form, read.uscc, read.level, read.catalog_code, read.flags) == ("handle", uscc, level, catalog, ())


@given(usccs(), levels, digits, st.integers(0, 17), st.sampled_from(NATIONAL))
def test_one_wrong_character_in_the_credit_code_is_found(
    uscc: str, level: str, catalog: str, position: int, wrong: str
) -> None:
    changed = uscc[:position] + wrong + uscc[position + 1 :]
    flags = read_code(changed + level + catalog).flags
    assert bool(flags) == (changed != uscc)
    assert all(flag.code == "service.invalid_uscc" for flag in flags)


@given(st.text(max_size=60))
def test_reading_never_fails_and_keeps_what_was_given(text: str) -> None:
    read = read_code(text)
    assert read.text == text
    if read.form in ("unknown", "local"):
        assert read.flags


@given(digits)
def test_a_catalog_code_has_its_five_parts(text: str) -> None:
    code = parse_catalog_code(text)
    assert code.text == text
    assert code.area == text[:2]
    assert read_code(text).catalog_code == text


@pytest.mark.parametrize(
    ("text", "form", "uscc", "catalog_code", "flags"),
    [
        ("11370800MB285591843370117002011", "task", "11370800MB28559184", "370117002011", []),
        ("12441500196720244T3442199806003", "task", "12441500196720244T", "442199806003", []),
        ("11370800MB28559184337011700201101", "handle", "11370800MB28559184", "370117002011", []),
        ("11370800MB285591849370117002011", "task", "11370800MB28559184", "370117002011", ["service_code.level"]),
        ("11370800MB28559184337011700201A", "task", "11370800MB28559184", None, ["service_code.characters"]),
        ("370117002011", "catalog", None, "370117002011", []),
        ("37011700201A", "catalog", None, None, ["service_code.characters"]),
        ("512020001001-511602000000-000-11370800MB28559184-1-00", "local", "11370800MB28559184", "512020001001",
         ["service.old_code"]),
        ("511Z07001006-511602000000-000-083372204-1-00", "local", "083372204", None,
         ["service.old_code", "service.invalid_uscc"]),
        ("G-000007-001-511602000000-000-00877868-5-1-00", "local", "00877868-5", None,
         ["service.old_code", "service.invalid_uscc"]),
        ("E-000004-001-11370800MB28559184", "local", "11370800MB28559184", None, ["service.old_code"]),
        ("许可-1", "unknown", None, None, ["service.unknown_code"]),
        ("３７０１１７００２０１１", "catalog", None, None, ["service_code.characters"]),
    ],
)  # fmt: skip
def test_every_form_is_told_apart(
    text: str, form: str, uscc: str | None, catalog_code: str | None, flags: list[str]
) -> None:
    read = read_code(text)
    assert (read.form, read.uscc, read.catalog_code) == (form, uscc, catalog_code)
    assert [flag.code for flag in read.flags] == flags


def test_parsing_refuses_by_name() -> None:
    with pytest.raises(Invalid, match=r"service_code\.length"):
        parse_catalog_code("123")
    with pytest.raises(Invalid, match=r"service_code\.length"):
        parse_task_code("123")
    with pytest.raises(Invalid, match=r"identifier\.check_character"):
        parse_task_code("11370800MB28559185" + "3370117002011")


def test_an_empty_credit_code_is_missing_not_wrong() -> None:
    assert uscc_flags("", "dept_code") == ()
    assert uscc_flags("11370800MB28559184", "dept_code") == ()
    assert uscc_flags("00877868-5", "dept_code")[0].facts["why"] == "identifier.length"
