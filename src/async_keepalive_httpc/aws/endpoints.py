"""Where the calls of a client go, by the rules that AWS publishes and botocore ships.

Refuses: the environment and profiles (`settings`), sending.
Called by: `service`, for each call (`Endpoints.of`, a look into a dictionary once it was answered).
Law: the rules decide: partitions, FIPS, dual stack, accounts. What was asked before is not asked again.

    client     region, use_fips, use_dualstack, endpoint_url
    account    of the credentials; only DynamoDB heeds it by default: one host for each client keeps connections
    call       ARNs among its arguments
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from .._message.url import parse
from ..errors import InvalidRequest

MODES: Final = ("preferred", "disabled", "required")
KEPT: Final = 1000
"""Endpoints that are remembered for calls with an ARN: there is one for each account, not for each call."""

Facts = tuple[tuple[str, Any], ...]
"""Names and values for the rules."""
Read = Callable[[Mapping[str, Any]], Any]
NO_FACTS: Final[Facts] = ()
NONE: Final[Mapping[str, Any]] = {}
_REGION: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
"""A label of a host name: what a region becomes."""
_ARNS: Final = ("Arn", "ARN", "ArnList")


class Endpoint(NamedTuple):
    """url: scheme, host, port and possibly a path, without a slash at its end. region, signing_name: of the scope."""

    url: str
    region: str
    signing_name: str


@cache
def rules(service: str) -> Any:
    """botocore's EndpointProvider for a service; loading it takes 10 ms. Raises InvalidRequest."""
    from botocore.endpoint_provider import EndpointProvider
    from botocore.exceptions import DataNotFoundError, UnknownServiceError
    from botocore.loaders import Loader

    loader = Loader()
    try:
        return EndpointProvider(
            loader.load_service_model(service, "endpoint-rule-set-1"), loader.load_data("partitions")
        )
    except (DataNotFoundError, UnknownServiceError):
        raise InvalidRequest(f"botocore knows no endpoints of a service {service!r}") from None


class Endpoints:
    """The endpoints of one client.

    service: as botocore names it. metadata: `metadata` of its model. region: a region's name. endpoint_url: an URL in
    place of the rules'. use_fips, use_dualstack: the kind of endpoint. use_ssl: False for plain http. account_id: the
    account to name in the host. account_id_mode: "preferred", "disabled" or "required" (default: "preferred";
    Kinesis, unless an account_id is given, keeps to the region's one host, ARNs or not). Raises InvalidRequest.
    """

    __slots__ = (
        "_account",
        "_arns",
        "_asks_account",
        "_given",
        "_known",
        "_metadata",
        "_names",
        "_region",
        "_rules",
        "_service",
        "_ssl",
    )

    def __init__(
        self,
        service: str,
        metadata: Mapping[str, Any],
        region: str | None,
        *,
        endpoint_url: str | None = None,
        use_fips: bool | None = None,
        use_dualstack: bool | None = None,
        use_ssl: bool = True,
        account_id: str | None = None,
        account_id_mode: str | None = None,
    ) -> None:
        plain = _plain_region(service, region)
        given: dict[str, Any] = {
            "Region": plain,
            "UseFIPS": (bool(use_fips) or plain != region) and not endpoint_url,
            "UseDualStack": bool(use_dualstack) and not endpoint_url,
        }
        if endpoint_url:
            given["Endpoint"] = checked(endpoint_url)
        one_host = service == "kinesis" and not account_id and not account_id_mode
        mode = (account_id_mode or ("disabled" if one_host else "preferred")).lower()
        if mode not in MODES:
            raise InvalidRequest(f"account_id_endpoint_mode is {account_id_mode!r}: it must be one of {MODES}")
        given["AccountIdEndpointMode"] = mode
        self._service = service
        self._metadata = metadata
        self._region = plain
        self._rules = rules(service)
        self._names = frozenset(self._rules.ruleset.parameters)
        self._given = {name: value for name, value in given.items() if name in self._names}
        self._arns = not one_host
        self._asks_account = mode != "disabled" and "AccountId" in self._names
        self._account = account_id
        self._ssl = use_ssl
        self._known: dict[tuple[str | None, Facts], Endpoint] = {}

    def context(self, operation: Any) -> Context | None:
        """What the rules want to know of this operation's calls (botocore's OperationModel); None: nothing."""
        static = [(fact.name, fact.value) for fact in operation.static_context_parameters if fact.name in self._names]
        members = {
            fact.name: _member(fact.member_name) for fact in operation.context_parameters if fact.name in self._names
        }
        searched = (operation.operation_context_parameters or {}).items()
        members |= {name: _searched(entry["path"]) for name, entry in searched if name in self._names}
        plain = [(name, read) for name, read in members.items() if not name.endswith(_ARNS)]
        arns = [(name, read) for name, read in members.items() if name.endswith(_ARNS)] if self._arns else []
        return Context(tuple(static), plain, arns) if static or plain or arns else None

    def of(
        self,
        account: str | None = None,
        context: Context | None = None,
        arguments: Mapping[str, Any] = NONE,
        body: bytes = b"",
    ) -> Endpoint:
        """The endpoint of a call. account: the one of its credentials. body: its arguments, encoded as JSON.

        Raises InvalidRequest where the rules have none.
        """
        key = (account, NO_FACTS if context is None else context.facts(arguments, body))
        return self._known.get(key) or self._resolve(key)

    def _resolve(self, key: tuple[str | None, Facts]) -> Endpoint:
        from botocore.exceptions import EndpointProviderError

        parameters = self._given | dict(key[1])
        account = self._account or key[0]
        if account and self._asks_account:
            parameters["AccountId"] = account
        try:
            found = self._rules.resolve_endpoint(**parameters)
        except EndpointProviderError as error:
            raise InvalidRequest(f"{self._service} in {self._given.get('Region')} has no endpoint: {error}") from error
        scope = self._scope(found.properties.get("authSchemes"))
        url = found.url
        if not self._ssl and "Endpoint" not in parameters and url.startswith("https:"):
            url = "http:" + url.removeprefix("https:")
        if len(self._known) >= KEPT:
            self._known.clear()
        endpoint = self._known[key] = Endpoint(url.rstrip("/"), *scope)
        return endpoint

    def _scope(self, schemes: list[dict[str, str]] | None) -> tuple[str, str]:
        """Region and signing name: those of the rules' SigV4 scheme, else the client's and the model's."""
        metadata = self._metadata
        name = metadata.get("signingName") or metadata["endpointPrefix"]
        region = self._region
        if not schemes:
            return region, name
        scheme = next((scheme for scheme in schemes if scheme["name"] in ("sigv4", "v4")), None)
        if scheme is None:
            names = ", ".join(scheme["name"] for scheme in schemes)
            raise InvalidRequest(
                f"{self._service} in {region} wants to be signed with {names}: only sigv4 is made here"
            )
        return scheme.get("signingRegion", region), scheme.get("signingName", name)

    def __repr__(self) -> str:
        return f"<Endpoints of {self._service} in {self._region}>"


