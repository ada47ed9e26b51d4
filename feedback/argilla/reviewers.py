"""Who may review in a workspace of Argilla, and how somebody is added there."""

import secrets
from dataclasses import dataclass

from feedback.argilla.client import Server
from feedback.errors import ArgillaError
from tasks.errors import SettingsError

ANNOTATOR = "annotator"
LONGEST_NAME = 60


@dataclass(frozen=True)
class Added:
    """A reviewer who may sign in. `password` is "" for one who has an account already."""

    name: str
    password: str = ""


def reviewers(server: Server, workspace: str) -> list[str]:
    """The names of the annotators of a workspace, in order. Raises ArgillaError."""
    users = server.get(f"/api/v1/workspaces/{_workspace_id(server, workspace)}/users")["items"]
    return sorted(str(user["username"]) for user in users if user["role"] == ANNOTATOR)


def add_reviewer(server: Server, workspace: str, name: str) -> Added:
    """Lets somebody review in a workspace, under an account that is made where there is none of that name.

    An account that was made here goes again where it can't be let in. Raises SettingsError for a name that can't be one, or that
    is another kind of user's, and ArgillaError.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise SettingsError(f"A reviewer needs a name of at most {LONGEST_NAME} characters.")
    workspace_id = _workspace_id(server, workspace)
    known = {str(user["username"]): user for user in server.get("/api/v1/users")["items"]}
    if (user := known.get(name)) is None:
        password = secrets.token_urlsafe(12)
        user = server.post(
            "/api/v1/users", {"first_name": name, "username": name, "password": password, "role": ANNOTATOR}
        )
    elif user["role"] != ANNOTATOR:
        raise SettingsError(f"Argilla has a user '{name}' already, who is no reviewer. Take another name.")
    else:
        password = ""
    if name not in reviewers(server, workspace):
        try:
            server.post(f"/api/v1/workspaces/{workspace_id}/users", {"user_id": str(user["id"])})
        except ArgillaError as error:
            if password:
                _take_back(server, str(user["id"]), name, password, error)
            raise
    return Added(name, password)


def _take_back(server: Server, user_id: str, name: str, password: str, why: ArgillaError) -> None:
    """Takes out the account, of which nobody would know the password. Raises ArgillaError with the password if that fails."""
    try:
        server.delete(f"/api/v1/users/{user_id}")
    except ArgillaError:
        raise ArgillaError(
            f"{why} '{name}' has an account by now, with the password {password}, which is said this once, but may not review yet:"
            " add them again."
        ) from why


def _workspace_id(server: Server, name: str) -> str:
    """The id of the workspace of that name, or of the first one."""
    with server.translated():
        return str(server.client.workspaces(server.workspace(name)).id)
