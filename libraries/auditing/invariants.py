"""Why: what must hold in every library whatever merges, rulings and retractions did to it, each rule written once as the query that finds its breakers.
`libraries.auditing.check` runs them; nothing else does. Every query gives keys alone and only reads.

What golden records say is checked twice: judged again by the words that judged them (`libraries.golden`), and value by value against the claim each value
names, which shares no code with the judging.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from libraries import sql
from libraries.claims import RULING
from libraries.golden import judging
from schemas.library import Library


@dataclass(frozen=True)
class Invariant:
    """One rule: its id and words, the table whose rows it looks at (a placeholder of `libraries.sql`), and the query that gives a column `key` of breakers."""

    id: str
    zh: str
    en: str
    over: str
    query: str


_MANY = "many AS MATERIALIZED (SELECT {key} FROM {claims} GROUP BY {key} HAVING count(*) > 1)"

_JUDGED = """
    WITH {many},
    spoken AS MATERIALIZED (SELECT c.*, {orders} FROM many JOIN {claims} c USING ({key})),
    best AS (SELECT {key}, {best} FROM spoken GROUP BY {key}),
    judged ({record}, sources, batches) AS (
        SELECT {key}, {chosen}, ARRAY[{sources}]::smallint[], ARRAY[{batches}]::integer[]
        FROM spoken JOIN best USING ({key}) GROUP BY {key}, {best_names})
    SELECT g.{key} AS key FROM judged i JOIN {golden} g USING ({key})
    WHERE ({g_body}, g.sources, g.batches) IS DISTINCT FROM ({i_body}, i.sources, i.batches)
    UNION ALL
    SELECT g.{key} FROM {claims} i JOIN {golden} g USING ({key})
    WHERE ({g_body}, g.sources, g.batches) IS DISTINCT FROM ({i_body}, ARRAY[{sole_sources}]::smallint[], ARRAY[{sole_batches}]::integer[])
        AND i.source <> {ruling} AND NOT EXISTS (SELECT FROM {claims} c WHERE c.{key} = i.{key} AND c.source <> i.source)
"""
_NAMED = """
    SELECT g.{key} AS key FROM {golden} g JOIN {claims} c USING ({key}) GROUP BY g.{key} HAVING NOT ({backed})
"""
_BOTH = """
    SELECT COALESCE(c.{key}, g.{key}) AS key FROM (SELECT DISTINCT {key} FROM {claims} WHERE source <> {ruling}) c FULL JOIN {golden} g USING ({key})
    WHERE c.{key} IS NULL OR g.{key} IS NULL
"""
_PARALLEL = """
    SELECT {key} AS key FROM {golden}
    WHERE cardinality(sources) <> {count} OR cardinality(batches) <> {count}
    UNION ALL SELECT {key} FROM {history} WHERE cardinality(sources) <> {count} OR cardinality(batches) <> {count}
"""
_STEPS = """
    SELECT key, version, known_from, known_to, lag(version) OVER w AS last_version, lag(known_to) OVER w AS last_to FROM (
        SELECT {key} AS key, version, known_from, known_to FROM {history}
        UNION ALL SELECT {key}, version, recorded_at, NULL FROM {golden} g
        WHERE version <> 1 OR EXISTS (SELECT FROM {history} h WHERE h.{key} = g.{key})
    ) WINDOW w AS (PARTITION BY key ORDER BY version, known_from)
"""
_VERSIONS = "SELECT key FROM ({steps}) WHERE version <> COALESCE(last_version, 0) + 1"
_PERIODS = "SELECT key FROM ({steps}) WHERE known_from > known_to OR known_from < last_to"
# between two versions nothing was believed only where no source spoke: some claim ended when the gap began, and none ended within it
_GAPS = """
    SELECT key FROM ({steps}) gap WHERE known_from > last_to AND (
        NOT EXISTS (SELECT FROM {past_claims} p WHERE p.{key} = gap.key AND p.superseded_at <= gap.last_to)
        OR EXISTS (
            SELECT FROM {past_claims} p WHERE p.{key} = gap.key AND p.source <> {ruling}
                AND p.superseded_at > gap.last_to AND p.superseded_at < gap.known_from))
"""
_ONE_EACH = "SELECT {key} AS key FROM {claims} GROUP BY {key}, source HAVING count(*) > 1"
_BATCHES = """
    WITH pairs AS (SELECT source, batch FROM {claims} GROUP BY source, batch),
    wrong AS (
        SELECT p.source, p.batch FROM pairs p
        LEFT JOIN landing.batches b ON b.number = p.batch LEFT JOIN directory.resources r ON r.id = b.resource_id
        WHERE p.source <> {ruling} AND (r.number IS DISTINCT FROM p.source OR b.state NOT IN ('checked', 'merged')))
    SELECT c.{key} AS key FROM {claims} c JOIN wrong USING (source, batch)
"""
_RULED = """
    WITH ruled AS (
        SELECT record_key, -max(id) AS batch FROM library.rulings
        WHERE library = '{library}' AND withdrawn_at IS NULL GROUP BY record_key),
    spoken AS (SELECT {key} AS record_key, batch FROM {claims} WHERE source = {ruling})
    SELECT COALESCE(s.record_key, r.record_key) AS key FROM spoken s FULL JOIN ruled r USING (record_key)
    WHERE s.batch IS DISTINCT FROM r.batch
"""
_PAST = """
    SELECT key FROM (
        SELECT key, version, lag(version) OVER w AS last_version FROM (
            SELECT {key} AS key, source, version, superseded_at FROM {past_claims}
            UNION ALL SELECT {key}, source, version, NULL FROM {claims} c
            WHERE version <> 1 OR EXISTS (SELECT FROM {past_claims} p WHERE p.{key} = c.{key} AND p.source = c.source)
        ) WINDOW w AS (PARTITION BY key, source ORDER BY version, superseded_at))
    WHERE version <> COALESCE(last_version, 0) + 1
