"""Models: who writes, who answers, who rates; what a trial of each found. Keys are named or typed, never kept."""

import asyncio
import os
import threading
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import gradio as gr

from app import draft, parts, recipe, reviewing
from app.desk import Look, named_model
from app.draft import OWN_ADDRESS, ROLES, TYPED, FormError
from app.forms import add_fields
from app.keys import key_variables
from app.pages import consent, model_sets
from app.pages.board import Act, Board, Done
from app.parts import t
from app.trial import Trial, try_out
from tasks.models.presets import PRESETS
from tasks.models.spec import ModelSpec

SERVED = [
    *((preset.title, name) for name, preset in PRESETS.items()),
    ("Another address (OpenAI-compatible)", OWN_ADDRESS),
]
WITHOUT_ADDRESS = ("local", "scripted")
MORE = [
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
AT_ONCE = 1.0
"""Seconds for which what a test brings is waited for before the page shows that it goes on."""
PRICES = ["prompt_price", "completion_price"]
UNPRICED: draft.Filled = dict.fromkeys(PRICES)
SAMPLING = ["temperature", "top_p", "max_tokens", "concurrency", "extra"]
TITLES = {
    "generator": ("Generator", "Writes instructions and questions"),
    "labeller": ("Labeller", "Rates every response and says why"),
}


def build(board: Board) -> None:
    with gr.Row(elem_classes="page-bar"):
        board.part(
            lambda look: parts.page_head("Models", "Who writes, who answers, who rates. Keys are named, never kept.")
        )
        board.button(lambda look: "Test all", test_all, primary=True, min_width=100, elem_id="test-all")
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
    board.part(lambda look: parts.card_head(*TITLES[role], side=_pill(look, role)))
    typed = _model_fields(board, role)
    add_fields(board.form, role, ModelSpec, MORE, folded="More")
    board.problem(role)
    with gr.Row(elem_classes="test"):
        made = gr.Button("Test", size="sm", scale=0, min_width=80, elem_id=f"test-{role}")
    board.act(made.click, lambda act: test(act, role), forms=True, extra=[typed])
    board.part(lambda look: _probe(look, role))


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
        "", label="Key", type="password", interactive=True, visible=False, elem_id=f"{role}-typed",
        html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
    )  # fmt: skip
    with gr.Row():
        form.add(
            f"{role}.temperature",
            gr.Number(None, label="Temperature", interactive=True, min_width=80, placeholder="theirs", step=0.1),
        )
        form.add(
            f"{role}.max_tokens",
            gr.Number(1024, label="Longest answer", precision=0, interactive=True, min_width=80),
        )
        form.add(
            f"{role}.concurrency",
            gr.Number(16, label="At once", precision=0, interactive=True, min_width=80),
        )
    board.dress(key, lambda look: _key_field(look, role))
    board.dress(address, lambda look: _address_field(look, role))
    board.dress(model, lambda look: _model_field(look, role))
    board.dress(typed, lambda look: _typed_field(look, role))
    for event in (typed.blur, typed.submit):
        board.act(event, lambda act: take_key(act, role), forms=True, extra=[typed])
    board.changes(f"{role}.preset", lambda act: preset_chosen(act, role))
    board.changes(f"{role}.key_env", lambda act: key_chosen(act, role))
    board.changes(f"{role}.model", lambda act: model_chosen(act, role))
    return typed


def _responders(board: Board) -> None:
    form = board.form
    board.part(lambda look: parts.card_head("Response models", "Answer each instruction", side=_responders_pill(look)))
    form.add(
        "answers.by",
        gr.Radio(
            [("The generator answers", "generator"), ("Other models, in turns", "others")],
            value="generator", label="Who answers", interactive=True, elem_classes="stack", elem_id="answers-by",
        ),
    )  # fmt: skip
    board.part(responders, drop_responder)
    with gr.Column(visible=False) as new:
        typed = _model_fields(board, "new")
        add_fields(form, "new", ModelSpec, PRICES, folded="Prices")
        add = gr.Button("Add this model", size="sm", elem_id="add-model")
    board.dress(new, lambda look: gr.update(visible=look.filled["answers.by"] == "others"))
    board.act(add.click, add_responder, forms=True, extra=[typed])
    board.problem("responders", "new")


