"""Why: what every golden record must say follows from what was truly sent: per attribute the word of the highest authority that has one.
Computed here from the deliveries alone, by other means than the libraries use, so that the two can be held against each other.

Called by hutong/demo/sources.py and tests.
"""

import pandas as pd

from hutong.demo.city_data import City
from hutong.demo.delivery import Delivery
from schemas.library import LIBRARIES, Library, library


def golden(city: City) -> dict[str, pd.DataFrame]:
    """Return per library the expected golden records: key column (and `subject` of a register), then the attributes as text."""
    return {name: _golden(city, library(name)) for name in LIBRARIES}


def _golden(city: City, spec: Library) -> pd.DataFrame:
    words = {
        d.document.department: _claims(d, spec) for d in city.deliveries.values() if d.document.library == spec.library
    }
    keys = sorted(set().union(*(frame.index for frame in words.values())))
    found = pd.DataFrame(index=pd.Index(keys, name=spec.key))
    if spec.kind == "register":
        found["subject"] = _first([frame["subject"] for frame in words.values()], found.index)
    for attribute in spec.attributes:
        ranked = sorted(words, key=lambda d, order=attribute.authority: order.index(d) if d in order else len(order))  # type: ignore[misc]
        columns = [words[department][attribute.id] for department in ranked if attribute.id in words[department]]
        found[attribute.id] = _first(columns, found.index)
    return found.reset_index()


def _claims(delivery: Delivery, spec: Library) -> pd.DataFrame:
    """Return what one source validly says: indexed by record key, columns named by attribute."""
    rows = delivery.claims()
    names = {item.id: item.attribute for item in delivery.document.items if item.attribute}
    claims = rows[list(names)].rename(columns=names)
    if spec.entry:
        claims.index = pd.Index(claims[list(spec.entry.from_)].agg("/".join, axis=1))
    else:
        claims = claims.set_index("subject")
    return claims


def _first(columns: list[pd.Series], index: pd.Index) -> pd.Series:
    """Return per record the first value that is there."""
    found = pd.Series(None, index=index, dtype=object)
    for column in columns:
        values = column.reindex(index)
        found = found.where(found.notna(), values)
    return found.where(found.notna(), None)
