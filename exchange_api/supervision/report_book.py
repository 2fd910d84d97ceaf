"""Why: a report is filed and counted on elsewhere. A week as XLSX, in either language: scores, figures with numerator and denominator, what stood
beside. Texts stay texts: nothing becomes a formula. Called by pages and `hutong supervision report`.
"""

import io
from collections.abc import Iterable
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from exchange_api.supervision.reporting import Report
from schemas.errors import Language

_WORDS: dict[str, dict[Language, str]] = {
    "scores": {"zh": "部门得分", "en": "Scores"}, "figures": {"zh": "指标", "en": "Figures"}, "definitions": {"zh": "口径", "en": "Definitions"},
    "concerns": {"zh": "监察事项", "en": "Concerns"}, "rank": {"zh": "名次", "en": "Rank"}, "department": {"zh": "部门", "en": "Department"},
    "score": {"zh": "得分", "en": "Score"}, "change": {"zh": "较上周", "en": "Change"}, "revision": {"zh": "版次", "en": "Revision"},
    "vetoed": {"zh": "一票否决", "en": "Vetoed"}, "yes": {"zh": "是", "en": "yes"}, "indicator": {"zh": "指标", "en": "Indicator"},
    "numerator": {"zh": "分子", "en": "Numerator"}, "denominator": {"zh": "分母", "en": "Denominator"}, "value": {"zh": "值", "en": "Value"},
    "small": {"zh": "样本不足", "en": "n/a (too few cases)"}, "formula": {"zh": "公式", "en": "Formula"}, "window": {"zh": "统计范围", "en": "Window"},
    "weight": {"zh": "权重", "en": "Weight"}, "basis": {"zh": "依据", "en": "Basis"}, "no_source": {"zh": "无数据来源", "en": "No source"},
    "kind": {"zh": "类别", "en": "Kind"}, "case": {"zh": "编号", "en": "Number"}, "what": {"zh": "事项", "en": "What"}, "day": {"zh": "日期", "en": "Day"},
    "overdue": {"zh": "超期未办", "en": "Overdue"}, "never_answered": {"zh": "从未答复", "en": "Never answered"},
    "refused": {"zh": "拒绝提供", "en": "Refused"},
    "unused": {"zh": "长期未用", "en": "Unused"}, "over_used": {"zh": "超量使用", "en": "Over-used"}, "findings": {"zh": "异常发现", "en": "Findings"},
}  # fmt: skip


def workbook(report: Report, language: Language) -> bytes:
    """Return a week's report as an XLSX file."""
    book = Workbook(write_only=True)
    say = {key: words[language] for key, words in _WORDS.items()}
    names = {one.department_id: one.name for one in report.board}
    _sheet(
        book,
        say["scores"],
        [say[key] for key in ("rank", "department", "score", "change", "vetoed", "revision")],
        _scores(report, say),
    )
    _sheet(
        book,
        say["figures"],
        [say[key] for key in ("department", "indicator", "numerator", "denominator", "value")],
        _figures(report, say, language),
    )
    _sheet(
        book,
        say["concerns"],
        [say[key] for key in ("kind", "department", "case", "what", "day")],
        _concerns(report, say, names),
    )
    titles = [say[key] for key in ("indicator", "formula", "window", "weight", "basis", "no_source")]
    rows = [
        [
            one.name(language),
            one.formula[language],
            one.window[language],
            one.weight,
            one.basis,
            (one.no_source or {}).get(language, ""),
        ]
        for one in report.indicators
    ]
    _sheet(book, say["definitions"], titles, rows)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _scores(report: Report, say: dict[str, str]) -> Iterable[list[Any]]:
    for one in report.board:
        yield [one.rank or "", one.name, "n/a" if one.score is None else one.score, "" if one.change is None else one.change,
               say["yes"] if one.is_vetoed else "", one.revision]  # fmt: skip


def _figures(report: Report, say: dict[str, str], language: Language) -> Iterable[list[Any]]:
    for line in report.board:
        for one in report.indicators:
            if figure := report.figures.get(line.score_id, {}).get(one.key):
                value = say["small"] if figure.value is None else figure.value
                yield [line.name, one.name(language), figure.numerator, figure.denominator, value]


def _concerns(report: Report, say: dict[str, str], names: dict[str, str]) -> Iterable[list[Any]]:
    for key, listed in report.facts["concerns"].items():
        for one in listed["rows"]:
            yield [
                say[key],
                names.get(one["department_id"], one["department_id"]),
                one["demand_id"] or one["grant_id"] or one["id"],
                one["what"],
                one["day"],
            ]


def _sheet(book: Workbook, title: str, titles: list[str], rows: Iterable[list[Any]]) -> None:
    sheet = book.create_sheet(title)
    sheet.append([_cell(sheet, one) for one in titles])
    for row in rows:
        sheet.append([_cell(sheet, one) for one in row])


def _cell(sheet: Any, value: Any) -> Any:
    if isinstance(value, int | float):
        return WriteOnlyCell(sheet, value=value)
    cell = WriteOnlyCell(sheet, value=str(value))
    cell.data_type = "s"  # openpyxl takes "=…" for a formula otherwise
    return cell
