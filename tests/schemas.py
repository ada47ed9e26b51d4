"""JSON Schema as the providers' stand-ins need it: all parts of a schema, and a small value that fits one."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
Path = tuple[str, ...]

TEXT = "sample text "
NOT_APPLICABLE = "N/A"
"""Of an enum, never taken beside others: tests count on ratings that are numbers."""


def parts(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Every schema inside `schema`, itself first, with the path that OpenAI names in `context=`."""
    if not isinstance(schema, Mapping):
        return
    yield path, schema
    for keyword in ("properties", "$defs", "definitions"):
        for name, part in (schema.get(keyword) or {}).items():
            yield from parts(part, (*path, keyword, name))
    if "items" in schema:
        yield from parts(schema["items"], (*path, "items"))
    for keyword in ("anyOf", "oneOf", "allOf"):
        for number, part in enumerate(schema.get(keyword) or []):
            yield from parts(part, (*path, keyword, str(number)))


def number_of(digest: str, *path: str | int) -> int:
    """A number that depends on the digest and the path alone."""
    return int(hashlib.sha256("/".join([digest, *map(str, path)]).encode()).hexdigest()[:8], 16)


def instance(schema: Schema, digest: str, preferred: tuple[str, ...] = (), *, length: int = 3) -> Any:
    """A value that fits `schema`: the same for the same digest, other texts at other paths.

    Of an enum, the value in `preferred` is taken if there is one. An array without bounds has `length` items, or one if
    they are of an enum.
    """
    return _Instances(schema, digest, preferred, length).of(schema, ())


@dataclass(frozen=True)
class _Instances:
    """What stays the same while an instance is made."""

    root: Schema
    digest: str
    preferred: tuple[str, ...]
    length: int

    def of(self, schema: Schema, path: Path) -> Any:
        if "$ref" in schema:
            target: Any = self.root
            for name in schema["$ref"].removeprefix("#/").split("/") if schema["$ref"] != "#" else []:
                target = target[name]
            return self.of(target, path)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            values = [value for value in schema["enum"] if value != NOT_APPLICABLE] or schema["enum"]
            chosen = [value for value in values if value in self.preferred]
            return chosen[0] if chosen else values[number_of(self.digest, *path) % len(values)]
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self.of(schema[keyword][0], path)
        kind = schema.get("type")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                members = schema.get("properties", {}).items()
                return {name: self.of(part, (*path, name)) for name, part in members}
            case "array":
                items = schema.get("items", {})
                length = max(schema.get("minItems", 0), 1 if "enum" in items else self.length)
                length = min(length, schema.get("maxItems", length))
                return [self.of(items, (*path, str(number))) for number in range(length)]
            case "integer" | "number":
                low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
                high = schema.get("maximum", low + 4)
                return low + number_of(self.digest, *path) % (int(high - low) + 1)
            case "boolean":
                return number_of(self.digest, *path) % 2 == 0
            case "null":
                return None
            case _:
                text = f"{TEXT}{number_of(self.digest, *path):08x}".ljust(schema.get("minLength", 0), "x")
                return text[-schema["maxLength"] :] if "maxLength" in schema else text
