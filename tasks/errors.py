"""What can go wrong while rows are made.

ClaywrightError                what a user reads: one sentence that says what is wrong and what to do
├── SettingsError              a recipe, a task's setting or a model's setting
├── InputError                 the rows or documents that a task was given
├── Stopped                    the run was asked to stop before this call was sent
├── BudgetSpent                the run may not use more: it pauses
└── ModelError                 an endpoint
    ├── Unsupported            it can't do what the task needs (raw prompts, say)
    ├── CallFailed             this call failed in a way that can pass: it is sent again
    │   ├── Overloaded         429 or 503, perhaps with a time to wait
    │   ├── TimedOut           no answer within the deadline
    │   ├── Unreachable        no connection, or a lost one
    │   └── ServerFault        another 5xx, or an answer that is not the protocol's
    ├── CallRefused            this call can't pass, others can: it costs its unit
    │   └── PromptTooLong      it does not fit the model's context
    └── EndpointRefused        no call can pass (key, model, address): the run pauses
        └── EndpointDown       it stayed out of reach for longer than we wait
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.models.refusals import Refusal


class ClaywrightError(Exception):
    """A sentence for the user. Shown as it is, without a traceback.

    `terminal` says what to type about it, for those who are at a terminal.
    """

    stage: str = ""
    """The stage of the work whose model it is about: "generate", "answer" or "rate"; "" where that can't be told."""

    def __init__(self, message: str, *, terminal: str = "") -> None:
        super().__init__(message)
        self.terminal = terminal


class SettingsError(ClaywrightError):
    """A setting that can't be used. `setting` is its name, "" where no single one is at fault.

    `page` says the same to those who look at a form, where settings have labels and no file has to be changed.
    """

    def __init__(self, message: str, *, setting: str = "", page: str = "", terminal: str = "") -> None:
        super().__init__(message, terminal=terminal)
        self.setting, self.page = setting, page


class InputError(ClaywrightError):
    """Inputs that can't be read or lack what the task needs. `column` is the task's one that is at fault, if one is."""

    def __init__(self, message: str, *, column: str = "", terminal: str = "") -> None:
        super().__init__(message, terminal=terminal)
        self.column = column


class Stopped(ClaywrightError):
    """The run was stopped before this call was sent."""


class BudgetSpent(ClaywrightError):
    """A call might use more than what is left of the run's budget."""


class ModelError(ClaywrightError):
    """Something about a model's endpoint. `refusal` is what it said, where it said no."""

    def __init__(self, message: str, refusal: "Refusal | None" = None) -> None:
        super().__init__(message)
        self.refusal = refusal


class Unsupported(ModelError):
    """The endpoint can't do what is asked of it; the message names what would work."""


class CallFailed(ModelError):
    """A failure that can pass.

    `retry_after` is the time in seconds that the endpoint asked us to wait, if it did.
    """

    def __init__(self, message: str, refusal: "Refusal | None" = None, *, retry_after: float | None = None) -> None:
        super().__init__(message, refusal)
        self.retry_after = retry_after


class Overloaded(CallFailed):
    """429 or 503."""


class TimedOut(CallFailed):
    """No answer within the deadline of the call."""


class Unreachable(CallFailed):
    """No connection to the endpoint, or one that broke."""


class ServerFault(CallFailed):
    """A 5xx, or an answer that is not what the protocol says."""


class CallRefused(ModelError):
    """The endpoint will never take this very call."""


class PromptTooLong(CallRefused):
    """The prompt does not fit the model's context."""


class EndpointRefused(ModelError):
    """The endpoint takes no call of ours: wrong key, unknown model, wrong address."""


class EndpointDown(EndpointRefused):
    """The endpoint stayed out of reach for longer than we are willing to wait."""
