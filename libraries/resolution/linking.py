"""Why: Splink and DuckDB have one door, so that what they cost (imports, memory) and what they may do (nothing outside this machine) is decided once. A
workshop holds the compared columns on disk in a temporary folder, learns how often values agree, scores pairs, and vanishes. Called by
`libraries.resolution.find` alone.

How often values agree by chance (u) is sampled with a fixed seed. How often they agree about one subject (m) is what the hub's own sources say: two claims
of one key are one subject; few of them count little against the declared expectations. So the same data give the same model.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any, Self

from libraries.resolution import features
from libraries.resolution.features import DIFFERS, KEY, MISSING, Feature, Level
from schemas.library import Library

SEED = 20_260_101
MEMORY = "1GB"
SAMPLED_PAIRS, LABELLED_PAIRS = 500_000, 200_000
_PRIOR_WEIGHT = 200  # pairs that the declared expectations count for
_KEY_BY_CHANCE = 1e-6
_RECORDS, _ROWS, _SAID = "records", "held", "said"
_DUPLICATES = 0.001  # one record in a thousand has another, before anything is known
_KNOWN = 0.5  # every second held row is of somebody the library knows


@dataclass(frozen=True)
class Pair:
    """Two that may be one: their ids, how probable, and per feature how they agree and what that weighs (in bits)."""

    left: str
    right: str
    probability: float
    evidence: tuple[dict[str, Any], ...]


class Workshop:
    """Where one library's columns are compared. `with` it: what it holds goes with it."""

    def __init__(self, spec: Library) -> None:
        self._spec, self._features = spec, features.of(spec)
        self._columns = ("unique_id", KEY, *features.columns_of(spec))
        self._stack, self._model = ExitStack(), dict[str, Any]()

    def __enter__(self) -> Self:
        import duckdb

        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hutong-resolution-")))
        self._con = self._stack.enter_context(duckdb.connect(str(folder / "pairs.duckdb")))
        # nothing is fetched: no extension is installed or loaded by itself; one thread, so that the same data give the same sample
        for name, value in (("memory_limit", MEMORY), ("temp_directory", str(folder / "spill"))):
            self._con.execute(f"SET {name} = '{value}'")
        for name in ("autoinstall_known_extensions", "autoload_known_extensions", "enable_external_access"):
            self._con.execute(f"SET {name} = false")
        self._con.execute("SET threads = 1")
        texts = ", ".join(f"{column} VARCHAR" for column in self._columns)
        for table in (_RECORDS, _ROWS, _SAID):
            self._con.execute(f"CREATE TABLE {table} ({texts})")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add_records(self, table: Any) -> None:
        """Take in records: an Arrow table of texts, `unique_id`, `key`, then the features' columns."""
        self._add(_RECORDS, table)

    def add_rows(self, table: Any) -> None:
        """Take in held rows, in the same columns; their key may be missing or wrong."""
        self._add(_ROWS, table)

    def add_said(self, table: Any) -> None:
        """Take in what sources say, in the same columns, `unique_id` telling the source: two of one key are one subject."""
        self._add(_SAID, table)

    def learn(self) -> str:
        """Learn how often values agree; return the model's digest."""
        count = self._count(_RECORDS)
        sampled: dict[str, Any] = {}
        if count > 1:
            model = self._linker("dedupe_only", {}, 2 * _DUPLICATES / count)
            model.training.estimate_u_using_random_sampling(SAMPLED_PAIRS, SEED, None, num_chunks=1)
            sampled = {one["output_column_name"]: one for one in model.misc.save_model_to_json()["comparisons"]}
        # what the sample never showed is rarer than the sample could show
        rarest = 0.5 / min(SAMPLED_PAIRS, max(count * (count - 1) // 2, 1))
        self._model = {one.column: self._learnt(one, sampled.get(one.column), rarest) for one in self._features}
        return hashlib.sha256(json.dumps(self._model, sort_keys=True).encode()).hexdigest()[:16]

    def pairs(self, threshold: float) -> Iterator[Pair]:
        """Yield pairs of records, then pairs of a held row (left) and a record (right), that are probable enough. After `learn`."""
        count = self._count(_RECORDS)
        if count > 1:
            yield from self._scored(self._linker("dedupe_only", self._model, 2 * _DUPLICATES / count), threshold)
        if count and self._count(_ROWS):
            yield from self._scored(self._linker("link_only", self._model, _KNOWN / count), threshold)

    def _add(self, name: str, table: Any) -> None:
        self._con.register("chunk", table)
        self._con.execute(f"INSERT INTO {name} SELECT {', '.join(self._columns)} FROM chunk")  # noqa: S608 — names of this module and the declaration
        self._con.unregister("chunk")

    def _count(self, table: str) -> int:
        ((found,),) = self._con.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 — names of this module and the declaration
        return int(found)

    def _linker(self, kind: Any, model: dict[str, Any], prior: float) -> Any:
        from splink import DuckDBAPI, Linker, SettingsCreator, block_on

        known = [one for one in self._features if model or one.column != KEY]  # how keys agree is not sampled
        settings = SettingsCreator(
            link_type=kind,
            comparisons=[_comparison(one, model.get(one.column, {})) for one in known],
            blocking_rules_to_generate_predictions=[block_on(*columns) for columns in features.blocks_of(self._spec)],
            probability_two_random_records_match=prior,
            retain_matching_columns=False,
            linker_uid="hutong",
        )
        api = DuckDBAPI(self._con)
        names = (_RECORDS,) if kind == "dedupe_only" else (_ROWS, _RECORDS)
        return Linker(
            [api.register(name, table_name=f"{kind}_{name}") for name in names],
            settings,
            log_level=None,
            validate_settings=False,
        )

    def _learnt(
        self, feature: Feature, sampled: dict[str, Any] | None, rarest: float
    ) -> dict[str, tuple[float, float]]:
        """Return per level how often it holds of one subject and of two; neither is ever certain. sampled: the feature in Splink's settings."""
        if feature.column == KEY:
            return {
                one.name: (one.prior, 1 - _KEY_BY_CHANCE if one.name == DIFFERS else _KEY_BY_CHANCE)
                for one in _levels(feature)
            }
        counts = self._labelled(feature)
        total = sum(counts.values())
        levels = sampled["comparison_levels"] if sampled else ()
        chance = {level["label_for_charts"]: level.get("u_probability") for level in levels}
        found = {}
        for level in _levels(feature):
            m = (counts.get(level.name, 0) + level.prior * _PRIOR_WEIGHT) / (total + _PRIOR_WEIGHT)
            u = chance.get(level.name)
            u = float(u) if isinstance(u, float) else 0.0  # Splink says in words that it never saw a level
            found[level.name] = (round(min(max(m, 1e-4), 0.9999), 6), round(min(max(u, rarest), 1 - rarest), 9))
        return found

    def _labelled(self, feature: Feature) -> dict[str, int]:
        """Count how two sources' words about one subject agree."""
        own = {feature.column, features.sound_of(feature.column)} & set(self._columns)
        sides = ", ".join(f"{side}.{column} AS {column}_{side}" for column in sorted(own) for side in "lr")
        query = f"""
            SELECT {_case(feature)} AS level, count(*) FROM (
                SELECT {sides} FROM {_SAID} l JOIN {_SAID} r ON l.{KEY} = r.{KEY} AND l.unique_id < r.unique_id
                ORDER BY l.{KEY}, l.unique_id, r.unique_id LIMIT {LABELLED_PAIRS})
            WHERE NOT ({feature.is_missing}) GROUP BY level
        """  # noqa: S608 — names of this module and the declaration
        return dict(self._con.execute(query).fetchall())

    def _scored(self, linker: Any, threshold: float) -> Iterator[Pair]:
        found = linker.inference.predict(threshold_match_probability=threshold)
        columns = [column for column in self._columns if column != "unique_id"]
        sides = ", ".join(f"{side}.{column} AS {column}_{side}" for column in columns for side in "lr")
        told = ", ".join(_case(feature) for feature in self._features)
        query = f"""
            WITH anyone AS (SELECT * FROM {_RECORDS} UNION ALL SELECT * FROM {_ROWS}),
            pairs AS (
                SELECT p.unique_id_l, p.unique_id_r, p.match_probability, {sides} FROM {found.physical_name} p
                JOIN anyone l ON l.unique_id = p.unique_id_l JOIN anyone r ON r.unique_id = p.unique_id_r)
            SELECT unique_id_l, unique_id_r, match_probability, {told} FROM pairs ORDER BY 1, 2
        """  # noqa: S608 — names of this module and the declaration
        result = self._con.cursor().execute(query)  # a connection is busy until its result was read
        while rows := result.fetchmany(10_000):
            for left, right, probability, *levels in rows:
                yield Pair(left, right, round(probability, 6), tuple(self._evidence(levels)))

    def _evidence(self, levels: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield per feature how two agree and what that weighs. Two keys that merely differ say nothing: that they do is why it is asked."""
        for feature, level in zip(self._features, levels, strict=True):
            if feature.column == KEY and level != features.CLOSE:
                continue
            m, u = self._model[feature.column].get(level, (1.0, 1.0))
            yield {"field": feature.column, "agrees": level, "bits": round(log2(m / u), 1)}


def _levels(feature: Feature) -> tuple[Level, ...]:
    rest = max(1 - sum(level.prior for level in feature.levels), 0.001)
    return (*feature.levels, Level(DIFFERS, "ELSE", rest))


def _comparison(feature: Feature, learnt: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Return a comparison as Splink's settings have it."""
    levels: list[dict[str, Any]] = [
        {"sql_condition": feature.is_missing, "label_for_charts": MISSING, "is_null_level": True}
    ]
    for level in _levels(feature):
        m, u = learnt.get(level.name, (level.prior, None))
        known = {"m_probability": m} | ({} if u is None else {"u_probability": u})
        levels.append({"sql_condition": level.condition, "label_for_charts": level.name, **known})
    return {"output_column_name": feature.column, "comparison_levels": levels}


def _case(feature: Feature) -> str:
    """Return the expression that tells a feature's level over two sides' columns."""
    cases = " ".join(f"WHEN {level.condition} THEN '{level.name}'" for level in feature.levels)
    return f"CASE WHEN {feature.is_missing} THEN '{MISSING}' {cases} ELSE '{DIFFERS}' END"
