"""From what a caller, the environment and the profile say to a client of a service.

Refuses: files and variables (`settings` reads them), the chain of credentials (`chain`).
Called by: `client` of this package.
Law: arguments, then botocore's Config, then the environment, then the profile. What cannot be heeded is refused,
not passed over; Config's options that change nothing here are in HARMLESS, with the reason.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from botocore import UNSIGNED

from .._message.limits import Limits, Timeout
from ..client import Client
from ..errors import InvalidRequest
from . import chain, retry, settings
from .api import ServiceClient
from .endpoints import Endpoints
from .model import Model, load
from .service import USER_AGENT, Service
from .skew import Skew

CONNECT: Final = 3.0
READ: Final = 30.0
CONNECTIONS: Final = 10
IDLE: Final = 20.0
"""Seconds; AWS's servers close after more."""

HEEDED: Final = frozenset(
    {
        "account_id_endpoint_mode",
        "client_cert",
        "connect_timeout",
        "ignore_configured_endpoint_urls",
        "inject_host_prefix",
        "max_pool_connections",
        "proxies",
        "read_timeout",
        "region_name",
        "retries",
        "signature_version",
        "use_dualstack_endpoint",
        "use_fips_endpoint",
        "user_agent",
        "user_agent_extra",
    }
)
HARMLESS: Final = {
    "defaults_mode": "the time limits have values of their own",
    "disable_request_compression": "nothing is compressed",
    "parameter_validation": "the service validates, and costs no time here",
    "request_checksum_calculation": "S3's",
    "request_min_compression_size_bytes": "nothing is compressed",
    "response_checksum_validation": "S3's; what SQS and DynamoDB offer is always checked",
    "s3": "S3 speaks no JSON",
    "s3_disable_express_session_auth": "S3's",
    "tcp_keepalive": "always on",
    "user_agent_appid": "for AWS's statistics",
}
"""Options of a Config that change nothing here, and why."""


class Arguments(NamedTuple):
    """What `client` was given; see there."""

    region_name: str | None
    endpoint_url: str | None
    access_key: str | None
    secret_key: str | None
    token: str | None
    account_id: str | None
    profile: str | None
    use_ssl: bool
    verify: bool | str | None
    config: Any


def open_client(name: str, given: Arguments) -> ServiceClient:
    """A client of the service that botocore calls `name`. Raises InvalidRequest, and what `load` raises."""
    model = load(name)
    config = options_of(given.config)
    environ: Mapping[str, str] = os.environ
    if config.get("ignore_configured_endpoint_urls"):
        environ = {**environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    said = settings.read(environ, str(model.shapes.service_id), given.profile)
    region = given.region_name or config.get("region_name") or said.region
    endpoints = _endpoints(model, given, config, said, region)
    timeout = _timeout(config)
    endpoint = endpoints.of()
    http = _http(given, config, said, timeout, endpoint.url)
    # The chain asks its links without a proxy.
    direct = Client(timeout=timeout, decode=False, max_redirects=0, trust_env=False)
    keys: dict[str, Any] = {"access_key": given.access_key, "secret_key": given.secret_key, "token": given.token}
    source = chain.source(os.environ, direct.send, **keys, profile=given.profile, region=region)
    service = Service(
        http.send,
        model,
        source,
        endpoints,
        _retry(name, config, said),
        skew=Skew() if said.skew_correction else None,
        timeout=timeout,
        prefixed=config.get("inject_host_prefix") is not False,
        signed=_is_signed(config),
        user_agent=_user_agent(config),
    )
    return ServiceClient(service, endpoint.region, http, direct)


def options_of(config: Any) -> dict[str, Any]:
    """What a botocore Config says that was given to it. Raises InvalidRequest for options that are not heeded here."""
    if config is None:
        return {}
    given: Mapping[str, Any] = getattr(config, "_user_provided_options", None) or {}
    for option, value in given.items():
        if option not in HEEDED and option not in HARMLESS and value is not None:
            raise InvalidRequest(f"Config({option}={value!r}) has no meaning here: leave it out")
    return {option: getattr(config, option) for option in given if option in HEEDED}


def _endpoints(
    model: Model, given: Arguments, config: Mapping[str, Any], said: settings.Settings, region: str | None
) -> Endpoints:
    fips, dualstack = config.get("use_fips_endpoint"), config.get("use_dualstack_endpoint")
    return Endpoints(
        model.name,
        model.shapes.metadata,
        region,
        endpoint_url=given.endpoint_url or said.endpoint_url,
        use_fips=said.use_fips if fips is None else fips,
        use_dualstack=said.use_dualstack if dualstack is None else dualstack,
        use_ssl=given.use_ssl,
        account_id=given.account_id,
        account_id_mode=config.get("account_id_endpoint_mode") or said.account_id_mode,
    )


def _timeout(config: Mapping[str, Any]) -> Timeout:
    """None is no limit, as in botocore."""
    read = config.get("read_timeout", READ)
    return Timeout(total=None, connect=config.get("connect_timeout", CONNECT), read=read, write=read)


def _http(given: Arguments, config: Mapping[str, Any], said: settings.Settings, timeout: Timeout, url: str) -> Client:
    """The engine's client: one host's connections, opened on need."""
    verify = said.ca_bundle if given.verify is None else given.verify
    more: dict[str, Any] = {}
    if (proxies := config.get("proxies")) is not None:
        scheme = url.partition(":")[0]
        more["proxy"] = proxies.get(scheme) or False
    return Client(
        timeout=timeout,
        limits=Limits(max_per_host=config.get("max_pool_connections", CONNECTIONS), idle_timeout=IDLE),
        decode=False,
        max_redirects=0,
        verify=verify is not False,
        ca_certs=verify if isinstance(verify, str) else None,
        cert=config.get("client_cert"),
        **more,
    )


def _retry(name: str, config: Mapping[str, Any], said: settings.Settings) -> retry.Standard:
    """Config's `max_attempts` counts retries, its `total_max_attempts` and AWS_MAX_ATTEMPTS all tries."""
    given = config.get("retries") or {}
    attempts: Any = given.get("total_max_attempts")
    if attempts is None and given.get("max_attempts") is not None:
        attempts = given["max_attempts"] + 1
    return retry.policy(
        name,
        given.get("mode") or said.retry_mode,
        said.max_attempts if attempts is None else attempts,
        now=time.monotonic(),
    )


def _is_signed(config: Mapping[str, Any]) -> bool:
    version = config.get("signature_version")
    if version is not UNSIGNED and version not in (None, "v4"):
        raise InvalidRequest(f"Config(signature_version={version!r}): only 'v4' is made here, and botocore.UNSIGNED")
    return version is not UNSIGNED


def _user_agent(config: Mapping[str, Any]) -> str:
    said = config.get("user_agent") or USER_AGENT
    extra = config.get("user_agent_extra")
    return f"{said} {extra}" if extra else said
