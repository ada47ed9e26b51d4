"""Models: who writes, who answers, who rates; what a trial of each found. Keys are named or typed, never kept."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

import gradio as gr
from markupsafe import Markup

from app import recipe
from app.api_keys import key_variables
from app.review import argilla as review_argilla
from app.runs.model_check import ModelCheck, list_models
from app.web import form_values
from app.web.form_fields import add_fields
from app.web.form_values import OWN_ADDRESS, ROLES, TYPED, WITHOUT_ADDRESS, FormError
from app.web.html import fragments
from app.web.html.markup import joined, markup
from app.web.page_builder import Act, Board, Done
from app.web.pages import consent, model_sets
from app.web.state import RunView, named_model
from tasks.models.presets import PRESETS
from tasks.models.spec import ModelSpec

SERVED = [
    *((preset.title, name) for name, preset in PRESETS.items()),
    ("Another address (OpenAI-compatible)", OWN_ADDRESS),
]
MORE = [
    "urls",
    "top_p",
    "timeout",
    "requests_per_minute",
    "tokens_per_minute",
    "prompt_price",
    "completion_price",
    "template",
    "extra",
    "left_out",
    "token_limit",
    "answer_format",
    "key_header",
    "headers",
    "query",
]
AT_ONCE = 0.3
"""Seconds for which what a test brings is waited for before the page shows that it goes on."""
PRICES = ["prompt_price", "completion_price"]
SAME = "Same as the generator"
UNPRICED: form_values.FormValues = dict.fromkeys(PRICES)
SAMPLING = ["temperature", "top_p", "max_tokens", "concurrency", "extra"]
TITLES = {
    "generator": ("Generator", "Writes instructions and questions"),
    "labeller": ("Labeller", "Rates every response and says why"),
}


def build(board: Board) -> None:
    with gr.Row(elem_classes="page-bar"):
        board.part(
            lambda view: fragments.page_head(
                "Models", "Who writes, who answers, who rates. Keys are named, never kept."
            )
        )
        board.button(
            lambda view: "Stop testing" if _testing(view) else "Test all",
            test_all,
            primary=True,
            min_width=100,
            elem_id="test-all",
        )
    board.problem("models")
    consent.build(board)
    with gr.Row(elem_classes="three", equal_height=True):
        with gr.Column(elem_classes="card"):
            _role(board, "generator")
        with gr.Column(elem_classes="card"):
            _responders(board)
        with gr.Column(elem_classes="card"):
            _role(board, "labeller")
    model_sets.build(board)
    with gr.Row(elem_classes=["card", "argilla"]):
        board.part(argilla)


def _role(board: Board, role: str) -> None:
    board.part(lambda view: fragments.card_head(*TITLES[role], side=_pill(view, role)))
    if role != "generator":
        _alike(board, role)
    typed = _model_fields(board, role)
    add_fields(board.form, role, ModelSpec, MORE, folded="More")
    board.problem(role)
    with gr.Row(elem_classes="test"):
        button = gr.Button("Test", size="sm", scale=0, min_width=80, elem_id=f"test-{role}")
    board.dress(button, lambda view: gr.update(value="Stop the test" if _asking(view, role) else "Test"))
    board.act(button.click, lambda act: test(act, role), forms=True, extra=[typed])
    board.part(lambda view: _probe(view, role))


def _alike(board: Board, role: str) -> None:
    """One click for the address, the key and the limits of the generator."""
    button = gr.Button(SAME, size="sm", scale=0, visible=False, elem_id=f"same-{role}", elem_classes="quiet")
    board.dress(button, lambda view: gr.update(visible=not _is_alike(view, role)))
    board.act(button.click, lambda act: take_generators(act, role), forms=True)


def _model_fields(board: Board, role: str) -> gr.Textbox:
    """The fields of one model; returns the one that a key is typed into, which belongs to no form."""
    form = board.form
    with gr.Row():
        form.add(
            f"{role}.preset",
            gr.Dropdown(
                SERVED, value="local", label="Served by", interactive=True, min_width=120, elem_id=f"{role}-preset"
            ),
        )
        key = form.add(
            f"{role}.key_env",
            gr.Dropdown(
                [("none needed", "")],
                value="",
                label="Key from",
                interactive=True,
                min_width=120,
                allow_custom_value=True,
                elem_id=f"{role}-key-from",
            ),
        )
    address = form.add(
        f"{role}.url",
        gr.Textbox(
            "", label="Address", placeholder="http://localhost:8000/v1", interactive=True, elem_id=f"{role}-url"
        ),
    )
    model = form.add(
        f"{role}.model",
        gr.Dropdown([], value="", label="Model", interactive=True, allow_custom_value=True, elem_id=f"{role}-model"),
    )
    typed = gr.Textbox(
        "", label="Key", type="password", interactive=True, elem_id=f"{role}-typed",
        html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
    )  # fmt: skip
    with gr.Row():
        form.add(
            f"{role}.temperature",
            gr.Number(
                None,
                label="Temperature",
                interactive=True,
                scale=3,
                min_width=108,
                placeholder="provider default",
                step=0.1,
                elem_classes="temperature",
            ),
        )
        form.add(
            f"{role}.max_tokens",
            gr.Number(1024, label="Max tokens", precision=0, interactive=True, scale=2, min_width=68),
        )
        form.add(
            f"{role}.concurrency",
            gr.Number(16, label="Concurrency", precision=0, interactive=True, scale=2, min_width=68),
        )
    board.dress(key, lambda view: _key_field(view, role))
    board.dress(address, lambda view: _address_field(view, role))
    board.dress(model, lambda view: _model_field(view, role))
    board.show_while(typed, partial(_is_key_typed, role=role), placeholder=partial(_key_placeholder, role=role))
    for event in (typed.blur, typed.submit):
        board.act(event, lambda act: take_key(act, role), forms=True, extra=[typed])
    board.changes(f"{role}.url", lambda act: address_typed(act, role))
    board.changes(f"{role}.preset", lambda act: preset_chosen(act, role))
    board.changes(f"{role}.key_env", lambda act: key_chosen(act, role))
    board.changes(f"{role}.model", lambda act: model_chosen(act, role))
    return typed


def _responders(board: Board) -> None:
    form = board.form
    board.part(
        lambda view: fragments.card_head("Response models", "Answer each instruction", side=_responders_pill(view))
    )
    form.add(
        "answers.by",
        gr.Radio(
            [("The generator answers", "generator"), ("Other models, in turns", "others")],
            value="generator", label="Who answers", interactive=True, elem_classes="stack", elem_id="answers-by",
        ),
    )  # fmt: skip
    board.part(responders, drop_responder)
    with gr.Column(visible=False) as new:
        _alike(board, "new")
        typed = _model_fields(board, "new")
        add_fields(form, "new", ModelSpec, ["urls", *PRICES], folded="More")
        add = gr.Button("Add this model", size="sm", elem_id="add-model")
    board.dress(new, lambda view: gr.update(visible=view.filled["answers.by"] == "others"))
    board.act(add.click, add_responder, forms=True, extra=[typed])
    board.problem("responders", "new")


# -- fields as they should look


def _key_choices(view: RunView, role: str) -> list[tuple[str, str]]:
    """Names of variables; a key that is pasted here by mistake counts as typed (AppState.keep)."""
    preset, chosen = PRESETS.get(view.filled[f"{role}.preset"]), view.filled[f"{role}.key_env"]
    names = dict.fromkeys([preset.key_env if preset else None, chosen if chosen != TYPED else None, *key_variables()])
    return [
        ("none needed", ""), ("typed, kept in memory only", TYPED),
        *((f"{name} {'✓' if os.environ.get(name) else '(not set)'}", name) for name in names if name),
    ]  # fmt: skip


def _key_field(view: RunView, role: str) -> Any:
    visible = view.filled[f"{role}.preset"] not in WITHOUT_ADDRESS
    return gr.update(visible=visible, choices=_key_choices(view, role))


def _address_field(view: RunView, role: str) -> Any:
    preset = PRESETS.get(view.filled[f"{role}.preset"])
    visible = view.filled[f"{role}.preset"] not in WITHOUT_ADDRESS
    return gr.update(visible=visible, placeholder=(preset.url if preset else "") or "http://localhost:8000/v1")


def _model_field(view: RunView, role: str) -> Any:
    spec = view.described(role)
    models = list(view.state.models.get(_listed_at(view.browser, spec), ())) if spec is not None else []
    visible = view.filled[f"{role}.preset"] not in WITHOUT_ADDRESS
    return gr.update(visible=visible, choices=models)


def _is_key_typed(view: RunView, role: str) -> bool:
    return view.filled[f"{role}.key_env"] == TYPED and view.filled[f"{role}.preset"] not in WITHOUT_ADDRESS


def _key_placeholder(view: RunView, role: str) -> str:
    spec = view.described(role)
    has_key = spec is not None and view.state.keys(view.browser).holds(spec)
    trial = _trial(view, role)
    placeholder = "typed ✓ until Claywright ends" if has_key else "paste the key here"
    if has_key and trial is not None and trial.key_refused:
        placeholder = "refused: paste another key here"
    return placeholder


def preset_chosen(act: Act, role: str) -> Done:
    """Another provider: its own address and key variable, and no model or price of the one before. An address of one's own
    keeps what stands there, but never the key of a provider. How the built-in model samples is nothing for another one.
    """
    chosen = str(act.filled[f"{role}.preset"] or "")
    preset = PRESETS.get(chosen)
    own = {"key_env": preset.key_env or "", "url": "", "urls": "", "model": ""} if preset else {"key_env": ""}
    before, after = _usual(role, str(act.was or "")), _usual(role, chosen)
    sampling = {name: after[name] for name in SAMPLING if act.filled.get(f"{role}.{name}") == before[name]}
    filled = {**act.filled, **form_values.prefixed(role, {**own, **UNPRICED, **sampling})}
    _list(act, filled, role)
    return Done(fill=filled)


def address_typed(act: Act, role: str) -> Done:
    """What models there are is asked for, so that one can be chosen before anything is tried."""
    _list(act, act.filled, role)
    return Done()


def _is_alike(view: RunView, role: str) -> bool:
    return all(view.filled[f"{role}.{name}"] == view.filled[f"generator.{name}"] for name in _shared(role))


def _shared(role: str) -> list[str]:
    """What a model has in common with the generator: not how it samples, nor, where it answers beside it, its name."""
    own = ("temperature", "top_p", "max_tokens", *(("model", *PRICES) if role == "new" else ()))
    return [field.name for field in fields(ModelSpec) if field.name not in own]


def take_generators(act: Act, role: str) -> Done:
    """Another model is served as the generator is."""
    shared = {f"{role}.{name}": act.filled[f"generator.{name}"] for name in _shared(role)}
    filled = {**act.filled, **shared}
    _list(act, filled, role)
    what = "Address, key and limits" if role == "new" else "Address, key, model and limits"
    return Done(fill=filled, toast=f"{what} are those of the generator.")


def _usual(role: str, preset: str) -> form_values.FormValues:
    """What the fields of a model hold where nobody changed them: those of the example for the built-in model."""
    example = recipe.example()
    built_in = example.labeller if role == "labeller" else example.generator
    if preset == built_in.preset:
        return form_values.fill_model(built_in)
    return {field.name: form_values.shown(form_values.default_of(field)) for field in fields(ModelSpec)}


def model_chosen(act: Act, role: str) -> Done:
    """Another model has other prices."""
    return Done(fill={**act.filled, **form_values.prefixed(role, UNPRICED)})


def key_chosen(act: Act, role: str) -> Done:
    """A key that is no longer to be typed is forgotten, unless another model at that address needs it."""
    spec = act.look.described(role)
    if act.was == TYPED and act.filled[f"{role}.key_env"] != TYPED and spec is not None:
        others = [act.look.described(other) for other in (*ROLES, "new") if act.filled[f"{other}.key_env"] == TYPED]
        others += [ModelSpec(**values) for values in act.filled["responders"]]
        if spec.address not in [other.address for other in others if other is not None]:
            act.state.keys(act.browser).type(spec, "")
    return Done(fill=dict(act.filled))


# -- keys and trials


def _trial(view: RunView, role: str) -> ModelCheck | None:
    spec = view.described(role)
    return view.trial(spec) if spec else None


def take_key(act: Act, role: str) -> Done | None:
    """A typed key goes into this process's memory, for this browser and that address, and out of the field."""
    key = str(act.extra[0] or "") if act.extra else ""
    if not key.strip():
        return None
    spec = form_values.model_of(form_values.part(act.filled, role), role)
    act.state.keys(act.browser).type(spec, key)
    act.state.trials.pop((act.browser, spec.with_addresses, spec.key_variable), None)  # it is of another key
    _list(act, act.filled, role)
    return Done()


