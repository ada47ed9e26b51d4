"""The schema of the store, as the steps that made it. A step is never changed once it was released; new ones are appended.

Steps are SQL, and call nothing of ours that may change; what is told from other columns by code is filled behind them.

`PRAGMA user_version` counts the steps that a file has had.
"""

import json
import math
import re
import sqlite3
from collections.abc import Callable
from statistics import fmean
from typing import Any

from app.store.rating_index import keep_all
from tasks.response_flags import marks_for
from tasks.text.word_count import words

_MODELS = (
    "coalesce((SELECT group_concat(model, char(10)) FROM"
    " (SELECT DISTINCT model FROM responses WHERE row={0} ORDER BY model)), '')"
)
_IS_SENT = "EXISTS(SELECT 1 FROM pushed WHERE row={0} AND sent<>'' AND withdrawn IS NULL)"


def m001_initial(connection: sqlite3.Connection) -> None:
    _each(
        connection,
        """
        CREATE TABLE runs(
          id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, recipe TEXT NOT NULL, seed INTEGER NOT NULL,
          state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', inputs TEXT NOT NULL DEFAULT '',
          created TEXT NOT NULL, updated TEXT NOT NULL,
          worker TEXT, heartbeat REAL);
        -- what a unit of input gave: done (with how many rows), failed (with the reason). Not here, not yet worked on
        CREATE TABLE units(
          run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, idx INTEGER NOT NULL, state TEXT NOT NULL,
          rows INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', updated TEXT NOT NULL,
          PRIMARY KEY(run, idx)) WITHOUT ROWID;
        CREATE INDEX units_state ON units(run, state);
        CREATE TABLE drops(
          run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, unit INTEGER NOT NULL, place INTEGER NOT NULL,
          reason TEXT NOT NULL, raw TEXT NOT NULL, PRIMARY KEY(run, unit, place)) WITHOUT ROWID;
        -- stage: made, answered; state: kept, surplus (beyond the rows asked for), failed (reason says where)
        CREATE TABLE rows(
          id TEXT PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
          unit INTEGER NOT NULL, position INTEGER NOT NULL, revision INTEGER NOT NULL DEFAULT 0,
          stage TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'kept', reason TEXT NOT NULL DEFAULT '',
          messages TEXT NOT NULL, origin TEXT NOT NULL, content_hash TEXT NOT NULL DEFAULT '',
          rated_by TEXT NOT NULL DEFAULT '', created TEXT NOT NULL, updated TEXT NOT NULL,
          UNIQUE(run, unit, position));
        CREATE INDEX rows_work ON rows(run, state, stage, rated_by, unit, position);
        CREATE TABLE responses(
          row TEXT NOT NULL REFERENCES rows(id) ON DELETE CASCADE, place INTEGER NOT NULL, revision INTEGER NOT NULL DEFAULT 0,
          text TEXT NOT NULL, model TEXT NOT NULL, reasoning TEXT, finish_reason TEXT NOT NULL,
          prompt_tokens INTEGER, completion_tokens INTEGER, created TEXT NOT NULL, PRIMARY KEY(row, place)) WITHOUT ROWID;
        -- what a row said before it was edited
        CREATE TABLE revisions(
          row TEXT NOT NULL REFERENCES rows(id) ON DELETE CASCADE, revision INTEGER NOT NULL,
          messages TEXT NOT NULL, responses TEXT NOT NULL, who TEXT NOT NULL, until TEXT NOT NULL,
          PRIMARY KEY(row, revision)) WITHOUT ROWID;
        -- append-only but for failed ones (those are asked again)
        CREATE TABLE ratings(
          id INTEGER PRIMARY KEY, row TEXT NOT NULL REFERENCES rows(id) ON DELETE CASCADE, content_hash TEXT NOT NULL,
          response INTEGER NOT NULL, aspect TEXT NOT NULL, repeat INTEGER NOT NULL, judge TEXT NOT NULL,
          status TEXT NOT NULL, value REAL, rationale TEXT NOT NULL, note TEXT NOT NULL, raw TEXT NOT NULL,
          shown TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, prompt_hash TEXT NOT NULL,
          temperature REAL, seed INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, latency REAL,
          logprobs TEXT, lengths TEXT NOT NULL, revision TEXT NOT NULL, created TEXT NOT NULL,
          UNIQUE(row, content_hash, judge, aspect, repeat, response));
        -- the memo
        CREATE TABLE calls(
          key BLOB PRIMARY KEY, endpoint TEXT NOT NULL, draw INTEGER NOT NULL, body_hash BLOB NOT NULL, scope TEXT NOT NULL,
          answer TEXT NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE pushes(
          id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
          server TEXT NOT NULL, dataset_id TEXT NOT NULL, dataset TEXT NOT NULL, workspace TEXT NOT NULL,
          created TEXT NOT NULL, finished TEXT);
        -- which rows went into a push, as what (audit: a sealed random sample; queue: chosen by an order), with what chance
        CREATE TABLE pushed(
          push INTEGER NOT NULL REFERENCES pushes(id) ON DELETE CASCADE, row TEXT NOT NULL, content_hash TEXT NOT NULL,
          kind TEXT NOT NULL, place INTEGER NOT NULL, why TEXT NOT NULL, chance REAL, population INTEGER,
          order_version TEXT NOT NULL, suggestions_shown INTEGER NOT NULL, sent TEXT NOT NULL,
          PRIMARY KEY(push, row)) WITHOUT ROWID;
        CREATE INDEX pushed_row ON pushed(row);
        -- every version of every response that was seen; the newest of a response_id counts
        CREATE TABLE verdicts(
          id INTEGER PRIMARY KEY, row TEXT NOT NULL REFERENCES rows(id) ON DELETE CASCADE,
          reviewer TEXT NOT NULL, reviewer_id TEXT NOT NULL, status TEXT NOT NULL, answers TEXT NOT NULL,
          shown TEXT NOT NULL,
          dataset_id TEXT NOT NULL, record_id TEXT NOT NULL, response_id TEXT NOT NULL,
          inserted_at TEXT NOT NULL, updated_at TEXT NOT NULL, content_hash TEXT NOT NULL,
          suggestions_shown INTEGER, pulled TEXT NOT NULL, gone TEXT,
          UNIQUE(response_id, updated_at, status));
        CREATE INDEX verdicts_row ON verdicts(row, response_id, updated_at);
        CREATE TABLE probes(endpoint TEXT PRIMARY KEY, found TEXT NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;
    """,
    )


