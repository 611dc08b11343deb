"""What the parts of the schema are made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from gateway.config.scalars import refuse


class Spec(BaseModel):
    """A part of the YAML: unknown keys are errors and nothing is converted."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )


def read_range(value: Any) -> Any:
    if not isinstance(value, dict):
        raise refuse("must be a range: {over: x}, {under: y} or {over: x, under: y}")
    return value


class BoundsSpec(Spec):
    over: float | None = None
    under: float | None = None


Range = Annotated[BoundsSpec, BeforeValidator(read_range)]
