"""Two links of the credential chain that are asked by HTTP: a container's endpoint, and the instance's.

Refuses: IMDSv1, which any forged request inside the instance could read; keeping what was fetched (`credentials`).
Called by: `chain`; `sqs`, `dynamodb` and `kinesis` for IamRoleV4Sign.
Law: `send` reaches these addresses directly, never through a proxy. What comes back, keys and tokens, is in no message.

    container   GET  AWS_CONTAINER_CREDENTIALS_{RELATIVE,FULL}_URI
    instance    PUT  latest/api/token
                GET  latest/meta-data/iam/security-credentials/          the role
                GET  latest/meta-data/iam/security-credentials/{role}    its keys
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from .._message.request import HeaderInput, Request
from .._message.response import Response
from .._message.url import parse
from ..errors import HTTPCError, InvalidRequest
from .credentials import Credentials, CredentialsError, moment

Send = Callable[[Request], Awaitable[Response]]
"""How HTTP arrives here."""

CONTAINER: Final = "http://169.254.170.2"
HOSTS: Final = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost"})
"""Where a container's keys may be asked for without TLS: the agents of ECS and EKS, and this machine."""
CONTAINER_TIMEOUT: Final = 2.0
CONTAINER_TRIES: Final = 3
CONTAINER_PAUSE: Final = 1.0

INSTANCE: Final = "http://169.254.169.254"
INSTANCE_IPV6: Final = "http://[fd00:ec2::254]"
ROLES: Final = "/latest/meta-data/iam/security-credentials/"
TOKEN_LIFE: Final = b"21600"
"""Seconds that a token of the instance's endpoint lives: the most it grants."""
STALE: Final = 600.0
"""Seconds left below which the instance's keys are taken for such as it could not renew: used on, as AWS asks."""

BODY: Final = 64 * 1024
"""Bytes of an answer at most; a set of keys has 2,000."""


async def ask(send: Send, method: str, url: str, headers: HeaderInput, timeout: float) -> Response:
    """One request of this room: short, direct, never redirected. Raises CredentialsError."""
    try:
        request = Request(method, url, headers, timeout=timeout, max_redirects=0, max_body_size=BODY)
        return await send(request)
    except HTTPCError as error:
        raise CredentialsError(f"{method} {url} failed: {error}") from error


def keys_of(response: Response) -> Credentials:
    """The credentials of an answer of either endpoint. Raises CredentialsError, without its body."""
    where = f"{response.request.method} {response.request.url}"
    if response.status != 200:
        raise CredentialsError(f"{where} answered {response.status} {response.reason}".rstrip() + ", not credentials")
    try:
        found: dict[str, Any] = json.loads(response.body)
        token, expires = found.get("Token"), found.get("Expiration")
        return Credentials(
            found["AccessKeyId"],
            found["SecretAccessKey"],
            token or None,
            moment(expires) if expires else None,
            found.get("AccountId"),
        )
    except KeyError as error:
        reason = f" ({found['Code']}: {found.get('Message', '')})" if found.get("Code", "Success") != "Success" else ""
        raise CredentialsError(f"{where} answered without {error.args[0]}{reason}") from None
    except (ValueError, TypeError, AttributeError):
        raise CredentialsError(f"{where} answered something that is no set of credentials in JSON") from None