def m002_page(connection: sqlite3.Connection) -> None:
    """What the page needs: what each working of a run took, what was exported, and the forms as they were left."""
    _each(
        connection,
        """
        -- what: preview, work, rate. rows and rated are what it added; the rest is the engine's tally
        CREATE TABLE workings(
          id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, what TEXT NOT NULL,
          rows INTEGER NOT NULL, rated INTEGER NOT NULL, sent INTEGER NOT NULL, answered INTEGER NOT NULL,
          recalled INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
          seconds REAL NOT NULL, created TEXT NOT NULL);
        CREATE INDEX workings_run ON workings(run);
        CREATE TABLE exports(
          id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, path TEXT NOT NULL,
          format TEXT NOT NULL, rows INTEGER NOT NULL, created TEXT NOT NULL);
        CREATE INDEX exports_run ON exports(run);
        -- what a browser's forms hold, as JSON; never a key
        CREATE TABLE forms(browser TEXT PRIMARY KEY, filled TEXT NOT NULL, updated TEXT NOT NULL) WITHOUT ROWID;
    """,
    )


def m003_judge(connection: sqlite3.Connection) -> None:
    """What a labeller says of the kinds of help or error, and whether it had to be asked twice; what a response was told."""
    _each(
        connection,
        """
        ALTER TABLE ratings ADD COLUMN types TEXT;
        ALTER TABLE ratings ADD COLUMN types_rationale TEXT NOT NULL DEFAULT '';
        ALTER TABLE ratings ADD COLUMN asked INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE responses ADD COLUMN principle TEXT NOT NULL DEFAULT '';
    """,
    )


def m004_samples(connection: sqlite3.Connection) -> None:
    """The audit and the queue of a push, drawn before anything of it is sent; what of Argilla was pulled already."""
    _each(
        connection,
        """
        -- seed: of the audit's draw; about: what all records share, as hash; activity: Argilla's time of the last pull
        ALTER TABLE pushes ADD COLUMN seed INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE pushes ADD COLUMN about TEXT NOT NULL DEFAULT '';
        ALTER TABLE pushes ADD COLUMN activity TEXT NOT NULL DEFAULT '';
        -- sent is '' for what is only planned; withdrawn: when the record was taken out of Argilla again
        ALTER TABLE pushed ADD COLUMN batch INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE pushed ADD COLUMN priority REAL NOT NULL DEFAULT 0;
        ALTER TABLE pushed ADD COLUMN withdrawn TEXT;
        ALTER TABLE pushed ADD COLUMN suggested TEXT NOT NULL DEFAULT '';
        CREATE INDEX verdicts_dataset ON verdicts(dataset_id, response_id);
        CREATE INDEX pushed_place ON pushed(push, place);
        CREATE TABLE vectors(key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
    """,
    )


def m005_local_verdicts(connection: sqlite3.Connection) -> None:
    """What a dataset of Argilla knows of verdicts that were given in the app."""
    _each(
        connection,
        """
        -- which version of a verdict given in the app a dataset of Argilla has, and as which response there
        CREATE TABLE told(
          row TEXT NOT NULL REFERENCES rows(id) ON DELETE CASCADE, reviewer_id TEXT NOT NULL, dataset_id TEXT NOT NULL,
          verdict INTEGER NOT NULL, record_id TEXT NOT NULL, response_id TEXT NOT NULL,
          PRIMARY KEY(row, reviewer_id, dataset_id)) WITHOUT ROWID;
        CREATE INDEX told_response ON told(response_id);
    """,
    )


def m006_library(connection: sqlite3.Connection) -> None:
    """Recipes and sets of models that people keep under a name."""
    _each(
        connection,
        """
        -- content: as JSON; never a key
        CREATE TABLE recipes(name TEXT PRIMARY KEY, content TEXT NOT NULL, updated TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE model_sets(name TEXT PRIMARY KEY, content TEXT NOT NULL, updated TEXT NOT NULL) WITHOUT ROWID;
    """,
    )


def m007_usage(connection: sqlite3.Connection) -> None:
    """What Insights counts: words of responses, what each stage and model took; indexes that hold all that is counted."""
    _each(
        connection,
        """
        ALTER TABLE responses ADD COLUMN words INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX responses_words ON responses(row, place, model, words);
        CREATE INDEX ratings_said ON ratings(row, content_hash, judge, aspect, response, status, value);
        CREATE INDEX ratings_unread ON ratings(row, content_hash, judge, aspect, status) WHERE status IN ('unrated', 'failed');
        CREATE INDEX rows_said ON rows(run, state, id, content_hash, rated_by, stage);
        -- of one working: what the calls of a stage (generate, answer, rate) to a model took; remembered_tokens were not paid
        CREATE TABLE spent(
          working INTEGER NOT NULL REFERENCES workings(id) ON DELETE CASCADE, stage TEXT NOT NULL, model TEXT NOT NULL,
          sent INTEGER NOT NULL, answered INTEGER NOT NULL, recalled INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
          completion_tokens INTEGER NOT NULL, remembered_tokens INTEGER NOT NULL, seconds REAL NOT NULL,
          PRIMARY KEY(working, stage, model)) WITHOUT ROWID;
    """,
    )


