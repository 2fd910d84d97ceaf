"""Why: Great Expectations is the judge whose reports stewards know, and it is heavy, so it has one door. It judges rule bits, one expectation a rule, over one
packed column: the rules are asked vectorised before (docs/decisions/0003), the verdict, its report and its page are Great Expectations' own.

Called by `libraries.ingest` and `quarantine`. The library is imported inside functions: it costs seconds. Its analytics are switched off first.
"""

import json
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from catalog.rules import Rule
from libraries.judging.duplicates import Rows
from libraries.judging.guards import Figure
from libraries.judging.masks import RULES_PER_COLUMN, Bits
from libraries.landing import Folder
from libraries.texts import Flags

_COMPLETE = {"result_format": "COMPLETE", "return_unexpected_index_query": False, "exclude_unexpected_values": True}
_OUTSIDE = re.compile(
    r"<script[^>]*\bsrc=[\"'](?:https?:)?//[^>]*>\s*</script>|<link[^>]*\bhref=[\"'](?:https?:)?//[^>]*>"
    r"|<img[^>]*\bsrc=[\"'](?:https?:)?//[^>]*>|<a[^>]*\bhref=[\"']https?://[^>]*>.*?</a>",
    re.DOTALL,
)
_STYLE = "<style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:4px 8px}</style>"


@dataclass(frozen=True)
class RuleVerdict:
    """What Great Expectations says of one rule: rows evaluated and the numbers of all rows that fail; batch rules fail with no row."""

    rule: Rule
    evaluated: int
    failed: int
    rows: Rows


@dataclass(frozen=True)
class Verdict:
    """The verdicts of all rules in order, and whether the batch is large enough."""

    rules: tuple[RuleVerdict, ...]
    is_volume_right: bool
    report: Any
    context: Any = None

    def bad(self, rows: int) -> Flags:
        """Return which of `rows` rows break at least one rule, row n at n - 1."""
        found = np.zeros(rows, np.bool_)
        for verdict in self.rules:
            found[verdict.rows - 1] = True
        return found


@dataclass(frozen=True)
class Guarded:
    """The figures that guards held against the batches before, and per guard those outside."""

    figures: tuple[Figure, ...]
    outside: dict[str, list[Figure]]


def judge(name: str, rules: tuple[Rule, ...], bits: list[Bits], left_out: Rows, least_rows: int = 0) -> Verdict:
    """Let Great Expectations judge a batch: bit n of a row's words says that it breaks rules[n].

    left_out: numbers of rows not to be judged (dropped copies). least_rows: fewer rows than this fail the volume rule.
    """
    frame = _frame(bits, left_out)
    context, suite = _suite(name, rules, least_rows)
    batch = (
        context.data_sources.add_pandas("landing")
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("whole")
        .get_batch({"dataframe": frame})
    )
    report = batch.validate(suite, result_format=_COMPLETE)
    verdicts: dict[int, RuleVerdict] = {}
    is_volume_right = True
    for result in report.results:
        number = result.expectation_config.kwargs.get("number")
        if number is None:
            is_volume_right = bool(result.success)
        else:
            verdicts[number] = _verdict(rules[number], result, len(frame))
    return Verdict(tuple(verdicts[number] for number in range(len(rules))), is_volume_right, report, context)


def keep_report(folder: Folder, verdict: Verdict) -> None:
    """Write quality/result.json (row numbers of all failures, no values) and quality/index.html, the Data Docs page, without anything from outside."""
    folder.clear("quality")
    found = verdict.report.to_json_dict()
    for result in found["results"]:
        number = result["expectation_config"]["kwargs"].get("number")
        if number is not None:
            result["result"]["unexpected_index_list"] = verdict.rules[number].rows.tolist()
    folder.write(json.dumps(found, ensure_ascii=False).encode(), "quality", "result.json")
    suite = [result["expectation_config"] for result in found["results"]]
    folder.write(json.dumps(suite, ensure_ascii=False, indent=1).encode(), "quality", "suite.json")
    folder.write(_page(verdict.report).encode(), "quality", "index.html")


def judge_guards(name: str, figures: Sequence[Figure], verdict: Verdict) -> Guarded:
    """Let Great Expectations judge what guards measured, a column a guard, and put its words into the batch's report. Returns which are outside."""
    import pandas as pd

    gx, _ = _expectations()
    guards = list(dict.fromkeys(figure.guard for figure in figures))
    frame = pd.DataFrame(np.nan, index=range(len(figures)), columns=guards)
    for place, figure in enumerate(figures):
        frame.loc[place, figure.guard] = figure.beyond
    expectations = [
        gx.expectations.ExpectColumnValuesToBeBetween(
            column=guard, max_value=0, description=f"batch.{guard}: {_told([f for f in figures if f.guard == guard])}"
        )
        for guard in guards
    ]
    context = verdict.context  # another costs more than the guards themselves
    suite = context.suites.add(gx.ExpectationSuite(name=f"{name}.guards", expectations=expectations))
    asset = context.data_sources.add_pandas("guards").add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    report = batch.validate(suite, result_format=_COMPLETE)
    outside: dict[str, list[Figure]] = {}
    for result in report.results:
        failing = result.result.get("unexpected_index_list") or []
        outside[result.expectation_config.kwargs["column"]] = [figures[place] for place in failing]
    verdict.report.results.extend(report.results)
    for counted in ("evaluated_expectations", "successful_expectations", "unsuccessful_expectations"):
        verdict.report.statistics[counted] += report.statistics[counted]
    verdict.report.success = bool(verdict.report.success and report.success)
    return Guarded(tuple(figures), outside)


