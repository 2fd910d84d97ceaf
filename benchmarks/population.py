"""Why: a population-like table of any size, made in numpy in seconds, the same for the same seed: identifiers valid, names and addresses of real
lengths. Used by `benchmarks.ingest` to fill a source system and by its second load to change nine in a hundred rows.
"""

from typing import Any

import numpy as np
import pyarrow as pa

COLUMNS = (
    "citizen_id", "name", "sex", "ethnic_group", "birth_date", "birth_place", "address", "residence_status", "marital_status", "phone",
)  # fmt: skip
_DIVISIONS = np.array(
    ["330102", "330105", "330106", "330108", "330109", "330110", "330111", "330112", "330113", "330114"]
)
_ROADS = np.array(
    [
        f"浙江省杭州市{d}{r}"
        for d in ("上城区", "拱墅区", "西湖区", "滨江区", "萧山区")
        for r in ("文三路", "解放路", "中山北路", "凤起路", "莫干山路", "环城西路")
    ]
)
_NAMES = np.array(
    [
        a + b
        for a in "王李张刘陈杨黄赵吴周徐孙马朱胡"
        for b in ("伟", "芳", "秀英", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "子涵", "浩然", "欣怡")
    ]
)
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECK = np.array(list("10X98765432"))
_FIRST_DAY = np.datetime64("1940-01-01")


def population(rows: int, seed: int = 1) -> pa.Table:
    """Return `rows` residents with valid, distinct citizen ids (GB 11643), ten columns, in no order."""
    random = np.random.default_rng(seed)
    number = random.permutation(rows)
    # number → division, day and sequence are its digits in mixed radix, so that ids are distinct without looking
    division, rest = number % len(_DIVISIONS), number // len(_DIVISIONS)
    day, sequence = rest % 30_000, rest // 30_000
    born = _FIRST_DAY + day
    serial = (sequence * 7 + random.integers(0, 7, rows)) % 1000
    ids = _ids(_DIVISIONS[division], np.datetime_as_string(born), serial)
    sex = np.where(serial % 2 == 1, "1", "2")
    columns = (
        ids, random.choice(_NAMES, rows), sex, random.choice(["01", "02", "03"], rows, p=[0.9, 0.06, 0.04]), born,
        _DIVISIONS[division], _join(random.choice(_ROADS, rows), random.integers(1, 999, rows).astype("U3"), "号"),
        random.choice(["01", "02"], rows, p=[0.95, 0.05]), random.choice(["10", "20", "40"], rows, p=[0.3, 0.6, 0.1]), _phones(random, rows),
    )  # fmt: skip
    return pa.table([pa.array(column) for column in columns], names=COLUMNS)


def changed(table: pa.Table, share: float = 0.09, seed: int = 2) -> pa.Table:
    """Return the table with another phone number in `share` of its rows."""
    random = np.random.default_rng(seed)
    mask = random.random(table.num_rows) < share
    phones = np.where(
        mask, _phones(random, table.num_rows), table["phone"].to_numpy(zero_copy_only=False).astype("U11")
    )
    return table.set_column(table.column_names.index("phone"), "phone", pa.array(phones))


def _ids(division: Any, born: Any, serial: Any) -> Any:
    body = _join(division, np.char.replace(born, "-", ""), np.char.zfill(serial.astype("U3"), 3))
    digits = np.ascontiguousarray(body).view("U1").reshape(len(body), 17).astype(np.int64)
    return _join(body, _CHECK[digits @ _WEIGHTS % 11])


def _phones(random: Any, rows: int) -> Any:
    return _join(random.choice(["138", "139", "158", "186"], rows), random.integers(10**7, 10**8, rows).astype("U8"))


def _join(*parts: Any) -> Any:
    found = parts[0]
    for part in parts[1:]:
        found = np.char.add(found, part)
    return found