def m008_accounts(connection: sqlite3.Connection) -> None:
    """What work took is written down while it goes on: `noted` says when last, `open` that its process did not end it yet."""
    _each(
        connection,
        """
        ALTER TABLE workings ADD COLUMN noted TEXT NOT NULL DEFAULT '';
        ALTER TABLE workings ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
        -- the most that calls can have taken of which nobody said what they took
        ALTER TABLE spent ADD COLUMN unreported_prompt INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE spent ADD COLUMN unreported_completion INTEGER NOT NULL DEFAULT 0;
    """,
    )


def m009_counters(connection: sqlite3.Connection) -> None:
    """How far each run has come, kept up to date by every change: a page asks for it each second, of a large run too.

    Ratings are those of rows that are kept, so a row that changes its state takes its ratings along.
    """
    _each(
        connection,
        """
        CREATE TABLE counted(
          run TEXT PRIMARY KEY REFERENCES runs(id) ON DELETE CASCADE,
          units INTEGER NOT NULL DEFAULT 0, failed_units INTEGER NOT NULL DEFAULT 0, drops INTEGER NOT NULL DEFAULT 0,
          made INTEGER NOT NULL DEFAULT 0, answered INTEGER NOT NULL DEFAULT 0, rated INTEGER NOT NULL DEFAULT 0,
          failed_rows INTEGER NOT NULL DEFAULT 0, ratings INTEGER NOT NULL DEFAULT 0, unrated INTEGER NOT NULL DEFAULT 0,
          failed_ratings INTEGER NOT NULL DEFAULT 0, rows_to_rate_again INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
        CREATE INDEX rows_kept ON rows(run, state, unit, position);
        INSERT INTO counted(run, units, failed_units, drops, made, answered, rated, failed_rows) SELECT id,
          (SELECT count(*) FROM units WHERE run=runs.id),
          (SELECT count(*) FROM units WHERE run=runs.id AND state='failed'),
          (SELECT count(*) FROM drops WHERE run=runs.id),
          (SELECT count(*) FROM rows WHERE run=runs.id AND state='kept'),
          (SELECT count(*) FROM rows WHERE run=runs.id AND state='kept' AND stage='answered'),
          (SELECT count(*) FROM rows WHERE run=runs.id AND state='kept' AND rated_by<>''),
          (SELECT count(*) FROM rows WHERE run=runs.id AND state='failed') FROM runs;
        CREATE TRIGGER runs_insert AFTER INSERT ON runs BEGIN INSERT INTO counted(run) VALUES(new.id); END;
    """,
    )
    for event, side, sign in (("INSERT", "new", "+"), ("DELETE", "old", "-")):
        _each(connection, _counting(event, side, sign))
    _each(
        connection,
        f"""
        CREATE TRIGGER units_update AFTER UPDATE OF state ON units BEGIN
          {_of_unit("old", "-")} {_of_unit("new", "+")} END;
        CREATE TRIGGER rows_update AFTER UPDATE OF state, stage, rated_by ON rows BEGIN
          {_of_row("old", "-")} {_of_row("new", "+")} END;
    """,
    )


def _counting(event: str, side: str, sign: str) -> str:
    return f"""
        CREATE TRIGGER units_{event} AFTER {event} ON units BEGIN {_of_unit(side, sign)} END;
        CREATE TRIGGER rows_{event} AFTER {event} ON rows BEGIN {_of_row(side, sign)} END;
        CREATE TRIGGER drops_{event} AFTER {event} ON drops BEGIN
          UPDATE counted SET drops=drops{sign}1 WHERE run={side}.run; END;
    """


def _of_unit(unit: str, sign: str) -> str:
    return f"UPDATE counted SET units=units{sign}1, failed_units=failed_units{sign}({unit}.state='failed') WHERE run={unit}.run;"


def _of_row(row: str, sign: str) -> str:
    kept = f"{row}.state='kept'"
    return f"""UPDATE counted SET made=made{sign}({kept}), failed_rows=failed_rows{sign}({row}.state='failed'),
          answered=answered{sign}({kept} AND {row}.stage='answered'), rated=rated{sign}({kept} AND {row}.rated_by<>'')
          WHERE run={row}.run;"""