class Container:
    """The endpoint of ECS and of EKS pod identity, as the environment names it.

    sleep: waits between tries.
    """

    __slots__ = ("_environ", "_send", "_sleep")

    def __init__(
        self,
        environ: Mapping[str, str],
        send: Send,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._environ = environ
        self._send = send
        self._sleep = sleep

    async def __call__(self) -> Credentials | None:
        """Its credentials; None where the environment names no endpoint. Raises CredentialsError."""
        url = self._url()
        if url is None:
            return None
        for tries in range(CONTAINER_TRIES):
            try:
                headers = [(b"Accept", b"application/json"), *await self._authorization()]
                return keys_of(await ask(self._send, "GET", url, headers, CONTAINER_TIMEOUT))
            except CredentialsError as error:
                failure = error
            if tries + 1 < CONTAINER_TRIES:
                await self._sleep(CONTAINER_PAUSE)
        raise failure

    def _url(self) -> str | None:
        relative = self._environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        if relative is not None:
            return CONTAINER + relative
        full = self._environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if full is not None:
            check_host(full)
        return full

    async def _authorization(self) -> list[tuple[bytes, bytes]]:
        path = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        name = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
        if path is not None:
            name += "_FILE"
            try:
                token: str | None = await asyncio.to_thread(Path(path).read_text, "utf-8")
            except (OSError, ValueError) as error:
                raise CredentialsError(f"{name}: {path} cannot be read: {error}") from error
        else:
            token = self._environ.get(name)
        if token is None:
            return []
        if not token.isascii() or not token.isprintable():
            raise CredentialsError(f"{name} holds a line end or another character that no header can carry")
        return [(b"Authorization", token.encode())]


def check_host(url: str) -> None:
    """Keys go over TLS, or over a link that does not leave the machine. Raises CredentialsError."""
    name = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
    try:
        origin = parse(url).origin
    except InvalidRequest as error:
        raise CredentialsError(f"{name} is no URL: {error}") from None
    if origin.scheme == "https" or origin.host in HOSTS:
        return
    try:
        if ipaddress.ip_address(origin.host).is_loopback:
            return
    except ValueError:
        pass
    raise CredentialsError(
        f"{name} names {origin.host}: without TLS only a loopback address and {', '.join(sorted(HOSTS))} are asked"
    )


class Instance:
    """The instance metadata service of EC2, version 2 (IMDSv2).

    role: the role whose keys are wanted (default: the instance's one). Of the environment it heeds
    AWS_EC2_METADATA_DISABLED, AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE,
    AWS_METADATA_SERVICE_TIMEOUT (seconds, default 1) and AWS_METADATA_SERVICE_NUM_ATTEMPTS (default 1).
    clock: seconds since the epoch. chance: a number in [0, 1).
    """

    __slots__ = ("_chance", "_clock", "_environ", "_role", "_send")

    def __init__(
        self,
        environ: Mapping[str, str],
        send: Send,
        *,
        role: str | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._environ = environ
        self._send = send
        self._role = role
        self._clock = clock
        self._chance = chance

    async def __call__(self) -> Credentials | None:
        """Its credentials; None where it is switched off. Raises CredentialsError."""
        environ = self._environ
        if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            return None
        timeout = number(environ, "AWS_METADATA_SERVICE_TIMEOUT", 1.0)
        left = int(number(environ, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1.0))
        while True:
            try:
                return self._extended(await self._ask(self.url(), timeout))
            except CredentialsError:
                left -= 1
                if left < 1:
                    raise

    def url(self) -> str:
        """Where the service is, without a slash at the end."""
        ipv6 = self._environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower() == "ipv6"
        given = self._environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
        return (given or (INSTANCE_IPV6 if ipv6 else INSTANCE)).rstrip("/")

    async def _ask(self, url: str, timeout: float) -> Credentials:
        lifetime = [(b"X-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFE)]
        headers = [(b"X-aws-ec2-metadata-token", await self._text("PUT", f"{url}/latest/api/token", lifetime, timeout))]
        role = self._role
        if role is None:
            names = await self._text("GET", url + ROLES, headers, timeout)
            role = names.split()[0].decode("utf-8", "replace")
        return keys_of(await ask(self._send, "GET", url + ROLES + quote(role, safe="+=,.@-_"), headers, timeout))

    async def _text(self, method: str, url: str, headers: HeaderInput, timeout: float) -> bytes:
        response = await ask(self._send, method, url, headers, timeout)
        text = response.body.strip()
        if response.status != 200 or not text:
            what = f"{response.status} {response.reason}".rstrip() if response.status != 200 else "with an empty body"
            raise CredentialsError(f"{method} {url} answered {what}; an instance needs a role to have credentials")
        return text

    def _extended(self, keys: Credentials) -> Credentials:
        """Keys that the service could not renew are signed with on, for 12 to 20 minutes, until it is asked again."""
        now = self._clock()
        if keys.expires is None or keys.expires - now >= STALE:
            return keys
        return keys._replace(expires=now + STALE + 120.0 + 480.0 * self._chance())


def number(environ: Mapping[str, str], name: str, default: float) -> float:
    """A positive number of the environment. Raises CredentialsError."""
    text = environ.get(name)
    if not text:
        return default
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise CredentialsError(f"{name} is {text!r}: it must be a number above 0")
    return found
