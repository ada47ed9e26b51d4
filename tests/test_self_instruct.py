"""SelfInstruct against a scripted model: the rows it gives, what it drops, which examples it shows."""

import itertools
import json
from collections import Counter

from tasks import SelfInstruct
from tasks.engine.engine import Engine
from tasks.types import Dropped, Row, Unit
from tests.scripts import Memo, Model, do, dropped, made


def test_self_instruct_as_json() -> None:
    model = Model()
    found = made(SelfInstruct(num_instructions=3), {"input": " Name a river. "}, model)
    assert len(found) == 3 and all(isinstance(one, Row) for one in found)
    for one in found:
        assert isinstance(one, Row)
        assert one.origin == {"seed": "Name a river.", "prompt": "self_instruct.v1"}
        assert one.responses == () and len(one.messages) == 1
    ((_, body),) = model.asked
    assert body["schema"]["properties"]["instructions"]["maxItems"] == 3
    assert body["max_tokens"] == 3 * 248 + 40


def test_self_instruct_as_text() -> None:
    model = Model(
        [("requests", "Here you are:\n1. One?\n2. Two.\n3. one?\n4. Three.")], json_schema=False, string_bounds=False
    )
    found = made(SelfInstruct(num_instructions=2), {"input": "x"}, model)
    assert [one.instruction for one in found if isinstance(one, Row)] == ["One?", "Two."]
    assert [one for one in found if isinstance(one, Dropped)] == [
        Dropped("more than asked for, or said twice", "one?"),
        Dropped("more than asked for, or said twice", "Three."),
    ]
    assert "schema" not in model.asked[0][1] and "max_tokens" not in model.asked[0][1]


def test_self_instruct_drops() -> None:
    assert dropped(made(SelfInstruct(), {"input": " "})) == ("empty seed", "")
    assert dropped(made(SelfInstruct(), {"input": None})) == ("empty seed", "")
    assert dropped(made(SelfInstruct(), {"input": "x"}, Model([("x", "{}")]))) == ("no list in the answer", "{}")
    cut = Model([("x", '{"instructions": ["a')], cut="instructions")
    assert dropped(made(SelfInstruct(), {"input": "x"}, cut)) == ("cut off at the token limit", '{"instructions": ["a')


def test_self_instruct_drops_what_the_limits_cut() -> None:
    said = json.dumps({"instructions": ["Name a river.", "a" * 240, "Sing."]})
    one, two, three = made(SelfInstruct(), {"input": "x"}, Model([("x", said)]))
    assert isinstance(one, Row) and two == Dropped("cut off at the length limit", "a" * 240) and isinstance(three, Row)
    assert len(made(SelfInstruct(), {"input": "x"}, Model([("x", said)], string_bounds=False))) == 3
    plain = Model([("x", "1. Name a river.\n2. Why is ra")], json_schema=False, string_bounds=False, cut="Why")
    kept, cut = made(SelfInstruct(), {"input": "x"}, plain)
    assert isinstance(kept, Row) and kept.instruction == "Name a river."
    assert cut == Dropped("cut off at the token limit", "Why is ra")
    odd = Model([("x", '{"instructions": ["Name a river.", "Say "hi"."]}')])
    assert made(SelfInstruct(), {"input": "x"}, odd)[1:] == [Dropped("not readable", '"Say "hi"."]}')]


def test_self_instruct_shows_examples() -> None:
    task, seeds = SelfInstruct(bootstrap=True, num_instructions=2), [f"Seed {n}." for n in range(30)]
    units = task.units({"input": seed} for seed in seeds)
    unit = task.shown(next(units), seeds, [], "7/unit/0")
    assert len(set(unit.inputs["examples"])) == 8 and set(unit.inputs["examples"]) <= set(seeds)
    later = task.shown(Unit(16), seeds, ["Made 0.", "Made 1.", "Made 2."], "7/unit/16")
    assert sum(example.startswith("Made") for example in later.inputs["examples"]) == 2
    assert len(set(later.inputs["examples"])) == 8
    assert task.shown(Unit(16), seeds, ["Made 0.", "Made 1.", "Made 2."], "7/unit/16") == later
    assert task.shown(Unit(17), seeds, ["Made 0.", "Made 1.", "Made 2."], "7/unit/17").inputs != later.inputs
    assert sorted(task.shown(Unit(0), seeds[:3], ["Made 0."], "x").inputs["examples"]) == ["Made 0.", *seeds[:3]]
    model = Model()
    bound = Engine(Memo()).bind(model, "7/unit/16")
    found = do(task.rows(later, bound))
    assert [type(one) for one in found] == [Row, Row]
    assert found[0].origin == {
        "examples": list(later.inputs["examples"]), "round": 1, "prompt": "self_instruct_pool.v1",
    }  # fmt: skip
    assert "\n8. " in model.prompts[0] and "\n9. " not in model.prompts[0]


def test_every_seed_is_shown_now_and_then_and_in_any_place() -> None:
    task, seeds = SelfInstruct(bootstrap=True), [f"Seed {n}." for n in range(20)]
    shown = [task.shown(Unit(n), seeds, ["Made."], f"3/unit/{n}").inputs["examples"] for n in range(200)]
    times = Counter(itertools.chain.from_iterable(shown))
    assert times["Made."] == 200 and all(40 <= times[seed] <= 110 for seed in seeds)  # 70 is the mean
    assert len({examples.index("Made.") for examples in shown}) == 8
