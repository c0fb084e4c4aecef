"""Signatures: published vectors, and botocore's own signer over random requests."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from async_keepalive_httpc.aws.signing import UNSIGNED, Blank, Form, Signer, amz_date

EXAMPLE = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1"
RANDOM_REQUESTS = 5_000


def signature(fields):
    return dict(fields)[b"Authorization"].rpartition(b"=")[2].decode()


# -- published vectors


def test_the_get_of_2011_signs_its_own_date():
    fields = Signer(*EXAMPLE, "host").sign(
        "GET", b"host.foo.com", b"/", [(b"Date", b"Mon, 09 Sep 2011 23:36:00 GMT")], b"", "20110909T233600Z"
    )
    assert [name for name, _ in fields] == [b"Authorization"]
    assert signature(fields) == "b27ccfbfa7df52a200ff74193ca6e32d4b48b8856fab7ebf1c595d0670a7e470"


def test_the_form_post_of_2011():
    content = [(b"Content-Type", b"application/x-www-form-urlencoded; charset=utf-8")]
    fields = Signer(*EXAMPLE, "iam").sign(
        "POST", b"iam.amazonaws.com", b"/", content, b"Action=ListUsers&Version=2010-05-08", "20110909T233600Z"
    )
    assert fields[0] == (b"X-Amz-Date", b"20110909T233600Z")
    assert signature(fields) == "ced6826de92d2bdeed8f846f0bf508e8559e98e4b0199114b84c54174deb456c"


# From AWS's signature version 4 test suite: name, method, target, fields, signature.
SUITE: list[Any] = [
    ("get-vanilla", "GET", b"/", [], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("post-vanilla", "POST", b"/", [], "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "get-vanilla-query-order-key-case",
        "GET",
        b"/?Param2=value2&Param1=value1",
        [],
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-vanilla-utf8-query",
        "GET",
        "/?ሴ=bar".encode(),
        [],
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    (
        "get-unreserved",
        "GET",
        b"/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        [],
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    ("get-utf8", "GET", "/ሴ".encode(), [], "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    ("get-relative", "GET", b"/example/..", [], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("get-slash", "GET", b"//", [], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
]


@pytest.mark.parametrize(("name", "method", "target", "fields", "expected"), SUITE, ids=[row[0] for row in SUITE])
def test_the_suite_of_aws(name, method, target, fields, expected):
    signer = Signer(*EXAMPLE, "service")
    signed = signer.sign(method, b"example.amazonaws.com", target, fields, b"", "20150830T123600Z")
    assert signature(signed) == expected


# -- botocore as oracle


def by_botocore(monkeypatch, signer, keys, method, url, headers, body, moment):
    request = AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: moment)
    oracle = auth.S3SigV4Auth if signer.service == "s3" else auth.SigV4Auth
    oracle(keys, signer.service, signer.region).add_auth(request)
    return request.headers


def a_text(chance, alphabet, most):
    return "".join(chance.choices(alphabet, k=chance.randint(0, most)))


TEXT = "abcXYZ019 -_.~!*'();:@&=+$,/?#[]%éλ中\U0001f600"
VALUES = "abcXYZ019 \t-_.~!*'();:@&=+$,/?#[]%"


def a_request(chance):
    segments = [a_text(chance, TEXT, 6) if chance.random() < 0.8 else chance.choice(["", ".", ".."]) for _ in range(4)]
    path = "/" + quote("/".join(segments[: chance.randint(0, 4)]), safe="/-_.~")
    pairs = [
        quote(a_text(chance, TEXT, 4), safe="-_.~") + "=" + quote(a_text(chance, TEXT, 6), safe="-_.~")
        for _ in range(chance.randint(0, 4))
    ]
    names = ["Content-Type", "X-Amz-Target", "x-amz-meta-a", "X-B", "x-b", "User-Agent", "Expect", "Range", "Accept"]
    headers = [(name, a_text(chance, VALUES, 12).strip()) for name in chance.sample(names, chance.randint(0, 6))]
    body = chance.randbytes(chance.choice([0, 1, 63, 64, 65, 300]))
    method = chance.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"])
    return method, path + ("?" + "&".join(pairs) if pairs else ""), headers, body


def test_random_requests_sign_as_botocore_signs(monkeypatch):
    chance = random.Random(20261122)
    for _ in range(RANDOM_REQUESTS):
        token = chance.choice([None, "a/token+of=letters"])
        keys = Credentials("AK" + str(chance.randint(0, 9)), "secret" + a_text(chance, "aZ0+/", 9), token)
        region, service = chance.choice(["eu-west-1", "us-gov-east-1"]), chance.choice(["sqs", "dynamodb", "s3", "x"])
        signer = Signer(keys.access_key, keys.secret_key, region, service, token)
        host = chance.choice(["example.com", "[::1]:8000", "a.b:81", "127.0.0.1"])
        moment = datetime.fromtimestamp(chance.randint(0, 4_000_000_000), UTC)
        method, target, headers, body = a_request(chance)
        expected = by_botocore(monkeypatch, signer, keys, method, f"https://{host}{target}", headers, body, moment)
        fields = [(name.encode(), value.encode()) for name, value in headers]
        if chance.random() < 0.5:
            fields.append((b"hOST", host.encode()))
        added = signer.sign(method, host.encode(), target.encode(), fields, body, amz_date(moment.timestamp()))
        for name, value in added:
            assert value.decode() == expected[name.decode()], (method, target, headers)


def test_a_given_payload_hash_is_signed_in_the_place_of_the_bodys(monkeypatch):
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    keys = Credentials("AK", "secret")
    for service in ("s3", "other"):
        signer = Signer("AK", "secret", "eu-west-1", service)
        request = AWSRequest("PUT", "https://h/x", data=b"body", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
        # botocore's S3 signer would put the body's hash in its place: signed by the plain one.
        monkeypatch.setattr(auth, "get_current_datetime", lambda: moment)
        auth.SigV4Auth(keys, service, "eu-west-1").add_auth(request)
        fields = [(b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD")]
        added = signer.sign("PUT", b"h", b"/x", fields, b"body", amz_date(moment.timestamp()))
        assert [name for name, _ in added] == [b"X-Amz-Date", b"Authorization"]
        assert dict(added)[b"Authorization"].decode() == request.headers["Authorization"]


def test_a_query_is_encoded_anew_before_it_is_signed():
    signer = Signer(*EXAMPLE, "service")

    def of(target):
        return signature(signer.sign("GET", b"h", target, [], b"", "20150830T123600Z"))

    assert of(b"/?a=b%2bc&&x:y") == of(b"/?x%3Ay=&a=b+c")
    assert of(b"/?a=%7e") == of(b"/?a=~")


# -- the fast form


def lines(block):
    return [tuple(line.split(b": ", 1)) for line in block.split(b"\r\n")[:-1]]


def test_a_form_signs_as_the_general_signer_over_seconds_days_and_tokens():
    chance = random.Random(7)
    fields = [(b"Content-Type", b"application/x-amz-json-1.0"), (b"X-Amz-Target", b"DynamoDB_20120810.GetItem")]
    for token in (None, "token"):
        signer = Signer("AK", "secret", "eu-west-1", "dynamodb", token)
        general = Signer("AK", "secret", "eu-west-1", "dynamodb", token)
        form = Form(signer, b"localhost:8000", b"/", fields, [(b"User-Agent", b"us/1")])
        for _ in range(300):
            second = chance.randint(86_390, 86_410)
            body = chance.randbytes(chance.randint(0, 200))
            got = lines(form.block(body, second))
            assert got[:3] == [(b"User-Agent", b"us/1"), *fields]
            assert got[3:] == general.sign("POST", b"localhost:8000", b"/", fields, body, amz_date(second))


def test_forms_of_one_signer_do_not_disturb_each_other_at_midnight():
    signer = Signer("AK", "secret", "eu-west-1", "sqs")
    before, after = Form(signer, b"h", b"/", [], []), Form(signer, b"h", b"/", [], [])
    first = before.block(b"x", 86_399)
    after.block(b"x", 86_400)
    assert before.block(b"x", 86_399) == first


def test_what_a_proxy_may_change_is_not_signed():
    signer = Signer("AK", "secret", "eu-west-1", "sqs")
    fields = [(name, b"1") for name in UNSIGNED]
    plain = signer.sign("GET", b"h", b"/", [], b"", "20150830T123600Z")
    assert signer.sign("GET", b"h", b"/", fields, b"", "20150830T123600Z") == plain


def test_a_signer_shows_no_key():
    signer = Signer("AKID", "topsecret", "eu-west-1", "sqs", "token")
    assert repr(signer) == "<Signer eu-west-1 sqs>"


def test_a_form_without_a_signature():
    assert Blank([(b"a", b"1"), (b"b", b"2")]).block(b"body", 7) == b"a: 1\r\nb: 2\r\n"
