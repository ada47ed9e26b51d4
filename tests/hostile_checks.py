"""Texts, expressions and schemas that are made to keep a check busy, or to bring it down."""

from collections.abc import Iterator
from typing import Any

MB = 1_000_000
NESTED: dict[str, Any] = {"type": "object"}
for _ in range(40):
    NESTED = {"type": "object", "properties": {"a": NESTED}}
DOUBLING = {
    "$ref": "#/$defs/a0",
    "$defs": {
        **{f"a{k}": {"allOf": [{"$ref": f"#/$defs/a{k + 1}"}, {"$ref": f"#/$defs/a{k + 1}"}]} for k in range(30)},
        "a30": {"type": "string"},
    },
}  # fmt: skip
"""A schema whose parts refer to each other twice: 2^30 ways."""
ITEMS = {
    "type": "array",
    "uniqueItems": True,
    "items": {"anyOf": [{"type": "string", "pattern": "^(x|y)*z$"}, {"const": 1}]},
}
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "contains": [{"text": "a" * 5_000 + "b"}, {"text": "ß", "ignore_case": True}],
    "contains-not": [{"text": "needle", "ignore_case": True}],
    "regex": [
        {"pattern": r"(?:a|b|ab)*+c"}, {"pattern": r"(.*)x\1"}, {"pattern": r"(?:\w+\s?){1,50}!", "whole": True},
        {"pattern": r"(?=.*q)(?=.*z).*\d{3}[a-f]"}, {"pattern": r"(?:needle){e<=2}"}, {"pattern": r"\bx.*y.*z.*k"},
    ],
    "json": [{}],
    "json-schema": [{"schema": NESTED}, {"schema": ITEMS}, {"schema": {"additionalProperties": {"type": "number"}}}],
    "language": [{"language": "en"}],
    "length": [{"most": 10}, {"most": 10, "unit": "tokens"}],
    "python": [{}],
    "sql": [{}, {"dialect": "postgres"}],
    "number": [{}],
    "equals": [{}],
    "refusal": [{}],
    "repetition": [{}],
    "personal-data": [{"region": "US"}, {}],
    "copied": [{}],
}  # fmt: skip
"""Of each kind, settings under which a hostile response has the most to do."""


