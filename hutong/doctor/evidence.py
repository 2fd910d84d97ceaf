"""Why: what the evidence log needs beside its writer: others who vouch for it in time, and months for entries to come. Called by `hutong.doctor.database`."""

from datetime import UTC, datetime, timedelta

from exchange_api.evidence.months import months
from exchange_api.evidence.vouched import vouching_lag
from exchange_api.evidence.vouching_settings import VouchingSettings
from hutong.doctor.checks import Found, ok
from schemas.database import transaction

WITNESS_LATE = timedelta(hours=1)


def vouching() -> Found:
    """Look at how long checkpoints wait for witnesses and the time stamp, and whether answers are halted for it."""
    settings, now = VouchingSettings(), datetime.now(UTC)
    names = {str(key): key.name for key, _ in settings.known_witnesses}
    with transaction("reader") as session:
        lag = vouching_lag(session, tuple(names))
    late = [names[vkey] for vkey, since in lag.uncosigned_since.items() if since and now - since > WITNESS_LATE]
    bound = timedelta(hours=settings.tsa_pending_hours)
    if settings.tsa_url and lag.unstamped_since and now - lag.unstamped_since > bound:
        late.append(settings.tsa_url.rpartition("@")[2])
    named = ", ".join([*late, *lag.halts])
    if late or lag.halts:
        return Found(
            "fail" if lag.halts else "warn",
            f"见证或时间戳滞后：{named}",
            f"vouching is late: {named}",
            "查看对方主机、网络与 hutong logs sequencer。",
            "Look at that machine, the network and hutong logs sequencer.",
        )
    if not names and not settings.tsa_url:
        return ok("未配置见证方与时间戳", "no witness and no time stamping authority is set")
    return ok("见证与时间戳及时", "witnesses and time stamps come in time")


def ahead() -> Found:
    """Look whether the month of the next entries is there."""
    with transaction("reader") as session:
        last = max((month.end for month in months(session)), default=datetime.min.replace(tzinfo=UTC))
    if last < datetime.now(UTC) + timedelta(days=3):
        return Found(
            "warn",
            "存证分区未预建，新条目将入 entries_rest",
            "no month is made for the entries to come: they go to entries_rest",
            "查看 hutong logs sequencer。",
            "See hutong logs sequencer, which makes them.",
        )
    return ok(f"存证分区至 {last:%Y-%m-%d}", f"months of entries are there until {last:%Y-%m-%d}")