def m010_rating_index(connection: sqlite3.Connection) -> None:
    """Rows are found and counted by their ratings, models and places in Argilla through indexes, of a large run too.

    What a row's ratings come to is kept in `scores`; its models, the aspects that it has ratings under and whether Argilla
    has it stand with the row itself. All of it follows every change.
    """
    _each(
        connection,
        f"""
        DROP TRIGGER IF EXISTS rows_rescored;
        DROP TRIGGER IF EXISTS rows_unscored;
        DROP TABLE IF EXISTS scores;
        UPDATE counted SET ratings=0, unrated=0, failed_ratings=0, rows_to_rate_again=0;
        CREATE TABLE topics(
          id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, aspect TEXT NOT NULL,
          UNIQUE(run, aspect));
        -- of a row as it is now, under an aspect ('': all together, `whole`): the means of its lowest and its highest response,
        -- the widest distance between repeats, how many ratings there are and how many of them could not be read or asked for
        CREATE TABLE scores(
          topic INTEGER NOT NULL REFERENCES topics(id) ON DELETE CASCADE, unit INTEGER NOT NULL, position INTEGER NOT NULL,
          row TEXT NOT NULL REFERENCES rows(id) ON DELETE CASCADE, whole INTEGER NOT NULL, kept INTEGER NOT NULL,
          lowest REAL, highest REAL, spread REAL, ratings INTEGER NOT NULL, unrated INTEGER NOT NULL, failed INTEGER NOT NULL,
          -- what rows are chosen by (0 is low, or close together) and sorted by; as values: of what is computed SQLite reads
          -- the row itself, not the index alone
          band INTEGER, gap INTEGER, by_lowest REAL NOT NULL, by_highest REAL NOT NULL, by_apart REAL NOT NULL,
          by_spread REAL NOT NULL,
          PRIMARY KEY(topic, unit, position)) WITHOUT ROWID;
        CREATE INDEX scores_row ON scores(row, whole);
        CREATE INDEX scores_band ON scores(topic, kept, band, unit, position);
        CREATE INDEX scores_gap ON scores(topic, kept, gap, unit, position);
        CREATE INDEX scores_lowest ON scores(topic, kept, by_lowest, unit, position);
        CREATE INDEX scores_highest ON scores(topic, kept, by_highest, unit, position);
        CREATE INDEX scores_apart ON scores(topic, kept, by_apart, unit, position);
        CREATE INDEX scores_spread ON scores(topic, kept, by_spread, unit, position);
        CREATE INDEX scores_repeats ON scores(topic, kept, unit, position) WHERE spread>=1;
        CREATE INDEX scores_missing ON scores(topic, kept, unit, position) WHERE unrated+failed>0;
        ALTER TABLE rows ADD COLUMN models TEXT NOT NULL DEFAULT '';
        ALTER TABLE rows ADD COLUMN aspects TEXT NOT NULL DEFAULT '';
        ALTER TABLE rows ADD COLUMN in_argilla INTEGER NOT NULL DEFAULT 0;
        UPDATE rows SET models={_MODELS.format("rows.id")}, in_argilla={_IS_SENT.format("rows.id")};
        CREATE INDEX rows_models ON rows(run, state, models, unit, position);
        CREATE INDEX rows_aspects ON rows(run, state, aspects, unit, position);
        CREATE INDEX rows_in_argilla ON rows(run, state, in_argilla, unit, position, id);
        CREATE TRIGGER rows_rescored AFTER UPDATE OF state, rated_by ON rows
          WHEN old.state<>new.state OR old.rated_by<>new.rated_by BEGIN
          {_of_score("scores", "old", "-", "counted.run=new.run AND scores.row=new.id AND whole")}
          {_of_score("scores", "new", "+", "counted.run=new.run AND scores.row=new.id AND whole")}
          UPDATE scores SET kept=(new.state='kept') WHERE row=new.id AND kept<>(new.state='kept'); END;
        -- before the row is gone: its scores are counted by what it is
        CREATE TRIGGER rows_unscored BEFORE DELETE ON rows BEGIN DELETE FROM scores WHERE row=old.id; END;
    """,
    )
    for event, side, sign in (("INSERT", "new", "+"), ("DELETE", "old", "-")):
        _each(
            connection,
            f"""
            CREATE TRIGGER scores_{event} AFTER {event} ON scores WHEN {side}.whole BEGIN
              {_of_score(side, "rows", sign, f"counted.run=rows.run AND rows.id={side}.row")} END;
            CREATE TRIGGER responses_{event} AFTER {event} ON responses BEGIN
              UPDATE rows SET models={_MODELS.format(f"{side}.row")} WHERE id={side}.row; END;
            CREATE TRIGGER pushed_{event} AFTER {event} ON pushed BEGIN
              UPDATE rows SET in_argilla={_IS_SENT.format(f"{side}.row")} WHERE id={side}.row; END;
        """,
        )
    _each(
        connection,
        f"""
        CREATE TRIGGER pushed_update AFTER UPDATE OF sent, withdrawn ON pushed BEGIN
          UPDATE rows SET in_argilla={_IS_SENT.format("new.row")} WHERE id=new.row; END;
    """,
    )


def _of_score(score: str, row: str, sign: str, where: str) -> str:
    """`score` and `row` are sides of a change, or the table of the other one."""
    kept = f"({row}.state='kept')"
    return f"""UPDATE counted SET ratings=counted.ratings{sign}{score}.ratings*{kept},
          unrated=counted.unrated{sign}{score}.unrated*{kept}, failed_ratings=failed_ratings{sign}{score}.failed*{kept},
          rows_to_rate_again=rows_to_rate_again{sign}({score}.failed>0 AND {kept} AND {row}.rated_by<>'')
          FROM {"rows" if row == "rows" else "scores"} WHERE {where};"""


def m011_seals(connection: sqlite3.Connection) -> None:
    """What an export left, so that it replaces that and nothing else."""
    _each(
        connection,
        """
        CREATE TABLE seals(
          run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, path TEXT NOT NULL, seal TEXT NOT NULL,
          PRIMARY KEY(run, path, seal)) WITHOUT ROWID;
    """,
    )


def m012_dialects(connection: sqlite3.Connection) -> None:
    """What endpoints were found to take of a request."""
    connection.execute(
        "CREATE TABLE dialects(endpoint TEXT PRIMARY KEY, learned TEXT NOT NULL, created TEXT NOT NULL) WITHOUT ROWID"
    )


