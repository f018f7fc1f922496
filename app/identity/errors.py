"""Errors of sign-in and of account and key administration."""

from collections.abc import Sequence

from app.core.errors import NotAuthenticated, NotPermitted, TooManyRequests
from app.identity.domain import SignInStep


class SignInRefused(NotAuthenticated):
    """Wrong login or password, or the account may not sign in; the answer never says which."""

    code = "sign_in_refused"
    title = "Signing in was refused"

    def __init__(self) -> None:
        super().__init__("The login or the password is not right.")


class TotpRequired(NotAuthenticated):
    """The password is right; a TOTP code is required too."""

    code = "totp_required"
    title = "A code is needed too"

    def __init__(self) -> None:
        super().__init__("totp: send the code that your authenticator shows, or a recovery code", field="totp")


class TotpRefused(NotAuthenticated):
    """The code is wrong, too old, or was used before."""

    code = "totp_refused"
    title = "The code was refused"

    def __init__(self) -> None:
        super().__init__("totp: this code is wrong, too old or spent; wait for the next one", field="totp")


class SignInPaused(TooManyRequests):
    """Too many failures for this login, or attempts from this address; retry after ``retry_after_s`` seconds."""

    code = "sign_in_paused"
    title = "Too many attempts to sign in"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Wait {retry_after_s} s, then try again.", retry_after_s=retry_after_s)


class SignInIncomplete(NotPermitted):
    """A signed-in person must complete the ``pending`` steps first."""

    code = "sign_in_incomplete"
    title = "Something is to be done first"

    def __init__(self, pending: Sequence[SignInStep]) -> None:
        ways = {
            SignInStep.PASSWORD: "choose a password (POST /v1/session/password)",
            SignInStep.TOTP: "enrol an authenticator (POST /v1/session/totp)",
        }
        super().__init__("First " + ", then ".join(ways[step] for step in pending) + ".")


class CrossSite(NotPermitted):
    """A changing request carries a session cookie but does not come from our own page."""

    code = "csrf_refused"
    title = "This request does not come from our page"
