"""Why: most officers read mail first. One bundle as one plain-text mail, handed to the bureau's own SMTP server. Called by `sending` and `ways`.

The server's words never leave this module: they repeat addresses. What is kept of them is the number (RFC 5321 §4.2, RFC 3463).
"""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from exchange_api.noticing import bundles
from exchange_api.noticing.bundles import Bundle
from schemas.errors import Terminal, Transient
from schemas.settings import HutongSettings

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_STATUS = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}")


class MailSettings(HutongSettings):
    """By which server mail leaves."""

    smtp_host: str = Field(default="", description="SMTP server that takes notices; without, nothing is mailed.")
    smtp_port: int = Field(default=587, description="Its port: 587 with STARTTLS, 465 with TLS from the start.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`starttls`, `tls` or `none`; nothing is sent in clear unless it says none."
    )
    smtp_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) the server's own is checked against; default the system's."
    )
    smtp_user: str = Field(default="", description="Login at the server; empty: none is needed.")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="Its password; better in a file.")
    smtp_password_file: Path | None = Field(default=None, description="File whose first line is the password.")
    smtp_from: str = Field(
        default="hutong@hutong.local", pattern=f"^{ADDRESS.pattern}$", description="Address that notices come from."
    )
    smtp_timeout: float = Field(default=20, gt=0, description="Seconds for each answer of the server.")

    def password(self) -> str:
        """Return the password, from the file if one is named."""
        if self.smtp_password_file is None:
            return self.smtp_password.get_secret_value()
        lines = self.smtp_password_file.read_text("utf-8").splitlines()
        return lines[0] if lines else ""


def is_address(text: str) -> bool:
    """Say whether a text is one plain ASCII mail address and nothing more."""
    return len(text) <= 254 and ADDRESS.fullmatch(text) is not None


def compose(bundle: Bundle, settings: MailSettings) -> EmailMessage:
    """Return the mail of a bundle. Its Message-ID is the bundle's, so that a repeat after a crash can be recognised."""
    mail = EmailMessage(policy=SMTP)
    own = Address(addr_spec=settings.smtp_from)
    mail["From"] = Address("Hutong 互通", own.username, own.domain)
    mail["To"] = bundle.way.address
    mail["Subject"] = bundles.subject(bundle)
    mail["Date"] = formatdate(bundle.notices[-1].created_at.timestamp())
    mail["Message-ID"] = f"<{bundle.id}@{own.domain}>"
    mail["List-Id"] = f"Hutong notices <notices.{own.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Precedence"] = "bulk"
    mail["Content-Language"] = bundle.language
    mail.set_content(bundles.text(bundle), charset="utf-8", cte="base64")
    return mail


def post(bundle: Bundle) -> None:
    """Hand a bundle to the mail server; returns when the server has taken it.

    Raises Terminal `notice.mail_missing` without a server, Transient `notice.unreachable` when it is the server's trouble (whoever is written to), Transient
    `notice.postponed` or Terminal `notice.refused` when it is this mail's.
    """
    settings = MailSettings()
    if not settings.smtp_host:
        raise Terminal("notice.mail_missing")
    mail = compose(bundle, settings)
    with _server(settings) as server:
        try:
            server.sendmail(settings.smtp_from, [bundle.way.address], mail.as_bytes())
        except smtplib.SMTPRecipientsRefused as refused:
            ((code, words),) = refused.recipients.values()
            raise _judge(bundle, code, words) from None
        except smtplib.SMTPDataError as refused:
            raise _judge(bundle, refused.smtp_code, refused.smtp_error) from None


@contextmanager
def _server(settings: MailSettings) -> Iterator[smtplib.SMTP]:
    """Every trouble before and beside this one mail is the server's: it says so by its kind, and `from None` keeps its words out of logs."""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    try:
        server = _connect(settings)
        try:
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.password())
            yield server
            with suppress(OSError):  # the mail is taken; how the server says goodbye changes nothing
                server.quit()
        finally:
            server.close()
    except smtplib.SMTPResponseException as wrong:
        raise Transient("notice.unreachable", where=where, reason=f"{type(wrong).__name__} {wrong.smtp_code}") from None
    except (OSError, UnicodeError) as wrong:  # SMTPException, TLS refusals, time-outs; a password beyond ASCII
        raise Transient("notice.unreachable", where=where, reason=type(wrong).__name__) from None


def _connect(settings: MailSettings) -> smtplib.SMTP:
    host, port, seconds = settings.smtp_host, settings.smtp_port, settings.smtp_timeout
    if settings.smtp_security == "none":
        if settings.smtp_user:
            raise Terminal("notice.password_in_clear")
        return smtplib.SMTP(host, port, timeout=seconds)
    trust = ssl.create_default_context(cafile=settings.smtp_ca_file)
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=seconds, context=trust)
    server = smtplib.SMTP(host, port, timeout=seconds)
    try:
        server.starttls(context=trust)
    except BaseException:
        server.close()
        raise
    return server


def _judge(bundle: Bundle, code: int, words: bytes | str) -> Transient | Terminal:
    said = words if isinstance(words, bytes) else words.encode()
    status = _STATUS.match(said.strip())
    answer = f"SMTP {code} {status[0].decode()}" if status else f"SMTP {code}"
    if 400 <= code < 500:
        return Transient("notice.postponed", way=bundle.way.id, answer=answer)
    return Terminal("notice.refused", way=bundle.way.id, answer=answer)