# -- fields as they should look


def _key_choices(look: Look, role: str) -> list[tuple[str, str]]:
    """Names of variables; a key that is pasted here by mistake counts as typed (Desk.keep)."""
    preset, chosen = PRESETS.get(look.filled[f"{role}.preset"]), look.filled[f"{role}.key_env"]
    names = dict.fromkeys([preset.key_env if preset else None, chosen if chosen != TYPED else None, *key_variables()])
    return [
        ("none needed", ""), ("typed, kept in memory only", TYPED),
        *((f"{name} {'✓' if os.environ.get(name) else '(not set)'}", name) for name in names if name),
    ]  # fmt: skip


def _key_field(look: Look, role: str) -> Any:
    visible = look.filled[f"{role}.preset"] not in WITHOUT_ADDRESS
    return gr.update(visible=visible, choices=_key_choices(look, role))


def _address_field(look: Look, role: str) -> Any:
    preset = PRESETS.get(look.filled[f"{role}.preset"])
    visible = look.filled[f"{role}.preset"] not in WITHOUT_ADDRESS
    return gr.update(visible=visible, placeholder=(preset.url if preset else "") or "http://localhost:8000/v1")


def _model_field(look: Look, role: str) -> Any:
    trial = _trial(look, role)
    models = list(trial.found.models) if trial and trial.ok else []
    visible = look.filled[f"{role}.preset"] not in WITHOUT_ADDRESS
    return gr.update(visible=visible, choices=models) if models else gr.update(visible=visible)


def _typed_field(look: Look, role: str) -> Any:
    spec = look.described(role)
    held = spec is not None and look.desk.keys(look.browser).holds(spec)
    visible = look.filled[f"{role}.key_env"] == TYPED and look.filled[f"{role}.preset"] not in WITHOUT_ADDRESS
    return gr.update(visible=visible, placeholder="typed ✓ until Claywright ends" if held else "paste the key here")


def preset_chosen(act: Act, role: str) -> Done:
    """Another provider: its own address and key variable, and no model or price of the one before. An address of one's own
    keeps what stands there, but never the key of a provider. How the built-in model samples is nothing for another one."""
    chosen = str(act.filled[f"{role}.preset"] or "")
    preset = PRESETS.get(chosen)
    own = {"key_env": preset.key_env or "", "url": "", "model": ""} if preset else {"key_env": ""}
    before, after = _usual(role, str(act.was or "")), _usual(role, chosen)
    sampling = {name: after[name] for name in SAMPLING if act.filled.get(f"{role}.{name}") == before[name]}
    return Done(fill={**act.filled, **draft.prefixed(role, {**own, **UNPRICED, **sampling})})


def _usual(role: str, preset: str) -> draft.Filled:
    """What the fields of a model hold where nobody changed them: those of the example for the built-in model."""
    example = recipe.example()
    built_in = example.labeller if role == "labeller" else example.generator
    if preset == built_in.preset:
        return draft.fill_model(built_in)
    return {field.name: draft.shown(draft.default_of(field)) for field in fields(ModelSpec)}


def model_chosen(act: Act, role: str) -> Done:
    """Another model has other prices."""
    return Done(fill={**act.filled, **draft.prefixed(role, UNPRICED)})


def key_chosen(act: Act, role: str) -> Done:
    """A key that is no longer to be typed is forgotten, unless another model at that address needs it."""
    spec = act.look.described(role)
    if act.was == TYPED and act.filled[f"{role}.key_env"] != TYPED and spec is not None:
        others = [act.look.described(other) for other in (*ROLES, "new") if act.filled[f"{other}.key_env"] == TYPED]
        others += [ModelSpec(**values) for values in act.filled["responders"]]
        if spec.address not in [other.address for other in others if other is not None]:
            act.desk.keys(act.browser).type(spec, "")
    return Done(fill=dict(act.filled))


