"""The operations of a service, from botocore's models.

Refuses: services of other protocols, and event streams; both with an error that says so.
Called by: `client` of this package (`load`), `service` (`Model.operation`), `paginate` and `waiters` (its facts).
Law: a model is read once in a process and an operation compiled when it is first called; all clients share both.
"""

from __future__ import annotations

import os
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

from botocore import xform_name
from botocore.loaders import Loader, create_loader
from botocore.model import OperationModel, ServiceModel

from .._message.headers import RawFields
from ..errors import InvalidRequest
from .codec import Decode, Encode, decoder, encoder

_NO_AUTH: Final = "smithy.api#noAuth"


class Operation(NamedTuple):
    """One operation, compiled.

    name: as AWS writes it. fields: those that every request of it has. prefix: what its requests have before the
    endpoint's host, with names of parameters in braces ("": nothing). signed: False where AWS wants no signature.
    """

    name: str
    fields: RawFields
    encode: Encode
    decode: Decode
    prefix: str
    signed: bool


class Model:
    """One service.

    name: as botocore names it. shapes: botocore's own model of it. operations: the names of methods ("get_item") and
    those of the operations ("GetItem").
    """

    def __init__(self, name: str, shapes: ServiceModel) -> None:
        self.name = name
        self.shapes = shapes
        self.operations: dict[str, str] = {xform_name(operation): operation for operation in shapes.operation_names}
        self._compiled: dict[str, Operation] = {}

    @cached_property
    def signing_name(self) -> str:
        """The service in a signature, where its endpoint does not say otherwise."""
        return str(self.shapes.signing_name)

    def operation(self, name: str) -> Operation:
        """The operation that AWS calls `name`. Raises InvalidRequest for one with an event stream."""
        compiled = self._compiled.get(name)
        if compiled is None:
            compiled = self._compiled[name] = self._compile(self.shapes.operation_model(name))
        return compiled

    def _compile(self, model: OperationModel) -> Operation:
        if model.has_event_stream_input or model.has_event_stream_output:
            raise InvalidRequest(
                f"{self.name}.{model.name} answers with an event stream, which is not read here: use aiobotocore for it"
            )
        facts = self.shapes.metadata
        fields = [
            (b"Content-Type", f"application/x-amz-json-{facts['jsonVersion']}".encode()),
            (b"X-Amz-Target", f"{facts['targetPrefix']}.{model.name}".encode()),
        ]
        if self.shapes.is_query_compatible:
            fields.append((b"x-amzn-query-mode", b"true"))
        return Operation(
            model.name,
            fields,
            encoder(model.input_shape, model.idempotent_members),
            decoder(model.output_shape),
            (model.endpoint or {}).get("hostPrefix", ""),
            _NO_AUTH not in (model.auth or ()) and model.auth_type != "none",
        )


@lru_cache(1)
def loader(path: str | None) -> Loader:
    """botocore's reader of models; path: more directories of them, as AWS_DATA_PATH names them."""
    return create_loader(path)


@lru_cache
def load(name: str) -> Model:
    """The service that botocore calls `name`.

    Raises botocore's UnknownServiceError, and InvalidRequest if it speaks no JSON protocol.
    """
    described: dict[str, Any] = loader(os.environ.get("AWS_DATA_PATH")).load_service_model(name, "service-2")
    facts = described["metadata"]
    if "json" not in (facts["protocol"], *facts.get("protocols", ())):
        raise InvalidRequest(
            f"The service {name!r} speaks {facts['protocol']}: aws.client is for services with a JSON protocol, such "
            "as sqs, dynamodb and kinesis. Use aiobotocore for this one"
        )
    return Model(name, ServiceModel(described, name))