def _listed_at(browser: str, spec: ModelSpec) -> tuple[str, str, str]:
    return browser, spec.address, spec.key_variable


def _list(act: Act, filled: form_values.FormValues, role: str) -> None:
    """Asks beside the page which models there are at the address of a role."""
    try:
        spec = form_values.model_of(form_values.part(filled, role), role)
    except FormError:
        return
    state, keys = act.state, act.state.keys(act.browser)

    def work() -> None:
        try:
            if names := asyncio.run(list_models(spec, state.settings, keys)):
                state.models[_listed_at(act.browser, spec)] = names
        finally:
            state.listing.discard(asking)

    asking = object()
    state.listing.add(asking)
    threading.Thread(target=work, name="models", daemon=True).start()


def _cancel(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    with contextlib.suppress(RuntimeError):  # it ended just now
        loop.call_soon_threadsafe(task.cancel)


def _asking(view: RunView, role: str) -> bool:
    trial = _trial(view, role)
    return trial is not None and trial.asking


def _testing(view: RunView) -> bool:
    """True while something that this browser asked goes on."""
    return any(trial.asking for (browser, *_), trial in list(view.state.trials.items()) if browser == view.browser)


def test(act: Act, role: str) -> Done:
    """Asks the model what it can do; pressed again, it stops that."""
    spec = form_values.model_of(form_values.part(act.filled, role), role)
    trial_key = (act.browser, spec.with_addresses, spec.key_variable)
    if (trial := act.state.trials.get(trial_key)) is not None and trial.asking:
        _stop(act, [trial_key])
        return Done()
    take_key(act, role)
    _try(act, [spec])
    return Done()


def _stop(act: Act, trial_keys: Sequence[tuple[str, str, str]]) -> None:
    for trial_key in trial_keys:
        if stop := act.state.stops.pop(trial_key, None):
            stop()
        act.state.trials.pop(trial_key, None)


def test_all(act: Act) -> Done:
    if _testing(act.look):
        trials = list(act.state.trials.items())
        _stop(act, [trial_key for trial_key, trial in trials if trial_key[0] == act.browser and trial.asking])
        return Done()
    specs = [form_values.model_of(form_values.part(act.filled, role), role) for role in ROLES]
    if act.filled["answers.by"] == "others":
        specs += [ModelSpec(**values) for values in act.filled["responders"]]
    _try(act, specs)
    return Done()


def _try(act: Act, specs: Sequence[ModelSpec]) -> None:
    """Asks them beside the page, which shows what comes; what comes at once is waited for."""
    state = act.state
    different = {(act.browser, spec.with_addresses, spec.key_variable): spec for spec in specs}

    pending = {trial_key: ModelCheck(asking=True) for trial_key in different}

    async def try_one(trial_key: tuple[str, str, str], spec: ModelSpec) -> None:
        def heard(text: str) -> None:
            if (now := state.trials.get(trial_key)) is not None and now.asking:
                state.trials[trial_key] = replace(pending[trial_key], answer=text)

        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        state.stops[trial_key] = partial(_cancel, loop, task)
        try:
            came = await state.try_out(spec, act.browser, heard)
        except asyncio.CancelledError:  # somebody pressed Stop, and was told so
            return
        finally:
            state.stops.pop(trial_key, None)
        state.trials[trial_key] = came
        if came.found.models:
            state.models[_listed_at(act.browser, spec)] = came.found.models

    async def try_all() -> None:
        await asyncio.gather(*(try_one(trial_key, spec) for trial_key, spec in different.items()))

    def work() -> None:
        try:
            asyncio.run(try_all())
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must not wait for ever
            for trial_key in different:
                if trial_key in state.trials and state.trials[trial_key].asking:
                    state.trials[trial_key] = ModelCheck(trouble=f"The test broke off: {error}. Press Test once more.")

    state.trials.update(pending)
    asking = threading.Thread(target=work, name="trial", daemon=True)
    asking.start()
    asking.join(AT_ONCE)


def add_responder(act: Act) -> Done:
    take_key(act, "new")
    spec = form_values.model_of(form_values.part(act.filled, "new"), "new")
    if not spec.model and spec.preset not in WITHOUT_ADDRESS and not spec.url:
        raise FormError("new", "The name of the model is missing.")
    listed = act.filled["responders"]
    if len(listed) >= 8:
        raise FormError(
            "new", "A row has at most eight responses, so more than eight models would never have their turn."
        )
    emptied = form_values.prefixed("new", {"model": "", **UNPRICED})
    return Done(fill={**act.filled, "responders": [*listed, recipe.changed(spec)], **emptied})


def drop_responder(act: Act) -> Done:
    listed = list(act.filled["responders"])
    del listed[act.number("place", 0, len(listed) - 1)]
    return Done(fill={**act.filled, "responders": listed})


# -- what the page says


def _pill(view: RunView, role: str) -> Markup:
    spec = view.described(role)
    if spec is None:
        return fragments.pill("not set up", "warn")
    if spec.preset == "local" and view.state.services.model.state != "ready":
        state = view.state.services.model.state
        return fragments.pill("starting" if state == "starting" else "off", "busy" if state == "starting" else "bad")
    trial = view.trial(spec)
    if trial is None:
        return fragments.pill("ready", "ok") if spec.preset in WITHOUT_ADDRESS else fragments.pill("not tried")
    if trial.asking:
        return fragments.pill(f"asking, {_seconds(trial)}", "busy")
    return fragments.pill("ready", "ok") if trial.ok else fragments.pill("off", "bad")


def _responders_pill(view: RunView) -> Markup:
    if view.filled["answers.by"] == "generator":
        return fragments.pill("not needed")
    number = len(view.filled["responders"])
    return fragments.pill(fragments.count(number, "model"), "ok" if number else "warn")


def responders(view: RunView) -> Markup:
    """The response models by name, each with a button that takes it away."""
    if view.filled["answers.by"] != "others":
        return Markup(
            '<p class="note">One response each, unless Generate says more. Let other models answer to compare them.</p>'
        )
    items = Markup()
    for index, values in enumerate(view.filled["responders"]):
        spec = ModelSpec(**values)
        trial = view.trial(spec)
        state = (
            Markup()
            if trial is None or trial.asking
            else fragments.pill("ready", "ok")
            if trial.ok
            else fragments.pill("off", "bad")
        )
        where = spec.address or (PRESETS[spec.preset].title if spec.preset in PRESETS else "on a cluster")
        if len(spec.urls) > 1:
            where += f" and {fragments.count(len(spec.urls) - 1, 'more address', 'more addresses')}"
        remove = fragments.button("Remove", act="drop", place=index)
        trouble = fragments.problem(trial.trouble) + fragments.notice(trial.warning, "warn") if trial else Markup()
        items += markup(
            "<li><div><b>{model}</b><span>{where}</span>{trouble}</div>{state}{remove}</li>",
            model=named_model(spec),
            where=where,
            trouble=trouble,
            state=state,
            remove=remove,
        )
    return (
        markup('<ul class="models">{}</ul>', items)
        if items
        else Markup('<p class="note">None yet: describe one below and add it.</p>')
    )


def _probe(view: RunView, role: str) -> Markup:
    spec = view.described(role)
    trial = view.trial(spec) if spec else None
    if spec is not None and spec.preset == "local" and view.state.services.model.state == "off":
        return markup('<div class="probe">{}</div>', fragments.problem(view.state.services.model.words))
    note = (
        Markup('<p class="facts">The built-in model is for trying only.</p>')
        if spec is not None and spec.preset == "local"
        else Markup()
    )
    if trial is None:
        return markup(
            '<div class="probe">{}<p class="facts">Test says what it can do, and shows one real answer.</p></div>', note
        )
    if trial.asking:
        answer = markup("<blockquote>{}</blockquote>", trial.answer[:300]) if trial.answer else Markup()
        line = f"Asking what it can do, and for one answer: {_seconds(trial)} so far."
        return markup('<div class="probe"><p class="facts">{}</p>{}</div>', line, answer)
    if not trial.ok:
        return markup('<div class="probe">{}</div>', fragments.problem(trial.trouble))
    capabilities = trial.found
    badges = [
        ("raw prompts", capabilities.raw_prompts), ("JSON schema", capabilities.json_schema), ("log-probs", capabilities.logprobs),
        ("chat template", bool(capabilities.chat_template)),
        *([("open user turns", True)] if capabilities.continues_turns else []),
    ]  # fmt: skip
    marks = joined(
        markup(
            '<li class="{able}">{name}<span class="sr">: {able}</span></li>',
            able="yes" if able else "no",
            name=name,
        )
        for name, able in badges
    )
    facts = [f"one answer in {trial.seconds:.1f} s"]
    if trial.tokens and trial.seconds:
        facts.append(f"{trial.tokens / trial.seconds:.0f} tokens a second")
    if capabilities.context:
        facts.append(f"context {capabilities.context:,}")
    differences = markup('<p class="facts">{}</p>', " ".join(trial.differences)) if trial.differences else Markup()
    return markup(
        '<div class="probe" role="status"><ul class="badges">{marks}</ul><p class="facts">{facts}</p>{note}'
        "{warning}{differences}<blockquote>{answer}</blockquote></div>",
        marks=marks,
        facts=" · ".join(facts),
        note=note,
        warning=fragments.notice(trial.warning, "warn"),
        differences=differences,
        answer=trial.answer[:300],
    )


def _seconds(trial: ModelCheck) -> str:
    return f"{time.monotonic() - trial.began:.0f} s"


def argilla(view: RunView) -> Markup:
    """Where people review, and whether it is there."""
    state = view.state.services.argilla
    own = not view.state.settings.argilla_url
    line = (
        "Where people review. This one came with Claywright and runs on this machine."
        if own
        else f"Where people review: {state.url}"
    )
    word, tone = {"ready": ("ready", "ok"), "starting": ("starting", "busy"), "off": ("off", "bad")}[state.state]
    more = markup('<p class="note">{}</p>', state.words) if state.words else Markup()
    address = review_argilla.opening(view.state.settings, state.url)
    link = fragments.link("Open Argilla", address) if address else Markup()
    return markup(
        '<div class="argilla-line"><div class="card-head"><div><h2>Argilla</h2><p>{}</p>{}</div>{}</div>{}</div>',
        line,
        more,
        fragments.pill(word, tone),
        link,
    )
