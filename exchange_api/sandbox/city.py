"""Why: what an application in testing is told must never have been anybody's: these records are made here, of names and numbers that belong to nobody, and
stand in no table. Pure; called by `permits` and the desk.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from schemas.identifiers import citizen_id_check_digit, organisation_code_check_digit, uscc_check_digit
from schemas.library import library

RECORDED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_AREA = "330199"
"""An area code that no division has; the demonstration city's."""
_NAMES = ("测试甲", "测试乙", "测试丙丁", "试样一", "试样二三", "样例四", "样例五", "欧阳样六")
_COMPANIES = ("样例机械有限公司", "样例食品有限公司", "样例信息技术有限公司")


@cache
def subjects(name: str) -> tuple[str, ...]:
    """Return the keys of all made-up records of a library."""
    return tuple(_records(name))


def find(name: str, keys: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the made-up records of these keys as rows of the library, without sources: nobody supplied them."""
    held = _records(name)
    return [held[key] for key in keys if key in held]


@cache
def _records(name: str) -> dict[str, Mapping[str, Any]]:
    spec = library(name)
    blank = {**dict.fromkeys(spec.attribute_ids), "version": 1, "recorded_at": RECORDED_AT}
    blank |= {"sources": [None] * len(spec.attribute_ids), "batches": [None] * len(spec.attribute_ids)}
    made = _people() if name == "population" else _companies()
    return {
        key: {**blank, **{one: value for one, value in values.items() if one in blank}, "subject": key}
        for key, values in made.items()
    }


def _people() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(_NAMES):
        born = date(1970 + 5 * number, 1 + number, 10 + number)
        stem = f"{_AREA}{born:%Y%m%d}{901 + number}"
        found[stem + citizen_id_check_digit(stem)] = {
            "name": name, "sex": "1" if number % 2 == 0 else "2", "ethnic_group": "01", "birth_date": born, "birth_place": _AREA,
            "address": f"江北省兴和市东湖区样例路{number + 1}号", "residence_status": "01", "education": "21", "insurance_status": "01",
            "marital_status": "20" if number % 3 else "10", "phone": f"1990000{number:04d}",
            "marriage_date": date(2015, 5, 20) if number % 3 else None,
        }  # fmt: skip
    return found


def _companies() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(_COMPANIES):
        code = f"YANG000{number}"
        stem = f"91{_AREA}{code}{organisation_code_check_digit(code)}"
        found[stem + uscc_check_digit(stem)] = {
            "name": name, "legal_representative": _NAMES[number], "address": f"江北省兴和市东湖区样例路{number + 1}号",
            "registered_capital": Decimal(100 * (number + 1)), "established_date": date(2010 + number, 3, 1), "scope": "样例",
        }  # fmt: skip
    return found
