"""Whose words an error's text is made of: the vendor's own, or a piece of the request that it quotes.

Owns the codes by which a vendor says that a part of the request is at fault, and the removal of quoted text. A tool may
be called `on_unauthorized` and an image `removed.png`: that must never be taken for a word on our key or on a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

OUR_FIELDS = frozenset({"model", "api_key"})
"""What the gateway itself fills in: an error about one of these isn't about the client's request."""

REQUEST_CODES = frozenset({
    "empty_array", "empty_string", "extra_forbidden", "image_parse_error", "invalid_base64",
    "invalid_function_parameters", "invalid_image", "invalid_image_format", "invalid_image_url", "invalid_json_schema",
    "invalid_parameter_combination", "invalid_type", "invalid_value", "json_invalid", "missing_required_parameter",
    "unknown_parameter", "unsupported_file", "unsupported_parameter", "unsupported_value",
})  # fmt: skip
_BOUND_CODE = re.compile(r"[a-z]+_(?:above|below)_(?:max|min)_[a-z]+")

# Outside an opening mark no letter precedes it, so that "doesn't" opens nothing. Where the end is missing, because the
# text was cut or the quotation holds a mark itself, all of the rest counts as quoted. Each alternative always matches
# once it has begun, so reading a text takes time in proportion to its length.
_QUOTED = re.compile(
    r"""
      (?<!\w)'(?:[^'\\]|\\.?|'(?=\w))*(?:'|\Z)
    | "(?:[^"\\]|\\.?)*(?:"|\Z)
    | `[^`]*(?:`|\Z)
    | “[^”]*(?:”|\Z)
    | \[[^\]]*(?:\]|\Z)           # Google: properties[api_key]
    | \b[a-z][a-z0-9+.-]{0,20}://\S*
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def own_words(text: str) -> str:
    """The text without quotations, what stands in square brackets, and addresses."""
    return _QUOTED.sub(" ", text)


def has_request_code(codes: Sequence[str]) -> bool:
    """Whether one of the codes and types (lower case) speaks of a part of the request."""
    return any(code in REQUEST_CODES or _BOUND_CODE.fullmatch(code) for code in codes)
