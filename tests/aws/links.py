"""The links of the chain of credentials, each with a scripted server behind it that hands out one set of keys after the
other, all of which end in the far future of a virtual clock.

Refuses: what is expected of them. Called by: `test_links`.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from tests.aws.scripted_keys import HOUR, iso

from async_keepalive_httpc.testing import Conn, Request, response, serving

START = 4_000_000_000.0
"""In 2096, when the virtual clock begins: botocore looks at this machine's clock, by which no keys may have ended."""
ROLE = "arn:aws:iam::123456789012:role/r"
SESSION = "company"
LIFE = 6 * HOUR


class Giver:
    """Keys, one set after the other: the set `n` ends `n` lives after START. asked: what came, in order."""

    def __init__(self) -> None:
        self.given = 0
        self.asked: list[str] = []
        self.seen: list[Request] = []

    def next(self) -> tuple[int, float]:
        """The number of a new set, and when it ends."""
        self.given += 1
        return self.given, START + self.given * LIFE

    def plain(self) -> dict[str, Any]:
        """As the endpoints of containers and instances write them, and processes but for a name."""
        number, end = self.next()
        keys = {"AccessKeyId": f"AKID{number}", "SecretAccessKey": f"secret{number}", "Expiration": iso(end)}
        return {**keys, "Token": f"token{number}", "SessionToken": f"token{number}", "Version": 1}

    def sts(self, operation: str) -> bytes:
        number, end = self.next()
        keys = (
            f"<AccessKeyId>AKID{number}</AccessKeyId><SecretAccessKey>secret{number}</SecretAccessKey>"
            f"<SessionToken>token{number}</SessionToken><Expiration>{iso(end)}</Expiration>"
        )
        user = f"<AssumedRoleUser><AssumedRoleId>A:b</AssumedRoleId><Arn>{ROLE}/s</Arn></AssumedRoleUser>"
        result = f"<{operation}Result><Credentials>{keys}</Credentials>{user}</{operation}Result>"
        space = "https://sts.amazonaws.com/doc/2011-06-15/"
        return f'<{operation}Response xmlns="{space}">{result}</{operation}Response>'.encode()

    def portal(self) -> dict[str, Any]:
        number, end = self.next()
        keys = {"accessKeyId": f"AKID{number}", "secretAccessKey": f"secret{number}", "sessionToken": f"token{number}"}
        return {"roleCredentials": {**keys, "expiration": int(end * 1000)}}

    def answer(self, conn: Conn, request: Request) -> bytes:
        """STS, SSO's portal, a container's agent and an instance's metadata service, all in one."""
        self.seen.append(request)
        operation = parse_qs(request.body.decode()).get("Action", [""])[0]
        self.asked.append(f"{request.method} {operation or request.target.partition('?')[0]}")
        if operation:
            return response(self.sts(operation), headers=[("Content-Type", "text/xml")])
        if request.target.startswith("/federation/credentials"):
            return response(json.dumps(self.portal()).encode())
        if request.target.startswith("/latest/api/token"):
            return response(b"metadata-token")
        if request.target.endswith("/security-credentials/"):
            return response(b"my-role")
        return response(json.dumps(self.plain()).encode())

    def script(self) -> Any:
        return serving(self.answer)


class Place(NamedTuple):
    """Where a link finds its configuration: a home directory, the address of a Giver, and that Giver."""

    home: Path
    url: str
    giver: Giver

    def config(self, text: str) -> dict[str, str]:
        (self.home / "config").write_text(text)
        return {}


def environment(place: Place) -> Mapping[str, str]:
    """Somebody else sets the environment anew when its keys end: it is read for each look."""

    class Environment(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            if name == "AWS_ACCESS_KEY_ID":
                keys = place.giver.plain()
                self["AWS_SECRET_ACCESS_KEY"] = keys["SecretAccessKey"]
                self["AWS_SESSION_TOKEN"] = keys["Token"]
                self["AWS_CREDENTIAL_EXPIRATION"] = keys["Expiration"]
                return keys["AccessKeyId"]
            return super().get(name, default)

    return Environment()


def process(place: Place) -> Mapping[str, str]:
    """A program that asks an endpoint."""
    ask = f"import urllib.request as u; print(u.urlopen('{place.url}/process').read().decode())"
    (place.home / "keys.py").write_text(ask)
    return place.config(f"[default]\ncredential_process = {sys.executable} -S -E {place.home / 'keys.py'}\n")


def assumed_role(place: Place) -> Mapping[str, str]:
    return place.config(
        f"[default]\nregion = eu-west-1\nrole_arn = {ROLE}\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = a\naws_secret_access_key = s\n"
    ) | {"AWS_ENDPOINT_URL_STS": place.url}


def web_identity(place: Place) -> Mapping[str, str]:
    (place.home / "token").write_text("identity-token")
    return {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(place.home / "token"),
        "AWS_ROLE_ARN": ROLE,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_STS": place.url,
    }


def sso(place: Place) -> Mapping[str, str]:
    token = {"startUrl": "https://s.example/start", "region": "eu-west-1", "accessToken": "portal-token"}
    name = hashlib.sha1(SESSION.encode()).hexdigest()
    (place.home / f"{name}.json").write_text(json.dumps({**token, "expiresAt": iso(time.time() + LIFE)}))
    return place.config(
        f"[default]\nsso_session = {SESSION}\nsso_account_id = 123456789012\nsso_role_name = r\n"
        f"[sso-session {SESSION}]\nsso_region = eu-west-1\nsso_start_url = https://s.example/start\n"
    ) | {"AWS_ENDPOINT_URL_SSO": place.url}


def container(place: Place) -> Mapping[str, str]:
    (place.home / "token").write_text("agent-token")
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{place.url}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(place.home / "token"),
    }


def instance(place: Place) -> Mapping[str, str]:
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": place.url, "AWS_EC2_METADATA_DISABLED": "false"}


ROLES = "/latest/meta-data/iam/security-credentials/"
LINKS: dict[str, tuple[Callable[[Place], Mapping[str, str]], list[str]]] = {
    "environment": (environment, []),
    "process": (process, ["GET /process"]),
    "assumed role": (assumed_role, ["POST AssumeRole"]),
    "web identity": (web_identity, ["POST AssumeRoleWithWebIdentity"]),
    "sso": (sso, ["GET /federation/credentials"]),
    "container": (container, ["GET /v1/credentials"]),
    "instance": (instance, ["PUT /latest/api/token", f"GET {ROLES}", f"GET {ROLES}my-role"]),
}
"""Each link, and what it asks for one set of keys."""
