"""AWS over kept connections: `async with aws.client("dynamodb", region_name="eu-west-1") as ddb: ...`

Refuses: everything but the door: importing this costs nothing, botocore is imported with the first client.
Called by: users. Needs the extra `aws`.
Law: of a botocore Config these are heeded, and what has no meaning here is refused: region_name, connect_timeout
(default 3 s), read_timeout (30 s, and 10 s more than a long poll asks for), max_pool_connections (10), retries (mode
"standard" or "adaptive", max_attempts, total_max_attempts; default 3 tries, DynamoDB 4), proxies, client_cert,
user_agent, user_agent_extra, use_fips_endpoint, use_dualstack_endpoint, account_id_endpoint_mode, inject_host_prefix,
ignore_configured_endpoint_urls, signature_version ("v4" or UNSIGNED). parameter_validation changes nothing: the service
validates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from typing import Literal, Unpack

    from . import typed
    from .api import ServiceClient

__all__ = ["client"]


@overload
def client(service_name: Literal["sqs"], **options: Unpack[typed.Options]) -> typed.SQS: ...
@overload
def client(service_name: Literal["dynamodb"], **options: Unpack[typed.Options]) -> typed.DynamoDB: ...
@overload
def client(service_name: Literal["dynamodbstreams"], **options: Unpack[typed.Options]) -> typed.DynamoDBStreams: ...
@overload
def client(service_name: Literal["kinesis"], **options: Unpack[typed.Options]) -> typed.Kinesis: ...
@overload
def client(service_name: str, **options: Unpack[typed.Options]) -> ServiceClient: ...


def client(
    service_name: str,
    *,
    region_name: str | None = None,
    endpoint_url: str | None = None,
    aws_access_key_id: str | None = None,
    aws_secret_access_key: str | None = None,
    aws_session_token: str | None = None,
    aws_account_id: str | None = None,
    profile_name: str | None = None,
    use_ssl: bool = True,
    verify: bool | str | None = None,
    config: Any = None,
) -> ServiceClient:
    """A client of a service of AWS that speaks a JSON protocol, shaped as boto3's; its methods are to be awaited.

    service_name: as boto3 names it: "sqs", "dynamodb", "kinesis", "stepfunctions", ... region_name: default: Config,
        AWS_DEFAULT_REGION, AWS_REGION, the profile. endpoint_url: another address, such as an emulator's (default:
        AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile, AWS's own rules).
    aws_access_key_id, aws_secret_access_key, aws_session_token: default: the environment, the profile (roles, SSO,
        processes, web identity), the container, the instance. profile_name: default: AWS_PROFILE, "default".
    aws_account_id: the account that endpoints name. use_ssl: False: http. verify: False: certificates are not checked;
        or a file of trusted ones (default: AWS_CA_BUNDLE, the system's). config: a botocore Config; see the module.

    Raises InvalidRequest (no region, a bad URL, a service with another protocol, a Config that has no meaning here),
    CredentialsError for half a pair of keys, botocore's UnknownServiceError, and ImportError without the extra.
    """
    arguments, open_client = _rooms()
    keys = aws_access_key_id, aws_secret_access_key, aws_session_token
    given = arguments(region_name, endpoint_url, *keys, aws_account_id, profile_name, use_ssl, verify, config)
    opened: ServiceClient = open_client(service_name, given)
    return opened


def _rooms() -> tuple[Any, Any]:
    try:
        from .options import Arguments, open_client
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("botocore", "jmespath", "dateutil"):
            raise
        raise ImportError(
            "aws.client reads botocore's models: pip install 'async_keepalive_httpc[aws]'", name=error.name
        ) from error
    return Arguments, open_client
