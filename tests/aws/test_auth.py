"""The signers of the user's document, with the vectors of 2014."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Theirs
from tests.aws.links import LIFE, START, Giver
from tests.aws.scripted_keys import Clock, answer
from tests.conftest import Run

from async_keepalive_httpc.aws.auth import EasyV4Sign, IamRoleV4Sign
from async_keepalive_httpc.aws.credentials import CredentialsError
from async_keepalive_httpc.aws.sqs import SQSQueue
from async_keepalive_httpc.errors import InvalidRequest
from async_keepalive_httpc.testing import Conn, Peer, Request, response, serving

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MOMENT = "20110909T233600Z"


def test_get_vector() -> None:
    headers = {"Date": "Mon, 09 Sep 2011 23:36:00 GMT"}
    signer = EasyV4Sign(ACCESS_KEY, SECRET_KEY, "host", region="us-east-1")
    method, url, signed, body = signer.sign_get("http://host.foo.com", headers, params={}, timestamp=MOMENT)
    assert (method, url, body) == ("GET", "http://host.foo.com", None)
    assert "b27ccfbfa7df52a200ff74193ca6e32d4b48b8856fab7ebf1c595d0670a7e470" in signed["Authorization"]
    assert headers == {"Date": "Mon, 09 Sep 2011 23:36:00 GMT"}


def test_post_vector() -> None:
    headers = {"Content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    data = {"Version": "2010-05-08", "Action": "ListUsers"}
    signer = EasyV4Sign(ACCESS_KEY, SECRET_KEY, "iam", region="us-east-1")
    method, url, signed, body = signer.sign_post("http://iam.amazonaws.com/", headers, data=data, timestamp=MOMENT)
    assert (method, url) == ("POST", "http://iam.amazonaws.com/")
    assert body == "Action=ListUsers&Version=2010-05-08"
    assert "ced6826de92d2bdeed8f846f0bf508e8559e98e4b0199114b84c54174deb456c" in signed["Authorization"]
    assert headers == {"Content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    # Without a type of one's own it is the same.
    assert signer.sign_post(url, {}, data=data, timestamp=MOMENT)[2]["Authorization"] == signed["Authorization"]


def botocore_signature(method: str, url: str, headers: dict[str, str], body: str | None, region: str) -> str:
    request = AWSRequest(method, url, dict(headers), body or "")
    request.context["timestamp"] = MOMENT
    signer = SigV4Auth(Theirs(ACCESS_KEY, SECRET_KEY, "TOKEN"), "sqs", region)
    request.headers["X-Amz-Date"] = MOMENT
    request.headers["X-Amz-Security-Token"] = "TOKEN"
    signature: str = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return signature


def test_as_botocore_has_it() -> None:
    signer = EasyV4Sign(ACCESS_KEY, SECRET_KEY, "sqs", session_token="TOKEN")
    url = "http://sqs.ap-southeast-2.amazonaws.com/1/q"
    for method, sent, headers, body in (
        signer.sign_json(url, {"X-Amz-Target": "AmazonSQS.SendMessage"}, {"a": [1, "\u00e9"]}, MOMENT),
        signer.sign_json(url, {}, timestamp=MOMENT),
        signer.sign_get(url, {}, {"b": "x y", "a": 1}, MOMENT),
        signer.sign_get(f"{url}?c=d", {}, {"b": "x%20y"}, MOMENT),
        signer.sign_post(url, {}, {"MessageBody": "a&b=c d\u00e9", "Quoted": "a%20b+c"}, MOMENT),
    ):
        authorization = headers.pop("Authorization")
        assert headers["X-Amz-Security-Token"] == "TOKEN"
        plain = {name: value for name, value in headers.items() if not name.startswith(("X-Amz-Date", "X-Amz-Sec"))}
        assert authorization.endswith(botocore_signature(method, sent, plain, body, "ap-southeast-2"))


def test_what_is_sent() -> None:
    signer = EasyV4Sign(ACCESS_KEY, SECRET_KEY, "sqs")
    assert signer.region == "ap-southeast-2"
    _, _, headers, body = signer.sign_json("http://a/", {}, {"a": 1})
    assert json.loads(body or "") == {"a": 1}
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    assert signer.sign_get("http://a/", {}, {"b": "x y", "a": 1})[1] == "http://a/?a=1&b=x%20y"
    # What was encoded in 2014 by its caller is not encoded twice.
    assert signer.sign_post("http://a/", {}, {"b": "x%20y", "a": "&"})[3] == "a=%26&b=x%20y"
    assert "secret" not in repr(signer)
    assert SECRET_KEY not in repr(signer)


@pytest.mark.parametrize("moment", ["2011-09-09", "20110909T233600", "20110909T233600z", "20110909T23360 Z"])
def test_refusals(moment: str) -> None:
    with pytest.raises(InvalidRequest, match="is not written as 20110909T233600Z"):
        EasyV4Sign(ACCESS_KEY, SECRET_KEY, "sqs").sign_get("http://a/", {}, timestamp=moment)
    with pytest.raises(CredentialsError, match="secret_key is missing"):
        EasyV4Sign(ACCESS_KEY, "", "sqs")
    with pytest.raises(InvalidRequest):
        EasyV4Sign(ACCESS_KEY, SECRET_KEY, "sqs").sign_get("a", {})


def test_the_instances_role(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """IMDSv2, from a socket to a signature."""

    async def main() -> None:
        asked = []

        @serving
        def script(conn: Conn, request: Request) -> bytes:
            asked.append(f"{request.method} {request.target}")
            return response(b"metadata-token" if request.method == "PUT" else json.dumps(answer(1, None)[1]).encode())

        async with Peer(script) as peer:
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://{peer.host}:{peer.port}")
            monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
            signer = IamRoleV4Sign(None, "sqs", "eu-west-1", role="my-role", before=timedelta(minutes=1))
            with pytest.raises(CredentialsError, match=r"await signer.fetch\(\)"):
                signer.sign_get("http://a/", {})
            await asyncio.gather(signer.fetch(), signer.fetch())
            headers = signer.sign_get("http://a/", {})[2]
            assert headers["X-Amz-Security-Token"] == "token1"
            assert "Credential=AKID1/" in headers["Authorization"]
            signer.close()
            await asyncio.sleep(0)
        assert asked == ["PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/my-role"]

    run(main())


class Role:
    """An instance's metadata service and a queue behind one address, and a queue signed with the role's keys."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        self.giver = Giver()
        self.clock = Clock(START)
        self.fails = False
        self.tokens: list[str] = []
        self._patch = monkeypatch
        self._options = options

    async def __aenter__(self) -> Role:
        self._peer = peer = await Peer(serving(self._answer)).__aenter__()
        self._patch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", peer.url)
        self._patch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        self.signer = IamRoleV4Sign(None, "sqs", "eu-west-1", **self._options)
        self.queue = SQSQueue(None, f"{peer.url}/1/q", signer=self.signer)
        self.signer.source._clock = self.queue._service.clock = self.clock  # type: ignore[attr-defined]
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.queue.aclose()
        self.signer.close()
        await self._peer.__aexit__(*error)

    def _answer(self, conn: Conn, request: Request) -> bytes:
        if not request.get("X-Amz-Target"):
            return response(b"", status=500) if self.fails else self.giver.answer(conn, request)
        assert "/eu-west-1/sqs/" in request.get("Authorization")
        self.tokens.append(request.get("X-Amz-Security-Token"))
        return response(b'{"MessageId":"m","MD5OfMessageBody":"0cc175b9c0f1b6a831c399e269772661"}')

    async def settled(self) -> None:
        """Until a fetch behind the requests has ended."""
        while self.signer.source._task is not None:  # type: ignore[attr-defined]
            await asyncio.sleep(0)


