"""Why: the secrets of the keys folder can be sealed under a key-encryption key, moved to another, and whoever looks at the keys is told when they are not.
Called by `hutong keys kek`, `encrypt`, `rewrap`, and by its list.
"""

from pathlib import Path
from typing import Annotated

import typer


def kek(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write it: another volume. 存放位置")],
    beside_keys: Annotated[bool, typer.Option("--beside-keys", help="Even with the keys. 允许与密钥同处")] = False,
) -> None:
    """Make a key-encryption key: 32 random bytes, mode 0600. Keep a copy where a fire does not take both. 生成密钥加密密钥"""
    from exchange_api.keeping.kek import make_kek_file
    from exchange_api.keys import keys_folder

    made = make_kek_file(file, keys_folder(), is_beside=beside_keys)
    typer.echo(
        f"{made.name}\nHUTONG_KEK_FILE={file.resolve()}\n请异地备份 keep a copy elsewhere: without it the keys are lost"
    )


def encrypt() -> None:
    """Seal every secret of the keys folder under the configured key-encryption key; run it again after a crash. 加密私钥文件夹"""
    from exchange_api.keeping import files
    from exchange_api.keeping.kek import current_kek
    from exchange_api.keys import keys_folder
    from schemas.errors import Invalid

    kek = current_kek()
    if kek is None:
        raise Invalid("key.kek_none")
    for path in files.encrypt(keys_folder(), kek):
        typer.echo(f"{path.name} → {kek.name}")
    for path in files.secrets_in(keys_folder()):
        files.read(path)  # better to fail here than at the next start
    typer.echo("全部密文均可打开。 Every secret opens under the configured key.")


def rewrap(
    old_file: Annotated[Path | None, typer.Option(dir_okay=False, help="The former KEK file. 原密钥文件")] = None,
    old_vault_key: Annotated[str | None, typer.Option(help="Name of the former transit key. 原 Vault 密钥名")] = None,
) -> None:
    """Seal what the former key-encryption key sealed under the configured one; with neither option, anew under the same. 更换密钥加密密钥"""
    from exchange_api.keeping import files
    from exchange_api.keeping.kek import FileKek, KekSettings, current_kek
    from exchange_api.keys import keys_folder
    from schemas.errors import Invalid

    new = current_kek()
    if new is None:
        raise Invalid("key.kek_none")
    old = FileKek.read(old_file) if old_file else new
    if old_vault_key:
        told = KekSettings().model_copy(update={"kek_file": None, "vault_key": old_vault_key})
        old = current_kek(told) or new
    for path in files.rewrap(keys_folder(), old, new):
        typer.echo(f"{path.name}: {old.name} → {new.name}")


def warn() -> None:
    """Print what is wrong with how the secrets lie, if anything is."""
    from exchange_api.keeping.inspection import warnings
    from exchange_api.keys import keys_folder

    for chinese, english in warnings(keys_folder()):
        typer.secho(f"△ {chinese} {english}", fg=typer.colors.YELLOW, err=True)
