"""Errors of sign-in through an OpenID provider."""

from app.core.errors import NotAuthenticated, NotFound, NotPermitted, Unavailable


class OidcNotSetUp(NotFound):
    """The settings name no provider."""

    code = "oidc_not_set_up"
    title = "There is no sign-in through an institution here"

    def __init__(self) -> None:
        super().__init__("Sign-in through an institution is not configured here; use a login and a password.")


class OidcFlowLost(NotAuthenticated):
    """The response belongs to no recent sign-in of this browser."""

    code = "oidc_flow_lost"
    title = "Begin to sign in again"

    def __init__(self) -> None:
        super().__init__("This sign-in was not begun in this browser, or too long ago, or is over. Begin again.")


class OidcAnswerRefused(NotAuthenticated):
    """The provider's response is not valid; the log says why."""

    code = "oidc_answer_refused"
    title = "The answer of your institution does not hold"

    def __init__(self) -> None:
        super().__init__(
            "Your institution's answer could not be accepted. Begin again; if it stays so, tell the operator of this"
            " service the request id."
        )


class OidcRefused(NotPermitted):
    """The provider or the person declined, or the person has no account; the answer does not say which."""

    code = "oidc_refused"
    title = "Signing in was refused"


class OidcUnavailable(Unavailable):
    """The provider does not answer, or violates the protocol; ``why`` is for the log and holds no secret."""

    code = "oidc_unavailable"
    title = "The sign-in of your institution does not answer"

    def __init__(self, why: str) -> None:
        super().__init__("The sign-in of your institution does not answer as it should; try again in a moment.")
        self.why = why
