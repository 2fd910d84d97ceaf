"""Why: the faults of the four departments that know people, each seeded a known number of times and told to the answer key.

Only hutong/demo/city_data.py comes here. Codes used as unknown ("77", "99", "09") stand in no code table of schemas/codes.
"""

from typing import Any

import numpy as np

from hutong.demo.calendar_days import odd_day
from hutong.demo.delivery import Delivery
from hutong.demo.scale import Scale
from schemas.codes import code_table

CHECKS = "0123456789X"
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def spoil_residents(sent: Delivery, scale: Scale) -> None:
    """Public security: typing errors of the counter and of an old migration."""
    sent.quarantine("wrong_check_digit", scale.faults(40), {"citizen_id": wrong_check}, ["citizen_id.check_digit"])
    sent.quarantine("birth_date_against_id", scale.faults(30), {"birth_date": _another_day}, ["birth_date.matches_id"])
    sent.quarantine(
        "sex_against_id", scale.faults(20), {"sex": lambda sex: "1" if sex == "2" else "2"}, ["sex.matches_id"]
    )
    sent.quarantine("unknown_code", scale.faults(25), {"ethnic_group": lambda _: "77"}, ["ethnic_group.code_table"])
    sent.quarantine("missing_required", scale.faults(25), {"name": lambda _: None}, ["name.required"])
    sent.quarantine(
        "over_long_text", scale.faults(15), {"address": lambda text: text + "（原址拆迁）" * 40}, ["address.length"]
    )
    sent.quarantine(
        "several_faults",
        scale.faults(10),
        {"citizen_id": wrong_check, "name": lambda _: None, "ethnic_group": lambda _: "77"},
        ["citizen_id.check_digit", "ethnic_group.code_table", "name.required"],
    )
    sent.repair("trailing_spaces", "name.trim", scale.faults(60), lambda name: name + " \u3000")
    ends_x = sent.good["citizen_id"].str.endswith("X").to_numpy(bool)
    sent.repair("lower_case_letter", "citizen_id.upper", scale.faults(20), str.lower, ends_x)
    plums = sent.good["name"].str.startswith("李").to_numpy(bool)
    sent.repair("compatibility_character", "name.nfc", scale.faults(10), lambda name: "\uf9e1" + name[1:], plums)
    sent.duplicate("duplicate_key", scale.faults(15), "address", lambda text: text + "附1号")


def spoil_marriages(sent: Delivery, scale: Scale, known: Any) -> None:
    """Civil affairs: old paper files typed in. `known`: rows whose person the police record vouches for."""
    old = sent.good["citizen_id"].str.slice(6, 8).eq("19").to_numpy(bool)
    sent.repair("fifteen_digit_id", "citizen_id.citizen_id_18", scale.faults(200), _fifteen, old)
    sent.repair("full_width_digits", "citizen_id.half_width", scale.faults(60), wide)
    sent.repair("odd_date_format", "marriage_date.date", scale.faults(300), odd_day)
    names = code_table("marital").entries
    sent.repair("name_for_code", "marital_status.code:marital", scale.faults(80), lambda code: names[code])
    dated = sent.good["marriage_date"].notna().to_numpy(bool)
    sent.quarantine(
        "impossible_date", scale.faults(25), {"marriage_date": lambda _: "2021-02-30"}, ["marriage_date.type"], dated
    )
    sent.quarantine("unknown_code", scale.faults(15), {"marital_status": lambda _: "99"}, ["marital_status.code_table"])
    sent.conflict("conflicting_name", "name", scale.faults(40), _misheard, known)


def spoil_graduates(sent: Delivery, scale: Scale) -> None:
    """Education: registers of closed schools."""
    old = sent.good["citizen_id"].str.slice(6, 8).eq("19").to_numpy(bool)
    sent.repair("fifteen_digit_id", "citizen_id.citizen_id_18", scale.faults(100), _fifteen, old)
    sent.repair("full_width_digits", "citizen_id.half_width", scale.faults(40), wide)
    sent.repair("odd_date_format", "graduation_date.date", scale.faults(150), odd_day)
    sent.quarantine("unknown_code", scale.faults(15), {"education": lambda _: "99"}, ["education.code_table"])
    sent.quarantine(
        "over_long_text", scale.faults(10), {"school": lambda text: text + "（分校）" * 30}, ["school.length"]
    )
    sent.quarantine("missing_required", scale.faults(10), {"citizen_id": lambda _: None}, ["citizen_id.required"])


def spoil_insured(sent: Delivery, scale: Scale) -> None:
    """Human resources: a spreadsheet program took ids for numbers."""
    # what Excel leaves of an id is its first six digits; of one area only one row, or they would also repeat each other
    first = ~sent.good["citizen_id"].str.slice(0, 6).duplicated().to_numpy(bool)
    count = min(scale.faults(30), int(first.sum()))
    sent.quarantine("id_as_number", count, {"citizen_id": excel_number}, ["citizen_id.check_digit"], first)
    sent.quarantine("malformed_phone", scale.faults(15), {"phone": lambda text: text[:8]}, ["phone.pattern"])
    sent.quarantine(
        "unknown_code", scale.faults(10), {"insurance_status": lambda _: "09"}, ["insurance_status.code_table"]
    )
    sent.repair("trailing_spaces", "employer.trim", scale.faults(20), lambda text: text + "  ")


def wrong_check(text: str) -> str:
    """Return the identifier with another check character than the right one."""
    return text[:-1] + CHECKS[(CHECKS.index(text[-1]) + 1) % len(CHECKS)] if text[-1] in CHECKS else text[:-1] + "0"


def wide(text: str) -> str:
    """Return the text with full-width digits, as Chinese input methods leave them."""
    return text.translate(_WIDE)


def excel_number(text: str) -> str:
    """Return what a spreadsheet shows of an 18-digit id it took for a number: 3.30102E+17."""
    digits, exponent = f"{float(text[:17] + '0'):.5E}".split("E")
    return f"{digits.rstrip('0').rstrip('.')}E{exponent}"


def _fifteen(text: str) -> str:
    return text[:6] + text[8:17]


def _another_day(text: str) -> str:
    days = np.datetime64(text) + np.timedelta64(37, "D")
    return str(days)


def _misheard(name: str) -> str:
    return name[:-1] + ("阳" if name[-1] != "阳" else "洋")
