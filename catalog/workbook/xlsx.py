"""Why: a directory of two hundred thousand rows must be written in seconds and in little memory. Writes XLSX by streaming its XML; knows sheets, rows,
styles and links, nothing of directories. Called by writing and the report.

ECMA-376 part 1 (SpreadsheetML): inline strings, so that no table of strings is held; characters XML cannot hold are escaped as `_xHHHH_` (22.9.2.19).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile

from catalog.workbook.scan import column_letters

Value = str | float | None
PLAIN, HEADER, ITEM_HEADER, MARKED, ADVICE = range(5)  # places in _STYLES
LONGEST_TEXT = 32_767
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)|[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_BUFFER = 2000  # rows
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_STYLES = f"""{_DECLARATION}<styleSheet xmlns="{MAIN}"><fonts count="2"><font><sz val="11"/><name val="等线"/></font>
<font><b/><sz val="11"/><name val="等线"/></font></fonts><fills count="6"><fill><patternFill patternType="none"/></fill>
<fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid"><fgColor rgb="FFDCE6F1"/></patternFill></fill>
<fill><patternFill patternType="solid"><fgColor rgb="FFE2EFDA"/></patternFill></fill>
<fill><patternFill patternType="solid"><fgColor rgb="FFFFC7CE"/></patternFill></fill>
<fill><patternFill patternType="solid"><fgColor rgb="FFFFEB9C"/></patternFill></fill></fills><borders count="1"><border/></borders>
<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="5"><xf numFmtId="0" applyAlignment="1"><alignment vertical="top"/></xf>
<xf fontId="1" fillId="2" applyFont="1" applyFill="1"/><xf fontId="1" fillId="3" applyFont="1" applyFill="1"/>
<xf fillId="4" applyFill="1"><alignment vertical="top"/></xf><xf fillId="5" applyFill="1"><alignment vertical="top"/></xf></cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""


@dataclass(frozen=True)
class Choice:
    """A drop-down list over one column (from 0), from `first_row` down."""

    column: int
    options: tuple[str, ...]
    first_row: int


@dataclass(frozen=True)
class SheetForm:
    """What a sheet looks like besides its rows: column widths, rows that stay in view, drop-down lists."""

    name: str
    widths: Sequence[float] = ()
    frozen_rows: int = 1
    choices: Sequence[Choice] = ()


class XlsxWriter:
    """An XLSX file being written; `with` closes it."""

    def __init__(self, file: Path | IO[bytes]) -> None:
        self._zip = ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1)
        self._names: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        self._zip.close()

    def sheet(self, form: SheetForm, rows: Iterable[Sequence[tuple[Value, int]]]) -> None:
        """Write one sheet, each cell a value with its style; None without a style leaves the cell out."""
        self._names.append(form.name)
        with self._zip.open(f"xl/worksheets/sheet{len(self._names)}.xml", "w", force_zip64=True) as part:
            part.write(_sheet_head(form).encode())
            waiting: list[str] = []
            for number, row in enumerate(rows, 1):
                waiting.append(_row_xml(number, row))
                if len(waiting) >= _BUFFER:
                    part.write("".join(waiting).encode())
                    waiting.clear()
            part.write(("".join(waiting) + "</sheetData>" + _choices_xml(form.choices) + "</worksheet>").encode())

    def _finish(self) -> None:
        overrides = "".join(
            f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
            for number, _ in enumerate(self._names, 1)
        )
        self._zip.writestr("[Content_Types].xml", (
            f'{_DECLARATION}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>{overrides}</Types>'
        ))  # fmt: skip
        self._zip.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        sheets = "".join(
            f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>'
            for number, name in enumerate(self._names, 1)
        )
        self._zip.writestr(
            "xl/workbook.xml",
            f'{_DECLARATION}<workbook xmlns="{MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>',
        )
        targets = [("worksheet", f"worksheets/sheet{number}.xml") for number, _ in enumerate(self._names, 1)]
        self._zip.writestr("xl/_rels/workbook.xml.rels", _relations([*targets, ("styles", "styles.xml")]))
        self._zip.writestr("xl/styles.xml", _STYLES)


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships">{lines}</Relationships>'


def _sheet_head(form: SheetForm) -> str:
    pane = (
        f'<pane ySplit="{form.frozen_rows}" topLeftCell="A{form.frozen_rows + 1}" state="frozen"/>'
        if form.frozen_rows
        else ""
    )
    widths = "".join(
        f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        for number, width in enumerate(form.widths, 1)
    )
    return (
        f'{_DECLARATION}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
        f"{f'<cols>{widths}</cols>' if widths else ''}<sheetData>"
    )


def _row_xml(number: int, row: Sequence[tuple[Value, int]]) -> str:
    cells = "".join(
        _cell_xml(at, number, value, style) for at, (value, style) in enumerate(row) if value is not None or style
    )
    return f'<row r="{number}">{cells}</row>'


def _cell_xml(at: int, row: int, value: Value, style: int) -> str:
    place = f'<c r="{column_letters(at)}{row}" s="{style}"'
    if value is None:
        return f"{place}/>"
    if isinstance(value, str):
        return f'{place} t="inlineStr"><is><t xml:space="preserve">{_text_xml(value)}</t></is></c>'
    return f"{place}><v>{value!r}</v></c>"


def _text_xml(text: str) -> str:
    if _ESCAPED.search(text):
        text = _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return escape(text)


def _choices_xml(choices: Sequence[Choice]) -> str:
    if not choices:
        return ""
    lines = "".join(_choice_xml(choice) for choice in choices)
    return f'<dataValidations count="{len(choices)}">{lines}</dataValidations>'


def _choice_xml(choice: Choice) -> str:
    letters = column_letters(choice.column)
    return (
        f'<dataValidation type="list" allowBlank="1" showErrorMessage="1" errorStyle="warning" '
        f'sqref="{letters}{choice.first_row}:{letters}1048576"><formula1>"{escape(",".join(choice.options))}"</formula1></dataValidation>'
    )


def rows_of(values: Iterable[Sequence[Value]], style: int = PLAIN) -> Iterator[list[tuple[Value, int]]]:
    """Return rows of values as rows of cells of one style."""
    for row in values:
        yield [(value, style) for value in row]
