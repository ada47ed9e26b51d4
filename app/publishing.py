"""What a dataset's card on the Hub says of a run: nothing that is secret, nothing that belongs to this machine alone."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from app.recipe import Recipe
from app.reviewing import for_trying
from app.tables.runs import Run
from feedback.card import Facts
from feedback.exports import Export
from feedback.judged import LATEST
from tasks.models.spec import ModelSpec

SECRET = re.compile("key|token|secret|password|auth", re.IGNORECASE)
"""Names of fields whose values are not published."""


def facts(run: Run, made: Recipe) -> Facts:
    """What a dataset's card says of a run: its recipe without what belongs to this machine alone."""
    shown = replace(
        made,
        inputs=replace(made.inputs, path=Path(made.inputs.path).name),
        generator=_public(made.generator),
        responders=tuple(_public(spec) for spec in made.responders),
        labeller=_public(made.labeller),
        export=Export(),
    )
    makes = made.task.calls_model or made.answering.n > 0
    answering = made.responders or ((made.generator,) if makes else ())
    people = made.merge
    text = "the latest" if people.text == LATEST else f"that of {people.text}, else the latest"
    return Facts(
        run=run.id,
        name=run.name,
        task=made.kind,
        recipe=shown.dump(),
        generator=_named(made.generator) if made.task.calls_model else "none: the rows are input",
        responders=[_named(spec) for spec in answering],
        labeller=_named(made.labeller) if made.rating else "",
        rule=f"Decisions of several reviewers are merged by {people.decision}; of several corrections, {text} counts.",
        for_trying=for_trying(made),
    )


def _public(spec: ModelSpec) -> ModelSpec:
    """The same without what could be a secret in an address or in the fields of the request, or a folder of this machine."""
    parts = urlsplit(spec.url)
    url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    extra = {name: value for name, value in spec.extra.items() if not SECRET.search(name)}
    template = Path(spec.template).name if Path(spec.template).is_absolute() else spec.template
    return replace(spec, url=url, extra=extra, template=template)


def _named(spec: ModelSpec) -> str:
    return "the built-in model" if spec.preset == "local" else spec.model or spec.preset
