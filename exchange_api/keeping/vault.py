"""Why: in a city with Vault or OpenBao the key-encryption key never comes to this machine: the transit engine wraps and unwraps data keys over HTTP
(POST /v1/<mount>/encrypt/<key>, /decrypt/<key>). Called by `kek` when HUTONG_VAULT_ADDR is set.
"""

import base64
import binascii
from typing import Any

import requests

from exchange_api.keeping.kek import KekSettings
from schemas.errors import Transient

MEANINGS = {
    400: ": no token was sent, or the key cannot encrypt",
    403: ": token expired, or its policy or namespace does not allow it",
    404: ": no transit engine at this mount, or none in this namespace",
    307: ": a standby that does not forward; name the active node",
    429: ": a rate limit, or a standby",
    472: ": a disaster-recovery secondary",
    473: ": a performance standby",
    501: ": not initialised",
    503: ": sealed, or down for maintenance",
}
"""What Vault's documentation says of its status codes (HTTP API, /sys/health)."""


class VaultKek:
    """A key-encryption key that Vault's transit engine holds."""

    def __init__(self, settings: KekSettings) -> None:
        self._settings = settings
        self.name = f"vault:{settings.vault_mount}/{settings.vault_key}"

    def wrap(self, key: bytes) -> str:
        """Return Vault's ciphertext (`vault:v1:…`); no associated data, so every kind of transit key will do."""
        found = self._call("encrypt", {"plaintext": base64.b64encode(key).decode()}).get("ciphertext")
        if not isinstance(found, str):
            raise self._away("the answer holds no ciphertext")
        return found

    def unwrap(self, wrapped: str) -> bytes:
        """Return the data key; ValueError when Vault says that it is not one of its ciphertexts."""
        found = self._call("decrypt", {"ciphertext": wrapped}).get("plaintext")
        try:
            return base64.b64decode(str(found), validate=True)
        except binascii.Error as wrong:
            raise self._away("the answer holds no plaintext") from wrong

    def _call(self, verb: str, body: dict[str, str]) -> Any:
        told = self._settings
        url = f"{told.vault_addr.rstrip('/')}/v1/{told.vault_mount}/{verb}/{told.vault_key}"
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        if told.vault_namespace:
            headers["X-Vault-Namespace"] = told.vault_namespace
        is_checked = str(told.vault_ca_file) if told.vault_ca_file else True
        try:
            answer = requests.post(
                url, json=body, headers=headers, timeout=told.vault_seconds, verify=is_checked, allow_redirects=False
            )
            if answer.status_code == 400 and verb == "decrypt" and "missing client token" not in answer.text:
                raise ValueError("Vault refuses the wrapped key")
            if answer.status_code != 200:
                raise self._away(f"HTTP {answer.status_code}{MEANINGS.get(answer.status_code, '')}")
            return answer.json()["data"]
        except requests.RequestException as failure:  # its words may hold addresses and headers: the kind says enough
            raise self._away(type(failure).__name__) from failure
        except (KeyError, TypeError) as wrong:
            raise self._away("the answer is not Vault's") from wrong

    def _token(self) -> str:
        path = self._settings.vault_token_file
        try:
            return path.read_text("ascii").strip() if path else ""
        except (OSError, UnicodeDecodeError) as missing:
            raise self._away(f"the token file {path} cannot be read") from missing

    def _away(self, reason: str) -> Transient:
        return Transient("key.kek_unreachable", address=self._settings.vault_addr, reason=reason)
