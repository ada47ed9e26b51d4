"""The settings of a model, as a recipe names it. A key is never among them, only the variable that holds it."""

import math
import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from tasks.errors import SettingsError
from tasks.models.presets import PRESETS
from tasks.settings import setting

OWN_FIELDS = ("model", "messages", "prompt", "stream")
"""Of a request: what a row shows must be what was asked."""
LONGEST_NAME, LONGEST_URL, MOST_TOKENS = 500, 2_000, 10**7
DEFAULT_TOKENS = 1024
CLUSTER = "cluster"
"""The preset of a model that is served on a cluster, as the recipe's table [cluster] says."""
UNNAMED_ON_CLUSTER = f'A model with preset = "{CLUSTER}" needs its name, as its servers know it: give it as model.'
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEY_NAME = re.compile(r"(?:[A-Z0-9_]*_)?(?:KEY|TOKEN)|KEY_FOR_\w+")
NOT_A_MODELS = re.compile(
    r"(?:AWS|GITHUB|GH|GITLAB|CI|NPM|PYPI|TWINE|UV|DOCKER|SSH|GPG|STRIPE|SLACK|TWILIO|SENDGRID|DATADOG|SENTRY|VAULT|JWT|SESSION"
    r"|DJANGO|FLASK|ARGILLA|CLAYWRIGHT|KUBE|TF|DIGITALOCEAN|CLOUDFLARE|HEROKU|VERCEL|NETLIFY|DISCORD|TELEGRAM)_.*"
    r"|.*(?:SECRET|PRIVATE|PASSWORD|PASSWD|ACCESS_KEY|ENCRYPTION|SIGNING|CREDENTIAL).*"
)
"""Names of keys that open something else than a model: a recipe from elsewhere may ask for them, and never gets them."""
MOST_AT_ONCE = 2048
MOST_ADDRESSES = 256
IN_QUERY = ("api-version",)
"""What a url may hold behind its ?."""
HEADER = re.compile(r"[A-Za-z0-9_.~!#$%&'*+^`|-]{1,100}")
OWN_HEADERS = (
    "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "accept-encoding", "cookie",
)  # fmt: skip
SECRET_NAME = re.compile(
    r"authorization|api-?key$|(?:^|[-_])(?:key|token|secret|password|sig|signature|code|auth|bearer|credential)(?:$|[-_])",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Which endpoint, which model, how it samples, how hard it may be driven."""

    title: ClassVar[str] = "model"

    preset: str = setting("", "A known endpoint: " + ", ".join(PRESETS) + f"; {CLUSTER} for one that [cluster] serves.")
    url: str = setting(
        "", "Address of any OpenAI-compatible endpoint, up to and with /v1. It wins over the preset's.", label="Address"
    )
    urls: tuple[str, ...] = setting(
        (),
        "In place of url: addresses of several servers of the same model, which share its calls, the least busy first.",
        label="More addresses",
        page="More servers of the same model: calls go to whichever is least busy.",
    )
    model: str = setting("", "The model's name at that endpoint.")
    key_env: str = setting("", "Name of the environment variable that holds the key.", label="Key from")
    temperature: float | None = setting(None, "Sampling temperature; empty leaves it to the endpoint.")
    top_p: float | None = setting(None, "Nucleus sampling; empty leaves it to the endpoint.")
    max_tokens: int = setting(
        DEFAULT_TOKENS, "Most tokens in one answer; 0 leaves it to the endpoint.", label="Max tokens"
    )
    concurrency: int = setting(16, "Most calls at the same time, at each address.")
    timeout: float = setting(120.0, "Deadline of one call in seconds.")
    requests_per_minute: int = setting(0, "Most requests a minute, where the provider allows so many; 0: no limit.")
    tokens_per_minute: int = setting(
        0, "Most tokens a minute, prompts and answers together, where the provider allows so many; 0: no limit."
    )
    template: str = setting(
        "",
        "Chat template for raw prompts: a family (chatml, llama3.1, ...), a model on the Hub, a folder, or Jinja source.",
    )
    prompt_price: float | None = setting(
        None,
        "US dollars for a million tokens of prompts, as the provider lists it; empty: not known.",
        label="Price of prompts",
    )
    completion_price: float | None = setting(
        None,
        "US dollars for a million tokens of answers; money is told where both are set.",
        label="Price of answers",
    )
    extra: dict[str, Any] = setting({}, "More fields of the request, passed on as they are.")
    left_out: tuple[str, ...] = setting(
        (),
        "Fields of the request that are not sent. What the endpoint refuses is detected without that.",
        label="Not sent",
    )
    token_limit: Literal["", "max_tokens", "max_completion_tokens"] = setting(
        "", "What the endpoint calls the field that limits an answer: max_tokens or max_completion_tokens; detected if empty.",
        label="Name of the limit", page="What the endpoint calls the field that limits an answer.",
        choices={"": "Detected", "max_tokens": "max_tokens", "max_completion_tokens": "max_completion_tokens"},
    )  # fmt: skip
    answer_format: Literal["", "json_schema", "json_object", "text"] = setting(
        "", "How an answer's form is asked for at first: json_schema, json_object or text; detected if empty.",
        label="Form of answers", page="How the form of an answer is asked for at first.",
        choices={"": "Detected", "json_schema": "By a JSON schema", "json_object": "As any JSON", "text": "In words"},
    )  # fmt: skip
    key_header: str = setting("", "Header that carries the key, where it is not Authorization: as x-api-key.")
    headers: dict[str, str] = setting({}, "More headers, as a gateway wants them; never a key.")
    query: dict[str, str] = setting({}, "What stands behind the ? of the address, as api-version; never a key.")

    def __post_init__(self) -> None:
        if self.preset == CLUSTER:
            self._check_on_cluster()
        elif self.preset and self.preset not in PRESETS:
            raise SettingsError(
                f"There is no preset '{self.preset}'. Known: {', '.join(PRESETS)}, {CLUSTER}; or give a url.",
                setting="preset",
            )
        if self.urls:
            self._check_urls()
        if not self.preset and not self.url and not self.urls:
            raise SettingsError(
                "A model needs a preset or a url (of an OpenAI-compatible endpoint, ending in /v1).",
                setting="url",
                page="Give the address of an OpenAI-compatible endpoint, as http://localhost:8000/v1.",
            )
        if "@" in self.url.partition("://")[2].partition("/")[0]:
            raise SettingsError(
                "url holds a user name or a password. Leave them out: put the key into an environment variable, "
                "and its name into key_env.",
                setting="url",
                page="The address holds a user name or a password. Leave them out, and give the key under Key from.",
            )
        if "#" in self.url or any(name not in IN_QUERY for name, _ in parse_qsl(_query(self.url), True)):
            raise SettingsError(
                "url holds a query (what begins with ? or #), of which the address of a model has none but api-version: leave it "
                "out. A key goes into an environment variable, and its name into key_env; what a gateway wants there into query.",
                setting="url",
                page="The address ends in a query (what begins with ? or #): leave it out. A key goes under Key from, what a "
                "gateway wants there into Query, under More.",
            )
        if secret := [name for name in (*self.headers, *self.query) if SECRET_NAME.search(str(name))]:
            raise SettingsError(
                f"headers and query hold no key, as they are kept with the recipe: {secret[0][:60]} is one. Put the key into an "
                "environment variable, its name into key_env, and the header's name into key_header.",
                setting="headers" if secret[0] in self.headers else "query",
                page=f"{secret[0][:60]} is a key, not kept here: give it under Key from, and the header's name as Key header.",
            )
        names = [*self.headers, *([self.key_header] if self.key_header else [])]
        if own := [name for name in names if name.lower() in OWN_HEADERS]:
            raise SettingsError(
                f"{own[0]} is a header that every request has by itself. Leave it out.",
                setting="key_header" if own[0] == self.key_header else "headers",
            )
        values = [*self.headers.values(), *self.query.values()]
        if odd := [name for name in [*names, *self.query] if not HEADER.fullmatch(name)]:
            raise SettingsError(
                f"headers, query and key_header can't hold the name {odd[0][:60]!r}.",
                setting="query" if odd[0] in self.query else "headers" if odd[0] in self.headers else "key_header",
                page=f"No header and no part of a query can have the name {odd[0][:60]!r}.",
            )
        if any(
            not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > LONGEST_NAME
            for value in values
        ):
            raise SettingsError(
                f"The values of headers and query are plain texts of at most {LONGEST_NAME} characters.",
                setting="headers",
            )
        if own := [name for name in OWN_FIELDS if name in self.left_out]:
            raise SettingsError(f"left_out can't hold {own[0]}, which every request needs.", setting="left_out")
        for name, most in (("model", LONGEST_NAME), ("key_env", LONGEST_NAME), ("url", LONGEST_URL)):
            if len(getattr(self, name)) > most:
                raise SettingsError(f"{name} takes {most:,} characters at most.", setting=name)
        if self.url and not _is_web_address(self.url):
            raise SettingsError(
                f"'{self.url}' is not a web address: it should look like http://localhost:8000/v1.", setting="url"
            )
        if self.key_env and not VARIABLE.fullmatch(self.key_env):
            raise SettingsError(
                "key_env names an environment variable that holds the key; it is not the key itself.",
                setting="key_env",
                page="That is no name of an environment variable. To give the key itself, choose “typed”.",
            )
        if self.key_env and not names_a_key(self.key_env):
            raise SettingsError(
                f"key_env must name the variable of a model's key, which ends in _KEY or _TOKEN; {self.key_env} is none. "
                "Put the model's key into a variable of its own.",
                setting="key_env",
                page=f"{self.key_env} is no variable of a model's key: those end in _KEY or _TOKEN. Choose another, or “typed”.",
            )
        if not 0 <= self.max_tokens <= MOST_TOKENS:
            raise SettingsError(
                f"max_tokens of a model must not be below zero, and at most {MOST_TOKENS:,}.", setting="max_tokens",
                page=f"Max tokens must not be below zero, and at most {MOST_TOKENS:,}; 0 leaves it to the endpoint.",
            )  # fmt: skip
        if not 0 < self.timeout < math.inf:
            raise SettingsError("timeout of a model must be above zero.", setting="timeout")
        if own := [name for name in OWN_FIELDS if name in self.extra]:
            raise SettingsError(
                f"extra can't hold {own[0]}, which every request has by itself"
                + (": name the model as model." if own[0] == "model" else ". Leave it out."),
                setting="extra",
            )
        for name in ("requests_per_minute", "tokens_per_minute"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} must not be below zero; 0 is no limit.", setting=name)
        if any(not 0 <= (price or 0) < math.inf for price in (self.prompt_price, self.completion_price)):
            raise SettingsError(
                "A price of a model must not be below zero: US dollars for a million tokens.",
                setting="completion_price" if 0 <= (self.prompt_price or 0) < math.inf else "prompt_price",
            )
        if not 1 <= self.concurrency <= MOST_AT_ONCE:
            raise SettingsError(
                f"concurrency of a model must be from 1 to {MOST_AT_ONCE}.",
                setting="concurrency",
                page=f"Concurrency must be from 1 to {MOST_AT_ONCE:,}.",
            )

    def _check_urls(self) -> None:
        if self.url:
            raise SettingsError(
                "A model has a url or urls, not both: put all of its addresses into urls.", setting="urls"
            )
        if self.preset:
            raise SettingsError(
                f"The preset '{self.preset}' has an address of its own. With urls leave the preset out.",
                setting="urls",
                page="With several addresses choose “Another address” under Served by, and give the first one as Address.",
            )
        if not self.model:
            raise SettingsError(
                "With urls a model needs its name, as all of its servers know it: give it as model.",
                setting="model",
                page="With several addresses a model needs its name, as all of its servers know it.",
            )
        if len(self.urls) > MOST_ADDRESSES:
            raise SettingsError(f"urls takes {MOST_ADDRESSES} addresses at most.", setting="urls")
        for url in self.urls:
            if not url:
                raise SettingsError("urls holds an empty address. Leave it out.", setting="urls")
            try:
                replace(self, url=url, urls=())
            except SettingsError as error:
                if error.setting != "url":
                    raise
                raise SettingsError(
                    f"One of the urls can't be used: {error}", setting="urls", page=error.page
                ) from None
        addresses = [spec.address for spec in self.each]
        if twice := next((address for address in addresses if addresses.count(address) > 1), ""):
            raise SettingsError(f"urls names {twice} twice. Name each server once.", setting="urls")

    def _check_on_cluster(self) -> None:
        if self.url or self.urls or self.key_env:
            raise SettingsError(
                f'A model with preset = "{CLUSTER}" is served by what [cluster] starts: leave out url, urls and key_env.',
                setting="preset",
            )
        if not self.model or self.model.startswith("-"):
            raise SettingsError(UNNAMED_ON_CLUSTER, setting="model")

    @property
    def each(self) -> "tuple[ModelSpec, ...]":
        """The same model at each of its addresses; itself where it has one."""
        return tuple(replace(self, url=url, urls=()) for url in self.urls) or (self,)

    @property
    def address(self) -> str:
        """The base URL, "" for a preset that the app serves itself. A whole address of chats is taken for its base.

        The first of several.
        """
        url = self.urls[0] if self.urls else self.url
        whole = url.partition("?")[0] or (PRESETS[self.preset].url if self.preset in PRESETS else "") or ""
        return whole.rstrip("/").removesuffix("/chat/completions").removesuffix("/completions")

    @property
    def with_addresses(self) -> str:
        """Names the model as it is served now: another one where an address is added."""
        return f"{' '.join(self.urls)}|{self.model}" if self.urls else self.identity

    @property
    def whole_query(self) -> dict[str, str]:
        """What stands behind the ? of each address."""
        return {**dict(parse_qsl(_query(self.url))), **self.query}

    @property
    def key_variable(self) -> str:
        return self.key_env or (PRESETS[self.preset].key_env or "" if self.preset in PRESETS and not self.url else "")

    @property
    def unpriced(self) -> "ModelSpec":
        """The same model, whatever it costs."""
        return replace(self, prompt_price=None, completion_price=None)

    @property
    def identity(self) -> str:
        """Names the endpoint in the memo: its address, or the preset where the app serves it.

        A model with several addresses is the same whichever they are, and in whatever order, and so it is on a cluster.
        """
        return (
            f"urls|{self.model}"
            if self.urls or self.preset == CLUSTER
            else f"{self.address or self.preset}|{self.model}"
        )


def _is_plain(value: object) -> bool:
    """True for a text that a header can hold."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= LONGEST_NAME


def names_a_key(name: str) -> bool:
    """True for the name of a variable that can hold a model's key, and is not known to hold another kind."""
    return KEY_NAME.fullmatch(name) is not None and NOT_A_MODELS.fullmatch(name) is None


def bare(url: str) -> str:
    """An address without a user name, a password and a query, as earlier versions could keep them; api-version stays."""
    scheme, sign, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    host, slash, path = rest.partition("/")
    query = urlencode([(name, value) for name, value in parse_qsl(_query(url)) if name in IN_QUERY])
    return f"{scheme}{sign}{host.rpartition('@')[2]}{slash}{path}{'?' if query else ''}{query}"


def _query(url: str) -> str:
    return url.partition("?")[2].partition("#")[0]


def ascii_host(url: str) -> str:
    """The host that a connection to `url` goes to, as it is looked up: "①27.0.0.1" is 127.0.0.1, "straße.de" xn--strae-oqa.de.

    Who decides by a host's name must decide by this one.
    """
    host = urlsplit(url).hostname or ""
    if host.isascii():
        return host
    from yarl import URL  # aiohttp reads addresses with it

    try:
        return (URL(url).raw_host or "").lower()
    except ValueError:  # nothing can be sent there
        return host


def _is_web_address(url: str) -> bool:
    if not url.isprintable() or " " in url or "\\" in url:  # what readers of addresses do not agree about
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