def m013_origins(connection: sqlite3.Connection) -> None:
    """Whose a rating is: given, changed or only accepted. Of earlier verdicts, as far as it can still be told."""
    _each(
        connection,
        """
        -- of each rating and the ranking, by question: given, changed or accepted; what is not known is not there
        ALTER TABLE verdicts ADD COLUMN origins TEXT NOT NULL DEFAULT '{}';
        -- the ratings and rankings that were suggested there, each version; NULL where an earlier version did not keep them
        ALTER TABLE pushed ADD COLUMN offered TEXT;
        -- the places of responses in the order in which a blind audit row shows them; '[]' for their own
        ALTER TABLE pushed ADD COLUMN arrangement TEXT NOT NULL DEFAULT '[]';
    """,
    )
    for verdict in connection.execute(
        "SELECT v.id, v.row, v.dataset_id, answers, revision, suggestions_shown=0 blind, reviewer_id LIKE 'app:%' own,"
        " (SELECT answers FROM verdicts WHERE row=v.row AND reviewer_id=v.reviewer_id AND dataset_id='' AND id<=v.id"
        " ORDER BY id DESC LIMIT 1) pressed FROM verdicts v JOIN rows ON rows.id=v.row"
    ).fetchall():
        number, row, dataset, answers, revision, blind, own, pressed = verdict
        earlier = json.loads(pressed) if own and pressed else {}
        known: dict[str, str] = {}
        for question, answer in json.loads(answers).items():
            judged = _JUDGED.fullmatch(question)
            if judged is None or not isinstance(answer, list if question == "ranking" else int):
                continue
            # without suggestions in sight, or pressed in the app, where nothing is chosen beforehand
            given = blind or judged[1] == "rating" or earlier.get(question) == answer
            origin = "given" if given else _origin_before(connection, row, dataset, revision, judged, answer)
            if origin:
                known[question] = origin
        if known:
            connection.execute(
                "UPDATE verdicts SET origins=? WHERE id=?", (json.dumps(known, separators=(",", ":")), number)
            )


_JUDGED = re.compile(r"([a-z-]+)-([0-9]+)|ranking")


def _origin_before(
    connection: sqlite3.Connection, row: str, dataset: str, revision: int, judged: "re.Match[str]", answer: Any
) -> str:
    """Whose a rating or ranking is that an earlier version kept; "" where that can't be said.

    Where no labeller ever rated what it is about, nothing was suggested. Else it can be said where the row was never edited,
    and one labeller alone rated it, before the push that sent it was begun: then that was suggested all the time, and what
    differs from it was changed. What equals it may have been given or only accepted.
    """
    aspect, about = judged[1], " AND aspect=?" if judged[1] else ""
    ratings = connection.execute(
        f"SELECT aspect, response, value, judge, created FROM ratings WHERE row=?{about}",
        (row, *filter(None, [aspect])),
    ).fetchall()
    if not ratings:
        return "given"
    sent = connection.execute(
        "SELECT created, suggested FROM pushed JOIN pushes ON pushes.id=push WHERE row=? AND dataset_id=?"
        " ORDER BY push LIMIT 1", (row, dataset),
    ).fetchone()  # fmt: skip
    several = len({(of, judge) for of, _, _, judge, _ in ratings}) > len({of for of, *_ in ratings})
    if sent is None or revision or several or max(created for *_, created in ratings) >= sent[0]:
        return ""
    values: dict[int, list[float]] = {}
    for _, response, value, _, _ in ratings:
        if value is not None:
            values.setdefault(response, []).append(value)
    if judged[0] not in sent[1].split():
        return "" if aspect and int(judged[2]) - 1 in values else "given"
    if aspect and int(judged[2]) - 1 not in values:
        return ""
    if aspect:
        return "" if math.floor(fmean(values[int(judged[2]) - 1]) + 0.5) == answer else "changed"
    means = {response: fmean(some) for response, some in values.items()}
    ranks = {f"response-{k + 1}": 1 + sum(other > mean for other in means.values()) for k, mean in means.items()}
    ranked = {str(entry.get("value")): entry.get("rank") for entry in answer if isinstance(entry, dict)}
    return "" if ranked == ranks else "changed"


def m014_outcomes(connection: sqlite3.Connection) -> None:
    """Rows on which reviewers disagree are settled; rows are found by their marks, and as audit or in the queue's order."""
    _each(
        connection,
        f"""
        -- what somebody settled a row as whose reviewers came to nothing; each version is kept, `undone` says when it ended
        CREATE TABLE settlements(
          id INTEGER PRIMARY KEY, row TEXT NOT NULL REFERENCES rows(id) ON DELETE CASCADE, decision TEXT NOT NULL,
          who TEXT NOT NULL, created TEXT NOT NULL, undone TEXT);
        CREATE UNIQUE INDEX settlements_row ON settlements(row) WHERE undone IS NULL;
        CREATE INDEX settlements_of ON settlements(row, id);
        -- the marks of a response (tasks/response_flags.py) a line each; those of all responses of a row stand with the row
        ALTER TABLE responses ADD COLUMN marks TEXT NOT NULL DEFAULT '';
        ALTER TABLE rows ADD COLUMN marks TEXT NOT NULL DEFAULT '';
        -- blind: sealed as audit without suggestions. sample: audit or queue, in the push that sent it last, and queue: its
        -- order there, the highest priority first, then the place; NULL for what Argilla does not have
        ALTER TABLE rows ADD COLUMN blind INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE rows ADD COLUMN sample TEXT;
        ALTER TABLE rows ADD COLUMN queue INTEGER;
        UPDATE rows SET {_QUEUED.format("rows.id")} WHERE id IN (SELECT row FROM pushed);
        CREATE INDEX rows_marked ON rows(run, state, unit, position, marks) WHERE marks<>'';
        CREATE INDEX rows_blind ON rows(run, state, unit, position, id) WHERE blind=1;
        CREATE INDEX rows_sample ON rows(run, state, sample, unit, position) WHERE sample IS NOT NULL;
        CREATE INDEX rows_queue ON rows(run, state, queue, unit, position, id, models) WHERE queue IS NOT NULL;
        CREATE INDEX verdicts_decided ON verdicts(reviewer_id, row) WHERE status='submitted';
        CREATE TRIGGER responses_marked AFTER INSERT ON responses WHEN new.marks<>'' BEGIN
          UPDATE rows SET marks={_MARKS.format("new.row")} WHERE id=new.row; END;
        CREATE TRIGGER responses_unmarked AFTER DELETE ON responses WHEN old.marks<>'' BEGIN
          UPDATE rows SET marks={_MARKS.format("old.row")} WHERE id=old.row; END;
        CREATE TRIGGER queue_insert AFTER INSERT ON pushed BEGIN
          UPDATE rows SET {_QUEUED.format("new.row")} WHERE id=new.row; END;
        CREATE TRIGGER queue_delete AFTER DELETE ON pushed BEGIN
          UPDATE rows SET {_QUEUED.format("old.row")} WHERE id=old.row; END;
        CREATE TRIGGER queue_update AFTER UPDATE OF sent, withdrawn, kind, priority, place, suggestions_shown ON pushed BEGIN
          UPDATE rows SET {_QUEUED.format("new.row")} WHERE id=new.row; END;
        """,
    )


