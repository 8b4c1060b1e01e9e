"""The form of the first step of the sign-in."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm

REFUSED = (
    "Wrong name or password. Both are case-sensitive, and the account needs access to this site. "
    "After several failures the site accepts no password for some minutes, except in a browser "
    "in which you signed in before."
)


class SignInForm(AuthenticationForm):
    """E-mail or username, and password, with one message for all errors."""

    error_messages = {"invalid_login": REFUSED, "inactive": REFUSED}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail or username"
