"""Why: what departments decided about the people and firms of the city: credit entries and electronic certificates, many per subject.

Only hutong/demo/city_data.py comes here. Columns are item ids, values canonical text.
"""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa

from hutong.demo.calendar_days import between, day, iso
from hutong.demo.names import Texts, numbers, pick
from hutong.demo.paper import certificate_pdf
from hutong.demo.scale import Scale
from schemas.identifiers import append_certificate_check_digits

_DECISIONS = {
    "01": ("食品经营许可证核发", "道路运输经营许可", "建筑业企业资质核准", "卫生许可证核发"),
    "02": ("未按规定公示年度报告", "超限运输", "占用消防通道", "使用未检定计量器具"),
    "03": ("纳税信用A级", "守合同重信用企业"),
    "04": ("拖欠农民工工资", "失信被执行人"),
}
_OFFICES = (
    "兴和市市场监督管理局",
    "兴和市住房和城乡建设局",
    "兴和市应急管理局",
    "兴和市人力资源和社会保障局",
    "兴和市交通运输局",
)
# type name, issuer, its credit code (division 330199 does not exist), for persons
CERTIFICATE_TYPES = (
    ("居民身份证", "兴和市公安局", "11330199999900038J", True),
    ("结婚证", "兴和市民政局", "11330199999900046D", True),
    ("毕业证书", "兴和市教育局", "113301999999000548", True),
    ("社会保障卡", "兴和市人力资源和社会保障局", "113301999999000623", True),
    ("营业执照", "兴和市市场监督管理局", "11330199999900070X", False),
    ("食品经营许可证", "兴和市市场监督管理局", "11330199999900070X", False),
    ("施工企业资质证书", "兴和市住房和城乡建设局", "113301999999001186", False),
    ("安全生产许可证", "兴和市应急管理局", "113301999999001261", False),
)


def decisions(draw: np.random.Generator, subjects: pd.DataFrame, count: int, scale: Scale) -> pd.DataFrame:
    """Return `count` credit entries about `subjects` (code, name): permits, penalties, red and black lists."""
    kinds = pick(draw, ("01",) * 11 + ("02",) * 6 + ("03", "03", "04"), count)
    about = subjects.iloc[draw.integers(0, len(subjects), count)]
    titles = np.array(
        [
            _DECISIONS[kind][n % len(_DECISIONS[kind])]
            for kind, n in zip(kinds, draw.integers(0, 12, count), strict=True)
        ],
        object,
    )
    decided = between(draw, day(scale.today) - 6 * 365, day(scale.today) - 10, count)
    until = decided + draw.choice([365, 730, 1095, 1825], count)
    serial = np.char.zfill(np.arange(1, count + 1).astype("U6"), 6).astype(object)
    fines = numbers(draw, 1, 500, count)
    fines[kinds != "02"] = None
    return pd.DataFrame(
        {
            "subject_code": about["code"].to_numpy(object),
            "subject_name": about["name"].to_numpy(object),
            "entry_kind": kinds,
            "document_number": "兴信〔" + np.array([text[:4] for text in iso(decided)], object) + "〕" + serial + "号",
            "title": titles,
            # a line break inside a value, as clerks type it: the file format has to hold it
            "content": titles + np.where(draw.random(count) < 0.1, "；\n详见决定书", "；依法办理"),
            "fine_amount": fines,
            "decision_date": iso(decided),
            "valid_from": iso(decided),
            "valid_until": iso(until),
            "authority": pick(draw, _OFFICES, count),
            "state": np.where(until < day(scale.today), "02", "01").astype(object),
        }
    )


def certificates(draw: np.random.Generator, persons: pd.DataFrame, firms: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    """Return certificates of `persons` and `firms` (code, name); states agree with validity, digests with the files the bureau serves."""
    count = scale.certificates
    kind = draw.integers(0, len(CERTIFICATE_TYPES), count)
    personal = np.array([entry[3] for entry in CERTIFICATE_TYPES])[kind]
    holders = {
        True: persons.iloc[draw.integers(0, len(persons), count)],
        False: firms.iloc[draw.integers(0, len(firms), count)],
    }
    issued = between(draw, day(scale.today) - 8 * 365, day(scale.today) - 10, count)
    # a certificate that is valid today stays so for the whole year the city lives in
    valid = draw.random(count) < 0.85
    until = np.where(valid, day(scale.today) + 400 + draw.integers(0, 3000, count), issued + draw.integers(0, 8, count))
    found = pd.DataFrame(
        {
            "certificate_identifier": _identifiers(kind, count),
            "certificate_type": _column(kind, 0),
            "certificate_number": "XH" + np.char.zfill(np.arange(1, count + 1).astype("U8"), 8).astype(object),
            "holder_code": np.where(
                personal, holders[True]["code"].to_numpy(object), holders[False]["code"].to_numpy(object)
            ),
            "holder_name": np.where(
                personal, holders[True]["name"].to_numpy(object), holders[False]["name"].to_numpy(object)
            ),
            "issuer": _column(kind, 1),
            "issued_date": iso(issued),
            "valid_from": iso(issued),
            "valid_until": iso(until),
            "state": np.where(valid, np.where(draw.random(count) < 0.04, "02", "01"), "05").astype(object),
        }
    )
    found["file_digest"] = [hashlib.sha256(certificate_pdf(row)).hexdigest() for row in found.itertuples(index=False)]
    return found


def _identifiers(kind: np.ndarray, count: int) -> Texts:
    issuer, type_code = (
        _column(kind, 2),
        np.array([f"{n + 1:03d}" for n in range(len(CERTIFICATE_TYPES))], object)[kind],
    )
    serial = np.char.zfill(np.arange(1, count + 1).astype("U10"), 10).astype(object)
    texts = "1.2.156.3005.2." + issuer + type_code + "." + issuer + "." + serial + ".001"
    return np.array(append_certificate_check_digits(pa.array(texts.tolist(), pa.string())).to_pylist(), object)


def _column(kind: np.ndarray, place: int) -> Texts:
    found: Texts = np.array([entry[place] for entry in CERTIFICATE_TYPES], object)[kind]
    return found
