"""squid: an HTTP proxy, open or for users only.

Refuses: to cache, so that each request it forwards is seen at the origin; names that are not in its hosts file.
Called by: conftest.py. Law: its log has a line for each request, and for each tunnel when that has ended.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live.process import HOST, Log, Passage, ServerError, find_ports, find_program, new_folder, serve

PACKAGE = "squid"
PORT = 3128
"""squid's own port, which the user's document has."""
USERS = {"alice": "open sesame: 1/2 @home", "bob": "letmein"}
# What `openssl passwd -apr1` makes of those.
HASHES = {"alice": "$apr1$live0000$gFalIE4VtEvwaQ0x/enbu/", "bob": "$apr1$live0000$nvUjAT2whUrdwVQvc7yjA1"}
REALM = "live"
NONCE_USES = 5
"""Requests that a nonce of digest authentication is good for; then squid says that it is stale."""
MOST_TAGS = 5000

CONFIGURATION = """\
http_port {host}:{port}
{user}pid_filename none
hosts_file {folder}/hosts
dns_nameservers {host}
dns_timeout 1 second
visible_hostname squid.live.test
cache deny all
cache_mem 0 MB
memory_pools off
pinger_enable off
shutdown_lifetime 0 seconds
coredump_dir none
cache_log {folder}/cache.log
cache_store_log none
netdb_filename none
mime_table {folder}/mime.conf
logformat live %>p %rm %ru %>Hs %un
access_log stdio:{folder}/access.log live
{authentication}
acl denied dstdomain .denied.live.test
http_access deny denied
http_access allow localhost {users}
http_access deny all
"""
AUTHENTICATION = """\
auth_param {mode} program {helper} {folder}/users
auth_param {mode} children 1 startup=1 idle=1
auth_param {mode} realm {realm}
acl users proxy_auth REQUIRED
"""


@dataclass(frozen=True, slots=True)
class Access:
    """A line of the log: one request, or one tunnel. `port` is the client's."""

    port: int
    method: str
    target: str
    status: int
    user: str
    """"-" for nobody."""


@dataclass(frozen=True, slots=True)
class Squid(Passage[Access]):
    """A running squid. `<tag>.live.test`, `<tag>-a`, `<tag>-b` are this machine to it; `<tag>.denied.live.test` is
    refused with a 403."""

    port: int
    log: Log[Access]
    pid: int


@contextmanager
def run(mode: str | None = None, port: int | None = None) -> Iterator[Squid]:
    """squid until the block ends, for all, or for USERS by "basic" or "digest" authentication. Raises ServerError."""
    program = find_program("squid", PACKAGE)
    with new_folder("squid") as folder:
        port = port or find_ports(1)[0]
        authentication = "" if mode is None else _authentication(mode, folder)
        (folder / "hosts").write_text("".join(f"{HOST} {_names(f't{n:04}')}\n" for n in range(MOST_TAGS)))
        (folder / "mime.conf").touch()
        configuration = CONFIGURATION.format(
            # squid refuses to be root.
            user="cache_effective_user nobody\n" if os.geteuid() == 0 else "",
            host=HOST,
            port=port,
            folder=folder,
            authentication=authentication,
            users="users" if mode else "",
        )
        (folder / "squid.conf").write_text(configuration)
        # Names its shared memory, which two squids of one name would fight over.
        name = f"live{secrets.token_hex(6)}"
        try:
            command = [program, "-N", "-n", name, "-f", str(folder / "squid.conf")]
            # By SIGTERM it takes a second or two to end. It has nothing to lose, and its helpers end with it.
            with serve(command, [port], folder / "said", signal.SIGKILL) as process:
                yield Squid(port, Log(folder / "access.log", _read), process.pid)
        finally:
            for left in Path("/dev/shm").glob(f"{name}-*"):
                left.unlink()


def _names(tag: str) -> str:
    return f"{tag}.live.test {tag}-a.live.test {tag}-b.live.test"


def _authentication(mode: str, folder: Path) -> str:
    helpers = {"basic": "basic_ncsa_auth", "digest": "digest_file_auth"}
    if mode not in helpers:
        raise ServerError(f"squid has no authentication mode {mode!r} here: basic or digest")
    helper = find_program(helpers[mode], PACKAGE)
    if mode == "basic":
        lines = [f"{user}:{HASHES[user]}\n" for user in USERS]
    else:
        helper += " -c"
        lines = [f"{user}:{REALM}:{_hash(user)}\n" for user in USERS]
    (folder / "users").write_text("".join(lines))
    text = AUTHENTICATION.format(mode=mode, helper=helper, folder=folder, realm=REALM)
    return text + (f"auth_param digest nonce_max_count {NONCE_USES}\n" if mode == "digest" else "")


def _hash(user: str) -> str:
    """What digest authentication knows of a password (RFC 7616 section 3.4.2)."""
    return hashlib.md5(f"{user}:{REALM}:{USERS[user]}".encode(), usedforsecurity=False).hexdigest()


def _read(text: str) -> Access | None:
    port, method, target, status, user = text.split(" ")
    return Access(int(port), method, target, int(status), user)
