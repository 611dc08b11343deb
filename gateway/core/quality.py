"""What an answer shows of its own quality, without a judge: a closed set of defects, for records and metrics."""

from __future__ import annotations

DEFECTS = (
    "truncated",  # ended by the length limit
    "refused",  # the model said that it will not, or a filter cut it off
    "empty",  # neither text nor a tool call
    "invalid_json",  # JSON was asked for, and this is none
    "schema_mismatch",  # the JSON breaks the schema that was asked for
    "tool_arguments_invalid",  # a call's arguments are no JSON, or break the tool's schema
    "tool_unknown",  # a call of a tool that was not offered
)
