"""Why: an entry about somebody the libraries do not know would hang in the air; a reference rule asks the libraries, a row group at a time and set-based.
Only `libraries.screening` comes here.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import String, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from catalog.rules import Rule
from libraries.frames import Frame
from libraries.texts import Flags, flags, present
from schemas.database import transaction
from schemas.errors import Terminal
from schemas.library import LIBRARIES
from schemas.tables.library import golden_table


def missing(rule: Rule, frame: Frame) -> Flags:
    """Return which rows name a subject that none of the rule's libraries holds (options.library or options.libraries). Missing values pass.

    Raises Terminal `quality.bad_rule`.
    """
    names = rule.options.get("libraries") or [rule.options.get("library")]
    if not set(names) <= set(LIBRARIES):
        reason = f"libraries {names} are not all base libraries"
        raise Terminal("quality.bad_rule", rule=rule.id, resource=frame.document.id, reason=reason)
    texts = frame.texts(rule.items[0])
    asked = pc.unique(texts).drop_null()
    unknown: Any = asked
    for name in names:
        unknown = unknown.filter(pc.invert(pc.is_in(unknown, value_set=_known(name, unknown))))
    return present(texts) & flags(pc.is_in(texts, value_set=unknown))


def _known(library: str, subjects: Any) -> Any:
    golden = golden_table(library)
    asked = select(func.unnest(bindparam("asked", type_=ARRAY(String))).label("subject")).subquery()
    query = select(asked.c.subject).where(select(golden.c.subject).where(golden.c.subject == asked.c.subject).exists())
    with transaction("ingest") as session:
        found = session.execute(query, {"asked": subjects.to_pylist()}).scalars().all()
    return pa.array(found, pa.string())
