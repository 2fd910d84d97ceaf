"""Why: matches are shown while somebody types. How long a demand of eight items takes over a city's whole directory, what the directory costs in memory, and,
where labels are given, how good the ranking is beside BM25 in the same run: `python -m benchmarks.matching [--resources 10000] [--labelled FOLDER]`.

FOLDER holds catalogue.csv, demands.dev.jsonl and labels.dev.jsonl as `hutong match` reads them; labels are one object a line:
id, resources with grade, items with matches with grade. Nothing is tuned here: a larger set may be put in its place.
"""

import argparse
import csv
import gc
import json
import math
import random
import resource
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from benchmarks.directory_city import drafts
from benchmarks.ground import against, measured, stopwatch
from exchange_api.matching import Candidate, Wanted, match
from exchange_api.matching.engine import corpus_of

_MATTERS = (
    "企业登记变更",
    "婚姻登记档案核对",
    "公租房资格审核",
    "食品经营许可延续",
    "机动车注销",
    "排污许可现场检查",
    "低保对象认定",
    "建筑工程处罚公示",
)
_WANTED = (
    "姓名",
    "证件号码",
    "经营者名称",
    "登记日期",
    "许可证编号",
    "有效期截止",
    "处罚金额",
    "设备状态",
    "房屋地址",
    "合同编号",
    "发证机关",
    "是否被处罚过",
)


def candidates(resources: int, items: int) -> list[Candidate]:
    """Return a city's catalogued items."""
    return [
        Candidate(
            one.id, one.id, one.name, one.department, one.department, item.id, item.name, 2, context=one.abstract or ""
        )
        for one in drafts(resources, items)
        for item in one.items
    ]


