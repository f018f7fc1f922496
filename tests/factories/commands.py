"""Runs ``leasetrace`` as the operator types it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from typer.testing import CliRunner, Result

from app.cli.main import cli

Command = Callable[..., Result]
"""Called with the words of the command and, as ``typed``, what is typed when it asks."""


def run_command_line(*words: str, typed: str | None = None) -> Result:
    """Run a command in a thread of its own, since the test has an event loop already."""
    with ThreadPoolExecutor(1) as one:
        return one.submit(lambda: CliRunner().invoke(cli, list(words), input=typed)).result()
