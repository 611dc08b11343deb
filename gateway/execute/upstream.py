"""A provider as execute sees it: the meeting of adapter and transport, which do not know each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gateway.core.errors import Failure
from gateway.core.wire import Endpoint, Headers
from gateway.providers.base import Adapter
from gateway.transport.base import Transport

REDACTED = "[redacted]"


@dataclass(frozen=True, slots=True)
class Upstream:
    """`headers` are sent with every call, by the name of the key that is used: authorization, the config's own, and the
    gateway's. They hold secrets, so this object has no repr of them; `secrets` are those alone."""

    name: str
    endpoint: Endpoint
    adapter: Adapter
    transport: Transport
    headers: Mapping[str, Headers]
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Upstream({self.name!r})"

    def without_secrets(self, failure: Failure) -> Failure:
        """The failure with our credentials taken out of its texts: vendors and proxies echo what they were sent."""
        for secret in self.secrets:
            if secret in failure.message or secret in f"{failure.code} {failure.param}":
                code, param = failure.code, failure.param
                failure = replace(
                    failure,
                    message=failure.message.replace(secret, REDACTED),
                    code=code and code.replace(secret, REDACTED),
                    param=param and param.replace(secret, REDACTED),
                )
        return failure
