"""Why: secrets that lie as they should not still work, so nobody notices. `hutong keys list` and `hutong doctor` ask here; nothing is changed."""

from pathlib import Path

from exchange_api.keeping import files
from exchange_api.keeping.envelope import is_sealed, kek_of
from exchange_api.keeping.kek import KekSettings, current_kek, lies_beside
from schemas.errors import HutongError


def warnings(folder: Path) -> list[tuple[str, str]]:
    """Return what is wrong with the secrets of a keys folder, in Chinese and English; nothing when all is well. Asks Vault for nothing."""
    settings, told = KekSettings(), []
    found = {path: path.read_bytes() for path in files.secrets_in(folder)}
    plain = [path.name for path, data in found.items() if not is_sealed(data)]
    if plain:
        told.append(_plain(len(plain), is_kek=bool(settings.kek_file or settings.vault_addr)))
    open_to_others = [path.name for path in found if path.stat().st_mode & 0o077]
    if open_to_others:
        names = ", ".join(open_to_others)
        told.append((f"这些文件他人可读，应为 0600：{names}。", f"Readable by others, chmod 0600: {names}."))
    if settings.kek_file and lies_beside(settings.kek_file, folder):
        told.append(
            (
                "密钥加密密钥与密钥同处一地。",
                "The key-encryption key lies with the keys: one copy of the disk takes both.",
            )
        )
    return [*told, *_sealed_under({kek_of(data) for data in found.values() if is_sealed(data)})]


def _plain(count: int, *, is_kek: bool) -> tuple[str, str]:
    if is_kek:
        return (
            f"{count} 个密钥文件仍为明文，请运行 hutong keys encrypt。",
            f"{count} secrets still lie plain: hutong keys encrypt.",
        )
    return (
        f"{count} 个密钥文件为明文，未配置密钥加密密钥（hutong keys kek）。",
        f"{count} secrets lie plain and no key-encryption key is configured: hutong keys kek.",
    )


def _sealed_under(names: set[str]) -> list[tuple[str, str]]:
    if not names:
        return []
    try:
        kek = current_kek()
    except HutongError as wrong:
        return [(f"{wrong.title('zh')}{wrong.remedy('zh')}", f"{wrong.title('en')} {wrong.remedy('en')}")]
    others = sorted(names - {kek.name if kek else ""})
    if not others:
        return []
    given, wanted = kek.name if kek else "-", ", ".join(others)
    return [
        (
            f"部分密钥由 {wanted} 封存，而当前配置为 {given}。",
            f"Some secrets are sealed under {wanted}, configured is {given}: hutong keys rewrap.",
        )
    ]
