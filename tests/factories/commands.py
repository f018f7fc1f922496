"""Runs ``leasetrace`` as an operator would."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from typer.testing import CliRunner, Result

from app.cli.main import cli

Command = Callable[..., Result]
"""Called with the arguments of the command and, as ``typed``, the input at its prompts."""


def run_command_line(*words: str, typed: str | None = None) -> Result:
    """Run a command in a thread of its own, since the test already has an event loop."""
    with ThreadPoolExecutor(1) as one:
        return one.submit(lambda: CliRunner().invoke(cli, list(words), input=typed)).result()
