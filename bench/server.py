"""One nginx worker on loopback, http and https, with its own configuration in a temporary folder.

Refuses to touch an installed nginx service: own ports, own pid, own logs, nothing outside the folder.
Called by the command for the length of a run. Law: whatever ends the run, nginx ends and the folder goes.
"""

import http.client
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.work import Work

HOST = "127.0.0.1"
# Bodies up to this length are written into the configuration; longer ones are files.
INLINE = 1024
START_SECONDS = 10.0
STOP_SECONDS = 5.0
SETTLE_SECONDS = 10.0
# More than any client opens, so that none is closed to make room for others.
CONNECTIONS = 32768

CONFIGURATION = """\
{user}daemon off;
worker_processes 1;
{affinity}pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_rlimit_nofile {connections};
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    default_type application/octet-stream;
    client_body_temp_path {folder}/temp;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/temp;
    uwsgi_temp_path {folder}/temp;
    scgi_temp_path {folder}/temp;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    open_file_cache max=100;
    server {{
        listen {host}:{http_port};
        listen {host}:{https_port} ssl;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        location = /status {{ stub_status; }}
{locations}
    }}
}}
"""


class ServerError(Exception):
    """nginx or its certificate cannot be had; the text says what to install or what nginx complained of."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `authority` is the file of the certificate authority that a client must trust."""

    http_port: int
    https_port: int
    authority: Path

    def locate(self, work: Work) -> str:
        """The URL of this work."""
        port = self.http_port if work.scheme == "http" else self.https_port
        return f"{work.scheme}://{HOST}:{port}{work.path}"

    def count_connections(self) -> int:
        """How many connections the server has accepted so far, the one that asks for it included."""
        return read_status(self._ask_status())[1]

    def settle(self) -> None:
        """Wait until the server has noticed that earlier clients are gone, but not for ever."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while read_status(self._ask_status())[0] > 1 and time.monotonic() < deadline:
            time.sleep(0.02)

    def _ask_status(self) -> str:
        connection = http.client.HTTPConnection(HOST, self.http_port, timeout=5)
        try:
            connection.request("GET", "/status")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def read_status(status: str) -> tuple[int, int]:
    """Connections that are open, and that were accepted so far, in the text of nginx's stub_status page."""
    found = re.search(r"Active connections:\s+(\d+)\s+server accepts handled requests\s+(\d+)", status)
    if found is None:
        raise ServerError(f"nginx's status page has no counts of connections: {status[:80]!r}")
    return int(found[1]), int(found[2])


def find_program(name: str) -> str | None:
    """The path of an installed program; Debian keeps nginx in /usr/sbin, which a user's PATH may lack."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin")


def build_configuration(folder: Path, ports: tuple[int, int], works: Iterable[Work], cpu: int | None) -> str:
    """nginx's configuration for these works; `cpu` is where the worker is pinned (None: nowhere)."""
    unlike = {work.path: work for work in works}
    return CONFIGURATION.format(
        # Workers of a root master would run as nobody, who may not enter the temporary folder.
        user="user root;\n" if os.geteuid() == 0 else "",
        affinity="" if cpu is None else f"worker_cpu_affinity {1 << cpu:b};\n",
        folder=folder,
        connections=CONNECTIONS,
        host=HOST,
        http_port=ports[0],
        https_port=ports[1],
        locations="\n".join(_build_location(folder, work) for work in unlike.values()),
    )


def _build_location(folder: Path, work: Work) -> str:
    fields = "".join(f'add_header X-Field-{n} "value number {n}"; ' for n in range(work.fields))
    body = f'return 200 "{_make_body(work.size)}";' if work.size <= INLINE else f"alias {folder}/{work.size};"
    return f"        location = {work.path} {{ {fields}{body} }}"


def _make_body(size: int) -> str:
    return ("abc" * (size // 3 + 1))[:size]


@contextmanager
def serve(works: Iterable[Work], cpu: int | None) -> Iterator[Server]:
    """Serve these works until the block is left, however it is left; raises ServerError if that cannot be."""
    program = find_program("nginx")
    if program is None:
        raise ServerError("nginx is not installed (Debian: apt install nginx-light)")
    works = tuple(works)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        server = Server(*_find_ports(), folder / "authority.pem")
        _write_certificate(folder)
        for work in works:
            if work.size > INLINE:
                (folder / str(work.size)).write_text(_make_body(work.size))
        ports = (server.http_port, server.https_port)
        (folder / "nginx.conf").write_text(build_configuration(folder, ports, works, cpu))
        log = folder / "error.log"
        process = subprocess.Popen(
            [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(log)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await_start(process, server.http_port, log)
            yield server
        finally:
            _stop(process)


def _find_ports() -> tuple[int, int]:
    with socket.create_server((HOST, 0)) as first, socket.create_server((HOST, 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]


def _write_certificate(folder: Path) -> None:
    try:
        import trustme
    except ImportError as error:
        raise ServerError("no trustme to make the server's certificate: pip install trustme") from error
    # As AWS's endpoints have it: RSA keys, and two authorities between the one that is trusted and the server.
    authority = issuer = trustme.CA(key_type=trustme.KeyType.RSA)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    for _ in range(2):
        issuer = issuer.create_child_ca(key_type=trustme.KeyType.RSA)
    certificate = issuer.issue_cert(HOST, "localhost", key_type=trustme.KeyType.RSA)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))


def _await_start(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    text = log.read_text() if log.exists() else ""
    said = text.strip()[-500:] or "nothing"
    raise ServerError(f"nginx did not start within {START_SECONDS:g} s; it said: {said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