def _told(figures: Sequence[Figure]) -> str:
    """Return in words which figures are outside and what they may be."""
    outside = [
        f"{f.item or ''} {f.code or ''} {f.value:.4g} not in [{f.low:.4g}, {f.high:.4g}]"
        for f in figures
        if f.beyond > 0
    ]
    return "; ".join(outside) or f"{len(figures)} within what the last batches allow"


def _frame(bits: list[Bits], left_out: Rows) -> Any:
    import pandas as pd  # as heavy as what it is made for

    count = len(bits[0])
    if not len(left_out):
        columns, numbers = bits, pd.Index(np.arange(1, count + 1))
    else:
        kept = np.ones(count, np.bool_)
        kept[left_out - 1] = False
        columns, numbers = [column[kept] for column in bits], pd.Index(np.flatnonzero(kept) + 1)
    return pd.DataFrame({f"rules_{n}": column for n, column in enumerate(columns)}, index=numbers)


def _verdict(rule: Rule, result: Any, rows: int) -> RuleVerdict:
    if result.exception_info and result.exception_info.get("raised_exception"):
        raise RuntimeError(f"Great Expectations failed on rule {rule.id}: {result.exception_info}")
    # taken out of the report, which would copy and convert it number by number: seventeen microseconds a failure; `keep_report` puts it back
    failing = np.asarray(result.result.pop("unexpected_index_list", None) or (), np.int64)
    return RuleVerdict(rule, rows, len(failing), failing)


def _suite(name: str, rules: tuple[Rule, ...], least_rows: int) -> tuple[Any, Any]:
    gx, expect_rule_to_hold = _expectations()
    context = _context(gx)
    expectations = [
        expect_rule_to_hold(
            column=f"rules_{number // RULES_PER_COLUMN}",
            bit=number % RULES_PER_COLUMN,
            number=number,
            description=f"{rule.id} ({rule.kind}, {rule.indicator}, {rule.scope})",
        )
        for number, rule in enumerate(rules)
    ]
    volume = gx.expectations.ExpectTableRowCountToBeBetween(
        min_value=least_rows, description=f"batch.volume: at least {least_rows} rows"
    )
    return context, context.suites.add(gx.ExpectationSuite(name=name, expectations=[*expectations, volume]))


def _context(gx: Any) -> Any:
    """Return a context that keeps nothing, shows no progress bars, calls nobody and leaves no temporary folder behind."""
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False), analytics_enabled=False
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


def _page(report: Any) -> str:
    renderer, view = _pages()
    page = view.render(renderer.render(report))
    return _OUTSIDE.sub("", page if isinstance(page, str) else page[0]).replace("</head>", f"{_STYLE}</head>")


@cache
def _pages() -> tuple[Any, Any]:
    """Return what makes Data Docs pages: one view for all, because each compiles its templates anew (a third of a second)."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    return ValidationResultsPageRenderer(), DefaultJinjaPageView()


def open_door() -> None:
    """Import Great Expectations, for whoever has something else to do meanwhile; `judge` does it by itself otherwise."""
    _expectations()


def preload() -> None:
    """Make Great Expectations ready to judge and report: a process that forks its tasks, as Airflow's scheduler does, pays for it once, not in every task."""
    nothing = np.empty(0, np.int64)
    rehearsal = Rule(id="rehearsal", kind="required", items=("item",), indicator="completeness", scope="row")
    _page(judge("rehearsal", (rehearsal,), [np.zeros(1, np.uint64)], nothing).report)


@cache
def _expectations() -> tuple[Any, Any]:
    """Import Great Expectations, analytics off, and make the one expectation of ours: a rule's bit is clear."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its imports use modules Python is about to drop
        import great_expectations as gx
        from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
        from great_expectations.expectations.expectation import ColumnMapExpectation
        from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
            column_condition_partial,
        )
        from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
            ColumnMapMetricProvider,
        )

    class RuleBitClear(ColumnMapMetricProvider):
        """Which rows have the bit clear."""

        condition_metric_name = "column_values.rule_bit_clear"
        condition_value_keys = ("bit",)
        filter_column_isnull = False

        @column_condition_partial(engine=PandasExecutionEngine)
        def _pandas(cls, column: Any, bit: int, **_kwargs: Any) -> Any:  # noqa: N805 — Great Expectations calls it with the class
            return (column.to_numpy() & np.uint64(1 << bit)) == 0

    class ExpectRuleToHold(ColumnMapExpectation):
        """A rule of the directory holds for every row."""

        bit: int
        number: int
        map_metric = "column_values.rule_bit_clear"
        success_keys = ("bit", "mostly")
        args_keys = ("column", "bit")

    return gx, ExpectRuleToHold
