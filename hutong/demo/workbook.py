"""Why: human resources delivers a spreadsheet. Written directly as the XML it consists of, because the usual library takes longer for it than the whole
city takes otherwise, and so that the same city gives the same bytes.

Called by hutong/demo/sources.py. ECMA-376: one sheet, text as inline strings.
"""

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pandas as pd

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_DOCUMENT}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="r1" Type="{_DOCUMENT}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def write_workbook(frame: pd.DataFrame, path: Path, sheet: str, numeric: str) -> None:
    """Write an XLSX workbook of one sheet; values of the column `numeric` that look like 3.30102E+17 become the numbers they were taken for."""
    rows = [[_cell(name) for name in frame.columns]]
    columns = [_numbers(frame[name]) if name == numeric else map(_cell, frame[name]) for name in frame.columns]
    lines = "".join(f"<row>{''.join(cells)}</row>" for cells in (*rows, *zip(*columns, strict=True)))
    book = f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets><sheet name="{sheet}" sheetId="1" r:id="r1"/></sheets></workbook>'
    body = f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>'
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, part in (_PARTS | {"xl/workbook.xml": book, "xl/worksheets/sheet1.xml": body}).items():
            archive.writestr(ZipInfo(name, (2026, 1, 1, 0, 0, 0)), _HEAD + part, ZIP_DEFLATED)


def _cell(value: str | None) -> str:
    if value is None:
        return "<c/>"
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def _numbers(values: Iterable[str | None]) -> Iterable[str]:
    return (f"<c><v>{float(value):.0f}</v></c>" if value and "E+" in value else _cell(value) for value in values)