def latency(resources: int, items: int, demands: int) -> None:
    """Measure demands of eight items over the directory, one after another: time, the whole process's greatest memory, and what the engine adds to what
    the process and the directory's own words take.
    """
    before = _resident_mb()
    known, chance = tuple(candidates(resources, items)), random.Random(7)
    gc.collect()
    directory = _resident_mb()
    with stopwatch("matching.ready", len(known)) as line:
        corpus = corpus_of(known)
        line |= {"modules_mb": before, "directory_mb": directory - before, "engine_mb": _resident_mb() - directory}
    times = []
    with stopwatch("matching.demand", demands, bar={"p95_ms": 50, "peak_rss_mb": 500}) as line:
        for _ in range(demands):
            wanted = [Wanted(name) for name in chance.sample(_WANTED, 8)]
            begun = time.perf_counter()
            match(corpus, wanted, f"办理{chance.choice(_MATTERS)}时核对申请人情况", chance.choice(_MATTERS))
            times.append(1000 * (time.perf_counter() - begun))
        times.sort()
        line |= {
            "items": len(known),
            "p50_ms": round(times[len(times) // 2], 2),
            "p95_ms": round(times[int(len(times) * 0.95)], 2),
        }


def _resident_mb() -> int:
    """Return what this process holds in memory now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // 2**20


def labelled(folder: Path) -> None:
    """Measure ours and BM25 against labels: resource recall@5 and MRR, item precision@1 and recall@5, and offers where nothing fits."""
    with (folder / "catalogue.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    known = tuple(
        Candidate(r["resource_id"], r["resource_id"], r["resource_name"], r["department"], r["department"], r["item_code"], r["item_name"], 2)
        for r in rows
    )  # fmt: skip
    demands = [json.loads(text) for text in (folder / "demands.dev.jsonl").read_text("utf-8").splitlines() if text]
    labels = {one["id"]: one for one in map(json.loads, (folder / "labels.dev.jsonl").read_text("utf-8").splitlines())}
    least = {"recall_at_5": 0.92, "mrr": 0.90, "item_precision_at_1": 0.80, "item_recall_at_5": 0.85}
    for peer, answer in ((None, _ours(known)), ("bm25", _bm25(known))):
        found = _scored(demands, labels, answer)
        bar = {"false_on_empty": 0.15} if peer is None else None
        line = {"bench": "matching.labelled", "peer": peer, "rows": len(demands), **found}
        if bar:
            line |= against(found, bar) | {
                "at_least": least,
                "is_met": found["false_on_empty"] <= 0.15 and all(found[k] >= v for k, v in least.items()),
            }
        print(json.dumps(line), flush=True)


def _ours(known: tuple[Candidate, ...]) -> Any:
    corpus = corpus_of(known)

    def answer(demand: dict[str, Any]) -> tuple[list[str], list[list[tuple[str, str]]]]:
        wanted = [Wanted(item["name"], item.get("note")) for item in demand["requested_items"]]
        found = match(corpus, wanted, demand["purpose"], demand["service_item"]["name"])
        items = [[(one.candidate.resource_id, one.candidate.item_id) for one in ranked] for ranked in found.items]
        return [resource for resource, _ in found.resources], items

    return answer


def _bm25(known: tuple[Candidate, ...]) -> Any:
    """Return BM25 over character pairs, service item and purpose as context: what a search engine would do."""
    names = [_pairs(one.item_name + one.resource_name) for one in known]
    mean, spread = sum(map(len, names)) / len(names), Counter(pair for name in names for pair in set(name))
    weight = {pair: math.log(1 + (len(names) - n + 0.5) / (n + 0.5)) for pair, n in spread.items()}

    def score(name: list[str], asked: Counter[str]) -> float:
        counts, length = Counter(name), 1.2 * (0.25 + 0.75 * len(name) / mean)
        return sum(weight[p] * asked[p] * n * 2.2 / (n + length) for p, n in counts.items() if p in asked)

    def answer(demand: dict[str, Any]) -> tuple[list[str], list[list[tuple[str, str]]]]:
        context = _pairs(demand["purpose"] + demand["service_item"]["name"])
        best: dict[str, float] = defaultdict(float)
        items = []
        for item in demand["requested_items"]:
            asked: Any = Counter(dict.fromkeys(context, 0.15))
            asked.update(_pairs(item["name"]))
            ranked = sorted(
                ((score(name, asked), one) for name, one in zip(names, known, strict=True)), key=lambda f: -f[0]
            )[:8]
            items.append([(one.resource_id, one.item_id) for s, one in ranked if s > 0])
            for s, one in ranked:
                best[one.resource_id] += s
        return sorted(best, key=lambda resource: -best[resource]), items

    return answer


def _pairs(text: str) -> list[str]:
    return [text[i : i + 2] for i in range(len(text) - 1)]


def _scored(demands: list[dict[str, Any]], labels: dict[str, Any], answer: Any) -> dict[str, float]:
    sums: dict[str, list[float]] = defaultdict(list)
    for demand in demands:
        resources, items = answer(demand)
        label = labels[demand["id"]]
        if right := {one["resource_id"] for one in label["resources"]}:
            sums["recall_at_5"].append(sum(one in right for one in resources[:5]) / min(5, len(right)))
            sums["mrr"].append(next((1 / n for n, one in enumerate(resources, 1) if one in right), 0.0))
        for item, got in zip(label["items"], items, strict=True):
            if not (good := {(one["resource_id"], one["item_code"]) for one in item["matches"]}):
                sums["false_on_empty"].append(float(bool(got)))
                continue
            sums["item_precision_at_1"].append(float(bool(got) and got[0] in good))
            sums["item_recall_at_5"].append(sum(one in good for one in got[:5]) / min(5, len(good)))
    return {name: round(sum(found) / len(found), 3) for name, found in sums.items()}


def main() -> None:
    """Measure the latency, and the quality where labels are given."""
    parser = argparse.ArgumentParser(description="Demands against a whole directory.")
    parser.add_argument("--resources", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=20, help="Items of each resource.")
    parser.add_argument("--demands", type=int, default=300)
    parser.add_argument("--labelled", type=Path, help="Folder with catalogue.csv, demands.dev.jsonl, labels.dev.jsonl.")
    options = parser.parse_args()
    measured(latency, options.resources, options.items, options.demands)
    if options.labelled:
        labelled(options.labelled)


if __name__ == "__main__":
    main()
