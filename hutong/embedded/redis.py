"""Why: with Celery, tasks go to workers through Redis. `hutong up` starts the machine's own redis-server as a watched child on loopback, unless an operator
names one that several machines reach (HUTONG_BROKER_URL). Called by the supervisor.
"""

import os
import shutil
import socket

from hutong.embedded.environment import MARK
from hutong.embedded.home import Home, read_secrets
from hutong.embedded.unit import Unit
from schemas.errors import Terminal

CONFIG = """
bind 127.0.0.1
port {port}
dir "{data}"
requirepass {password}
# what is queued survives a restart of Redis; at worst the last second is queued again by Airflow
appendonly yes
appendfsync everysec
save ""
# a queue must never forget quietly
maxmemory-policy noeviction
"""


def server(home: Home, port: int) -> list[Unit]:
    """Return Redis as a unit, its configuration written (0600: it holds the password). Raises Terminal `embedded.no_redis`."""
    program = shutil.which("redis-server", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin")))
    if program is None:
        raise Terminal("embedded.no_redis")
    data, config = home.var / "redis", home.state / "redis.conf"
    data.mkdir(mode=0o700, exist_ok=True)
    config.touch(mode=0o600)
    config.write_text(CONFIG.format(port=port, data=data, password=read_secrets(home)["redis"]), "utf-8")
    environment = {"PATH": os.defpath, MARK: str(home.root)}
    return [Unit("redis", (program, str(config)), probe=lambda: _answers(port), environment=environment)]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
