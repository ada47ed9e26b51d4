"""From a recipe's model settings to endpoints that can be called; keys stay in memory."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app import services
from app.api_keys import Keys
from app.config import Settings
from app.runs.permissions import Permissions
from app.services import Say
from tasks import local as local_model
from tasks.engine.addresses import Addresses
from tasks.errors import EndpointRefused, SettingsError, Unreachable
from tasks.models.base import Completion, Endpoint, Kind
from tasks.models.openai import OpenAIEndpoint
from tasks.models.presets import PRESETS
from tasks.models.scripted import ScriptedEndpoint
from tasks.models.spec import CLUSTER, ModelSpec

if TYPE_CHECKING:
    from tasks.cluster.replicas import Replicas

PATIENCE = 900.0
"""Seconds for one call to the built-in model: on a small machine, prompts wait for one another."""


ANEW = "It was started anew: stop Claywright and start it again."


class LocalEndpoint(OpenAIEndpoint):
    """The built-in model, found again where the process that had started it has ended."""

    def __init__(self, spec: ModelSpec, settings: Settings, say: Say) -> None:
        running = services.local(settings).ensure(services.MODEL, say)
        spec = replace(spec, model=local_model.NAME, timeout=max(spec.timeout, PATIENCE))
        identity = f"local|{local_model.NAME}|{local_model.WEIGHTS_SHA256[:16]}"
        super().__init__(spec, url=running.url, key=str(running.details["key"]), identity=identity, refused=ANEW)
        self._ensure = lambda: services.local(settings).ensure(services.MODEL, say)
        self._looking = asyncio.Lock()

    async def answer(
        self, kind: Kind, body: Mapping[str, Any], draw: int, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        url = self.url
        try:
            return await super().answer(kind, body, draw, on_text)
        except (Unreachable, EndpointRefused):
            async with self._looking:
                if self.url == url:
                    await self._look_again()
            if self.url == url:
                raise
            raise Unreachable("The built-in model was started anew.") from None

    async def _look_again(self) -> None:
        running = await asyncio.to_thread(self._ensure)
        if running.url != self.url:
            self.move(running.url, str(running.details["key"]))


class NobodyEndpoint(ScriptedEndpoint):
    """Stands where work calls no generator. It makes nothing up, should it be called all the same."""

    def __init__(self) -> None:
        super().__init__(name="nobody")

    async def send(self, kind: Kind, body: Mapping[str, Any], draw: int) -> Completion:
        raise EndpointRefused("No model was set up that writes rows or answers. Resume the run in place of rating it.")


def endpoint(spec: ModelSpec, settings: Settings, say: Say, keys: Keys, replicas: "Replicas | None" = None) -> Endpoint:
    """The endpoint that `spec` names; the built-in model is started where it does not run yet.

    `replicas` are those of a run whose recipe has a cluster; they start when they are first asked. Raises SettingsError for a
    missing key or model name, or where Ray is missing, NotAllowed for a cluster's command that nobody allowed, ServiceError if the
    built-in model does not start.
    """
    if spec.preset == CLUSTER:
        if replicas is None:
            raise SettingsError(
                f"{spec.model} is served on a cluster, which starts with a run: claywright run RECIPE.",
                setting="preset",
            )
        Permissions(settings.data).check_command(replicas.settings)
        return Addresses(replicas.endpoints(spec), spec.identity, say)
    if spec.urls:
        return Addresses([endpoint(each, settings, say, keys) for each in spec.each], spec.identity, say)
    if spec.preset == "scripted":
        return ScriptedEndpoint(name=spec.model or "scripted", concurrency=spec.concurrency)
    if spec.preset == "local":
        return LocalEndpoint(spec, settings, say)
    variable = spec.key_variable
    key = Permissions(settings.data).key(spec, keys)
    if variable and not key:
        raise SettingsError(
            f"The model {spec.model or spec.preset or spec.address} {keys.missing(spec)}; what was made is kept.",
            setting="key_env",
        )
    if not spec.model and not spec.url:
        raise SettingsError(
            f"The preset '{spec.preset}' ({PRESETS[spec.preset].title}) needs the name of a model.",
            setting="model",
        )
    return OpenAIEndpoint(spec, key=key, refused=keys.refused(spec), guard=keys.guard)


def servers_of(model: Endpoint) -> list[OpenAIEndpoint]:
    """The endpoints over HTTP that serve a model: one for each of its addresses."""
    endpoints = model.endpoints if isinstance(model, Addresses) else [model]
    return [each for each in endpoints if isinstance(each, OpenAIEndpoint)]
