"""What can go wrong with signing in and with looking after people and keys."""

from collections.abc import Sequence

from app.core.errors import NotAuthenticated, NotPermitted, TooManyRequests
from app.identity.domain import SignInStep


class SignInRefused(NotAuthenticated):
    """Login and password do not belong together, or nobody may sign in so; the answer never says which."""

    code = "sign_in_refused"
    title = "Signing in was refused"

    def __init__(self) -> None:
        super().__init__("The login or the password is not right.")


class TotpRequired(NotAuthenticated):
    """The password was right; a code of the authenticator is needed too."""

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
    """There were too many failures for this login, or attempts from this address: later.

    Args:
        retry_after_s: Seconds after which an attempt is looked at again.
    """

    code = "sign_in_paused"
    title = "Too many attempts to sign in"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Wait {retry_after_s} s, then try again.", retry_after_s=retry_after_s)


class SignInIncomplete(NotPermitted):
    """Somebody has signed in but must do something first.

    Args:
        pending: What is to be done.
    """

    code = "sign_in_incomplete"
    title = "Something is to be done first"

    def __init__(self, pending: Sequence[SignInStep]) -> None:
        ways = {
            SignInStep.PASSWORD: "choose a password (POST /v1/session/password)",
            SignInStep.TOTP: "enrol an authenticator (POST /v1/session/totp)",
        }
        super().__init__("First " + ", then ".join(ways[step] for step in pending) + ".")


class CrossSite(NotPermitted):
    """A request that changes something came with a session's cookie but not from our own page."""

    code = "csrf_refused"
    title = "This request does not come from our page"
