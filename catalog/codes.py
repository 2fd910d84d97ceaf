"""Why: every resource bears a code that says where in the directory it stands. Reads, checks and gives such codes, and finds ones given twice.

信息资源代码 (2017 guide, element 3): `<类 1 digit><项 2><目 3><细目 any>/<顺序号 any>`; 类 and 项 are the code table `resource_category`, 目 and 细目
are numbered by each directory as they come. Called by the directory when a draft has no code, by gaps and importers. Pure: no database.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.codes import code_table
from schemas.resource import ResourceDraft

CODE = re.compile(r"([123])(\d{2})(\d{3})([0-9A-Za-z]*)/([0-9A-Za-z]{1,20})")
FIRST = "000001"  # 顺序号 of the first resource under a prefix; later ones keep the width of the greatest
WIDTHS = (1, 2, 3)  # digits of 类, 项, 目; each level of 细目 that this hub numbers takes two
_LEVEL = 2
_LONGEST_SEQUENCE = 20
_LONGEST = 64
_SEPARATORS = re.compile(r"\s*[/／>＞\\|｜]\s*")


@dataclass(frozen=True)
class Code:
    """A code in its parts; `prefix` is everything before the slash (前段码)."""

    kind: str
    group: str
    subject: str
    detail: str
    sequence: str

    @property
    def prefix(self) -> str:
        """Return 类项目细目."""
        return f"{self.kind}{self.group}{self.subject}{self.detail}"

    def __str__(self) -> str:
        return f"{self.prefix}/{self.sequence}"


def parse(text: str) -> Code | None:
    """Return the parts of a code; None when it is not one (2017 guide, element 3)."""
    found = CODE.fullmatch(text)
    return Code(*found.groups()) if found and len(text) <= _LONGEST else None


def path_of(category: str | None) -> tuple[str, ...]:
    """Return a category's names from 类 down. 类 is added where an 项 of a known 类 leads, and spelled as the code table does; () when 类 is not known."""
    names = tuple(n for n in _SEPARATORS.split(unicodedata.normalize("NFKC", category or "").strip()) if n)
    if not names:
        return ()
    number = code_table("resource_category").spellings.get(names[0])
    if number is None:
        return ()
    labels = code_table("resource_category").entries
    return (labels[number], *names[1:]) if len(number) == 1 else (labels[number[0]], labels[number], *names[1:])


def class_of(category: str | None) -> str | None:
    """Return the digit of a category's 类; None when it is not known."""
    path = path_of(category)
    return code_table("resource_category").spellings[path[0]] if path else None


def group_of(category: str | None) -> str | None:
    """Return 类 and 项, three digits, of a category whose 项 the code table numbers; None for others and for departments' own (类 3)."""
    path = path_of(category)
    number = code_table("resource_category").spellings.get(path[1]) if len(path) > 1 else None
    return number if number and len(number) == 1 + WIDTHS[1] and number[0] == class_of(category) else None


def repeated(drafts: Iterable[ResourceDraft]) -> dict[str, list[str]]:
    """Return the codes that more than one of these resources bears, with their ids in order. One code is one resource (2017 guide)."""
    bearers: dict[str, list[str]] = defaultdict(list)
    for draft in drafts:
        for code in dict.fromkeys(codes_of(draft)):
            bearers[code].append(draft.id)
    return {code: ids for code, ids in bearers.items() if len(set(ids)) > 1}


def codes_of(draft: ResourceDraft) -> tuple[str, ...]:
    """Return every code of a draft, its first one first."""
    return (*((draft.code,) if draft.code else ()), *draft.more_codes)


@dataclass
class Numbering:
    """The numbers a directory has given so far; `give` the next. Learned from (category, code) of what is there, so that it needs no table of its own."""

    prefixes: dict[tuple[str, ...], str] = field(default_factory=dict)  # path → digits
    children: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))  # digits → numbers given below
    sequences: dict[str, tuple[int, int]] = field(default_factory=dict)  # prefix → greatest number, its width

    @classmethod
    def of(cls, known: Iterable[tuple[str | None, str | None]]) -> "Numbering":
        """Return the numbering that these categories and codes show."""
        numbering = cls()
        for category, text in known:
            if code := parse(text or ""):
                numbering.learn(category, code)
        return numbering

    def learn(self, category: str | None, code: Code) -> None:
        """Take note of a code in use, and of the names its digits stand for where its category is of the same 类."""
        prefix = code.prefix
        for above, below in _levels(prefix):
            if below.isdigit():
                self.children[above].add(int(below))
        if code.sequence.isdigit():
            now = (int(code.sequence), len(code.sequence))
            self.sequences[prefix] = max(self.sequences.get(prefix, now), now)
        path = path_of(category)
        if path and class_of(category) == code.kind:
            for depth, (above, below) in enumerate(_levels(prefix), start=2):
                if depth <= len(path):
                    self.prefixes.setdefault(path[:depth], above + below)

    def give(self, category: str | None) -> str | None:
        """Return a new code for a resource of this category and remember it; None when its 类 is unknown or the numbers have run out."""
        path = path_of(category)
        prefix = class_of(category)
        for depth in range(2, max(len(path), len(WIDTHS)) + 1):
            prefix = prefix and self._below(prefix, path[:depth], depth)
        if not prefix:
            return None
        greatest, width = self.sequences.get(prefix, (int(FIRST) - 1, len(FIRST)))
        code = f"{prefix}/{greatest + 1:0{width}d}"
        if parse(code) is None or len(code.partition("/")[2]) > _LONGEST_SEQUENCE:
            return None
        self.sequences[prefix] = (greatest + 1, max(width, len(str(greatest + 1))))
        return code

    def _below(self, above: str, path: tuple[str, ...], depth: int) -> str | None:
        """Return the digits of `path`, one level below `above`: known, of the code table, zeros where the category says no more, or the next free number."""
        width = WIDTHS[depth - 1] if depth <= len(WIDTHS) else _LEVEL
        if len(path) < depth:
            return above + "0" * width
        known = self.prefixes.get(path)
        if known and known.startswith(above):
            return known
        number = group_of("/".join(path)) if depth == len(WIDTHS) - 1 else None
        if number is None:
            number = self._next(above, width)
        if number is not None:
            self.prefixes[path] = number
            self.children[above].add(int(number[len(above) :]))
        return number

    def _next(self, above: str, width: int) -> str | None:
        reserved = {
            int(code[1:]) for code in code_table("resource_category").entries if len(code) > 1 and code[0] == above
        }
        free = max(self.children[above] | reserved, default=0) + 1
        return f"{above}{free:0{width}d}" if free < 10**width else None


def _levels(prefix: str) -> Iterator[tuple[str, str]]:
    """Yield (digits above, digits of this level) from 项 down; 细目 by twos, as this hub numbers them."""
    start = WIDTHS[0]
    for width in WIDTHS[1:]:
        yield prefix[:start], prefix[start : start + width]
        start += width
    while len(prefix) - start >= _LEVEL:
        yield prefix[:start], prefix[start : start + _LEVEL]
        start += _LEVEL