def m015_numbers(connection: sqlite3.Connection) -> None:
    """The number of a record in Argilla is that of its row in the run, as the app shows it."""
    _each(
        connection,
        """
        -- the number that a record has in Argilla; NULL where an earlier version sent its place in the order of sending, plus 1
        ALTER TABLE pushed ADD COLUMN number INTEGER;
    """,
    )


_MARKS = "coalesce((SELECT group_concat(marks, char(10)) FROM responses WHERE row={0} AND marks<>''), '')"
_QUEUED = (
    "blind=EXISTS(SELECT 1 FROM pushed WHERE row={0} AND kind='audit' AND suggestions_shown=0),"
    " (sample, queue)=(SELECT kind, CAST(round(-priority*10000) AS INTEGER)*4294967296+place FROM pushed"
    " WHERE row={0} AND sent<>'' AND withdrawn IS NULL ORDER BY push DESC LIMIT 1)"
)


def m016_rubrics(c: sqlite3.Connection) -> None:
    """Ratings know their scale and what was asked; rubrics are kept with all their versions, and under a name."""
    _each(
        c,
        """
        ALTER TABLE ratings ADD COLUMN levels INTEGER NOT NULL DEFAULT 5;
        -- the hash of the rubric; '' for ratings from before, by a rubric that came along
        ALTER TABLE ratings ADD COLUMN rubric TEXT NOT NULL DEFAULT '';
        -- what the rubric called its kinds, as JSON; NULL for one that came along
        ALTER TABLE ratings ADD COLUMN kinds TEXT;
        CREATE TABLE rubric_versions(
            hash TEXT PRIMARY KEY, key TEXT NOT NULL, version INTEGER NOT NULL, content TEXT NOT NULL, created TEXT NOT NULL
        );
        CREATE UNIQUE INDEX rubric_versions_key ON rubric_versions(key, version);
        CREATE TABLE rubrics(name TEXT PRIMARY KEY, content TEXT NOT NULL, updated TEXT NOT NULL);
        """,
    )


def m017_preferences(c: sqlite3.Connection) -> None:
    """Which of two responses the labeller prefers, asked directly."""
    _each(
        c,
        """
        -- append-only but for failed ones (those are asked again); first, second: the responses in the order they were shown
        CREATE TABLE preferences(
          id INTEGER PRIMARY KEY, row TEXT NOT NULL REFERENCES rows(id) ON DELETE CASCADE, content_hash TEXT NOT NULL,
          judge TEXT NOT NULL, aspect TEXT NOT NULL, rubric TEXT NOT NULL, first INTEGER NOT NULL, second INTEGER NOT NULL,
          repeat INTEGER NOT NULL, status TEXT NOT NULL, better TEXT, rationale TEXT NOT NULL, note TEXT NOT NULL,
          raw TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, prompt_hash TEXT NOT NULL, temperature REAL,
          prompt_tokens INTEGER, completion_tokens INTEGER, latency REAL, revision TEXT NOT NULL, asked INTEGER NOT NULL,
          created TEXT NOT NULL,
          UNIQUE(row, content_hash, judge, aspect, repeat, first, second));
        -- which judge compared a row by an aspect last
        CREATE INDEX preferences_said ON preferences(row, content_hash, aspect, judge, id);
        """,
    )


def m018_checks(connection: sqlite3.Connection) -> None:
    """What checks said of responses; rows are found by the checks that a response of theirs fails."""
    _each(
        connection,
        """
        -- of what a row said then, under the identity of a check: its kind, version and settings
        CREATE TABLE checks(
          row TEXT NOT NULL REFERENCES rows(id) ON DELETE CASCADE, content_hash TEXT NOT NULL, response INTEGER NOT NULL,
          identity TEXT NOT NULL, passed INTEGER NOT NULL, reason TEXT NOT NULL, created TEXT NOT NULL,
          PRIMARY KEY(row, content_hash, identity, response)) WITHOUT ROWID;
        -- checked_by names all the checks whose verdicts a row has; fails: the checks that a response of it fails, a line each
        ALTER TABLE rows ADD COLUMN checked_by TEXT NOT NULL DEFAULT '';
        ALTER TABLE rows ADD COLUMN fails TEXT NOT NULL DEFAULT '';
        CREATE INDEX rows_failing ON rows(run, state, unit, position, fails) WHERE fails<>'';
        CREATE TRIGGER rows_said_anew AFTER UPDATE OF content_hash ON rows WHEN old.content_hash<>new.content_hash BEGIN
          UPDATE rows SET checked_by='', fails='' WHERE id=new.id; END;
        CREATE TRIGGER checks_kept AFTER UPDATE OF checked_by ON rows WHEN new.checked_by<>'' BEGIN
          UPDATE rows SET fails=coalesce((SELECT group_concat(identity, char(10)) FROM (SELECT DISTINCT identity FROM checks
            WHERE row=new.id AND content_hash=new.content_hash AND NOT passed ORDER BY identity)), '') WHERE id=new.id; END;
        """,
    )


