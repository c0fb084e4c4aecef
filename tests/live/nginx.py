"""nginx: an origin over http, https and a unix socket, and one that ends its connections early.

Refuses: a body from a program: what it answers is in its configuration, and in its folder.
Called by: conftest.py. Law: its log has a line for each request, with the number of the connection it came on.

    /echo/...       the target as the body          /post     the length of the body, when it has been read
    /files/...      files: GET, HEAD, PUT           /small    as /post, but no body beyond SMALL bytes
    /text           gzip, if asked for              /moved    a redirect to /echo/moved
    /empty          204                             /secure   a redirect to https
    /last           answered, and the connection closed
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live.certificates import Certificates
from tests.live.process import HOST, Log, find_ports, find_program, new_folder, serve

PACKAGE = "nginx-light"
SERVERS = ("http", "https", "thrice", "secure_thrice", "brief", "secure_brief", "hinted", "certified", "misnamed")
SMALL = 64 * 1024
LARGE = random.Random(4).randbytes(16 * 1024 * 1024)
"""The file /files/large."""
MEDIUM = LARGE[: 1024 * 1024]
"""The file /files/medium."""
TEXT = "".join(f"{number} green bottles\n" for number in range(5000)).encode()
"""What /text is, decoded."""

CONFIGURATION = """\
{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    log_format live escape=json '{{"connection": $connection, "number": $connection_requests,'
        ' "address": "$remote_addr", "port": "$remote_port",'
        ' "method": "$request_method", "host": "$host", "target": "$request_uri", "status": $status,'
        ' "received": $request_length, "resumed": "$ssl_session_reused", "tls": "$ssl_protocol",'
        ' "authorization": "$http_authorization", "proxy_authorization": "$http_proxy_authorization"}}';
    access_log {folder}/access.log live;
    default_type text/plain;
    client_body_temp_path {folder}/temp;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/temp;
    uwsgi_temp_path {folder}/temp;
    scgi_temp_path {folder}/temp;
    client_max_body_size 64m;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:live:1m;
    keepalive_requests 10000;
    keepalive_timeout 60s;
    server {{
        listen {host}:{http};
        listen {host}:{https} ssl;
        listen unix:{folder}/nginx.sock;
        listen unix:{folder}/secure.sock ssl;
        location /echo/ {{ return 200 "$request_uri"; }}
        location /files/ {{ root {folder}; dav_methods PUT; }}
        location = /text {{ root {folder}; gzip on; gzip_types text/plain; }}
        location = /post {{ proxy_pass http://{host}:{http}/length; }}
        location = /small {{ client_max_body_size {small}; proxy_pass http://{host}:{http}/length; }}
        location = /length {{ access_log off; return 200 "$http_content_length"; }}
        location = /moved {{ return 302 /echo/moved?$query_string; }}
        location = /secure {{ return 302 https://$host:{https}/echo/secure; }}
        location = /empty {{ return 204; }}
        location = /last {{ keepalive_timeout 0; return 200 "$request_uri"; }}
    }}
    server {{
        listen {host}:{thrice};
        listen {host}:{secure_thrice} ssl;
        keepalive_requests 3;
        location / {{ return 200 "$request_uri"; }}
    }}
    server {{
        listen {host}:{brief};
        listen {host}:{secure_brief} ssl;
        keepalive_timeout 1s;
        location / {{ return 200 "$request_uri"; }}
    }}
    server {{ listen {host}:{hinted}; keepalive_timeout 1s 1s; location / {{ return 200 "$request_uri"; }} }}
    server {{
        listen {host}:{certified} ssl;
        ssl_verify_client on;
        ssl_client_certificate {authority};
        location / {{ return 200 "$ssl_client_s_dn"; }}
    }}
    server {{
        listen {host}:{misnamed} ssl;
        ssl_certificate {misnamed_certificate};
        ssl_certificate_key {misnamed_certificate};
        location / {{ return 200 "$request_uri"; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Access:
    """A line of the log: one request. `number` counts those of its connection, from 1."""

    connection: int
    number: int
    address: str
    """The peer's; "unix:" where the request came by a unix socket, which has no port."""
    port: str
    method: str
    host: str
    target: str
    status: int
    received: int
    """Bytes of the request, head and body, that had come when it was answered."""
    resumed: str
    """"r" if its TLS session was resumed."""
    tls: str
    authorization: str
    proxy_authorization: str


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx, and the ports of its servers.

    http, https: the locations above. thrice, secure_thrice: keepalive_requests 3. brief, secure_brief:
    keepalive_timeout 1 s; hinted: the same, and Keep-Alive: timeout=1 says so. certified: https for whoever shows a
    certificate; the body is the subject. misnamed: https with another host's certificate.
    """

    http: int
    https: int
    thrice: int
    secure_thrice: int
    brief: int
    secure_brief: int
    hinted: int
    certified: int
    misnamed: int
    folder: Path
    log: Log[Access]
    pid: int

    @property
    def socket(self) -> str:
        """The path of the unix socket of http."""
        return f"{self.folder}/nginx.sock"

    @property
    def secure_socket(self) -> str:
        """The path of the unix socket of https."""
        return f"{self.folder}/secure.sock"

    async def seen(self, tag: str, count: int) -> list[Access]:
        """The requests with this tag in their host or target, once there are `count`; fails if there are more."""
        lines = await self.log.wait(count, lambda line: tag in f"{line.host} {line.target}")
        assert len(lines) == count, lines
        return lines

    async def connections(self, tag: str, count: int) -> int:
        """Over how many connections those `count` requests came."""
        return len({line.connection for line in await self.seen(tag, count)})


@contextmanager
def run(certificates: Certificates) -> Iterator[Nginx]:
    """nginx until the block ends. Raises ServerError."""
    program = find_program("nginx", PACKAGE)
    with new_folder("nginx") as folder:
        ports = dict(zip(SERVERS, find_ports(len(SERVERS)), strict=True))
        (folder / "files").mkdir()
        (folder / "files" / "large").write_bytes(LARGE)
        (folder / "files" / "medium").write_bytes(MEDIUM)
        (folder / "text").write_bytes(TEXT)
        configuration = CONFIGURATION.format(
            # Workers of a root master would run as nobody, who may not write in the folder of files.
            user="user root;\n" if os.geteuid() == 0 else "",
            folder=folder,
            host=HOST,
            small=SMALL,
            authority=certificates.authority,
            certificate=certificates.server,
            misnamed_certificate=certificates.misnamed,
            **ports,
        )
        (folder / "nginx.conf").write_text(configuration)
        said = folder / "error.log"
        command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(said)]
        with serve(command, ports.values(), said) as process:
            log = Log(folder / "access.log", lambda text: Access(**json.loads(text)))
            yield Nginx(folder=folder, log=log, pid=process.pid, **ports)
