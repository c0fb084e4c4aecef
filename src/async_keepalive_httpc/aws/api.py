"""A client of one service, shaped as boto3's: a method for each operation, to be awaited.

Refuses: how a call is made (`service`), and how a client is (`options`).
Called by: `client` of this package, for users.
Law: a method is made when it is first asked for, and is an attribute from then on.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from botocore import xform_name
from botocore.exceptions import OperationNotPageableError
from botocore.model import ServiceModel

from . import paginate, waiters
from .closing import Closing
from .errors import Exceptions
from .service import Call, Service


class Meta(NamedTuple):
    """Facts of a client, by boto3's names: `client.meta`."""

    region_name: str
    endpoint_url: str
    service_model: ServiceModel
    method_to_api_mapping: dict[str, str]


class Connections(Protocol):
    """Those of a client: the engine's, as far as it is asked here."""

    @property
    def connect_times(self) -> int: ...

    def stats(self) -> dict[str, Any]: ...

    async def aclose(self, timeout: float | None = None) -> None: ...


class ServiceClient(Closing):
    """One service of AWS: `await client.get_item(TableName=..., Key=...)`; make one with `aws.client("dynamodb")`.

    meta: its facts. exceptions: the classes of its errors, such as `exceptions.ResourceNotFoundException`.
    Use it as `async with aws.client(...) as client`, or end it with `await client.aclose()`.
    """

    def __init__(self, service: Service, region: str, connections: Connections, direct: Connections) -> None:
        """connections: those of the calls. direct: those that credentials are asked for over."""
        model = service.model
        self._service = service
        self._connections = connections
        self._direct = direct
        self.exceptions: Exceptions = service.exceptions
        self.meta = Meta(region, service.endpoints.of().url, model.shapes, model.operations)

    def __getattr__(self, name: str) -> Call:
        operation = self._service.model.operations.get(name)
        if operation is None:
            raise AttributeError(
                f"{self._service.model.name} has no operation {name!r}; dir(client) lists those it has: "
                "'get_item' is GetItem"
            )
        call = Call(self._service, operation)
        setattr(self, name, call)
        return call

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._service.model.operations]

    # -- pages and waits

    def can_paginate(self, operation_name: str) -> bool:
        """Whether the answers of a method, such as "query", come in pages."""
        operation = self._service.model.operations.get(operation_name)
        return operation in paginate.models(self._service.model.name)

    def get_paginator(self, operation_name: str) -> paginate.Paginator:
        """The pages of a method: `async for page in client.get_paginator("query").paginate(TableName=...)`.

        Raises botocore's OperationNotPageableError.
        """
        model = self._service.model
        operation = model.operations.get(operation_name)
        if operation is None:
            raise OperationNotPageableError(operation_name=operation_name)
        shapes = model.shapes.operation_model(operation)
        return paginate.Paginator(model.name, shapes, getattr(self, operation_name))

    def paginate(self, operation_name: str, /, **arguments: Any) -> paginate.Pages:
        """`get_paginator(operation_name).paginate(...)`: `async for page in client.paginate("query", ...)`."""
        return self.get_paginator(operation_name).paginate(**arguments)

    @property
    def waiter_names(self) -> list[str]:
        """What can be waited for, such as "table_exists"."""
        return sorted(waiters.models(self._service.model.name))

    def get_waiter(self, waiter_name: str) -> waiters.Waiter:
        """A wait: `await client.get_waiter("table_exists").wait(TableName=...)`. Raises ValueError for another name."""
        config = waiters.models(self._service.model.name).get(waiter_name)
        if config is None:
            known = ", ".join(self.waiter_names) or "none"
            raise ValueError(f"Waiter does not exist: {waiter_name}; {self._service.model.name} has {known}")
        call = getattr(self, xform_name(config["operation"]))
        return waiters.Waiter(config, call, sleep=self._service.sleep)

    # -- connections

    @property
    def connect_times(self) -> int:
        """How often this client has connected in all, to send its calls."""
        return self._connections.connect_times

    def stats(self) -> dict[str, Any]:
        """Plain counts of connections and requests; see `Client.stats`."""
        return self._connections.stats()

    async def aclose(self, timeout: float | None = None) -> None:
        """Take no new call, wait up to `timeout` seconds (None: without limit) for those under way, then close."""
        self._service.credentials.close()
        await self._connections.aclose(timeout)
        await self._direct.aclose(0)

    def __repr__(self) -> str:
        return f"<ServiceClient {self._service.model.name} {self.meta.endpoint_url}>"
