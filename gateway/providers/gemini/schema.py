"""JSON Schema as Gemini reads it. Tools and answers carry whole JSON Schemas (`parametersJsonSchema`,
`responseJsonSchema`), of which Gemini knows a subset and ignores the rest; only what it would refuse or misread is
rewritten here, to the same meaning.

Source: GenerationConfig.responseJsonSchema in the API reference: `$defs` but no `definitions`, no `const`, no `allOf`,
and a `$ref` may have no other keywords beside it than those that begin with `$`.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.core.chat import Json

_NAMED = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})
"""Keywords whose value maps free names to schemas: their keys are names, not keywords."""
_VERBATIM = frozenset({"enum", "default", "examples", "required", "const"})
"""Keywords whose value is data, whatever it looks like."""
_OLD_REF = "#/definitions/"
_WORDS = (b'"const"', b'"$ref"', b'"definitions"', b'"allOf"')


def readable_schema(schema: Json) -> Json:
    """The schema as Gemini reads it; the input itself when nothing had to be rewritten."""
    written = orjson.dumps(schema)
    # Most schemas have nothing to rewrite, and looking for the words is far cheaper than walking the tree.
    return _rewrite_schema(schema) if any(word in written for word in _WORDS) else schema


def _rewrite_schema(schema: Json) -> Json:
    changed = {}
    for keyword, value in schema.items():
        rewritten = _rewrite(keyword, value)
        if rewritten is not value:
            changed[keyword] = rewritten
    reference_with_others = "$ref" in schema and not all(keyword.startswith("$") for keyword in schema)
    if not (changed or reference_with_others or "const" in schema or "definitions" in schema or "allOf" in schema):
        return schema
    result = {**schema, **changed}
    if "const" in result:
        result["enum"] = [result.pop("const")]
    old, new = result.get("definitions"), result.get("$defs", {})
    if isinstance(old, dict) and isinstance(new, dict):
        del result["definitions"]
        result["$defs"] = {**old, **new}
    everything = result.get("allOf")
    if isinstance(everything, list) and len(everything) == 1 and "anyOf" not in result:
        result["anyOf"] = result.pop("allOf")
    if reference_with_others and "anyOf" not in result:
        result["anyOf"] = [{"$ref": result.pop("$ref")}]
    return result


def _rewrite(keyword: str, value: Any) -> Any:
    if keyword in _VERBATIM:
        return value
    if isinstance(value, dict):
        return _rewrite_named(value) if keyword in _NAMED else _rewrite_schema(value)
    if isinstance(value, list):
        items = [_rewrite_schema(item) if isinstance(item, dict) else item for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if keyword == "$ref" and isinstance(value, str) and value.startswith(_OLD_REF):
        return "#/$defs/" + value[len(_OLD_REF) :]
    return value


def _rewrite_named(schemas: Json) -> Json:
    rewritten = {name: _rewrite_schema(item) if isinstance(item, dict) else item for name, item in schemas.items()}
    return rewritten if any(rewritten[name] is not schemas[name] for name in schemas) else schemas