def texts() -> Iterator[tuple[str, str]]:
    """(name, text) of hostile responses, of a megabyte where nothing else is said."""

    def long(part: str, most: int = MB) -> str:
        return (part * (most // len(part) + 1))[:most]

    yield "a", long("a")
    yield "ab", long("ab")
    yield "aab with an end", long("aab") + "!"
    yield "words", long("word ")
    yield "different words", " ".join(f"w{k}" for k in range(150_000))
    yield "spaces", long(" ")
    yield "lines", long("\n")
    yield "fences", long("```\n")
    yield "fences of tildes", long("~~~x\n")
    yield "backticks", long("`")
    yield "many blocks", long("```python\nx = 1\n```\n")
    yield "at signs", long("@")
    yield "addresses", long("a@b.")
    yield "an address without an end", "a@" + long("b.")
    yield "digits", long("7")
    yield "digits and spaces", long("1 ")
    yield "phone numbers", long("+1 212 555 01 ")
    yield "card numbers", long("4111 1111 1111 1112 ")
    yield "half an IBAN", long("GB82 WEST 1234 5698 7654 31 ")
    yield "IBANs without spaces", long("DE89370400440532013001")
    yield "thousands", long("1,234,")
    yield "fractions", long("1/2/")
    yield "frac", long("\\frac{1}{")
    yield "boxes", long("\\boxed{")
    yield "powers", long("9e99 ")
    yield "brackets", long("[")
    yield "brackets that close", "[" * 400_000 + "]" * 400_000
    yield "objects", long('{"a":')
    yield "a list of numbers", "[" + ",".join("1" * 12 for _ in range(70_000)) + "]"
    yield "a list of lists", "[" + ",".join("[1,[2]]" for _ in range(120_000)) + "]"
    yield "a list of texts", "[" + ",".join('"xyxyxyxy"' for _ in range(90_000)) + "]"
    yield "an object of names", "{" + ",".join(f'"n{k}":1' for k in range(70_000)) + "}"
    yield "a number of a million digits", "1" * MB
    yield "parentheses", "(" * 99_000
    yield "python in parentheses", "(" * 190 + "1" + ")" * 190
    yield "python lambdas", "x = " + "lambda: " * 9_000 + "1"
    yield "python signs", "x = " + "-" * 90_000 + "1"
    yield "python not", "x = " + "not " * 20_000 + "1"
    yield "python attributes", "x" + ".a" * 45_000
    yield "python calls", "x" + "()" * 45_000
    yield "python indents", "\n".join(" " * k + "if x:" for k in range(300))
    yield "python elif", "if a:\n pass\n" + "elif a:\n pass\n" * 6_000
    yield "python powers", "x = " + "2**" * 30_000 + "2"
    yield "python sums", "x = " + "1+" * 49_000 + "1"
    yield "python ternaries", "x = " + "1 if a else " * 8_000 + "1"
    yield "python f-strings", "x = " + 'f"{1}" ' * 14_000
    yield "python awaits", "async def f():\n x = " + "await " * 15_000 + "y"
    yield "python comparisons", "x = " + "a<" * 49_000 + "a"
    yield "python walrus in brackets", "[" * 150 + "(a:=1)" + "]" * 150
    yield "python targets", "a = " * 24_000 + "1"
    yield "python match", "match x:\n case " + "[" * 190 + "]" * 190 + ":\n  pass"
    yield "python NUL", "x = 1\0" * 1000
    yield "python half a character", "x = '\udc00'"
    yield "sql in parentheses", "SELECT " + "(" * 24_000 + "1" + ")" * 24_000
    for depth in (12, 25, 60, 150):
        yield f"sql queries in queries, {depth}", "SELECT * FROM (" * depth + "SELECT 1" + ") t" * depth
        yield f"sql parentheses, {depth}", "SELECT " + "(" * depth + "SELECT 1" + ")" * depth
        yield f"sql functions, {depth}", "SELECT " + "f(" * depth + "1" + ")" * depth
        yield f"sql cases, {depth}", "SELECT " + "CASE WHEN a THEN " * depth + "1" + " END" * depth
        yield f"sql types, {depth}", "SELECT CAST(a AS " + "ARRAY<" * depth + "INT" + ">" * depth + ")"
        yield f"sql joins, {depth}", "SELECT * FROM " + "(t JOIN " * depth + "t" + ")" * depth
        yield f"sql open joins, {depth}", "SELECT * FROM " + "(t JOIN (" * depth
        yield f"sql lambdas, {depth}", "SELECT " + "f((x, y) -> (" * depth + "1" + "))" * depth
        yield f"sql structs, {depth}", "CREATE TABLE t (a " + "STRUCT<b " * depth + "INT" + ">" * depth + ")"
        yield f"sql intervals, {depth}", "SELECT " + "INTERVAL (" * depth + "1" + ")" * depth
        yield f"sql WITH, {depth}", "WITH a AS (" * depth + "SELECT 1" + ") SELECT 1" * depth
    yield "sql unions", "SELECT 1" + " UNION SELECT 1" * 3_000
    yield "sql ands", "SELECT 1 WHERE " + "a=1 AND " * 6_000 + "a=1"
    yield "sql sums", "SELECT " + "1+" * 24_000 + "1"
    yield "sql columns", "SELECT " + "a," * 24_000 + "a"
    yield "sql statements", "SELECT 1;" * 5_000
    yield "sql quotes", "SELECT " + "'" * 49_000
    yield "sql comments", "SELECT 1 " + "/*" * 20_000
    yield "sql comment and comment", "SELECT /* */" * 3_000
    yield "sql dots", "SELECT a" + ".a" * 20_000
    yield "sql brackets", "SELECT a" + "[1]" * 15_000
    yield "sql casts", "SELECT a" + "::int" * 9_000
    yield "sql not", "SELECT " + "NOT " * 12_000 + "1"
    yield "sql signs", "SELECT " + "- " * 24_000 + "1"
    yield "sql values", "INSERT INTO t VALUES " + "(1)," * 12_000 + "(1)"
    yield "kana", long("あいう")
    yield "combining marks", "e" + "\u0301" * 500_000
    yield "surrogates", long("\udc00")
    yield "right to left", long("\u202e")
    yield "apologies", long("I'm sorry, but ")
    yield "apologies without spaces", long("I'm_sorry,")
    yield "dotless i", long("İ")


PATTERNS = (
    r"(a+)+$", r"(a|a)*$", r"(a|aa)+$", r"(.*a){20}$", r"^(\w+\s?)*$", r"(x+x+)+y", r"((a*)*)*b", r"(?:(?:a?){30}a{30})+b",
    r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(0+)*1", r"( *)*x",
)  # fmt: skip
"""Expressions that run on for a text that nearly matches."""
BROKEN = ("(", "[a", "a{2", "(?P<n>a)(?P<n>b", "*a", "\\", "(?<=a*)(", "(?P=x)", "a" * 3_000, "(" * 1_500 + ")" * 1_500)
"""Expressions that can't be read, or are too long; some of these are taken as texts."""
SCHEMAS: tuple[dict[str, Any], ...] = (
    {"$ref": "#"},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    {"allOf": [{"$ref": "#"}]},
    {"$ref": "https://example.com/schema.json"},
    {"$ref": "file:///etc/passwd"},
    {"$ref": "#/$defs/nowhere"},
    {"properties": {"a": {"$ref": "other.json#/a"}}},
    {"type": "strin"},
    {"type": 3},
    {"properties": []},
    {"pattern": r"(a+)+$"},
    {"patternProperties": {r"(a|a)*$": {}}},
    {"pattern": "("},
    {"items": {"pattern": r"(x+x+)+y"}},
    {"type": "string", "minLength": 5, "maxLength": 3},
    {"type": "string", "enum": [1, 2]},
    {"enum": []},
    {"type": "object", "required": ["a"], "properties": {"a": False}},
    {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "const": 1}}},
    {"type": "array", "minItems": 3, "maxItems": 1},
    {"unevaluatedProperties": False},
    {"$id": "https://example.com/a", "$ref": "b"},
    {"$dynamicRef": "#meta"},
    {"description": "x" * 200_000},
    DOUBLING,
)
"""Schemas that can't be used: that never end, lead elsewhere, are wrong, or that no answer meets."""
