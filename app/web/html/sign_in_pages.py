"""The pages that somebody sees who is not signed in: how to get in, by an address, a name with its password, or a link."""

from pathlib import Path

from markupsafe import Markup

from app.web.html import language
from app.web.html.markup import markup

SHELL = Path(__file__).parents[1] / "static" / "sign_in.html"
ONCE_MORE = Markup('<meta http-equiv="refresh" content="0">')
SHORTEST = 10
"""Characters of a password."""


def by_address(trouble: str = "", *, once_more: bool = False) -> str:
    """Of one person's own app. `once_more`: a link of another site led here, so that the browser kept its cookie back."""
    return _page(
        "Sign in to Claywright",
        markup(
            "<h1>This browser is not signed in</h1>{}<p>Claywright lets in whoever has its address with the token. It was printed"
            " when Claywright started; this command prints it again, and opens it:</p><p><code>claywright open</code></p>"
            '<form action="./" method="get"><label for="token">Or paste that address here</label><div><input id="token"'
            ' name="token" type="password" autocomplete="off" required><button type="submit">Sign in</button></div></form>',
            _alert(trouble),
        ),
        once_more=once_more,
    )


def by_name(trouble: str = "", name: str = "", *, provider: str = "", once_more: bool = False) -> str:
    """Of a team's app; `provider` is what the way by a provider of sign-ins is called."""
    by_provider = (
        markup('<p><a class="button" href="oidc/start">Sign in with {}</a></p>', provider) if provider else Markup()
    )
    return _page(
        "Sign in to Claywright",
        markup(
            "<h1>Sign in to Claywright</h1>{}{}"
            '<form action="sign-in" method="post"><label for="name">Name</label><input id="name" name="name" value="{}"'
            ' autocomplete="username" autocapitalize="none" spellcheck="false" required><label for="password">Password</label>'
            '<input id="password" name="password" type="password" autocomplete="current-password" required>'
            '<button type="submit">Sign in</button></form>'
            "<p class=after>No password yet, or a forgotten one? An admin makes you a link that sets it.</p>",
            _alert(trouble),
            by_provider,
            name,
        ),
        once_more=once_more,
    )


def by_proxy(named: str) -> str:
    """Of somebody whom the proxy in front names, and who does not get in."""
    return _page(
        "Not here",
        markup(
            "<h1>You do not get in here</h1><p>{}</p>",
            f"You came as “{named}”. An admin has blocked that name, or it belongs to somebody else here. Ask an admin."
            if named
            else "The proxy in front of Claywright did not say who you are. Ask whoever looks after it.",
        ),
    )


def out_by_proxy() -> str:
    """Of somebody whom the proxy in front signed in, and who wants to be signed out."""
    return _page(
        "Signing out",
        markup(
            "<h1>You are signed in elsewhere</h1><p>The proxy in front of Claywright signed you in, and signs you out. Close the"
            ' browser, or sign out where you signed in. <a href="./">Back</a></p>'
        ),
    )


def by_link(secret: str, person: str, trouble: str = "") -> str:
    """Of a link that lets a person set a password."""
    return _page(
        "Set your password",
        markup(
            "<h1>Welcome, {person}</h1>{alert}<p>Choose the password with which you sign in from now on: {shortest} characters or"
            ' more.</p><form action="join" method="post"><input type="hidden" name="link" value="{secret}"><input type="hidden"'
            ' name="username" autocomplete="username" value="{person}"><label for="password">Password</label><input id="password"'
            ' name="password" type="password" autocomplete="new-password" minlength="{shortest}" required><label for="again">Once'
            ' more</label><input id="again" name="again" type="password" autocomplete="new-password" required>'
            '<button type="submit">Set it and sign in</button></form>',
            person=person,
            alert=_alert(trouble),
            shortest=SHORTEST,
            secret=secret,
        ),
    )


def by_change(person: str, trouble: str = "") -> str:
    """Of whoever is signed in and sets another password."""
    return _page(
        "Another password",
        markup(
            "<h1>Another password</h1>{alert}<p>{shortest} characters or more. It signs you out everywhere else.</p>"
            '<form action="password" method="post"><input type="hidden" name="username" autocomplete="username"'
            ' value="{person}"><label for="before">Current password</label><input id="before" name="before" type="password"'
            ' autocomplete="current-password" required><label for="password">New password</label><input id="password"'
            ' name="password" type="password" autocomplete="new-password" minlength="{shortest}" required><label for="again">Once'
            ' more</label><input id="again" name="again" type="password" autocomplete="new-password" required>'
            '<button type="submit">Set it</button></form><p class=after><a href="account">Back</a></p>',
            person=person,
            alert=_alert(trouble),
            shortest=SHORTEST,
        ),
    )


def no_link() -> str:
    """In place of that one where a link is good no more."""
    return _page(
        "This link was used",
        markup(
            "<h1>This link does not let anybody in any more</h1><p>It works once, and for three days. Ask an admin for a new"
            ' one, or <a href="./">sign in</a> with the password that you set.</p>'
        ),
    )


def plain(title: str, content: Markup, *, wide: bool = False) -> str:
    """A page of a team that is no part of the app's own."""
    return _page(title, markup("<div class=wide>{}</div>", content) if wide else content)


def _page(title: str, content: Markup, *, once_more: bool = False) -> str:
    shell = SHELL.read_text(encoding="utf-8")
    shell = shell.replace("<!-- title -->", markup("{}", title))
    shell = shell.replace("<!-- language -->", language.choice()).replace("<!-- other language -->", language.SWITCH)
    return shell.replace("<!-- once more -->", ONCE_MORE if once_more else "").replace("<!-- content -->", content)


def _alert(trouble: str) -> Markup:
    return markup('<p class="wrong" role="alert">{}</p>', trouble) if trouble else Markup()