def m019_evidence(connection: sqlite3.Connection) -> None:
    """What reviews prove: signals of rows, orders of the queue, lists to review, statements, acceptances under a guarantee."""
    _each(
        connection,
        """
        -- what is known of a row before anybody reviews it (feedback/stats/row_signals.py), as it stood when it was sent last
        CREATE TABLE signals(
          row TEXT PRIMARY KEY REFERENCES rows(id) ON DELETE CASCADE, keeps INTEGER, rating REAL, opinions REAL,
          contradiction REAL NOT NULL, spread REAL, failed_checks INTEGER NOT NULL, length INTEGER NOT NULL,
          responses INTEGER NOT NULL, model TEXT NOT NULL) WITHOUT ROWID;
        -- 1 where the priority or the list of a record changed since it was sent, 3 where how many reviewers it wants did; below 0
        -- while that is on its way
        ALTER TABLE pushed ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX pushed_moved ON pushed(push) WHERE moved<>0;
        -- how many reviewers a record is to have: 2 of the overlap, and where a second opinion is worth asking
        ALTER TABLE pushed ADD COLUMN reviewers INTEGER NOT NULL DEFAULT 1;
        CREATE INDEX pushed_shared ON pushed(push) WHERE reviewers>1;
        -- what its records have (feedback/argilla/dataset_settings.py), as JSON; NULL for a push by an earlier version
        ALTER TABLE pushes ADD COLUMN shape TEXT;
        -- append-only: how the queue was put in order, on how many reviews; random: the rows that stand in it by chance
        CREATE TABLE review_orders(
          id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, created TEXT NOT NULL,
          method TEXT NOT NULL, fitted_on INTEGER NOT NULL, answered INTEGER NOT NULL, coefficients TEXT NOT NULL,
          random TEXT NOT NULL, reasons TEXT NOT NULL);
        CREATE INDEX review_orders_run ON review_orders(run, id);
        -- what somebody wanted to review in so many minutes; batch is what its records have as that in Argilla
        CREATE TABLE review_lists(
          id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, created TEXT NOT NULL,
          who TEXT NOT NULL, minutes REAL NOT NULL, seconds REAL NOT NULL, batch INTEGER NOT NULL);
        CREATE INDEX review_lists_run ON review_lists(run, id);
        CREATE TABLE listed(
          list INTEGER NOT NULL REFERENCES review_lists(id) ON DELETE CASCADE, row TEXT NOT NULL, position INTEGER NOT NULL,
          PRIMARY KEY(list, row)) WITHOUT ROWID;
        -- append-only: what was said of the quality of a run, with the ids that it was said from
        CREATE TABLE statements(
          run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, identity TEXT NOT NULL, kind TEXT NOT NULL,
          content TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY(run, identity)) WITHOUT ROWID;
        -- rows whose decision by the labeller stands without a reviewer; `withdrawn` says when that ended, `reason` why
        CREATE TABLE acceptances(
          id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, statement TEXT NOT NULL,
          risk REAL NOT NULL, confidence REAL NOT NULL, audit INTEGER NOT NULL, threshold REAL NOT NULL, who TEXT NOT NULL,
          created TEXT NOT NULL, withdrawn TEXT, reason TEXT NOT NULL DEFAULT '');
        CREATE UNIQUE INDEX acceptances_run ON acceptances(run) WHERE withdrawn IS NULL;
        CREATE TABLE accepted(
          acceptance INTEGER NOT NULL REFERENCES acceptances(id) ON DELETE CASCADE, row TEXT NOT NULL, decision TEXT NOT NULL,
          content_hash TEXT NOT NULL,
          PRIMARY KEY(acceptance, row)) WITHOUT ROWID;
        CREATE INDEX accepted_row ON accepted(row, acceptance);
        """,
    )


def m020_shards(connection: sqlite3.Connection) -> None:
    """Runs that are worked in parts, each in a store of its own, and merged."""
    _each(
        connection,
        """
        -- the part of a run that this store works, as 3/8; '' for all of it
        ALTER TABLE runs ADD COLUMN shard TEXT NOT NULL DEFAULT '';
        -- the shard that a working was brought along with; '' for one of this store
        ALTER TABLE workings ADD COLUMN shard TEXT NOT NULL DEFAULT '';
        -- the shards that were merged into a run, and the run's state in their store when that was done last
        CREATE TABLE merged(
          run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, shard TEXT NOT NULL, state TEXT NOT NULL,
          created TEXT NOT NULL, PRIMARY KEY(run, shard)) WITHOUT ROWID;
        """,
    )


def m021_servers(connection: sqlite3.Connection) -> None:
    """Which server answered how much, of models that have several addresses."""
    connection.execute(
        "CREATE TABLE served(working INTEGER NOT NULL REFERENCES workings(id) ON DELETE CASCADE, server TEXT NOT NULL,"
        " answered INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, seconds REAL NOT NULL,"
        " PRIMARY KEY(working, server)) WITHOUT ROWID"
    )


