"""Why: DCAT-AP wants frequencies, access rights, languages, themes and file types from the Publications Office's authority tables. Which of theirs is which
of ours, with the labels a reader needs who is offline. Called by this room alone.

Authority tables: http://publications.europa.eu/resource/authority/{frequency, access-right, language, data-theme, file-type}; facts, not files, of theirs.
"""

from dataclasses import dataclass

AUTHORITY = "http://publications.europa.eu/resource/authority/"
THEMES = f"{AUTHORITY}data-theme"


@dataclass(frozen=True)
class Term:
    """One entry of an authority table: its table and code, the class it has in DCAT-AP, and its label."""

    table: str
    code: str
    kind: str
    en: str
    zh: str

    @property
    def iri(self) -> str:
        """Return the entry's address."""
        return f"{AUTHORITY}{self.table}/{self.code}"


def _frequency(code: str, en: str, zh: str) -> Term:
    return Term("frequency", code, "dct:Frequency", en, zh)


def _right(code: str, en: str, zh: str) -> Term:
    return Term("access-right", code, "dct:RightsStatement", en, zh)


def _theme(code: str, en: str, zh: str) -> Term:
    return Term("data-theme", code, "skos:Concept", en, zh)


FREQUENCIES = {  # by update cycle (element 11)
    1: _frequency("UPDATE_CONT", "continuously updated", "实时"),
    2: _frequency("DAILY", "daily", "每日"),
    3: _frequency("WEEKLY", "weekly", "每周"),
    4: _frequency("MONTHLY", "monthly", "每月"),
    5: _frequency("QUARTERLY", "quarterly", "每季度"),
    6: _frequency("ANNUAL", "annual", "每年"),
    7: _frequency("IRREG", "irregular", "不定期"),
    8: _frequency("MONTHLY_3", "three times a month", "每旬"),
}
PUBLIC = _right("PUBLIC", "public", "向社会开放")
RESTRICTED = _right("RESTRICTED", "restricted", "政务部门内共享")
NON_PUBLIC = _right("NON_PUBLIC", "non-public", "不予共享")
CHINESE = Term("language", "ZHO", "dct:LinguisticSystem", "Chinese", "汉语")
ENGLISH = Term("language", "ENG", "dct:LinguisticSystem", "English", "英语")
GOVERNMENT = _theme("GOVE", "Government and public sector", "政府与公共部门")
LIBRARY_THEMES = {
    "population": _theme("SOCI", "Population and society", "人口与社会"),
    "legal_entity": _theme("ECON", "Economy and finance", "经济与金融"),
    "geography": _theme("REGI", "Regions and cities", "区域与城市"),
    "credit": _theme("JUST", "Justice, legal system and public safety", "司法、法律制度与公共安全"),
}
JSON = Term("file-type", "JSON", "dct:MediaTypeOrExtent", "JSON", "JSON")
FILE_TYPES = {  # by format type (element 7), lower case; what has no entry there goes out without a format
    code.lower(): Term("file-type", theirs, "dct:MediaTypeOrExtent", theirs, theirs)
    for code, theirs in {
        **{same: same.upper() for same in ("xml", "txt", "doc", "docx", "html", "pdf", "ppt", "pptx", "xls", "xlsx", "csv", "json")},
        **{same: same.upper() for same in ("dbf", "gif", "bmp", "png", "tiff", "ods", "odt", "zip", "shp", "rtf")},
        "dbase": "DBF",
        "access": "MDB",
        "jpg": "JPEG",
        "jpeg": "JPEG",
    }.items()
}  # fmt: skip


def terms() -> list[Term]:
    """Return every entry that a description of ours may name, once, by address."""
    rights, languages = [PUBLIC, RESTRICTED, NON_PUBLIC], [CHINESE, ENGLISH]
    themes = [GOVERNMENT, *LIBRARY_THEMES.values()]
    found = [*FREQUENCIES.values(), *rights, *languages, *themes, JSON, *FILE_TYPES.values()]
    return [term for _, term in sorted({term.iri: term for term in found}.items())]