class Context:
    """What the rules are told of the calls of one operation.

    static: facts that are the same for each call. plain: what they read of its arguments. arns: the same, of those
    where only an ARN makes a difference.
    """

    __slots__ = ("_arns", "_plain", "_static")

    def __init__(self, static: Facts, plain: list[tuple[str, Read]], arns: list[tuple[str, Read]]) -> None:
        self._static = static
        self._plain = plain
        self._arns = arns

    def facts(self, arguments: Mapping[str, Any], body: bytes) -> Facts:
        """Of this call; ARNs are looked for only if its body holds one: most calls name a table or a stream."""
        facts = self._static
        for name, read in self._plain:
            value = read(arguments)
            if value is not None:
                facts += ((name, value),)
        if self._arns and b'"arn:' in body:
            for name, read in self._arns:
                value = read(arguments)
                if isinstance(value, str):
                    if value.startswith("arn:"):
                        facts += ((name, value),)
                elif value:
                    facts += ((name, tuple(value)),)
        return facts


def _plain_region(service: str, region: str | None) -> str:
    """The region without "fips". Raises InvalidRequest."""
    if not region:
        raise InvalidRequest(
            f"A client for {service} needs a region: give region_name='us-east-1' or another, or set AWS_DEFAULT_REGION"
        )
    plain = region.replace("fips-", "").replace("-fips", "")
    if not _REGION.fullmatch(plain):
        raise InvalidRequest(f"The region {region!r:.100} is no name of one: give one such as 'eu-west-1'")
    return plain


def _member(name: str) -> Read:
    return lambda arguments: arguments.get(name)


def _searched(path: str) -> Read:
    import jmespath

    search: Read = jmespath.compile(path).search
    return search


def checked(url: str) -> str:
    """An endpoint URL as it was given. Raises InvalidRequest."""
    parsed = parse(url)
    if b"?" in parsed.target or parsed.username is not None:
        raise InvalidRequest(f"The endpoint URL {parsed} has a query or credentials: give scheme, host and port only")
    return url
