"""Why: the firms and institutions of the city as they truly are, before any department writes them down.

Only hutong/demo/city_data.py comes here. Columns are item ids, values canonical text.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from hutong.demo.calendar_days import between, day, iso
from hutong.demo.names import Texts, addresses, firm_names, numbers, pick
from hutong.demo.scale import Scale
from schemas.codes import divisions
from schemas.identifiers import append_organisation_check_digits, append_uscc_check_digits

COLUMNS = (
    "uscc", "name", "entity_kind", "legal_representative", "address", "registered_capital", "established_date", "scope", "registrar", "state",
)  # fmt: skip
_SCOPES = (
    "技术开发、技术咨询、技术服务",
    "批发、零售日用百货、五金交电",
    "餐饮服务、食品销售",
    "普通货物道路运输、仓储服务",
    "建筑工程施工、园林绿化工程施工",
    "机械设备及配件制造、销售",
)
_BODIES = (
    "图书馆",
    "博物馆",
    "市民中心",
    "实验小学",
    "第一幼儿园",
    "人民医院",
    "疾病预防控制中心",
    "林业工作站",
    "水文监测站",
    "档案馆",
    "体育中心",
    "质量检测院",
)
_STATES = ("01",) * 18 + ("04", "02")


def enterprises(draw: np.random.Generator, people: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    """Return firms, sole traders and cooperatives: 85 % of all entities; representatives are residents."""
    count = scale.entities - scale.entities * 15 // 100
    kinds = pick(draw, ("91", "91", "91", "92", "93"), count)
    heads = people.iloc[draw.integers(0, len(people), count)]
    found = _frame(draw, kinds, _codes(draw, kinds, "MA", count), scale)
    found["name"] = firm_names(draw, count)
    found["legal_representative"] = heads["name"].to_numpy(object)
    found["representative_id"] = heads["citizen_id"].to_numpy(object)
    found["industry"] = pick(draw, tuple("ACEFGHIJKLMNPQR"), count)
    found["registrar"] = pick(
        draw, ("兴和市市场监督管理局", "兴和市市场监督管理局滨江分局", "兴和市市场监督管理局高新区分局"), count
    )
    return found


def institutions(draw: np.random.Generator, people: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    """Return public bodies and institutions: 15 % of all entities."""
    count = scale.entities * 15 // 100
    kinds = pick(draw, ("11", "12", "12", "12"), count)
    heads = people.iloc[draw.integers(0, len(people), count)]
    found = _frame(draw, kinds, _codes(draw, kinds, "00", count), scale)
    areas = pick(draw, [d.name for d in divisions() if d.level == "county" and d.code.startswith("3301")], count)
    found["name"] = "兴和市" + areas + "第" + numbers(draw, 1, 60, count) + pick(draw, _BODIES, count)
    found["legal_representative"] = heads["name"].to_numpy(object)
    found["registrar"] = "中共兴和市委机构编制委员会办公室"
    found["state"] = "01"
    return found[list(COLUMNS)]


def _frame(draw: np.random.Generator, kinds: Texts, codes: Texts, scale: Scale) -> pd.DataFrame:
    count = len(kinds)
    areas = pick(draw, [d.name for d in divisions() if d.level == "county" and d.code.startswith("3301")], count)
    return pd.DataFrame(
        {
            "uscc": codes,
            "entity_kind": kinds,
            "address": addresses(draw, areas),
            "registered_capital": numbers(draw, 1, 5000, count),
            "established_date": iso(between(draw, day(scale.today) - 30 * 365, day(scale.today) - 30, count)),
            "scope": pick(draw, _SCOPES, count),
            "state": pick(draw, _STATES, count),
        }
    )


def _codes(draw: np.random.Generator, kinds: Texts, series: str, count: int) -> Texts:
    """Return `count` different unified social credit codes: kind, division, organisation code with its own check, check character."""
    serial = draw.permutation(900_000)[:count] + 100_000
    bodies = pa.array([f"{series}{number:06d}" for number in serial], pa.string())
    areas = pick(draw, [d.code for d in divisions() if d.level == "county" and d.code.startswith("3301")], count)
    first17 = kinds + areas + np.array(append_organisation_check_digits(bodies).to_pylist(), object)
    return np.array(append_uscc_check_digits(pa.array(first17.tolist(), pa.string())).to_pylist(), object)
