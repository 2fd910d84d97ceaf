"""Why: what lies around the hub on this machine: variables somebody mistyped, folders and their rights, keys, room on the disk, the clock, Airflow.
Called by `hutong.commands.doctor`.
"""

import difflib
import importlib
import os
import pkgutil
import shutil
import stat
import time
from pathlib import Path

import requests
from sqlalchemy import text

from exchange_api.keeping import files, inspection
from exchange_api.keys import keys_folder
from hutong.doctor.checks import Check, Found, Grade, ok
from hutong.embedded.airflow_client import AirflowClient, AirflowSettings
from hutong.embedded.environment import CONNECTED, MARK
from libraries import storage
from schemas.database import ROLES, transaction
from schemas.settings import HomeSettings, HutongSettings

STOREYS = ("hutong", "exchange_api", "libraries", "catalog", "connectors", "schemas")
SET_BY_UP = frozenset(
    ("HUTONG_AIRFLOW_JWT_SECRET", "HUTONG_AIRFLOW_SESSION_SECRET", "HUTONG_TEST_DATABASE_URL", CONNECTED, MARK)
)
"""Variables that `hutong up` hands its children and no settings class reads."""
LITTLE_ROOM, NO_ROOM = 10 << 30, 1 << 30


def known_settings() -> set[str]:
    """Return every variable any part of the hub reads."""
    for storey in STOREYS:
        package = importlib.import_module(storey)
        for found in pkgutil.walk_packages(package.__path__, f"{storey}."):
            if not found.ispkg and _has_settings(found):
                importlib.import_module(found.name)
    kinds = [kind for base in HutongSettings.__subclasses__() for kind in (base, *base.__subclasses__())]
    fields = {f"HUTONG_{field.upper()}" for kind in kinds for field in kind.model_fields}
    return fields | {f"HUTONG_DATABASE_URL_{role.upper()}" for role in ROLES} | SET_BY_UP


def settings() -> Found:
    """Find variables that nobody reads, and settings that cannot be read."""
    known = known_settings()
    unknown = sorted(name for name in os.environ if name.startswith("HUTONG_") and name not in known)
    broken = _broken_settings()
    if broken:
        named = ", ".join(broken)
        return Found(
            "fail",
            f"配置值无效：{named}",
            f"values that cannot be read: {named}",
            "对照 docs/operations.md 修改。",
            "Compare with docs/operations.md.",
        )
    if not unknown:
        return ok("环境变量全部可识别", "every HUTONG_ variable is known")
    told = ", ".join(_guess(name, known) for name in unknown)
    return Found(
        "warn",
        f"无人读取的环境变量：{told}",
        f"variables nobody reads: {told}",
        "改正拼写或删除。",
        "Correct the spelling, or take them away.",
    )


def keys() -> Found:
    """Look at the keys folder: there, for its owner alone, sealed."""
    folder = Path(keys_folder())
    if not folder.is_dir():
        return Found(
            "fail",
            "密钥目录不存在",
            "the keys folder is not there",
            "运行 hutong up，或检查 HUTONG_KEYS_FOLDER。",
            "Run hutong up, or look at HUTONG_KEYS_FOLDER.",
        )
    secrets = files.secrets_in(folder)
    loose = [path.name for path in (folder, *secrets) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if loose:
        named = ", ".join(loose)
        return Found(
            "fail",
            f"他人可读：{named}",
            f"others may read: {named}",
            "目录改为 0700，文件改为 0600。",
            "Set the folder to 0700 and the files to 0600.",
        )
    if told := inspection.warnings(folder):
        zh, en = (" ".join(words) for words in zip(*told, strict=True))
        return Found("warn", zh, en, "见 docs/keys.md。", "See docs/keys.md.")
    return ok(f"{len(secrets)} 个密钥文件均已加密", f"{len(secrets)} secrets, all sealed")


def disk() -> Found:
    """Look at the room left where the hub writes."""
    folder = HomeSettings().var
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / (1 << 30):,.1f} GiB"
    if free < LITTLE_ROOM:
        grade: Grade = "fail" if free < NO_ROOM else "warn"
        return Found(
            grade,
            f"磁盘仅剩 {said}",
            f"only {said} left on the disk",
            "清理或扩容；先备份 landing/。",
            "Make room or enlarge it; back up landing/ first.",
        )
    return ok(f"磁盘剩余 {said}", f"{said} left on the disk")


def landing() -> Found:
    """Write a small file to the landing storage, and take it away again."""
    place, name = storage.open_root(), f".doctor-{os.getpid()}-{time.time_ns()}"
    with place.open_output_stream(name) as file:
        file.write(b"hutong doctor")
    place.delete_file(name)
    return ok("归集存储可写", "the landing storage can be written")


def clock() -> Found:
    """Compare this machine's clock with the database's; no other host is asked."""
    with transaction("reader") as session:
        before = time.time()
        theirs = float(session.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0)
        ours = (before + time.time()) / 2
    apart = abs(theirs - ours)
    said = f"{apart:.2f} s"
    if apart > 5:
        grade: Grade = "fail" if apart > 60 else "warn"
        return Found(
            grade,
            f"与数据库时钟相差 {said}",
            f"{said} from the database's clock",
            "启用时间同步（chrony、NTP）。",
            "Keep the clocks by chrony or NTP.",
        )
    return ok(f"与数据库时钟相差 {said}", f"{said} from the database's clock")


def airflow() -> Found:
    """Ask Airflow whether it is well, and whether all DAG files could be read."""
    address = AirflowSettings().airflow_url.rstrip("/")
    with requests.Session() as plain:
        plain.trust_env = False
        try:
            plain.get(f"{address}/api/v2/version", timeout=5)
        except requests.RequestException:
            return Found(
                "warn",
                "Airflow 无法访问",
                "Airflow cannot be reached",
                "运行 hutong up；不使用 Airflow 时可忽略。",
                "Run hutong up; without Airflow never mind.",
            )
    broken = AirflowClient().list_import_errors()
    if broken:
        return Found(
            "fail",
            f"{len(broken)} 个 DAG 文件无法解析",
            f"{len(broken)} DAG files cannot be read",
            "运行 hutong logs airflow-dag-processor。",
            "See hutong logs airflow-dag-processor.",
        )
    return ok("Airflow 正常，DAG 无解析错误", "Airflow is up, all DAG files can be read")


CHECKS = (
    Check("settings", "环境变量", "settings", settings, 30),
    Check("keys", "密钥目录", "keys folder", keys),
    Check("disk", "磁盘空间", "disk", disk),
    Check("landing", "归集存储", "landing storage", landing, 20),
    Check("clock", "时钟", "clock", clock, needs="database"),
    Check("airflow", "调度", "Airflow", airflow, 15),
)


def _has_settings(found: pkgutil.ModuleInfo) -> bool:
    spec = found.module_finder.find_spec(found.name, None)
    return bool(spec and spec.origin and "ettings" in Path(spec.origin).read_text("utf-8"))


def _broken_settings() -> list[str]:
    broken = []
    for base in HutongSettings.__subclasses__():
        for kind in (base, *base.__subclasses__()):
            try:
                kind()
            except ValueError as wrong:  # pydantic's errors are ValueErrors; the value itself is not told
                names = [str(one["loc"][0]) for one in wrong.errors()] if hasattr(wrong, "errors") else [kind.__name__]
                broken += [f"HUTONG_{name.upper()}" for name in names]
    return sorted(set(broken))


def _guess(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, 0.8)
    return f"{name} (→ {near[0]}?)" if near else name
