"""Where credentials are looked for, in AWS's order, and the Source that stands on it.

Refuses: keeping them fresh (`credentials`), asking by HTTP (`metadata`), reading profiles (botocore does, in a thread).
Called by: `client` of this package, the user's verbs.
Law: the first link that has credentials is the one that is asked ever after. A link that is not configured costs
nothing; botocore is imported only if there is a file, profile or role for it to read.

    arguments   environment   profiles   container   instance
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from .credentials import Credentials, CredentialsError, Refreshing, Source, Static, moment
from .metadata import Container, Instance, Send
from .settings import CONFIG, CREDENTIALS, expanded

Link = Callable[[], Awaitable[Credentials | None]]
"""One place: its credentials, or None where it is not configured. Raises CredentialsError."""

CHECK: Final = 300.0
"""Seconds between two looks at keys of a profile that end at an unknown time."""

_FILES: Final = (CONFIG, CREDENTIALS, ("BOTO_CONFIG", "~/.boto"))
_MARKS: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CREDENTIAL_FILE")


def source(
    environ: Mapping[str, str],
    send: Send,
    *,
    access_key: str | None = None,
    secret_key: str | None = None,
    token: str | None = None,
    profile: str | None = None,
    region: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Source:
    """The Source of a client: the keys given, else the chain.

    environ: the environment. send: HTTP, without a proxy. profile: a profile's name; the environment's keys are
    passed over then, as AWS has it. region: where a role is assumed (default: the profile's own). clock: seconds
    since the epoch. Raises CredentialsError for half a pair of keys.
    """
    if access_key or secret_key or token:
        return Static(pair(access_key, secret_key, token))
    links: dict[str, Link] = {} if profile else {"the environment (AWS_ACCESS_KEY_ID)": partial(environment, environ)}
    links["the profiles"] = Profiles(environ, profile, region)
    links["the container's endpoint (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI)"] = Container(environ, send)
    links["the instance metadata service"] = Instance(environ, send, clock=clock)
    return Refreshing(Chain(links).load, clock=clock)


def pair(access_key: str | None, secret_key: str | None, token: str | None = None) -> Credentials:
    """Keys given as arguments. Raises CredentialsError unless both are there, and clean."""
    for name, value in (("access_key", access_key), ("secret_key", secret_key), ("session token", token)):
        if not value and name != "session token":
            raise CredentialsError(f"The {name} is missing: give both keys, or neither to have them looked for")
        if value and not (value.isascii() and value.isprintable() and " " not in value):
            raise CredentialsError(f"The {name} holds a space, a line end or another character that no key has")
    return Credentials(access_key or "", secret_key or "", token or None)


class Chain:
    """The links in their order, by the names that an error message gives them."""

    __slots__ = ("_chosen", "_links")

    def __init__(self, links: Mapping[str, Link]) -> None:
        self._links = links
        self._chosen: str | None = None

    async def load(self) -> Credentials:
        """The credentials of the first link that has some. Raises CredentialsError, with what each link said."""
        names = list(self._links) if self._chosen is None else [self._chosen]
        for name in names:
            try:
                found = await self._links[name]()
            except CredentialsError as error:
                raise CredentialsError(f"No AWS credentials: {name}: {error}") from error
            if found is not None:
                self._chosen = name
                return found
        raise CredentialsError(
            f"No AWS credentials: looked in {', '.join(names)}. Give access_key and secret_key (aws_access_key_id "
            "and aws_secret_access_key), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )


async def environment(environ: Mapping[str, str]) -> Credentials | None:
    """The keys of the environment, read anew each time. Raises CredentialsError if the secret is missing."""
    access_key = environ.get("AWS_ACCESS_KEY_ID")
    if not access_key:
        return None
    secret_key = environ.get("AWS_SECRET_ACCESS_KEY")
    if not secret_key:
        raise CredentialsError("AWS_ACCESS_KEY_ID is set, but not AWS_SECRET_ACCESS_KEY")
    ends = environ.get("AWS_CREDENTIAL_EXPIRATION")
    try:
        expires = moment(ends) if ends else None
    except ValueError:
        raise CredentialsError(f"AWS_CREDENTIAL_EXPIRATION is {ends!r}: it must be an ISO 8601 time") from None
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
    return Credentials(access_key, secret_key, token or None, expires, environ.get("AWS_ACCOUNT_ID") or None)


class Profiles:
    """What botocore finds in files: keys, SSO, roles to assume, processes, web identity. It is run in a thread."""

    __slots__ = ("_environ", "_profile", "_region")

    def __init__(self, environ: Mapping[str, str], profile: str | None = None, region: str | None = None) -> None:
        self._environ = environ
        self._profile = profile
        self._region = region

    async def __call__(self) -> Credentials | None:
        """The profile's credentials, made anew; None without a profile. Raises CredentialsError."""
        return await asyncio.to_thread(self._load)

    def configured(self) -> bool:
        """Whether there is anything for botocore to read."""
        environ = self._environ
        if self._profile or any(environ.get(name) for name in _MARKS) or Path("/etc/boto.cfg").exists():
            return True
        return any(expanded(environ, *file).exists() for file in _FILES)

    def _load(self) -> Credentials | None:
        if not self.configured():
            return None
        from botocore.credentials import create_credential_resolver
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.session import Session

        try:
            resolver = create_credential_resolver(Session(profile=self._profile), region_name=self._region)
            for ours in ("env", "container-role", "iam-role"):
                resolver.remove(ours)
            found = resolver.load_credentials()
            return None if found is None else _frozen(found)
        except (BotoCoreError, ClientError, OSError, ValueError, KeyError) as error:
            raise CredentialsError(f"{type(error).__name__}: {error}") from error


def _frozen(found: Any) -> Credentials:
    """A copy of botocore's credentials; the end of those that it would renew is its private knowledge."""
    keys = found.get_frozen_credentials()
    expires = None
    if hasattr(found, "refresh_needed"):
        ends = getattr(found, "_expiry_time", None)
        expires = time.time() + CHECK if ends is None else ends.timestamp()
    return Credentials(keys.access_key, keys.secret_key, keys.token, expires, getattr(keys, "account_id", None))
