"""Kinesis: records into a stream, by the verb of the user's document.

Refuses: reading, and many records at a time (`aws.client("kinesis")` has every operation).
Called by: users. Law: as for SQSQueue: what Kinesis would refuse for its size is refused before it is sent.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

from ..errors import InvalidRequest
from .verbs import AWSResponse, Callback, Verbs, with_error

MOST_BYTES: Final = 10 * 1024 * 1024
"""Bytes of a record; a stream may be set to take fewer."""
MOST_KEY: Final = 256
"""Characters of a partition key."""


class Kinesis(Verbs):
    """Kinesis: `Kinesis(io_loop, access_key=..., secret_key=..., region="eu-west-1")`.

    io_loop: a tornado IOLoop, or None. options: see `verbs.Options`; `endpoints` is another name of `region`.
    A callback is called with (aws_result, error=None or the error, response=the answer).
    Raises InvalidRequest, CredentialsError, TypeError.
    """

    service_name = "kinesis"

    def put_record(
        self,
        stream_name: str,
        data: str | bytes,
        partition_key: str | int,
        explicit_hash_key: str | int | None = None,
        sequence_number_for_ordering: str | int | None = None,
        b64_encode: bool = True,
        callback: Callback | None = None,
        object_hook: Any = None,
    ) -> asyncio.Future[AWSResponse]:
        """Put a record of up to 10 MiB; `aws_result["ShardId"]` and `["SequenceNumber"]` say where it is.

        data: text is sent as UTF-8. partition_key: 1 to 256 characters. b64_encode: False: `data` is in base64 already
        (default True). object_hook: see `Verbs.call`. Raises InvalidRequest at once; else the Future raises AWSError
        and so on.
        """
        if not isinstance(stream_name, str) or not stream_name:
            raise InvalidRequest(f"stream_name is {stream_name!r:.50}: give the name of a stream")
        record = data.encode() if isinstance(data, str) else data
        if not isinstance(record, (bytes, bytearray, memoryview)):
            raise InvalidRequest(f"A record is bytes or text, not a {type(data).__name__}: encode it")
        if not b64_encode:
            record = _decoded(bytes(record))
        if len(record) > MOST_BYTES:
            raise InvalidRequest(f"The record has {len(record)} bytes: Kinesis takes {MOST_BYTES} (10 MiB)")
        key = str(partition_key)
        if not 1 <= len(key) <= MOST_KEY:
            raise InvalidRequest(f"The partition key has {len(key)} characters: 1 to {MOST_KEY} are allowed")
        parameters: dict[str, Any] = {"StreamName": stream_name, "Data": bytes(record), "PartitionKey": key}
        if explicit_hash_key is not None:
            parameters["ExplicitHashKey"] = str(explicit_hash_key)
        if sequence_number_for_ordering is not None:
            parameters["SequenceNumberForOrdering"] = str(sequence_number_for_ordering)
        return self.call("PutRecord", parameters, callback=with_error(callback), object_hook=object_hook)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidRequest(f"b64_encode is False, but the data is no base64: {error}") from None
