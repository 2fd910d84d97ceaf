"""Why: figures, cases and concerns as pages show them: in words, with the address that each opens. Called by pages of supervision alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exchange_api.guarding import rules
from exchange_api.portal.charts import Chart
from exchange_api.portal.language import N_, translations
from exchange_api.portal.visit import Visit
from exchange_api.portal.words import word
from exchange_api.supervision.definitions import Indicator
from exchange_api.supervision.reporting import Line
from exchange_api.supply import grounds
from schemas.tables.supervision import SupervisionFigure


@dataclass(frozen=True)
class Row:
    """One concern or case on a page. what: in words; address: none where nothing can be opened."""

    department: str
    number: str
    address: str | None
    what: str
    day: str
    mark: str
    clock: str | None = None


@dataclass(frozen=True)
class Shown:
    """One indicator with its figure in words; none of it where the week had no case."""

    indicator: Indicator
    figure: SupervisionFigure | None
    value: str
    former: str


def concern(visit: Visit, names: Mapping[str, str], key: str, one: Mapping[str, Any]) -> Row:
    """Return one concern as a page shows it."""
    is_clock = key == "overdue" and one["mark"] != "supervised"
    return Row(
        names.get(one["department_id"], one["department_id"]), one["grant_id"] or one["demand_id"] or one["id"],
        address(one["kind"], one["id"], {"demand": None if one["grant_id"] else one["demand_id"], "grant": one["grant_id"]}), _what(visit, key, one["what"]),
        str(one["day"]), _mark(visit, key, one["mark"]), one["id"] if is_clock else None,
    )  # fmt: skip


def address(kind: str, number: str, facts: Mapping[str, Any]) -> str | None:
    """Return the page of a case, none where there is none."""
    if demand := facts.get("demand"):
        return f"/portal/demands/{demand}"
    if kind == "finding" or kind == "grant":
        return f"/portal/grants/{facts.get('grant') or number}"
    if kind in ("resource", "version"):
        return f"/portal/resources/{number.partition('@')[0]}"
    return None


def value_of(visit: Visit, indicator: Indicator, figure: SupervisionFigure | None) -> str:
    """Return a figure's value in words."""
    translate = translations(visit.language).gettext
    if indicator.no_source:
        return translate(N_("无数据来源"))
    if figure is None:
        return translate(N_("本周无事项"))
    if figure.value is None:
        return translate(N_("样本不足 n/a"))
    return f"{figure.value:g}" if indicator.direction == "veto" else f"{100 * figure.value:.1f}%"


def shown(
    visit: Visit, indicators: Sequence[Indicator], now: Mapping[str, Any], before: Mapping[str, Any]
) -> list[Shown]:
    """Return every indicator with this week's figure and what it was the week before."""
    return [
        Shown(
            one,
            now.get(one.key),
            value_of(visit, one, now.get(one.key)),
            value_of(visit, one, before[one.key]) if one.key in before else "—",
        )
        for one in indicators
    ]


def charts(visit: Visit, facts: Mapping[str, Any]) -> list[Chart]:
    """Return what stood beside the scores of a week, drawn."""
    say = translations(visit.language).gettext

    def said(table: str, key: str) -> str:
        return say(word(table, key))

    hours = [(f"{hour:02d}", [answers, refusals]) for hour, answers, refusals in facts["hours"]]
    deadlines = [(said("rule", rule), [kept, late, late_open]) for rule, kept, late, late_open in facts["deadlines"]]
    batches = [(said("batch_of_week", state), [count]) for state, count, _, _ in facts["batches"]]
    quota = [
        (grant, [round(100 * used / quota, 1) if quota else None, peak]) for grant, used, quota, peak in facts["quota"]
    ]
    return [
        Chart(
            say(N_("按小时的调用")),
            "stack",
            say(N_("时")),
            [say(N_("答复")), say(N_("拒绝"))],
            hours if any(a or r for _, (a, r) in hours) else [],
        ),
        Chart(
            say(N_("期限遵守")),
            "stack",
            say(N_("期限")),
            [say(N_("按期")), say(N_("逾期办结")), say(N_("超期未办"))],
            deadlines,
        ),
        Chart(say(N_("批次状态")), "pie", say(N_("状态")), [say(N_("批次"))], batches),
        Chart(
            say(N_("用量占额度")),
            "bar",
            say(N_("授权")),
            [say(N_("本周")), say(N_("最高一日"))],
            quota,
            "%",
            say(N_("用量最高的 20 项")),
        ),
    ]


def scoreboard(visit: Visit, board: Sequence[Line]) -> Chart:
    """Return the departments' scores, drawn."""
    say = translations(visit.language).gettext
    return Chart(
        say(N_("部门得分")),
        "bar",
        say(N_("部门")),
        [say(N_("得分"))],
        [(one.name, [one.score]) for one in board if one.score is not None][:30],
    )


def _what(visit: Visit, key: str, what: str) -> str:
    translate = translations(visit.language).gettext
    if key in ("overdue", "never_answered"):
        return translate(word("rule", what))
    if key in ("unused", "over_used"):
        return translate(word("library", what))
    if key == "findings":
        return next((one.zh if visit.language == "zh" else one.en for one in rules.rules() if one.key == what), what)
    return what


def _mark(visit: Visit, key: str, mark: str) -> str:
    if key == "refused":
        return (
            grounds.in_words({"kind": mark}, visit.language)
            if mark
            else translations(visit.language).gettext(N_("未写明理由"))
        )
    return translations(visit.language).gettext(word("mark", mark)) if mark else ""