# -- keys and trials


def _trial(look: Look, role: str) -> Trial | None:
    spec = look.described(role)
    return look.trial(spec) if spec else None


def take_key(act: Act, role: str) -> Done | None:
    """A typed key goes into this process's memory, for this browser and that address, and out of the field."""
    key = str(act.extra[0] or "") if act.extra else ""
    if not key.strip():
        return None
    act.desk.keys(act.browser).type(draft.model_of(draft.part(act.filled, role), role), key)
    return Done()


def test(act: Act, role: str) -> Done:
    """Asks the model what it can do."""
    take_key(act, role)
    _try(act, [draft.model_of(draft.part(act.filled, role), role)])
    return Done()


def test_all(act: Act) -> Done:
    specs = [draft.model_of(draft.part(act.filled, role), role) for role in ROLES]
    if act.filled["answers.by"] == "others":
        specs += [ModelSpec(**values) for values in act.filled["responders"]]
    _try(act, specs)
    return Done()


def _try(act: Act, specs: Sequence[ModelSpec]) -> None:
    """Asks them beside the page, which shows what comes; what comes at once is waited for."""
    desk, keys = act.desk, act.desk.keys(act.browser)
    different = {(act.browser, spec.identity, spec.key_variable): spec for spec in specs}

    async def try_one(trial_key: tuple[str, str, str], spec: ModelSpec) -> None:
        def heard(text: str) -> None:
            desk.trials[trial_key] = Trial(asking=True, answer=text)

        desk.trials[trial_key] = await try_out(spec, desk.store, desk.settings, lambda sentence: None, keys, heard)

    async def try_all() -> None:
        await asyncio.gather(*(try_one(trial_key, spec) for trial_key, spec in different.items()))

    def work() -> None:
        try:
            asyncio.run(try_all())
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must not wait for ever
            for trial_key in different:
                if desk.trials[trial_key].asking:
                    desk.trials[trial_key] = Trial(trouble=f"The test broke off: {error}. Press Test once more.")

    desk.trials.update(dict.fromkeys(different, Trial(asking=True)))
    asking = threading.Thread(target=work, name="trial", daemon=True)
    asking.start()
    asking.join(AT_ONCE)


def add_responder(act: Act) -> Done:
    take_key(act, "new")
    spec = draft.model_of(draft.part(act.filled, "new"), "new")
    if not spec.model and spec.preset not in WITHOUT_ADDRESS and not spec.url:
        raise FormError("new", "The name of the model is missing.")
    listed = act.filled["responders"]
    if len(listed) >= 8:
        raise FormError(
            "new", "A row has at most eight responses, so more than eight models would never have their turn."
        )
    emptied = draft.prefixed("new", {"model": "", **UNPRICED})
    return Done(fill={**act.filled, "responders": [*listed, recipe.changed(spec)], **emptied})


def drop_responder(act: Act) -> Done:
    listed = list(act.filled["responders"])
    del listed[act.number("place", 0, len(listed) - 1)]
    return Done(fill={**act.filled, "responders": listed})


# -- what the page says


def _pill(look: Look, role: str) -> str:
    spec = look.described(role)
    if spec is None:
        return parts.pill("not set up", "warn")
    if spec.preset == "local" and look.desk.standby.model.state != "ready":
        state = look.desk.standby.model.state
        return parts.pill("starting" if state == "starting" else "off", "busy" if state == "starting" else "bad")
    trial = look.trial(spec)
    if trial is None:
        return parts.pill("ready", "ok") if spec.preset in WITHOUT_ADDRESS else parts.pill("not tried")
    if trial.asking:
        return parts.pill("asking", "busy")
    return parts.pill("ready", "ok") if trial.ok else parts.pill("off", "bad")


def _responders_pill(look: Look) -> str:
    if look.filled["answers.by"] == "generator":
        return parts.pill("not needed")
    number = len(look.filled["responders"])
    return parts.pill(parts.count(number, "model"), "ok" if number else "warn")


