"""One model at several addresses: who is asked, what becomes of those that go away, and what the memo knows."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from app import workflow
from app.api.llms import LLM
from app.api_keys import Keys, TypedKeys
from app.config import settings
from app.recipe import Recipe, example, parse, to_toml
from app.runs.endpoints import endpoint
from app.runs.model_check import try_out
from app.runs.permissions import Permissions
from app.runs.run_recipes import same_rows
from app.store.runs import Run
from app.store.store import Store
from app.web import form_values
from app.workspace import silent
from tasks.engine.addresses import Addresses
from tasks.engine.budget import Account, Budget
from tasks.errors import (
    BudgetSpent,
    CallRefused,
    ClaywrightError,
    EndpointDown,
    EndpointRefused,
    Overloaded,
    ServerFault,
    SettingsError,
    TimedOut,
    Unreachable,
)
from tasks.models.spec import ModelSpec
from tests.make_endpoints import Fake, Remembered, echo, engine, failing, run
from tests.make_workspace import make_workspace
from tests.servers import FakeOpenAI, Fault

URLS = ["http://one.example/v1", "http://two.example/v1"]


def recipe(urls: Sequence[str], rows: int = 40, **more: Any) -> Recipe:
    """Instructions by Magpie over raw prompts, each with an answer."""
    where: dict[str, Any] = {"urls": list(urls)} if len(urls) != 1 else {"url": urls[0]}
    model = {"model": "fake", "template": "chatml", "concurrency": 4, "timeout": 5.0, **where, **more}
    return parse({"name": "many", "rows": rows, "seed": 7, "generator": model, "task": {"kind": "magpie"}})


def work(store: Store, made: Recipe, resumed: Run | None = None) -> Run:
    workspace = make_workspace(store)
    started = resumed or workflow.start(workspace, made)
    return asyncio.run(workflow.generate(workspace, started, lambda execution, most: None, recipe=made))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def pooled(*fakes: Fake) -> Addresses:
    return Addresses(fakes, "urls|fake")


def at(number: int, talk: Any = echo, **more: Any) -> Fake:
    return Fake(talk, identity=f"http://{number}|fake", address=f"http://{number}", **more)


# -- settings


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"urls": [], "model": "m"}, "needs a preset or a url"),
        ({"urls": [URLS[0], URLS[0] + "/"], "model": "m"}, "urls names http://one.example/v1 twice"),
        ({"urls": [URLS[0], URLS[0] + "/chat/completions"], "model": "m"}, "twice"),
        ({"urls": ["nonsense"], "model": "m"}, "One of the urls can't be used: 'nonsense' is not a web address"),
        ({"urls": [URLS[0], ""], "model": "m"}, "urls holds an empty address"),
        ({"urls": ["http://u:p@one.example/v1"], "model": "m"}, "user name or a password"),
        ({"urls": [URLS[0] + "?key=1"], "model": "m"}, "holds a query"),
        ({"urls": URLS, "url": URLS[0], "model": "m"}, "not both"),
        ({"urls": URLS, "preset": "vllm", "model": "m"}, "has an address of its own"),
        ({"urls": URLS, "preset": "local"}, "has an address of its own"),
        ({"urls": URLS}, "needs its name"),
        ({"urls": [f"http://h{k}/v1" for k in range(257)], "model": "m"}, "256 addresses at most"),
        ({"urls": URLS[0], "model": "m"}, "urls"),
    ],
)
def test_addresses_that_can_not_be_are_named(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=r"\[generator\]") as raised:
        parse({"task": {"kind": "magpie"}, "rows": 1, "generator": values})
    assert sentence in str(raised.value)


def test_vectors_come_from_one_address() -> None:
    with pytest.raises(SettingsError, match="takes one url"):
        parse({"task": {"kind": "magpie"}, "rows": 1, "embedder": {"urls": URLS, "model": "m"}})


def test_a_recipe_with_addresses_is_written_and_read() -> None:
    import tomllib

    made = recipe(URLS)
    assert made.generator.urls == tuple(URLS)
    assert parse(tomllib.loads(to_toml(made.dump()))) == made
    assert "urls" not in json.dumps(example().dump())


def test_the_model_is_the_same_wherever_it_is_served() -> None:
    one = ModelSpec(url=URLS[0], model="m")
    both, turned = (ModelSpec(urls=tuple(urls), model="m") for urls in (URLS, URLS[::-1]))
    assert one.identity == "http://one.example/v1|m"
    assert both.identity == turned.identity == "urls|m" != one.identity
    assert [spec.address for spec in both.each] == URLS
    assert same_rows(recipe(URLS), recipe([*URLS, "http://three.example/v1"]))
    assert not same_rows(recipe(URLS), recipe(URLS, temperature=0.5))


# -- keys


def test_a_key_goes_to_each_address_that_is_allowed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_KEY", "hidden")
    made = recipe(["https://one.example/v1", "https://two.example/v1"], key_env="OWN_KEY")
    permissions = Permissions(store.db.path.parent)
    needs = permissions.needs(made, Keys())
    assert [need.where for need in needs] == ["one.example", "two.example"]
    permissions.allow(needs[:1])
    here = settings(store.db.path.parent, {})
    with pytest.raises(SettingsError, match=r"sends OWN_KEY to two\.example"):
        endpoint(made.generator, here, silent, Keys())
    permissions.allow(needs)
    assert isinstance(endpoint(made.generator, here, silent, Keys()), Addresses)


def test_a_typed_key_is_for_all_addresses() -> None:
    keys, spec = TypedKeys(), recipe(URLS).generator
    assert not keys.holds(spec)
    keys.type(spec, "hidden")
    assert keys.holds(spec) and [keys.of(each) for each in spec.each] == ["hidden", "hidden"]
    keys.type(spec, "")
    assert not keys.holds(spec.each[1])


# -- on the page and in Python


def test_the_page_shows_the_first_address_and_then_the_others() -> None:
    filled = form_values.fill_model(recipe(URLS).generator)
    assert (filled["url"], filled["urls"], filled["preset"]) == (URLS[0], URLS[1], form_values.OWN_ADDRESS)
    assert form_values.model_of(filled, "generator") == recipe(URLS).generator
    assert form_values.model_of({**filled, "urls": " \n"}, "generator") == recipe(URLS[:1]).generator
    typed = form_values.model_of({**filled, "key_env": form_values.TYPED}, "generator")
    assert typed.key_env == "KEY_FOR_ONE_EXAMPLE"
    assert form_values.fill_model(typed)["key_env"] == form_values.TYPED


@pytest.mark.parametrize(
    ("changed", "sentence", "field"),
    [
        ({"urls": URLS[0]}, "twice", "urls"),
        ({"urls": "nonsense"}, "not a web address", "urls"),
        ({"preset": "vllm"}, "choose “Another address”", "urls"),
        ({"preset": "vllm", "url": ""}, "choose “Another address”", "url"),
        ({"model": ""}, "needs its name", "model"),
    ],
)
def test_what_is_wrong_with_addresses_is_said_at_their_field(
    changed: dict[str, str], sentence: str, field: str
) -> None:
    filled = {**form_values.fill_model(recipe(URLS).generator), **changed}
    with pytest.raises(form_values.FormError) as raised:
        form_values.model_of(filled, "generator")
    assert sentence in str(raised.value) and raised.value.field == f"generator.{field}"


def test_a_trial_is_of_the_addresses_that_were_tried() -> None:
    one, two = (ModelSpec(urls=tuple(urls), model="m") for urls in (URLS, URLS[:1]))
    assert one.with_addresses != two.with_addresses
    alone = ModelSpec(url=URLS[0], model="m")
    assert alone.with_addresses == alone.identity


def test_a_model_in_python_takes_several_addresses() -> None:
    llm = LLM("fake", base_url=URLS, api_key="hidden")
    assert llm.spec.urls == tuple(URLS) and [llm.keys.of(each) for each in llm.spec.each] == ["hidden"] * 2


# -- who is asked


def test_the_least_busy_server_is_asked() -> None:
    async def talk(body: Mapping[str, Any], draw: int, number: int) -> str:
        await asyncio.sleep(0.002)
        return "well"

    async def doing() -> None:
        small, large = at(1, talk, concurrency=2), at(2, talk, concurrency=6)
        here, memo = engine(), pooled(small, large)
        assert memo.limits.concurrency == 8
        await asyncio.gather(*(here.bind(memo, f"{n}").complete("a") for n in range(80)))
        assert small.most_inside == 2 and large.most_inside == 6
        assert len(small.sent) + len(large.sent) == 80 and len(small.sent) < len(large.sent)

    run(doing())


def test_the_answer_says_which_server_gave_it() -> None:
    async def doing() -> None:
        pool = pooled(at(1), at(2))
        answers = [await engine().bind(pool, f"{n}").complete("a") for n in range(4)]
        assert {answer.server for answer in answers} == {"http://1", "http://2"}

    run(doing())


@pytest.mark.parametrize("error", [Unreachable, Overloaded, ServerFault])
def test_what_one_fails_another_answers(error: type[Exception]) -> None:
    async def doing() -> None:
        broken, well = at(1, failing(10**6, lambda: error("It fails."))), at(2)  # type: ignore[arg-type,return-value]
        here = engine()
        answers = await asyncio.gather(*(here.bind(pooled(broken, well), f"{n}").complete("a") for n in range(30)))
        assert {answer.server for answer in answers} == {"http://2"}
        assert here.tally.answered == 30 and here.tally.failed_attempts == len(broken.sent)
        assert len(here.memo.answers) == 30  # type: ignore[attr-defined]

    run(doing())


def test_a_server_that_is_gone_is_tried_by_one_call_at_a_time_and_comes_back() -> None:
    async def doing() -> None:
        gone = at(1, failing(3, lambda: Unreachable("Gone.")), concurrency=1)
        told = list[str]()
        pool, here = Addresses([gone, at(2)], "urls|fake", told.append), engine()
        health = pool.servers[0].health
        while health.away or not gone.sent:
            await here.bind(pool, f"{len(here.tallies)}{here.tally.answered}").complete("a")
            health._next_try = 0.0  # as if the wait were over
        assert len(gone.sent) == 4 and gone.most_inside == 1
        assert here.tally.failed_attempts == 3
        assert told == ["http://1 is passed over until it is back: Gone.", "http://1 answers again."]

    run(doing())


def test_waits_for_a_server_that_is_gone_grow() -> None:
    pool = pooled(at(1), at(2))
    health, waits = pool.servers[0].health, list[float]()
    for _ in range(8):
        health._next_try = 0.0
        health.failed(Unreachable("Gone."), 0.0)
        waits.append(health._wait)
        health.failed(Unreachable("Gone."), 0.0)  # another call that was on its way
        assert health._wait == waits[-1]
    assert waits == [0.5, 1, 2, 4, 8, 16, 20, 20]
    assert pool.limits.concurrency == 8 + 1
    health.answered()
    assert not health.away and health.limiter.width == 2


def test_no_answer_in_time_is_counted_and_asked_elsewhere() -> None:
    async def doing() -> None:
        slow, well = at(1, failing(10**6, lambda: TimedOut("Too slow."))), at(2)
        here = engine()
        here.account = Account(Budget(tokens=10**6))
        pool = pooled(slow, well)
        await asyncio.gather(*(here.bind(pool, f"{n}").complete("a") for n in range(20)))
        assert pool.servers[0].health.away
        assert here.tally.unreported_prompt > 0 and here.account.used.tokens > 20 * 5

    run(doing())


@pytest.mark.parametrize(("error", "kind"), [(CallRefused, CallRefused), (EndpointRefused, EndpointRefused)])
def test_what_a_server_refuses_is_not_asked_elsewhere(
    error: type[ClaywrightError], kind: type[ClaywrightError]
) -> None:
    async def doing() -> None:
        first, second = at(1, failing(1, lambda: error("No."))), at(2)  # type: ignore[arg-type,return-value]
        pool = pooled(first, second)
        with pytest.raises(kind, match="No"):
            await engine().bind(pool, "s").complete("a")
        assert not second.sent and not pool.servers[0].health.away

    run(doing())


def test_a_budget_holds_over_all_servers() -> None:
    async def doing() -> None:
        here, pool = engine(), pooled(at(1), at(2))
        here.account = Account(Budget(tokens=1200))
        with pytest.raises(BudgetSpent):
            for n in range(400):
                await here.bind(pool, f"{n}").complete("a", max_tokens=5)
        assert 0 < here.account.used.tokens <= 1200

    run(doing())


def test_two_roles_share_what_is_known_of_the_servers() -> None:
    async def doing() -> None:
        here, pools = engine(), [pooled(at(1), at(2)) for _ in range(2)]
        for pool in pools:
            await here.bind(pool, "s").complete(f"{id(pool)}")
        assert pools[0].servers[0].health is pools[1].servers[0].health
        await here.close()

    run(doing())


def test_the_memo_knows_what_one_of_the_addresses_answered() -> None:
    async def doing() -> None:
        memo = Remembered()
        alone = at(1)
        await engine(memo).bind(alone, "s").complete("a")
        both = [at(1), at(2)]
        assert (await engine(memo).bind(pooled(*both), "s").complete("a")).text == "answer to a"
        await engine(memo).bind(pooled(*both), "s").complete("b")
        other = [at(3), at(2)]
        await engine(memo).bind(pooled(*other), "s").complete("b")
        assert len(alone.sent) == 1 and sum(len(fake.sent) for fake in (*both, *other)) == 1

    run(doing())


# -- over sockets


def test_runs_find_their_answers_wherever_the_model_is(store: Store) -> None:
    with FakeOpenAI() as first, FakeOpenAI() as second, FakeOpenAI() as third:
        work(store, recipe([first.url]))
        asked = len(first.calls)
        work(store, recipe([first.url, second.url]))
        drawn = [call for call in (*first.calls[asked:], *second.calls) if call["draw"] not in ("0", "")]
        assert not drawn  # beside the questions of a probe
        for urls in ([second.url, first.url], [third.url, second.url]):
            work(store, recipe(urls))
        assert not [call for server in (second, third) for call in server.calls if call["draw"] != "0"]


def test_one_that_goes_away_in_mid_run_comes_back_by_itself(store: Store) -> None:
    def dies(body: dict[str, Any], number: int) -> Fault:
        if number >= 30 and len(well.calls) < 120:
            return "drop"
        if number >= 30:
            well.go_on()  # the rest waits until it is back
        return None

    with FakeOpenAI(latency=0.005, holds_from=200) as well, FakeOpenAI(latency=0.005, faults=dies) as dying:
        done = work(store, recipe([well.url, dying.url], rows=300))
        calls = [call for server in (well, dying) for call in server.calls]
        assert dying.calls[-1]["status"] == 200
    counts = store.runs.counts(done.id)
    assert (done.state, counts.answered, counts.failed) == ("done", 300, 0)
    drawn = Counter((call["draw"], json.dumps(call["body"])) for call in calls if call["draw"] != "0")
    lost = [call for call in calls if call["status"] is None]
    assert len(drawn) == 600 and 0 < len(lost) < 4 + 10  # those in flight, and one for each look whether it is back
    assert drawn.total() - len(drawn) == len(lost)
    assert {served.server for served in store.usage.served(done.id)} == {well.url, dying.url}


def test_one_that_is_dead_from_the_start_is_passed_over(store: Store) -> None:
    with FakeOpenAI() as well:
        dead = f"http://127.0.0.1:{free_port()}/v1"
        done = work(store, recipe([dead, well.url]))
        assert store.runs.counts(done.id).answered == 40 and well.repeated() == 0
        (served,) = store.usage.served(done.id)
        assert (served.server, served.answered) == (well.url, 80)


def test_where_all_are_dead_one_sentence_names_them(store: Store) -> None:
    dead = [f"http://127.0.0.1:{free_port()}/v1" for _ in range(2)]
    with pytest.raises(EndpointDown, match="None of the 2 addresses of fake answers") as raised:
        work(store, recipe(dead))
    assert all(url in str(raised.value) for url in dead)


def test_a_test_names_the_server_that_lacks_the_model(store: Store) -> None:
    with FakeOpenAI() as has, FakeOpenAI(model="another") as lacks:
        here = settings(store.db.path.parent, {})
        spec = recipe([has.url, lacks.url]).generator
        tried = asyncio.run(try_out(spec, store, here, silent, Keys()))
        assert tried.trouble == f"{lacks.url} does not serve fake, it serves another."
        dead = f"http://127.0.0.1:{free_port()}/v1"
        tried = asyncio.run(try_out(recipe([has.url, dead]).generator, store, here, silent, Keys()))
        assert tried.trouble.startswith(f"{dead} can't be reached")
    with FakeOpenAI() as has, FakeOpenAI() as too:
        assert asyncio.run(try_out(recipe([has.url, too.url]).generator, store, here, silent, Keys())).ok


def test_a_server_that_wants_a_key_is_named(store: Store) -> None:
    def wants(body: dict[str, Any], number: int) -> Fault:
        return 401

    with FakeOpenAI() as free, FakeOpenAI(faults=wants) as closed:
        with pytest.raises(EndpointRefused, match="refused the key") as raised:
            work(store, recipe([free.url, closed.url]))
        assert closed.url in str(raised.value)
