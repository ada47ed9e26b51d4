"""What we replace in argilla_server and its libraries while they run: one function for each.

Each replacement looks for the name first and raises UpstreamChanged when a new version lacks it: a patch
that silently stopped working would cost speed, privacy or correct record statuses, and nobody would notice.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from feedback.local.errors import UpstreamChanged

EVENTS = {
    "argilla_server.bulk.records_bulk": ("notify_record_event_v1",),
    "argilla_server.contexts.records": ("notify_record_event_v1",),
    "argilla_server.contexts.distribution": ("notify_record_event_v1",),
    "argilla_server.contexts.datasets": ("notify_response_event_v1",),
}
"""Where events are built for every record or response that is written."""

REVIEWERS = "reviewers"
"""The metadata by which a record wants more answers than its dataset (feedback/argilla/dataset_settings.py)."""
ABOUT_ITSELF = ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/status")
FONTS = re.compile(r"@import\s*(url\()?[\"']?https://fonts\.googleapis\.com[^;]*?\)?[\"']?\)?;")
FOREIGN_IMPORT = re.compile(r"@import\s*(?:url\()?[\"']?(?:https?:)?//[^;]*;")

INTO_THE_QUEUE = re.compile(r"-1===(\w)\?(\w)\.records\.push\((\w)\):\2\.records\[\1\]=\3")
"""Where the pages put records that they loaded ahead behind those that they have, or in place of them."""
OWN_STYLE = re.compile(r"""(\("style",\{key:\w+\.id,attrs:\{scoped:"")(\})""")


def upstream(owner: str, name: str, need: str) -> Any:
    """Value of `owner.name`, where owner is a module, or a module and a class after a colon."""
    module, _, inner = owner.partition(":")
    try:
        value: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UpstreamChanged(module, need) from error
    for step in (*filter(None, [inner]), name):
        if not hasattr(value, step):
            raise UpstreamChanged(f"{owner.replace(':', '.')}.{name}", need)
        value = getattr(value, step)
    return value


def tune_sqlite() -> None:
    """Open the database with a write-ahead log: readers do not wait for writers, and a commit costs one
    write.
    """
    from sqlalchemy import event

    need = "open its database with a write-ahead log"
    sync_engine = upstream("argilla_server.database", "sync_engine", need)
    async_engine = upstream("argilla_server.database", "async_engine", need)

    def pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    for engine in (sync_engine, async_engine.sync_engine):
        event.listen(engine, "connect", pragmas)
    with sync_engine.connect() as connection:
        if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
            raise UpstreamChanged("SQLite connection that obeys our pragmas", need)


def keep_type_adapters() -> None:
    """Build each pydantic adapter once: the server makes a new one for every suggestion and metadata value
    that it validates, which is more than half of the time of a bulk write.
    """
    import pydantic

    owner = "argilla_server.models.database"
    if upstream(owner, "TypeAdapter", "write records fast") is not pydantic.TypeAdapter:
        raise UpstreamChanged(f"{owner}.TypeAdapter that is pydantic's", "write records fast")
    kept: dict[int, tuple[Any, Any]] = {}

    def adapter(kind: Any) -> Any:
        # The type is kept beside its adapter, so that its id cannot be given to another one.
        if id(kind) not in kept:
            kept[id(kind)] = (kind, pydantic.TypeAdapter(kind))
        return kept[id(kind)][1]

    vars(importlib.import_module(owner))["TypeAdapter"] = adapter


def skip_unheard_events() -> None:
    """Build an event only when a webhook listens: each costs seven queries, for every record and response
    written.
    """
    need = "write records without webhook cost"
    webhook = upstream("argilla_server.models", "Webhook", need)
    for owner, names in EVENTS.items():
        for name in names:
            original = upstream(owner, name, need)
            setattr(importlib.import_module(owner), name, _when_heard(original, webhook))


def _when_heard(notify: Callable[..., Awaitable[list[Any]]], webhook: Any) -> Callable[..., Awaitable[list[Any]]]:
    from sqlalchemy import select

    async def notify_if_heard(db: Any, event: Any, subject: Any) -> list[Any]:
        # A session lives as long as its request, so that a bulk write of 500 records asks once.
        if "webhook_listens" not in db.info:
            listening = select(webhook.id).where(webhook.enabled.is_(True)).limit(1)
            db.info["webhook_listens"] = (await db.execute(listening)).first() is not None
        return await notify(db, event, subject) if db.info["webhook_listens"] else []

    return notify_if_heard


def let_records_want_more_reviewers() -> None:
    """A record is done once as many people submitted an answer as its dataset asks for, or as its own metadata says."""
    owner, name, need = (
        "argilla_server.contexts.distribution",
        "_update_record_status_with_overlap_strategy",
        ("keep records open for a second reviewer"),
    )
    upstream(owner, name, need)
    status = upstream("argilla_server.enums", "RecordStatus", need)

    async def update_status(db: Any, record: Any) -> Any:
        wanted = max(record.dataset.distribution["min_submitted"], wanted_reviewers(record.metadata_))
        record.status = status.completed if len(record.responses_submitted) >= wanted else status.pending
        return await record.save(db, autocommit=False)

    setattr(importlib.import_module(owner), name, update_status)


def wanted_reviewers(metadata: Any) -> int:
    """How many people a record says that it wants; 1 where it says nothing."""
    wanted = metadata.get(REVIEWERS) if isinstance(metadata, dict) else None
    return wanted if isinstance(wanted, int) and wanted > 1 else 1


def run_jobs_in_one_loop() -> None:
    """Run all asynchronous RQ jobs in one event loop: RQ makes a new one per job and never closes it, while
    the database's pool keeps connections that belong to the loop of an earlier job.
    """
    upstream("rq.job:Job", "_execute", "run its background jobs")
    from rq.job import Job

    loop = asyncio.new_event_loop()

    def execute(self: Any) -> Any:
        result = self.func(*self.args, **self.kwargs)
        return loop.run_until_complete(result) if inspect.iscoroutine(result) else result

    Job._execute = execute


def pages_of(app: Any) -> Path:
    """The folder of the web pages."""
    folders = [route.app.directory for route in app.routes if getattr(route, "name", "") == "static"]
    if not folders:
        raise UpstreamChanged("route named static for its web pages", "serve pages that load nothing from the internet")
    return Path(folders[0])


def _replaced_in_scripts(app: Any, pattern: re.Pattern[str], by: str) -> int:
    """How many times a pattern was replaced in the scripts of the web pages."""
    total = 0
    for script in pages_of(app).rglob("*.js"):
        text, count = pattern.subn(by, script.read_text(encoding="utf-8"))
        if count:
            script.write_text(text, encoding="utf-8")
            total += count
    return total


def keep_unsent_answers(app: Any) -> None:
    """Let the pages keep answers that were given while the server was away, and send them once it is back: by themselves they
    go on to the next record without a word.
    """
    script = f"<script>{(Path(__file__).parent / 'resend.js').read_text(encoding='utf-8')}</script>"
    changed = 0
    for page in pages_of(app).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        with_script = text.replace("<head>", f"<head>{script}", 1)
        page.write_text(with_script, encoding="utf-8")
        changed += with_script != text
    if not changed:
        raise UpstreamChanged("page with a head", "keep answers that could not be sent")


def keep_records_in_sight(app: Any) -> None:
    """Let the pages keep each record at the place at which a reviewer comes to it, where the list changes under them: because
    others answered, priorities moved, or rows wait for a second reviewer. By themselves they take the place of a record that they
    load again from where it is listed now, and show an empty page where it was.
    """
    stays = (
        r"-1===\1?(\2.lastRecord&&\3.page>\2.lastRecord.page&&(\3.page=\2.lastRecord.page+1),\2.records.push(\3))"
        r":(\3.page=\2.records[\1].page,\2.records[\1]=\3)"
    )
    if not _replaced_in_scripts(app, INTO_THE_QUEUE, stays):
        raise UpstreamChanged("script that puts records into its queue in the known way", "keep records in sight")


def mark_own_styles(app: Any) -> str:
    """Give the styles that the pages put into themselves (the colour of what was searched for) a mark that no
    text can know, so that styles in texts can be forbidden; returns the mark.
    """
    need = "tell the styles of its pages from those in texts"
    mark = secrets.token_urlsafe(16)
    if not _replaced_in_scripts(app, OWN_STYLE, rf'\1,nonce:"{mark}"\2'):
        raise UpstreamChanged("script that makes styles of the known form", need)
    return mark


def stay_off_the_internet(app: Any) -> None:
    """Remove what the web pages load from elsewhere: two fonts in the style sheets, and the API's
    documentation page, whose scripts come from a content network; and what tells anybody who is not signed in
    how the API is made, and how much memory and which versions there are.
    """
    need = "serve pages that load nothing from the internet"
    removed = 0
    for sheet in pages_of(app).rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        kept, count = FONTS.subn("", text)
        if FOREIGN_IMPORT.search(kept):
            raise UpstreamChanged(f"style sheet {sheet.name} of the known form", need)
        if count:
            sheet.write_text(kept, encoding="utf-8")
            removed += count
    if not removed:
        raise UpstreamChanged("style sheet that imports Google's fonts", need)

    api = upstream("argilla_server.api.routes", "api_v1", need)
    pages = [route for route in api.routes if getattr(route, "path", "") in ABOUT_ITSELF]
    if not {"/docs", "/status", "/openapi.json"} <= {route.path for route in pages}:
        raise UpstreamChanged("documentation and status among the routes of its API", need)
    for page in pages:
        api.router.routes.remove(page)
