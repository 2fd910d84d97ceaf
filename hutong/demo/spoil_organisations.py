"""Why: the faults of the departments that know organisations, decide, and issue certificates, each seeded a known number of times.

Only hutong/demo/city_data.py comes here.
"""

from typing import Any

from hutong.demo.calendar_days import odd_day
from hutong.demo.delivery import Delivery
from hutong.demo.scale import Scale
from hutong.demo.spoil_people import wide
from schemas.codes import code_table

_TOMORROW = "2099-12-31"
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def spoil_enterprises(sent: Delivery, scale: Scale) -> None:
    """Market regulation: three registration systems merged into one."""
    sent.quarantine("wrong_check_digit", scale.faults(10), {"uscc": _next(_ALPHABET)}, ["uscc.check_digit"])
    sent.quarantine("unknown_code", scale.faults(8), {"industry": lambda _: "Z"}, ["industry.code_table"])
    sent.quarantine(
        "not_a_number", scale.faults(8), {"registered_capital": lambda _: "壹佰万元"}, ["registered_capital.type"]
    )
    sent.quarantine(
        "out_of_range", scale.faults(6), {"registered_capital": lambda text: f"-{text}"}, ["registered_capital.range"]
    )
    sent.quarantine(
        "date_in_future", scale.faults(6), {"established_date": lambda _: _TOMORROW}, ["established_date.not_in_future"]
    )
    sent.quarantine(
        "missing_required", scale.faults(5), {"legal_representative": lambda _: None}, ["legal_representative.required"]
    )
    sent.repair("odd_date_format", "established_date.date", scale.faults(30), odd_day)
    sent.repair("lower_case_letter", "uscc.upper", scale.faults(10), str.lower)
    states = code_table("entity_state").entries
    sent.repair("name_for_code", "state.code:entity_state", scale.faults(40), lambda code: states[code])


def spoil_institutions(sent: Delivery, scale: Scale, turned: Any) -> None:
    """Organisation office: a text file kept by hand. `turned`: rows of institutions that became firms and were renamed there."""
    sent.conflict(
        "conflicting_name", "name", int(turned.sum()), lambda name: name.split("（")[0] + "（原事业单位）", turned
    )
    sent.quarantine(
        "impossible_date", scale.faults(5), {"established_date": lambda _: "2019-13-01"}, ["established_date.type"]
    )
    sent.quarantine("wrong_check_digit", scale.faults(5), {"uscc": _next(_ALPHABET)}, ["uscc.check_digit"])
    sent.repair("trailing_spaces", "name.trim", scale.faults(8), lambda name: name + "　")
    sent.repair("full_width_digits", "uscc.half_width", scale.faults(6), wide)
    for item, table in (("entity_kind", "entity_kind"), ("state", "entity_state")):
        names = code_table(table).entries
        sent.write_as(item, names.__getitem__, f"code:{table}")


def spoil_decisions(sent: Delivery, scale: Scale, strangers: list[str]) -> None:
    """Credit office: entries of many departments. `strangers`: valid codes of subjects no base library knows."""
    codes = iter(strangers)
    sent.quarantine("orphan_entry", scale.faults(30), {"subject_code": lambda _: next(codes)}, ["subject_code.exists"])
    sent.quarantine("missing_required", scale.faults(15), {"title": lambda _: None}, ["title.required"])
    sent.quarantine(
        "date_in_future", scale.faults(10), {"decision_date": lambda _: _TOMORROW}, ["decision_date.not_in_future"]
    )
    sent.quarantine(
        "dates_out_of_order", scale.faults(12), {"valid_from": lambda _: "2050-01-01"}, ["validity.in_order"]
    )
    sent.quarantine("unknown_code", scale.faults(12), {"state": lambda _: "77"}, ["state.code_table"])
    sent.quarantine("over_long_text", scale.faults(8), {"title": lambda text: text * 60}, ["title.length"])
    sent.repair("odd_date_format", "decision_date.date", scale.faults(60), odd_day)
    sent.repair("trailing_spaces", "subject_name.trim", scale.faults(40), lambda name: name + "  ")
    sent.duplicate("duplicate_key", scale.faults(10), "title", lambda text: f"{text}（更正）")


def spoil_certificates(sent: Delivery, scale: Scale, strangers: list[str]) -> None:
    """Certificate bureau: states not kept up with the calendar. `strangers`: valid codes of holders no base library knows."""
    codes = iter(strangers)
    lapsed = sent.good["state"].eq("05").to_numpy(bool)
    valid = sent.good["state"].eq("01").to_numpy(bool)
    sent.quarantine(
        "expired_served_as_valid", scale.faults(40), {"state": lambda _: "01"}, ["state.matches_validity"], lapsed
    )
    sent.quarantine(
        "wrong_check_digit",
        scale.faults(15),
        {"certificate_identifier": _next(_LETTERS)},
        ["certificate_identifier.check_digit"],
    )
    sent.quarantine("unknown_code", scale.faults(10), {"state": lambda _: "77"}, ["state.code_table"], valid)
    sent.quarantine("missing_required", scale.faults(10), {"holder_name": lambda _: None}, ["holder_name.required"])
    sent.quarantine(
        "malformed_digest", scale.faults(8), {"file_digest": lambda text: text[:40]}, ["file_digest.pattern"]
    )
    sent.quarantine(
        "dates_out_of_order", scale.faults(8), {"valid_from": lambda _: "2098-01-01"}, ["validity.in_order"], valid
    )
    sent.quarantine("orphan_entry", scale.faults(10), {"holder_code": lambda _: next(codes)}, ["holder_code.exists"])
    sent.repair("trailing_spaces", "holder_name.trim", scale.faults(20), lambda name: name + " ")


def _next(alphabet: str) -> Any:
    return lambda text: text[:-1] + alphabet[(alphabet.index(text[-1]) + 1) % len(alphabet)]