def test_a_queue_signed_with_the_instances_role(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys are fetched again five minutes before they end, behind the sends."""

    async def main() -> None:
        async with Role(monkeypatch) as role:
            await asyncio.gather(role.queue.send("a"), role.queue.send("a"))
            role.clock.now = START + LIFE - 301
            await role.queue.send("a")
            await role.settled()
            assert role.giver.given == 1
            role.clock.now += 2
            await role.queue.send("a")
            await role.settled()
            await role.queue.send("a")
            assert role.tokens == ["token1"] * 4 + ["token2"]
            assert role.giver.given == 2
            assert role.queue.client.connection.connect_times == 1

    run(main())


def test_a_role_whose_keys_cannot_be_renewed_for_a_while(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        options = {"before": timedelta(minutes=60), "fail_retry": timedelta(seconds=2)}
        async with Role(monkeypatch, **options) as role:
            await role.queue.send("a")
            role.fails = True
            role.clock.now = START + LIFE - 3599
            for _ in range(3):
                await role.queue.send("a")
                await role.settled()
            role.fails = False
            role.clock.now += 1.9
            await role.queue.send("a")
            await role.settled()
            assert role.giver.given == 1
            role.clock.now += 0.2
            await role.queue.send("a")
            await role.settled()
            await role.queue.send("a")
            assert role.tokens == ["token1"] * 6 + ["token2"]

    run(main())


def test_the_instances_role_switched_off(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    signer = IamRoleV4Sign(None, "sqs")
    with pytest.raises(CredentialsError, match="AWS_EC2_METADATA_DISABLED"):
        run(signer.fetch())
    signer.close()
