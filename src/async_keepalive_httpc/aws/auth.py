"""The signers of the user's document: EasyV4Sign and IamRoleV4Sign.

Refuses: sending (but IamRoleV4Sign asks the instance for its keys).
Called by: users; `verbs`, whose `signer=` takes one.
Law: a signer gives back what is to be sent, and leaves the caller's headers as they were.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from .._message.url import parse
from ..client import Client
from ..errors import InvalidRequest
from .chain import pair
from .credentials import Credentials, CredentialsError, Refreshing, Source, Static
from .metadata import Instance
from .signing import Signer, amz_date

FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"
JSON: Final = "application/x-amz-json-1.0"
_MOMENT: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")

Signed = tuple[str, str, dict[str, str], str | None]
"""Method, URL, headers and body, as they are to be sent."""


class EasyV4Sign:
    """Signs requests with Signature Version 4.

    access_key, secret_key: the keys. service: its name in a signature, such as "sqs". region: such as "us-east-1"
    (default "ap-southeast-2", as in 2014). session_token: of temporary keys. Raises CredentialsError for keys that
    are none.
    """

    source: Source

    def __init__(
        self,
        access_key: str,
        secret_key: str,
        service: str,
        region: str = "ap-southeast-2",
        session_token: str | None = None,
    ) -> None:
        self.service = service
        self.region = region
        self.source = Static(pair(access_key, secret_key, session_token))

    def sign_post(
        self, url: str, headers: Mapping[str, str], data: Mapping[str, Any] | None = None, timestamp: str | None = None
    ) -> Signed:
        """A POST of a form. data: its fields; what is percent-encoded stays so. timestamp: such as "20110909T233600Z"
        (default: now, UTC). Raises CredentialsError while there are no keys, InvalidRequest for a bad argument."""
        return self._sign("POST", url, _with_type(headers, FORM), _form(data or {}), timestamp)

    def sign_json(self, url: str, headers: Mapping[str, str], data: Any = None, timestamp: str | None = None) -> Signed:
        """A POST of `data` (default {}) as JSON; else as `sign_post`."""
        return self._sign("POST", url, _with_type(headers, JSON), json.dumps({} if data is None else data), timestamp)

    def sign_get(
        self,
        url: str,
        headers: Mapping[str, str],
        params: Mapping[str, Any] | None = None,
        timestamp: str | None = None,
    ) -> Signed:
        """A GET. params: added to the query; else as `sign_post`."""
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{_form(params)}"
        return self._sign("GET", url, dict(headers), None, timestamp)

    def _sign(self, method: str, url: str, headers: dict[str, str], body: str | None, timestamp: str | None) -> Signed:
        if timestamp is not None and not _MOMENT.fullmatch(timestamp):
            raise InvalidRequest(f"The timestamp {timestamp!r:.40} is not written as 20110909T233600Z is")
        target = parse(url)
        keys = self._keys()
        signer = Signer(keys.access_key, keys.secret_key, self.region, self.service, keys.token)
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        added = signer.sign(
            method,
            target.authority,
            target.target,
            fields,
            (body or "").encode(),
            timestamp or amz_date(time.time()),
        )
        headers.update((name.decode(), value.decode()) for name, value in added)
        return method, url, headers, body

    def _keys(self) -> Credentials:
        keys = self.source.current(time.time())
        if keys is None:
            raise CredentialsError("The signer has no keys yet: `await signer.fetch()` (or `yield` it) first")
        return keys

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.service} {self.region}>"


class IamRoleV4Sign(EasyV4Sign):
    """Signs with the keys of the EC2 instance's role, got from its metadata service (IMDSv2) ahead of their end.

    io_loop: accepted as in 2014; the keys are fetched on the loop that waits for them. role: default: the instance's
    one. before: how long before their end keys are fetched again. fail_retry: the pause after a fetch that failed,
    while the old keys live. The environment's AWS_EC2_METADATA_* are heeded; see `metadata.Instance`.
    """

    def __init__(
        self,
        io_loop: Any,
        service: str,
        region: str = "ap-southeast-2",
        role: str | None = None,
        before: timedelta = timedelta(minutes=5),
        fail_retry: timedelta = timedelta(seconds=0.5),
    ) -> None:
        self.io_loop = io_loop
        self.service = service
        self.region = region
        self._http = Client(trust_env=False)
        self._instance = Instance(os.environ, self._http.send, role=role)
        self.source = Refreshing(self._load, ahead=before.total_seconds(), pause=fail_retry.total_seconds())

    async def fetch(self) -> None:
        """Have keys: what `sign_post` and its like need first. A queue or table waits for them by itself.

        Raises CredentialsError.
        """
        await self.source.fetch()

    async def _load(self) -> Credentials:
        found = await self._instance()
        if found is None:
            raise CredentialsError("AWS_EC2_METADATA_DISABLED is true: there are no keys of an instance's role")
        return found

    def close(self) -> None:
        """End its connection to the metadata service."""
        self.source.close()
        self._http.close()


def _with_type(headers: Mapping[str, str], content_type: str) -> dict[str, str]:
    given = dict(headers)
    if "content-type" not in {name.lower() for name in given}:
        given["Content-Type"] = content_type
    return given


def _form(fields: Mapping[str, Any]) -> str:
    return "&".join(f"{_quoted(name)}={_quoted(fields[name])}" for name in sorted(fields))


def _quoted(value: Any) -> str:
    """In 2014 nothing was encoded here, so callers did: what they did is left alone."""
    return quote(str(value), safe="-_.~%+")