"""
_KEYS = """
    SELECT {key} AS key FROM {golden} WHERE {key} IS DISTINCT FROM concat_ws('/', {parts}) OR subject = ''
    UNION ALL SELECT {key} FROM {claims} WHERE source <> {ruling} AND ({key} IS DISTINCT FROM concat_ws('/', {parts}) OR subject = '')
"""
# a ruling in force that has seen all that is said closes what it rules on
_CONFLICTS = """
    WITH {many},
    differing AS (
        SELECT {key} AS key, unnest(array_remove(ARRAY[{contradicted}], NULL)) AS attribute
        FROM many JOIN {claims} c USING ({key}) WHERE c.source <> {ruling} GROUP BY {key}),
    expected AS (
        SELECT * FROM differing d WHERE NOT EXISTS (
            SELECT FROM library.rulings r WHERE r.library = '{library}' AND r.record_key = d.key AND r.attribute = d.attribute
                AND r.withdrawn_at IS NULL AND r.seen @> (
                    SELECT jsonb_agg(DISTINCT to_jsonb(c) -> d.attribute) FROM {claims} c
                    WHERE c.{key} = d.key AND c.source <> {ruling} AND to_jsonb(c) -> d.attribute <> 'null'))),
    opened AS (SELECT record_key AS key, attribute FROM library.conflicts WHERE library = '{library}' AND closed_at IS NULL)
    SELECT COALESCE(e.key, o.key) AS key FROM expected e FULL JOIN opened o USING (key, attribute)
    WHERE e.key IS NULL OR o.key IS NULL
"""

ROW_HASH = Invariant(
    "claim.row_hash", "断言的行摘要与其取值一致", "a claim's row hash is the hash of its values", "claims", ""
)
"""Looked at by streaming, not by a query: `libraries.auditing.hashes`."""

_ALL = (
    Invariant("golden.judged", "黄金记录由断言按权威规则推出", "golden records are what the claims say by the rules of authority", "golden", _JUDGED),
    Invariant("golden.named", "每个值都在所注来源和批次的断言中", "every golden value stands in the claim of the source and batch it names", "golden", _NAMED),
    Invariant("golden.both_ways", "有断言即有黄金记录，反之亦然", "a record has sources' claims exactly when it has a golden record", "golden", _BOTH),
    Invariant("golden.parallel", "来源、批次数组与信息项一一对应", "sources and batches run parallel to the attributes", "golden", _PARALLEL),
    Invariant("history.versions", "历史版本号连续", "versions in history follow one another from 1", "history", _VERSIONS),
    Invariant("history.periods", "历史有效期互不重叠", "periods in history neither overlap nor run backwards", "history", _PERIODS),
    Invariant("history.gaps", "仅在记录不存在时历史才有间断", "history has gaps only while the record was gone", "history", _GAPS),
    Invariant("claim.one_each", "每个来源对每条记录只有一个断言", "a source has one claim per record", "claims", _ONE_EACH),
    Invariant("claim.batch", "断言的批次存在、属于该来源且有效", "a claim's batch exists, is its source's and stands", "claims", _BATCHES),
    Invariant("claim.ruling", "裁定断言与有效裁定一一对应", "the steward's claims are those of rulings in force", "claims", _RULED),
    Invariant("claim.versions", "断言版本号连续", "a source's versions of a claim follow one another from 1", "past_claims", _PAST),
    Invariant("conflict.open", "来源不一致之处恰有未决或已裁定的冲突", "conflicts are open or ruled exactly where sources differ", "claims", _CONFLICTS),
)  # fmt: skip
_REGISTER = Invariant(
    "entry.key", "条目标识由其组成项构成且主体不为空", "an entry's key is its parts, its subject there", "golden", _KEYS
)


def of(spec: Library) -> tuple[Invariant, ...]:
    """Return the invariants of one library that a query can tell."""
    return _ALL if spec.entry is None else (*_ALL, _REGISTER)


def words(spec: Library, departments: Mapping[int, str]) -> dict[str, str]:
    """Return the placeholders of the queries of one library; departments: who speaks, as `libraries.feeding` tells."""
    found = {**sql.words(spec.library), **judging(spec, departments)}
    found |= {"many": _MANY.format_map(found), "steps": _STEPS.format_map(found)}
    ids = spec.attribute_ids
    sole = "CASE WHEN i.{} IS NOT NULL THEN i.{} END"
    return {
        **found,
        "library": spec.library,
        "ruling": str(RULING),
        "count": str(len(ids)),
        "sole_sources": ", ".join(sole.format(a, "source") for a in ids),
        "sole_batches": ", ".join(sole.format(a, "batch") for a in ids),
        "backed": " AND ".join(_backed(a, place) for place, a in enumerate(ids, 1)),
        "parts": ", ".join(spec.entry.from_ if spec.entry else ()),
        "contradicted": ", ".join(f"CASE WHEN min({a}) <> max({a}) THEN '{a}' END" for a in ids),
    }


def _backed(attribute: str, place: int) -> str:
    """Return the condition that one golden value stands in the claim it names, or that no claim has one where the golden record has none."""
    source, batch = f"g.sources[{place}]", f"g.batches[{place}]"
    return (
        f"CASE WHEN g.{attribute} IS NULL THEN count(c.{attribute}) = 0 AND {source} IS NULL AND {batch} IS NULL"
        f" ELSE COALESCE(bool_or(c.{attribute} = g.{attribute} AND c.source = {source} AND c.batch = {batch}), false) END"
    )
