"""Why: a list of ten thousand rows is searched, sorted and cut into pages by the database; a page costs what is on it. Called by `pages.lists`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from exchange_api.portal.listing import Asked, Chosen, Column, Listing, Sieve, placed

Held = ColumnElement[Any] | InstrumentedAttribute[Any]
_AT_ONCE = 500
_LONGEST = 8  # words of one search


@dataclass(frozen=True)
class Field:
    """One column of a list: key, heading, what it is sorted by (None: not), the text searched in it, and for a column of keys their words.

    words: key → word as the reader sees it; a search for the word finds rows with the key in `searched`.
    """

    key: str
    title: str
    sorted: Held | None = None
    searched: Held | None = None
    words: Mapping[str, str] | None = None
    is_shown: bool = True


@dataclass(frozen=True)
class Choice:
    """One filter: name in the address, heading, what may be chosen (key → word), and the condition of a key."""

    key: str
    title: str
    options: Mapping[str, str]
    condition: Callable[[str], ColumnElement[bool]]


@dataclass(frozen=True)
class Table:
    """One list: the query of everything its reader may see, its columns, the order it has by itself (ending in something unique), what makes shown rows of
    found ones (dicts by column key; `_address`, `_tone`, `_clock` as the template knows them), and its filters.
    """

    query: Select[*tuple[Any, ...]]
    fields: tuple[Field, ...]
    order: tuple[Any, ...]
    shown: Callable[[Sequence[Row[Any]]], list[dict[str, Any]]]
    choices: tuple[Choice, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns as a page shows them."""
        return tuple(Column(one.key, one.title, one.sorted is not None, one.is_shown) for one in self.fields)


def found(session: Session, table: Table, asked: Asked, chosen: Chosen | None = None) -> Listing:
    """Return the page that was asked for with the total; a page beyond the end is the last one."""
    view, kept = chosen or Chosen(), _kept(table, asked)
    total = session.scalar(select(func.count()).select_from(kept.order_by(None).subquery())) or 0
    number, start = placed(asked.page, total, view.size)
    rows = session.execute(_ordered(table, kept, asked).limit(view.size).offset(start)).all() if total else []
    sieves = tuple(Sieve(one.key, one.title, one.options) for one in table.choices)
    return Listing(
        view.of(table.columns), table.shown(rows), total, number, asked, view.size, table.columns, sieves
    )  # fmt: skip


def every(session: Session, table: Table, asked: Asked) -> Iterator[dict[str, Any]]:
    """Return every row that the search finds, read in portions."""
    query = _ordered(table, _kept(table, asked), asked)
    for portion in session.execute(query, execution_options={"yield_per": _AT_ONCE}).partitions():
        yield from table.shown(portion)


def _kept(table: Table, asked: Asked) -> Select[*tuple[Any, ...]]:
    query = table.query
    for word in asked.q.split()[:_LONGEST]:
        query = query.where(or_(*(_holds(one, word) for one in table.fields if one.searched is not None)))
    for choice in table.choices:
        if (wanted := asked.filters.get(choice.key, "")) in choice.options:
            query = query.where(choice.condition(wanted))
    return query


def _holds(field: Field, word: str) -> ColumnElement[bool]:
    assert field.searched is not None
    if field.words is None:
        return field.searched.icontains(word, autoescape=True)
    sought = word.lower()
    return field.searched.in_([key for key, text in field.words.items() if sought in text.lower()])


def _ordered(table: Table, query: Select[*tuple[Any, ...]], asked: Asked) -> Select[*tuple[Any, ...]]:
    wished = asked.sort.removeprefix("-")
    for one in table.fields:
        if one.key == wished and one.sorted is not None:
            way = one.sorted.desc() if asked.sort.startswith("-") else one.sorted.asc()
            return query.order_by(None).order_by(way.nulls_last(), *table.order)
    return query.order_by(None).order_by(*table.order)
