"""Models as Python names them: by class, with the arguments that people know from elsewhere.

Nothing is loaded into this process: a model is an endpoint that is asked, or the built-in one, which is started beside it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from app.api_keys import Keys
from app.config import Settings
from app.runs import endpoints
from app.services import Say
from tasks.errors import SettingsError, Unsupported
from tasks.models.base import Endpoint
from tasks.models.scripted import ScriptedEndpoint
from tasks.models.spec import ModelSpec

FAMILIES = {"llama3": "llama3", "qwen2": "chatml"}
"""What is known as `magpie_pre_query_template`, by the chat template that it is a part of."""
PASSED_ON = (
    "frequency_penalty", "presence_penalty", "repetition_penalty", "seed", "stop", "top_k", "min_p", "typical_p",
    "logit_bias", "extra_body",
)  # fmt: skip
OWN = ("max_new_tokens", "max_tokens", "temperature", "top_p", "do_sample", "stop_sequences")


class GivenKeys(Keys):
    """The keys that models were made with, else the environment's. In this process's memory alone.

    written_here: the models are those of the program itself, whose author named both the variable and the address.
    """

    def __init__(self, *, written_here: bool = True) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._written_here = written_here

    def give(self, spec: ModelSpec, key: str | None) -> None:
        """Raises SettingsError where the same model at the same address has another key."""
        if not key:
            return
        for each in spec.each:
            if self._given.setdefault((each.address, spec.model), key) != key:
                raise SettingsError(f"{spec.model} at {each.address} was given two different keys. Give it one.")

    def take(self, other: "GivenKeys", spec: ModelSpec) -> None:
        """The key that another one has for a model."""
        self.give(spec, other._given.get((spec.address, spec.model)))

    def of(self, spec: ModelSpec) -> str | None:
        return self._given.get((spec.address, spec.model)) or super().of(spec)

    def holds(self, spec: ModelSpec) -> bool:
        return self._written_here or (spec.address, spec.model) in self._given

    def missing(self, spec: ModelSpec) -> str:
        return f"needs a key: give it as api_key, or set the environment variable {spec.key_variable}"

    def refused(self, spec: ModelSpec) -> str:
        was_given = (spec.address, spec.model) in self._given
        return "Check the api_key that was given." if was_given else super().refused(spec)


class LLM:
    """A model at any OpenAI-compatible endpoint.

    model: its name there. base_url: the address, up to and with /v1, or those of several servers of the model.
    api_key: None takes none. tokenizer_id: where Magpie finds the chat template (a model on the Hub, a folder), where
    the server does not tell it; magpie_pre_query_template is a family's name for the same. generation_kwargs:
    max_new_tokens, temperature, top_p, do_sample, stop_sequences, and those that go to the endpoint as they are
    (frequency_penalty, seed, top_k, ...); the first three may also be given by themselves. max_new_tokens (tokens of
    one answer) is 1024 unless said. num_threads: most calls at the same time. timeout: seconds for one call.
    requests_per_minute and tokens_per_minute are kept where given. task: what the model is to do in a generator and
    labeller pipeline. prompt_format, max_retries and the like are accepted: the endpoint's own chat template forms
    the prompt, and what can pass is tried again by itself. Raises SettingsError.

    >>> LLM("qwen2.5", base_url="http://localhost:8000/v1", generation_kwargs={"temperature": 0.7}).spec.temperature
    0.7
    """

    def __init__(
        self, model: str = "", *, base_url: str | Sequence[str] = "", api_key: str | None = None,
        tokenizer_id: str | None = None, magpie_pre_query_template: str | None = None, use_magpie_template: bool = False,
        generation_kwargs: Mapping[str, Any] | None = None, max_new_tokens: int | None = None,
        temperature: float | None = None, top_p: float | None = None, num_threads: int | None = None,
        timeout: float = 120.0, requests_per_minute: int = 0, tokens_per_minute: int = 0, task: Any = None,
        prompt_format: str | None = None, max_retries: int | None = None, do_sample: bool | None = None,
        frequency_penalty: float | None = None, presence_penalty: float | None = None, preset: str = "",
    ) -> None:  # fmt: skip
        options = {
            "max_new_tokens": max_new_tokens, "temperature": temperature, "top_p": top_p, "do_sample": do_sample,
            "frequency_penalty": frequency_penalty, "presence_penalty": presence_penalty,
        }  # fmt: skip
        sampling = {name: value for name, value in options.items() if value is not None} | dict(generation_kwargs or {})
        family = magpie_pre_query_template
        template = FAMILIES.get(family, family) if family else tokenizer_id
        values: dict[str, Any] = {
            "preset": preset, "model": model, **_where(base_url), "template": template or "", "timeout": timeout,
            "requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute,
            "concurrency": num_threads or 16,
        }  # fmt: skip
        self.spec = ModelSpec(**values, **sampled(sampling))
        self.task = task
        self.keys = GivenKeys()
        self.keys.give(self.spec, api_key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        """The model's name, as rows have it in `model_name`."""
        return self.spec.model or self.spec.preset

    @property
    def generation_kwargs(self) -> dict[str, Any]:
        """How it samples."""
        own: dict[str, Any] = {
            "max_new_tokens": self.spec.max_tokens,
            "temperature": self.spec.temperature,
            "top_p": self.spec.top_p,
        }
        known = {name: value for name, value in self.spec.extra.items() if name in PASSED_ON}
        other = {name: value for name, value in self.spec.extra.items() if name not in PASSED_ON}
        own |= known | ({"extra_body": other} if other else {})
        return {name: value for name, value in own.items() if value is not None}

    @generation_kwargs.setter
    def generation_kwargs(self, values: Mapping[str, Any]) -> None:
        self.spec = replace(self.spec, **sampled(values))

    def endpoint(self, settings: Settings, say: Say) -> Endpoint:
        """What the engine drives. Raises SettingsError for a missing key, ServiceError."""
        return endpoints.endpoint(self.spec, settings, say, self.keys)

    def give_key(self, key: str) -> None:
        """The key that it is asked with, unless it has one."""
        if self.keys.of(self.spec) is None:
            self.keys.give(self.spec, key)

    def load(self) -> None:
        """Does nothing: a model is asked when it is needed."""

    def unload(self) -> None:
        """Does nothing: no model is held in this process."""


