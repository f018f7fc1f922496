"""What can go wrong when somebody signs in through an institution's OpenID provider."""

from app.core.errors import NotAuthenticated, NotFound, NotPermitted, Unavailable


class OidcNotSetUp(NotFound):
    """No provider is named in the settings."""

    code = "oidc_not_set_up"
    title = "There is no sign-in through an institution here"

    def __init__(self) -> None:
        super().__init__("This installation signs nobody in through an institution; use a login and a password.")


class OidcFlowLost(NotAuthenticated):
    """The answer of the provider belongs to no sign-in that this browser began a short while ago."""

    code = "oidc_flow_lost"
    title = "Begin to sign in again"

    def __init__(self) -> None:
        super().__init__("This sign-in was not begun in this browser, or too long ago, or is over. Begin again.")


class OidcAnswerRefused(NotAuthenticated):
    """What the provider said does not hold; the log says why."""

    code = "oidc_answer_refused"
    title = "The answer of your institution does not hold"

    def __init__(self) -> None:
        super().__init__(
            "Your institution's answer could not be accepted. Begin again; if it stays so, tell whoever runs this"
            " service the request id."
        )


class OidcRefused(NotPermitted):
    """The provider refused, the person said no to it, or the person is nobody here; nothing tells which account."""

    code = "oidc_refused"
    title = "Signing in was refused"


class OidcUnavailable(Unavailable):
    """The provider does not answer, or says something that no provider says.

    Args:
        why: For the log, without anything secret.
    """

    code = "oidc_unavailable"
    title = "The sign-in of your institution does not answer"

    def __init__(self, why: str) -> None:
        super().__init__("The sign-in of your institution does not answer as it should; try again in a moment.")
        self.why = why
