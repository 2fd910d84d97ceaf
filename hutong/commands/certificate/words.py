"""Why: what the certificate commands say in more than one place is written once. Called by them only."""

import typer

from catalog.findings import Findings

FLAGS = {
    "form": "标识格式不符 / identifier of another form",
    "issuer": "颁发机构处为区划代码 / division code where the issuer's USCC belongs",
    "serial": "流水号含其他字符 / serial with other characters, cannot be checked",
    "type_unknown": "证照类型未登记 / type not in the directory of types",
    "type_differs": "类型代码与标识不一致 / type code differs from the identifier's",
    "issuer_differs": "颁发机构代码与标识不一致 / issuer code differs from the identifier's",
    "version_differs": "版本号与标识不一致 / version differs from the identifier's",
    "holder_kind": "持证主体与证照类型不符 / holder is not of the kind the type is for",
    "state_change": "状态变化不合规 / a state followed that may not",
    "file_missing": "证照文件未入库 / its file is not stored",
    "seal_broken": "签章验证不通过 / the seal of its file is broken",
}


def print_findings(findings: Findings) -> None:
    """Print what an import found wrong, row by row."""
    for one in findings:
        typer.echo(f"  {one.place.words()}：{one.words()} {one.remedy()} / {one.words('en')}", err=True)