def m022_audit(connection: sqlite3.Connection) -> None:
    """Finds the audit rows of a push without reading the whole of it."""
    connection.execute("CREATE INDEX pushed_audit ON pushed(push, place) WHERE kind='audit'")


def m023_people(connection: sqlite3.Connection) -> None:
    """People with their sessions, whom runs are shared with, and a log of who did what; saved things have an owner."""
    _each(
        connection,
        """
        CREATE TABLE people(name TEXT PRIMARY KEY, role TEXT NOT NULL CHECK(role IN ('curator', 'admin')), password TEXT,
          blocked INTEGER NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE sessions(id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES people(name) ON DELETE CASCADE,
          created REAL NOT NULL, seen REAL NOT NULL, browser TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE sign_in_links(id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES people(name) ON DELETE CASCADE,
          ends REAL NOT NULL) WITHOUT ROWID;
        CREATE TABLE shares(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, person TEXT NOT NULL,
          may TEXT NOT NULL CHECK(may IN ('read', 'work')), PRIMARY KEY(run, person)) WITHOUT ROWID;
        CREATE TABLE action_log(id INTEGER PRIMARY KEY, at TEXT NOT NULL, person TEXT NOT NULL, did TEXT NOT NULL,
          run TEXT NOT NULL, detail TEXT NOT NULL);
        CREATE TRIGGER action_log_stays BEFORE UPDATE ON action_log BEGIN SELECT RAISE(ABORT, 'the log stays as it is'); END;
        CREATE TRIGGER action_log_keeps BEFORE DELETE ON action_log BEGIN SELECT RAISE(ABORT, 'the log stays as it is'); END;
        """,
    )
    for table in ("recipes", "model_sets", "rubrics"):
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
        connection.execute(
            f"CREATE TABLE {table}(owner TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, updated TEXT NOT NULL,"
            " PRIMARY KEY(owner, name)) WITHOUT ROWID"
        )
        connection.execute(f"INSERT INTO {table} SELECT '', name, content, updated FROM {table}_before")
        connection.execute(f"DROP TABLE {table}_before")


def m024_identities(connection: sqlite3.Connection) -> None:
    """Whom a provider of sign-ins, or a proxy, knows people as."""
    _each(
        connection,
        """
        CREATE TABLE identities(
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            person TEXT NOT NULL REFERENCES people(name) ON DELETE CASCADE,
            PRIMARY KEY(issuer, subject)
        ) WITHOUT ROWID;
        CREATE INDEX identities_person ON identities(person);
        """,
    )


def m025_limits(connection: sqlite3.Connection) -> None:
    """What each person, or everybody (""), may use at most."""
    connection.execute(
        "CREATE TABLE limits(person TEXT NOT NULL, what TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY(person, what))"
        " WITHOUT ROWID"
    )


def m026_failed_attempts(connection: sqlite3.Connection) -> None:
    """How many attempts at calls failed, of each working; of earlier ones nobody kept that."""
    connection.execute("ALTER TABLE spent ADD COLUMN failed_attempts INTEGER NOT NULL DEFAULT 0")


STEPS: list[Callable[[sqlite3.Connection], None]] = [
    m001_initial,
    m002_page,
    m003_judge,
    m004_samples,
    m005_local_verdicts,
    m006_library,
    m007_usage,
    m008_accounts,
    m009_counters,
    m010_rating_index,
    m011_seals,
    m012_dialects,
    m013_origins,
    m014_outcomes,
    m015_numbers,
    m016_rubrics,
    m017_preferences,
    m018_checks,
    m019_evidence,
    m020_shards,
    m021_servers,
    m022_audit,
    m023_people,
    m024_identities,
    m025_limits,
    m026_failed_attempts,
]


def migrate(
    connection: sqlite3.Connection, before: Callable[[sqlite3.Connection, int], None] = lambda connection, have: None
) -> None:
    """Brings the file up to date, whole or not at all. Raises ValueError if it is newer than this program.

    `before` is told the schema of a file that is about to be changed.
    """
    have = connection.execute("PRAGMA user_version").fetchone()[0]
    if 0 < have < len(STEPS):
        before(connection, have)
    connection.execute("BEGIN IMMEDIATE")
    try:
        have = connection.execute("PRAGMA user_version").fetchone()[0]
        if have > len(STEPS):
            raise ValueError(f"it has schema {have}, this version of Claywright knows {len(STEPS)}")
        for step in STEPS[have:]:
            step(connection)
        _derive(connection, have)
        connection.execute(f"PRAGMA user_version = {len(STEPS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _derive(connection: sqlite3.Connection, have: int) -> None:
    """Fills the columns that code tells from others, where a file had schema `have`, without them."""
    if have < 7 <= len(STEPS):
        connection.create_function("words_of", 1, words, deterministic=True)
        connection.execute("UPDATE responses SET words=words_of(text)")
    if have < 10 <= len(STEPS):
        keep_all(connection)
    if have < 14 <= len(STEPS):
        connection.create_function(
            "marks_of", 2, lambda reason, text: "\n".join(marks_for(reason, text)), deterministic=True
        )
        connection.execute(
            "UPDATE responses SET marks=marks_of(finish_reason, text) WHERE marks_of(finish_reason, text)<>''"
        )
        connection.execute(
            f"UPDATE rows SET marks={_MARKS.format('rows.id')} WHERE id IN (SELECT row FROM responses WHERE marks<>'')"
        )


def _each(connection: sqlite3.Connection, statements: str) -> None:
    """Runs statements one by one: `executescript` would commit between them."""
    statement = ""
    for line in statements.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
