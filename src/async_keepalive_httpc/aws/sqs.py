"""SQSQueue: a queue of SQS, by the verbs of the user's document.

Refuses: receiving in a loop, batching by itself (`aws.client("sqs")` has every operation).
Called by: users. Law: what SQS would refuse for its size or count is refused before it is sent, with the limit's name.

    from async_keepalive_httpc.aws.sqs import SQSQueue

    queue = SQSQueue(io_loop, "ACCESS_KEY", "SECRET_KEY", "https://sqs.eu-west-1.amazonaws.com/123456789012/name")
    response = yield queue.send("text")
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from .._message.url import parse
from ..errors import InvalidRequest
from .verbs import AWSResponse, Options, Verbs, regional

MOST_BYTES: Final = 1_048_576
"""Bytes of a message, and of a batch of messages together."""
MOST_ENTRIES: Final = 10
MOST_ATTRIBUTES: Final = 10

_HOSTS: Final = re.compile(
    r"sqs\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?|(?P<old>[a-z0-9-]+)\.queue\.amazonaws\.com|queue\.amazonaws\.com"
)
_FIRST: Final = "us-east-1"
"""Whose queues "queue.amazonaws.com" has."""

Callback = Callable[[AWSResponse], object]


class SQSQueue(Verbs):
    """One queue: `SQSQueue(io_loop, ACCESS_KEY, SECRET_KEY, url)`, or `SQSQueue(io_loop, url, access_key=, ...)`.

    io_loop: a tornado IOLoop, or None. url: the queue's. A URL of AWS names the region; one of another host is where
    the requests go. options: see `verbs.Options`; `endpoints` is another name of `region`.
    Raises InvalidRequest, CredentialsError, TypeError.
    """

    service_name = "sqs"

    url: str

    def _options(self, url: str | None, given: dict[str, Any]) -> Options:
        """The URL is the queue's: it may name the region, or where to connect to. Raises InvalidRequest, TypeError."""
        url = given.pop("q_url", None) or url
        if url is None:
            raise InvalidRequest(
                "SQSQueue needs the queue's URL, such as https://sqs.eu-west-1.amazonaws.com/1234/name"
            )
        self.url = url
        chosen = regional(given)
        region, origin = place(url)
        if region is not None and chosen.region not in (None, region):
            raise InvalidRequest(f"The queue {url} is in {region}, not in {chosen.region}: give one of the two")
        return chosen._replace(region=region or chosen.region, endpoint_url=chosen.endpoint_url or origin)

    def send(
        self, msg: str, callback: Callback | None = None, headers: Any = None, **more: Any
    ) -> asyncio.Future[AWSResponse]:
        """Send a message; `aws_result["MessageId"]` is its name.

        msg: text of 1 byte to 1 MiB. callback: told the answer. headers: more fields. more: of SendMessage, such as
        DelaySeconds or MessageGroupId. Raises InvalidRequest at once; else the Future raises AWSError, ConnectError,
        TimeoutExpired, ConnectionLost, ChecksumError.
        """
        total = size(msg) + attributes_size(more.get("MessageAttributes"))
        if total > MOST_BYTES:
            raise InvalidRequest(f"The message and its attributes have {total} bytes: {MOST_BYTES} (1 MiB) is the most")
        parameters = {"QueueUrl": self.url, "MessageBody": msg, **more}
        return self.call("SendMessage", parameters, callback=callback, headers=headers)

    def send_batch(
        self, messages: Sequence[str] = (), callback: Callback | None = None, headers: Any = None
    ) -> asyncio.Future[AWSResponse]:
        """Send 1 to 10 messages, of 1 MiB together, in one request.

        `aws_result["Successful"]` and, where SQS refused some, `aws_result["Failed"]` name them by `Id`: their place in
        `messages`, from "0" on. Else as `send`.
        """
        if isinstance(messages, (str, bytes)) or not 1 <= len(messages) <= MOST_ENTRIES:
            raise InvalidRequest(f"send_batch takes 1 to {MOST_ENTRIES} messages at a time: give a list of that many")
        total = sum(size(message) for message in messages)
        if total > MOST_BYTES:
            raise InvalidRequest(f"The batch has {total} bytes: {MOST_BYTES} (1 MiB) is the most; send fewer at a time")
        entries = [{"Id": str(place), "MessageBody": message} for place, message in enumerate(messages)]
        parameters = {"QueueUrl": self.url, "Entries": entries}
        return self.call("SendMessageBatch", parameters, callback=callback, headers=headers)


def place(url: str) -> tuple[str | None, str | None]:
    """The region that a queue's URL names, and the origin to connect to where that is not the region's endpoint.

    Raises InvalidRequest for a URL without the path of a queue.
    """
    parsed = parse(url)
    if parsed.target.strip(b"/") == b"" or b"?" in parsed.target:
        raise InvalidRequest(f"{parsed} is no queue's URL: it ends in an account's number and the queue's name")
    found = _HOSTS.fullmatch(parsed.origin.host)
    if found is None:
        return None, f"{parsed.origin.scheme}://{parsed.authority.decode()}"
    return found["region"] or found["old"] or _FIRST, None


def size(message: object) -> int:
    """The bytes of a message. Raises InvalidRequest for what SQS takes for none."""
    if not isinstance(message, str):
        raise InvalidRequest(f"A message is text, not a {type(message).__name__}: encode it, such as with json.dumps()")
    length = len(message) if message.isascii() else len(message.encode("utf-8", "surrogatepass"))
    if not 1 <= length <= MOST_BYTES:
        raise InvalidRequest(f"The message has {length} bytes: 1 to {MOST_BYTES} (1 MiB) can be sent")
    return length


def attributes_size(attributes: Any) -> int:
    """The bytes of a message's attributes: names, types and values. Raises InvalidRequest for more than ten."""
    if not isinstance(attributes, Mapping):
        return 0  # none, or what SQS itself will refuse
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidRequest(f"The message has {len(attributes)} attributes: {MOST_ATTRIBUTES} are the most")
    total = 0
    for name, attribute in attributes.items():
        parts = attribute.values() if isinstance(attribute, Mapping) else ()
        total += sum(_length(part) for part in (name, *parts))
    return total


def _length(part: Any) -> int:
    if isinstance(part, str):
        return len(part.encode("utf-8", "surrogatepass"))
    return len(part) if isinstance(part, (bytes, bytearray, memoryview)) else 0
