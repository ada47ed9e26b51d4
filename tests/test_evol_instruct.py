"""EvolInstruct: its prompts, what becomes a row and where each comes from, what is dropped, and a run to its end."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app import recipe, workflow
from app.config import Settings
from app.store.store import Store
from app.workspace import Workspace
from tasks import EvolInstruct
from tasks.errors import InputError, SettingsError
from tasks.evol_instruct import OPERATIONS, prompt
from tasks.prompts import PROMPTS
from tasks.types import Dropped, Row
from tests.scripts import Model, dropped, made, row
from tests.servers import FakeOpenAI

RIVER = "Name a river."
HARDER = "Name a river that crosses two borders."
HARDEST = "Name a river that crosses two borders, and say which."

DEPTH = """\
Someone sent an assistant the instruction below. Rewrite it so that it asks for more: it should take a good assistant some effort, and still make sense.

How to do it: {how}

What to keep to:
- Add about 10 to 20 words, not more.
- Whatever it brings along stays in it: tables, code, formulas, data.
- People can understand it, and an assistant can answer it by writing text.
- Write the instruction. Do not answer it, and do not say what you changed.

Answer with the rewritten instruction and nothing else.

Given instruction:
Name a river."""  # noqa: E501 - a line of the prompt as it is sent

HOW = {
    "CONSTRAINTS": "add one requirement or limit that the answer has to meet.",
    "DEEPENING": "let it look further into the matter. Whatever it asks about, ask about that more thoroughly and more widely.",
    "CONCRETIZING": "where it speaks of something in general, speak of a particular case of it.",
    "INCREASED_REASONING_STEPS": (
        "if a moment's thought is enough to answer it, change it so that the answer has to be worked out in several steps, "
        "and ask for those."
    ),
}

BREADTH = """\
Someone sent an assistant the instruction below. Let it give you the idea for another one.

What the other one is like:
- It comes from the same field, and asks for something that is asked for less often.
- It is about as long and about as difficult.
- It is complete without the first one. People can understand it, and an assistant can answer it by writing text.
- Write the instruction. Do not answer it, and do not say where it comes from.

Answer with the created instruction and nothing else.

Given instruction:
Name a river."""

GAIN = """\
Compare two instructions for an assistant.

They are equal if both of these are true:
- They set the same requirements and limits.
- They go into the matter equally far and cover equally much of it.
Saying the same in other words makes no difference. If one of them asks for more, for less or for something else, they are different.

First instruction:
Name a river.

Second instruction:
Give me the name of a river.