class OpenAILLM(LLM):
    """A model of OpenAI, or of the endpoint in `base_url` or the variable OPENAI_BASE_URL.

    api_key (also spelled openai_api_key): None takes the variable OPENAI_API_KEY. Everything else as LLM has it.

    >>> OpenAILLM(model="gpt-4", max_new_tokens=256, num_threads=8, openai_api_key="sk-...", temperature=0.3).name
    'gpt-4'
    """

    def __init__(
        self, model: str = "gpt-3.5-turbo", *, base_url: str | None = None, api_key: str | None = None,
        openai_api_key: str | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        base_url = base_url or os.environ.get("OPENAI_BASE_URL", "")
        key = api_key or openai_api_key or os.environ.get("OPENAI_API_KEY")
        super().__init__(model, base_url=base_url, api_key=key, preset="openai", **settings)


class InferenceEndpointsLLM(LLM):
    """A model on Hugging Face: on its router (`model_id`), or an endpoint of one's own (`endpoint_name` or `base_url`).

    api_key (also spelled token): None takes the variable HF_TOKEN. endpoint_name_or_model_id is either of them: a model where
    it holds a "/". The router speaks chat alone, so that Magpie needs an endpoint of one's own. Else as LLM.

    >>> InferenceEndpointsLLM(model_id="NousResearch/Genstruct-7B").spec.address
    'https://router.huggingface.co/v1'
    """

    def __init__(
        self, model_id: str | None = None, *, endpoint_name: str | None = None, endpoint_namespace: str | None = None,
        endpoint_name_or_model_id: str | None = None, base_url: str | None = None, api_key: str | None = None,
        token: str | None = None, model_display_name: str | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        if (either := endpoint_name_or_model_id) is not None:
            model_id, endpoint_name = (either, endpoint_name) if "/" in either else (model_id, either)
        if not (model_id or endpoint_name or base_url):
            raise SettingsError("Name a model as model_id, or an endpoint as endpoint_name or base_url.")
        key = api_key or token or os.environ.get("HF_TOKEN")
        if endpoint_name and not base_url:
            base_url = _address(endpoint_name, endpoint_namespace, key)
        super().__init__(
            model_id or model_display_name or endpoint_name or "tgi",
            base_url=base_url or "", api_key=key, preset="huggingface", **settings,
        )  # fmt: skip


class LocalLLM(LLM):
    """The built-in model (135 million parameters), which needs no account and no network. For trying only.

    It is started when it is first asked, and stops with this process. Arguments as LLM has them.

    >>> LocalLLM(generation_kwargs={"max_new_tokens": 64}).spec.max_tokens
    64
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(preset="local", **{"num_threads": 8, **settings})


class ScriptedLLM(LLM):
    """Answers from a script, without any model: for tests, and for trying things out.

    script: (pattern, answer) pairs; the first pattern (a regular expression) that the prompt holds answers, and {draw} in an
    answer becomes digits that differ from sample to sample. What no pattern fits gets a well-formed answer of its own. latency:
    seconds for each call.

    >>> llm = ScriptedLLM([("river", "The Loire.")])
    >>> next(TextGeneration(llm=llm).process([{"instruction": "Name a river."}]))[0]["generation"]
    'The Loire.'
    """

    def __init__(
        self, script: Sequence[tuple[str, str]] = (), *, model: str = "scripted", latency: float = 0.0, **settings: Any
    ) -> None:
        super().__init__(model, preset="scripted", **settings)
        self.script, self.latency = list(script), latency

    def endpoint(self, settings: Settings, say: Say) -> Endpoint:
        return ScriptedEndpoint(self.script, name=self.name, latency=self.latency, concurrency=self.spec.concurrency)


class LLMPool:
    """Several models that share the generations of a row: each of them makes one before any makes a second.

    Which ones make them is chosen at random for each row, and is the same every time.

    >>> LLMPool(llms=[ScriptedLLM(model="a"), ScriptedLLM(model="b")]).task is None
    True
    """

    def __init__(self, llms: Sequence[LLM]) -> None:
        if not llms:
            raise SettingsError("A pool needs at least one model.")
        self.llms = list(llms)

    @property
    def task(self) -> Any:
        return self.llms[0].task


class TransformersLLM:
    """Refused: no model is loaded into this process. LocalLLM is the built-in one; LLM asks any server.

    >>> TransformersLLM(model="HuggingFaceTB/SmolLM2-1.7B-Instruct")
    Traceback (most recent call last):
    ...
    tasks.errors.Unsupported: TransformersLLM would load HuggingFaceTB/SmolLM2-1.7B-Instruct into this process, ...
    """

    def __init__(self, model: Any = "a model", *args: Any, **settings: Any) -> None:
        _refuse(type(self).__name__, model)


def _refuse(name: str, model: Any) -> NoReturn:
    called = model if isinstance(model, str) else "a model"
    raise Unsupported(
        f"{name} would load {called} into this process, which Claywright does not do. Serve it (vLLM, SGLang, llama.cpp, "
        f'Ollama, ...) and use LLM(model="{called}", base_url="http://localhost:8000/v1"), or use LocalLLM(), the built-in '
        "small model."
    )


def _where(base_url: str | Sequence[str]) -> dict[str, Any]:
    """One address, or several of the same model."""
    return {"url": base_url} if isinstance(base_url, str) else {"urls": tuple(base_url)}


def sampled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Sampling as a model's settings have it. Raises SettingsError, naming what is known."""
    if unknown := [name for name in values if name not in (*OWN, *PASSED_ON)]:
        raise SettingsError(
            f"generation_kwargs has no '{unknown[0]}'. Known: {', '.join((*OWN, *PASSED_ON))}. Other fields of the request "
            "go into extra_body."
        )
    extra = {name: values[name] for name in PASSED_ON if values.get(name) is not None}
    extra |= extra.pop("extra_body", {})
    if values.get("stop_sequences"):
        extra["stop"] = values["stop_sequences"]
    settings: dict[str, Any] = {"extra": extra}
    tokens = values.get("max_new_tokens", values.get("max_tokens"))
    settings |= {"max_tokens": int(tokens)} if tokens is not None else {}
    settings |= {name: float(values[name]) for name in ("temperature", "top_p") if values.get(name) is not None}
    return settings | ({"temperature": 0.0} if values.get("do_sample") is False else {})


def _address(name: str, namespace: str | None, key: str | None) -> str:
    """Where an endpoint of one's own on Hugging Face answers. Raises SettingsError with what they say."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    try:
        endpoint = huggingface_hub.get_inference_endpoint(name, namespace=namespace, token=key)
    except (HfHubHTTPError, OSError) as error:
        raise SettingsError(
            f"The endpoint '{name}' can't be asked for at Hugging Face: {str(error).splitlines()[0]}. Check its name, "
            "endpoint_namespace and the token, or give its address as base_url."
        ) from error
    if not endpoint.url:
        raise SettingsError(f"The endpoint '{name}' does not run ({endpoint.status}). Start it at Hugging Face first.")
    return f"{endpoint.url.rstrip('/')}/v1"
