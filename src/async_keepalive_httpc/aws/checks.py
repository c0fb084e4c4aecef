"""Whether what came is what was sent: MD5 of SQS's messages, CRC-32 of DynamoDB's bodies.

Refuses: deciding what follows (`service`).
Called by: `service`, after an answer (`crc32`), and with its result (`sqs`).
Law: a digest that is missing proves nothing and is no error. MD5 guards against accidents here, not against anybody.

    attribute, by name     name, type, then 1 and text (String, Number) or 2 and bytes (Binary)
    each of these          its length in four bytes, high ones first, then itself

An attribute's digest that came is that of the attributes that came.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

try:
    # The interpreter's own: OpenSSL's takes longer to begin than this one takes for a message (0.55 us and 0.33).
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:  # Python may be built without it
    md5 = partial(hashlib.md5, usedforsecurity=False)

Check = Callable[[Mapping[str, Any], Mapping[str, Any]], str | None]
"""Given the parameters and the result of a call: what is wrong, or None."""

_ATTRIBUTES: Final = (
    ("MessageAttributes", "MD5OfMessageAttributes"),
    ("MessageSystemAttributes", "MD5OfMessageSystemAttributes"),
)
_UNUSUAL: Final = (KeyError, UnicodeEncodeError)
"""Of a message without a digest, and of a body with half of a surrogate pair, where the usual is tried first."""


def crc32(body: bytes, stated: bytes) -> str | None:
    """What is wrong with a body, by the value of x-amz-crc32; None: nothing."""
    found = zlib.crc32(body)
    if b"%d" % found == stated:
        return None
    return f"the body's CRC-32 is {found}, the header x-amz-crc32 says {stated.decode('latin-1')[:20]!r}"


def digest(text: str) -> str:
    """MD5 of a message's body."""
    return md5(text.encode("utf-8", "surrogatepass")).hexdigest()  # type: ignore[no-any-return]


def attributes_digest(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """MD5 of a message's attributes."""
    hashed = md5()
    for name, attribute in sorted(attributes.items()):
        kind = attribute["DataType"]
        binary = kind.startswith("Binary")
        value = attribute["BinaryValue" if binary else "StringValue"]
        for part in (name, kind):
            hashed.update(_measured(part))
        hashed.update(b"\2" if binary else b"\1")
        hashed.update(_measured(value))
    return hashed.hexdigest()  # type: ignore[no-any-return]


def _measured(part: Any) -> bytes:
    data = part.encode() if isinstance(part, str) else bytes(part)
    return len(data).to_bytes(4, "big") + data


def _compared(message: Mapping[str, Any], result: Mapping[str, Any], body: str, md5_of_body: str) -> str | None:
    stated = result.get(md5_of_body)
    if stated is not None and digest(message[body]) != stated:
        return f"the body's MD5 is {digest(message[body])}, SQS says {stated}"
    for attributes, md5_of_them in _ATTRIBUTES:
        if attributes in message and (stated := result.get(md5_of_them)) is not None:
            given = message[attributes]
            if given and attributes_digest(given) != stated:
                return f"the MD5 of {attributes} is {attributes_digest(given)}, SQS says {stated}"
    return None


def sent(parameters: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """SendMessage."""
    wrong = _compared(parameters, result, "MessageBody", "MD5OfMessageBody")
    return wrong and f"message {result.get('MessageId')}: {wrong}; it is in the queue, but not as it was sent"


def sent_batch(parameters: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """SendMessageBatch."""
    entries = {entry["Id"]: entry for entry in parameters["Entries"]}
    for done in result.get("Successful", ()):
        entry = entries.get(done["Id"])
        if entry is None:
            continue
        try:
            if (
                md5(entry["MessageBody"].encode()).hexdigest() == done["MD5OfMessageBody"]
                and "MessageAttributes" not in entry
                and "MessageSystemAttributes" not in entry
            ):
                continue  # there are ten of them, and most are so
        except _UNUSUAL:
            pass
        wrong = _compared(entry, done, "MessageBody", "MD5OfMessageBody")
        if wrong:
            return f"entry {done['Id']!r}: {wrong}; it is in the queue, but not as it was sent"
    return None


def received(parameters: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """ReceiveMessage."""
    for message in result.get("Messages", ()):
        try:
            if md5(message["Body"].encode()).hexdigest() == message["MD5OfBody"] and "MessageAttributes" not in message:
                continue  # there are ten of them, and most are so
        except _UNUSUAL:
            pass
        wrong = _compared(message, message, "Body", "MD5OfBody")
        if wrong:
            return f"message {message.get('MessageId')}: {wrong}; it becomes visible again when its time is over"
    return None


SQS: Final[dict[str, Check]] = {
    "SendMessage": sent,
    "SendMessageBatch": sent_batch,
    "ReceiveMessage": received,
}
CRC32: Final = frozenset({"dynamodb", "dynamodbstreams"})
"""Services whose bodies have a CRC-32."""