Answer with one word, equal or different."""  # noqa: E501 - a line of the prompt as it is sent


# -- prompts


def test_the_prompts() -> None:
    said = {name: prompt(name, RIVER, as_json=False) for name in OPERATIONS}
    assert said == {**{name: DEPTH.format(how=how) for name, how in HOW.items()}, "BREADTH": BREADTH}
    as_json = 'Answer as JSON: an object with one text, "instruction", which is the {} instruction.'
    for name, one in said.items():
        word = "created" if name == "BREADTH" else "rewritten"
        plain = f"Answer with the {word} instruction and nothing else."
        assert prompt(name, RIVER, as_json=True) == one.replace(plain, as_json.format(word))


def test_the_prompt_that_compares() -> None:
    two = {"before": RIVER, "after": "Give me the name of a river."}
    assert PROMPTS.render("evol_gain.v1", **two, as_json=False) == GAIN
    word, as_json = (
        "Answer with one word, equal or different.",
        'Answer as JSON: an object with "verdict", which is "equal" or "different".',
    )
    assert PROMPTS.render("evol_gain.v1", **two, as_json=True) == GAIN.replace(word, as_json)


def test_a_prompt_of_ones_own() -> None:
    own = "Make it harder: <PROMPT> {{ x }}\n#Rewritten Prompt#:"
    assert prompt("ANY", RIVER, own, as_json=False) == "Make it harder: Name a river. {{ x }}\n#Rewritten Prompt#:"


# -- rows


def scripted(*answers: tuple[str, str], verdict: str = "different", **can: Any) -> Model:
    """A model that answers in plain text. The first pattern that fits the prompt wins, the comparison before all."""
    return Model([("Compare two", verdict), *answers], **{"json_schema": False, "string_bounds": False, **can})


GROWS = (("borders\\.\\Z", HARDEST), ("river\\.\\Z", HARDER))
DEEP: dict[str, Any] = {"mutation_templates": {"DEEPENING": ""}}


def instructions(found: list[Row | Dropped]) -> list[str]:
    return [one.instruction for one in found if isinstance(one, Row)]


def test_one_evolution() -> None:
    model = scripted(*GROWS)
    one = row(made(EvolInstruct(**DEEP), {"instruction": f" {RIVER} "}, model))
    assert one.messages == ({"role": "user", "content": HARDER},) and one.responses == ()
    assert one.origin == {
        "seed": RIVER, "operations": ["DEEPENING"], "parents": [RIVER], "prompt": "evol_depth.v1", "gain_check": "passed",
    }  # fmt: skip
    assert model.prompts[0] == DEPTH.format(how=HOW["DEEPENING"]) and model.prompts[1].startswith("Compare two")
    assert not any({"schema", "max_tokens"} & body.keys() for _, body in model.asked)


def test_as_json() -> None:
    model = Model()
    one = row(made(EvolInstruct(check_gain=False, **DEEP), {"instruction": RIVER}, model))
    assert "gain_check" not in one.origin
    ((_, body),) = model.asked
    assert body["schema"]["properties"] == {"instruction": {"type": "string", "maxLength": len(RIVER) + 500}}
    assert body["max_tokens"] == len(RIVER) + 540
    unbounded = Model(string_bounds=False)
    made(EvolInstruct(**DEEP), {"instruction": RIVER}, unbounded)
    (_, evolve), (_, compare) = unbounded.asked
    assert evolve["schema"]["properties"] == {"instruction": {"type": "string"}} and "max_tokens" not in evolve
    assert compare["schema"]["properties"] == {"verdict": {"enum": ["equal", "different"]}}


def test_the_built_in_model_is_not_asked_for_a_gain() -> None:
    model = Model(name="smollm2-135m-instruct")
    one = row(made(EvolInstruct(**DEEP), {"instruction": RIVER}, model))
    assert one.origin["gain_check"].startswith("left out") and len(model.asked) == 1


def test_every_row_tells_where_it_comes_from() -> None:
    task = EvolInstruct(num_evolutions=2, store_evolutions=True, include_original_instruction=True, **DEEP)
    found = made(task, {"instruction": RIVER}, scripted(*GROWS))
    assert instructions(found) == [RIVER, HARDER, HARDEST] and task.rows_per_unit == 3
    origins = [one.origin for one in found if isinstance(one, Row)]
    assert [origin["parents"] for origin in origins] == [[], [RIVER], [RIVER, HARDER]]
    assert [origin["operations"] for origin in origins] == [[], ["DEEPENING"], ["DEEPENING", "DEEPENING"]]
    assert all(origin["seed"] == RIVER for origin in origins)
    assert [origin.get("prompt") for origin in origins] == [None, "evol_depth.v1", "evol_depth.v1"]


@pytest.mark.parametrize(
    ("store", "original", "kept"),
    [
        (False, False, [HARDEST]),
        (False, True, [RIVER, HARDEST]),
        (True, False, [HARDER, HARDEST]),
        (True, True, [RIVER, HARDER, HARDEST]),
    ],
)
def test_which_stages_become_rows(store: bool, original: bool, kept: list[str]) -> None:
    task = EvolInstruct(num_evolutions=2, store_evolutions=store, include_original_instruction=original, **DEEP)
    assert instructions(made(task, {"instruction": RIVER}, scripted(*GROWS))) == kept
    assert task.rows_per_unit == len(kept)


def test_what_is_eliminated_is_kept_aside_and_the_last_good_one_goes_on() -> None:
    refusal = "I'm sorry, I can't rewrite that."
    own = {"A": "first <PROMPT>", "B": "second <PROMPT>"}
    task = EvolInstruct(num_evolutions=6, store_evolutions=True, mutation_templates=own)
    names = [task.operation(0, number) for number in range(1, 7)]
    assert set(names) == {"A", "B"}
    model = scripted(("\\Asecond", refusal), ("\\Afirst (.*)\\Z", "Name river {draw}."))
    found = made(task, {"instruction": RIVER}, model)
    drops = [one for one in found if isinstance(one, Dropped)]
    assert drops == [Dropped("B: a refusal", refusal)] * names.count("B")
    rows = [one for one in found if isinstance(one, Row)]
    assert len(rows) == names.count("A")
    assert rows[-1].origin["parents"] == [RIVER, *instructions(found)[:-1]]
    assert rows[-1].origin["operations"] == ["A"] * len(rows)
    assert rows[-1].origin["prompt"] == "mutation_templates.A"
    evolving = [asked for asked in model.prompts if asked.startswith("first")]
    assert evolving == [f"first {parent}" for parent in rows[-1].origin["parents"]]


def test_an_operation_that_failed_is_drawn_anew() -> None:
    model = scripted(("river", "..."))
    found = made(EvolInstruct(num_evolutions=3, **DEEP), {"instruction": RIVER}, model)
    assert found == [Dropped("DEEPENING: only stop words or punctuation", "...")] * 3
    assert len({body["seed"] for _, body in model.asked}) == 3


@pytest.mark.parametrize(
    ("model", "reason", "raw"),
    [
        (scripted(*GROWS, verdict="Equal."), "no gain: judged equal to the one before", HARDER),
        (scripted(("river", " \n")), "no instruction in the answer", " \n"),
        (scripted(("river", "#Rewritten Prompt#:")), "no instruction in the answer", "#Rewritten Prompt#:"),
        (scripted(("river", RIVER)), "a copy of an earlier one", RIVER),
        (Model([("river", "A long way")], json_schema=False, cut="long"), "cut off at the token limit", "A long way"),
        (Model([("river", json.dumps({"instruction": "x" * 513}))]), "cut off at the length limit", None),
    ],
)
def test_drops(model: Model, reason: str, raw: str | None) -> None:
    why, said = dropped(made(EvolInstruct(**DEEP), {"instruction": RIVER}, model))
    assert why == f"DEEPENING: {reason}" and (raw is None or said == raw)


def test_a_comparison_that_can_not_be_read_eliminates_nothing() -> None:
    one = row(made(EvolInstruct(**DEEP), {"instruction": RIVER}, scripted(*GROWS, verdict="Hard to say.")))
    assert one.instruction == HARDER and one.origin["gain_check"] == "unread: Hard to say."


def test_an_empty_instruction_is_dropped_and_a_missing_one_refused() -> None:
    for nothing in ("", " \n", None):
        assert dropped(made(EvolInstruct(), {"instruction": nothing})) == ("empty instruction", "")
    with pytest.raises(InputError, match="no column 'instruction'"):
        list(EvolInstruct().units([{"prompt": RIVER}]))


def test_operations_are_chosen_by_a_hash() -> None:
    task = EvolInstruct()
    chosen = [task.operation(unit, number) for unit in range(200) for number in (1, 2, 3)]
    assert chosen == [EvolInstruct().operation(unit, number) for unit in range(200) for number in (1, 2, 3)]
    assert set(chosen) == set(OPERATIONS)
    assert all(80 < chosen.count(name) < 160 for name in OPERATIONS)
    assert chosen != [EvolInstruct(seed=7).operation(unit, number) for unit in range(200) for number in (1, 2, 3)]
    # these never change: a resumed run asks the same questions
    assert chosen[:4] == ["CONSTRAINTS", "CONCRETIZING", "BREADTH", "BREADTH"]
    own = {"B": "b <PROMPT>", "A": "a <PROMPT>"}
    turned = dict(reversed(own.items()))
    there, back = (EvolInstruct(mutation_templates=names) for names in (own, turned))
    assert [there.operation(n, 1) for n in range(20)] == [back.operation(n, 1) for n in range(20)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"num_evolutions": 0}, "num_evolutions must be from 1 to 20"),
        ({"num_evolutions": 21}, "num_evolutions must be from 1 to 20"),
        ({"mutation_templates": {"HARDER": " "}}, "'HARDER' is empty.*CONSTRAINTS"),
        ({"mutation_templates": {"HARDER": "Make it harder."}}, "'HARDER' does not say where.*<PROMPT>"),
    ],
)
def test_settings_that_can_not_be(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        EvolInstruct(**values)


# -- a whole run


def worked(tmp_path: Path, here: Settings, store: Store, generator: dict[str, Any], **task: Any) -> list[Row]:
    """The rows of a run over three instructions."""
    file = tmp_path / "inputs.jsonl"
    file.write_text("".join(json.dumps({"instruction": f"Name river {n}."}) + "\n" for n in range(3)))
    values = {
        "seed": 1, "generator": generator, "labeller": generator, "inputs": {"path": str(file)},
        "task": {"kind": "evol-instruct", "num_evolutions": 3, "store_evolutions": True, **task},
    }  # fmt: skip
    begun = workflow.start(Workspace(here, store), recipe.parse(values))
    done = asyncio.run(workflow.generate(Workspace(here, store), begun, lambda *_: None))
    assert done.state == "done" and not store.rows.failures(done.id)
    return list(store.rows.walk(done.id))


def test_a_run_with_the_scripted_model(tmp_path: Path, here: Settings, store: Store) -> None:
    once, again = (worked(tmp_path, here, store, {"preset": "scripted"}, check_gain=False) for _ in range(2))
    assert [(one.messages, one.origin) for one in once] == [(one.messages, one.origin) for one in again]
    assert once and all(len(one.responses) == 1 for one in once)
    silent = worked(tmp_path, here, store, {"preset": "scripted"}, generate_answers=False)
    assert silent and not any(one.responses for one in silent)


def test_a_run_over_http_gives_rows_with_a_lineage_and_asks_nothing_twice(
    tmp_path: Path, here: Settings, store: Store
) -> None:
    with FakeOpenAI() as server:
        rows = worked(tmp_path, here, store, {"url": server.url, "model": "fake"}, include_original_instruction=True)
        assert server.repeated() == 0
        for unit in range(3):
            mine = [one for one in rows if one.unit == unit]
            assert [one.position for one in mine] == list(range(len(mine)))
            for place, one in enumerate(mine):
                assert one.origin["parents"] == [earlier.instruction for earlier in mine[:place]]
                assert len(one.origin["operations"]) == place and one.responses
        (run,) = store.runs.all()
        assert sum(store.runs.drop_reasons(run.id).values()) == 3 * 4 - len(rows)
