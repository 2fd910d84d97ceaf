"""Why: departments send their part of the directory as a workbook. Reads one into drafts and findings, and takes it in: all of it or, asked to, the
good part. Called by `hutong catalog import --format xlsx`.

Two passes: the first learns which resources stand where, so that one whose rows are scattered is refused whole; the second makes drafts one by one, so
that memory holds the sheet and a few hundred resources, never the whole directory as objects.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from catalog import intake
from catalog.findings import Findings, Outcome, Place, finding_at
from catalog.workbook.columns import columns
from catalog.workbook.draft import DraftReader
from catalog.workbook.identities import Identities
from catalog.workbook.layout import Group, Layout, Token, find_layout, groups
from catalog.workbook.sheets import open_sheets
from schemas.errors import Invalid
from schemas.resource import ResourceDraft

Told = Callable[[int, int], None]  # resources done, resources in all


@dataclass(frozen=True)
class Options:
    """How a workbook is read: `department` owns the resources that name no provider; `told` hears of every resource read."""

    department: str | None = None
    told: Told | None = None


NO_OPTIONS = Options()


@dataclass
class _Plan:
    """What the first pass learnt: how many resources there are, which may not be taken."""

    layouts: list[Layout]
    total: int = 0
    first: dict[Token, Place] = field(default_factory=dict)
    refused: set[Token] = field(default_factory=set)


def take_in(
    session: Session,
    path: Path,
    *,
    partial: bool = False,
    by: str = "",
    options: Options = NO_OPTIONS,
) -> Outcome:
    """Take in a workbook as drafts; twice changes nothing.

    With any error nothing is kept unless `partial`. Raises Invalid `workbook.*` for a file that cannot be read, `directory.unknown_department`.
    """
    findings = Findings()
    identities = Identities(session)
    if options.department and options.department not in identities.departments:
        raise Invalid("directory.unknown_department", department=options.department)
    drafts = read_workbook(path, identities, findings, options)
    return intake.take_in(session, drafts, findings, partial=partial, by=by)


def read_workbook(
    path: Path, identities: Identities, findings: Findings, options: Options = NO_OPTIONS
) -> Iterator[ResourceDraft]:
    """Yield the drafts of a workbook in order; everything wrong with it goes to `findings`. Raises Invalid `workbook.*`."""
    plan = _plan(path, findings)
    reader = DraftReader(path.name, identities, findings, options.department)
    done = 0
    for layout in plan.layouts:
        for group in groups(layout, path.name, findings):
            done += 1
            if options.told:
                options.told(done, plan.total)
            if _name(group.token) in plan.refused:
                findings.refused += 1
            elif draft := reader.draft_of(group):
                yield draft


def _plan(path: Path, findings: Findings) -> _Plan:
    layouts = [layout for sheet in open_sheets(path) if (layout := find_layout(sheet, path.name, findings))]
    for layout in [one for one in layouts if one.sheet.beside.is_hidden]:
        layouts.remove(layout)
        if any(groups(layout, path.name)):
            findings.add(finding_at(layout.place(path.name, None), "workbook.hidden_sheet"))
    if not layouts:
        raise Invalid("workbook.no_table", file=path.name)
    plan = _Plan(layouts)
    for layout in layouts:
        findings.column_names |= {column.key: layout.headers[at] for at, column in layout.columns.items()}
        for group in groups(layout, path.name):
            plan.total += 1
            _note(plan, group, path.name, findings)
    findings.column_names |= {c.key: c.header for c in columns() if c.key not in findings.column_names}
    return plan


def _note(plan: _Plan, group: Group, file: str, findings: Findings) -> None:
    name, place = _name(group.token), group.layout.place(file, group.number, "name")
    if name in plan.first:
        plan.refused.add(name)
        findings.add(finding_at(place, "workbook.rows_apart", _shown(group.token), first=plan.first[name].words()))
    plan.first.setdefault(name, place)
    hidden = [row.number for row in group.rows if row.number in group.layout.sheet.beside.hidden_rows]
    if hidden:
        plan.refused.add(name)
        findings.add(finding_at(group.layout.place(file, hidden[0]), "workbook.hidden_rows", last=hidden[-1]))


def _name(token: Token) -> Token:
    """Return what tells a resource from others on the sheet: its id, else its name and code."""
    return token[:1] if token[0] else token


def _shown(token: Sequence[str]) -> str:
    return token[1] or token[0] or token[2]
