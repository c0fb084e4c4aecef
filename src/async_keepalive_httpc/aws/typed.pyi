"""What a type checker is told of clients: the operations, where types-aiobotocore is installed; else nothing is wrong.

Refuses: to exist at run time. Called by: `client` of this package, in its signatures.
"""

from typing import TypedDict

from types_aiobotocore_dynamodb import DynamoDBClient  # type: ignore[import-not-found]
from types_aiobotocore_dynamodbstreams import DynamoDBStreamsClient  # type: ignore[import-not-found]
from types_aiobotocore_kinesis import KinesisClient  # type: ignore[import-not-found]
from types_aiobotocore_sqs import SQSClient  # type: ignore[import-not-found]

from .api import ServiceClient

# Without those packages a base is Any, and so is what it declares.
class SQS(SQSClient, ServiceClient): ...  # type: ignore[misc]
class DynamoDB(DynamoDBClient, ServiceClient): ...  # type: ignore[misc]
class DynamoDBStreams(DynamoDBStreamsClient, ServiceClient): ...  # type: ignore[misc]
class Kinesis(KinesisClient, ServiceClient): ...  # type: ignore[misc]

class Options(TypedDict, total=False):
    """Those of `client`."""

    region_name: str | None
    endpoint_url: str | None
    aws_access_key_id: str | None
    aws_secret_access_key: str | None
    aws_session_token: str | None
    aws_account_id: str | None
    profile_name: str | None
    use_ssl: bool
    verify: bool | str | None
    config: object