def responders(look: Look) -> str:
    """The response models by name, each with a button that takes it away."""
    if look.filled["answers.by"] != "others":
        return (
            '<p class="note">One response each, unless Generate says more. Let other models answer to compare them.</p>'
        )
    items = ""
    for place, values in enumerate(look.filled["responders"]):
        spec = ModelSpec(**values)
        trial = look.trial(spec)
        state = (
            "" if trial is None or trial.asking else parts.pill("ready", "ok") if trial.ok else parts.pill("off", "bad")
        )
        where = spec.address or PRESETS[spec.preset].title
        remove = parts.button("Remove", act="drop", place=place)
        trouble = parts.problem(trial.trouble) + parts.notice(trial.warning, "warn") if trial else ""
        items += f"<li><div><b>{t(named_model(spec))}</b><span>{t(where)}</span>{trouble}</div>{state}{remove}</li>"
    return (
        f'<ul class="models">{items}</ul>' if items else '<p class="note">None yet: describe one below and add it.</p>'
    )


def _probe(look: Look, role: str) -> str:
    spec = look.described(role)
    trial = look.trial(spec) if spec else None
    if spec is not None and spec.preset == "local" and look.desk.standby.model.state == "off":
        return f'<div class="probe">{parts.problem(look.desk.standby.model.words)}</div>'
    note = (
        '<p class="facts">The built-in model is for trying only.</p>'
        if spec is not None and spec.preset == "local"
        else ""
    )
    if trial is None:
        return (
            f'<div class="probe">{note}<p class="facts">Test says what it can do, and shows one real answer.</p></div>'
        )
    if trial.asking:
        answer = f"<blockquote>{t(trial.answer[:300])}</blockquote>" if trial.answer else ""
        return f'<div class="probe" role="status"><p class="facts">Asking what it can do, and for one answer.</p>{answer}</div>'
    if not trial.ok:
        return f'<div class="probe">{parts.problem(trial.trouble)}</div>'
    found = trial.found
    badges = [
        ("raw prompts", found.raw_prompts), ("JSON schema", found.json_schema), ("log-probs", found.logprobs),
        ("chat template", bool(found.chat_template)),
        *([("open user turns", True)] if found.continues_turns else []),
    ]  # fmt: skip
    marks = "".join(
        f'<li class="{"yes" if able else "no"}">{t(name)}<span class="sr">{": yes" if able else ": no"}</span></li>'
        for name, able in badges
    )
    said = [f"one answer in {trial.seconds:.1f} s"]
    if trial.tokens and trial.seconds:
        said.append(f"{trial.tokens / trial.seconds:.0f} tokens a second")
    if found.context:
        said.append(f"context {found.context:,}")
    differences = f'<p class="facts">{t(" ".join(trial.differences))}</p>' if trial.differences else ""
    return (
        f'<div class="probe" role="status"><ul class="badges">{marks}</ul><p class="facts">{t(" · ".join(said))}</p>{note}'
        f"{parts.notice(trial.warning, 'warn')}{differences}<blockquote>{t(trial.answer[:300])}</blockquote></div>"
    )


def argilla(look: Look) -> str:
    """Where people review, and whether it is there."""
    state = look.desk.standby.argilla
    own = not look.desk.settings.argilla_url
    line = (
        "Where people review. This one came with Claywright and runs on this machine."
        if own
        else f"Where people review: {state.url}"
    )
    word, tone = {"ready": ("ready", "ok"), "starting": ("starting", "busy"), "off": ("off", "bad")}[state.state]
    more = f'<p class="note">{t(state.words)}</p>' if state.words else ""
    address = reviewing.opening(look.desk.settings, state.url)
    link = parts.link("Open Argilla", address) if address else ""
    return (
        f'<div class="argilla-line"><div class="card-head"><div><h2>Argilla</h2><p>{t(line)}</p>{more}</div>'
        f"{parts.pill(word, tone)}</div>{link}</div>"
    )
