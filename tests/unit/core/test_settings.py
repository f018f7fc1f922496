"""Environment variables: each has the name and the default that ``docs/running.md`` says, and errors name it."""

import re
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import app
from app.cli.main import run
from app.core.settings import Settings
from tests.factories.settings import NO_DATABASE, settings_for

DOCUMENT = Path(app.__file__).parents[1] / "docs" / "running.md"
ROW = re.compile(r"^\| `((?:LEASETRACE|DATABASE)_[A-Z_0-9]+)` \|([^|]*)\|", re.MULTILINE)
DOCUMENTED = {name: default.strip() for name, default in ROW.findall(DOCUMENT.read_text(encoding="utf-8"))}


def test_each_variable_is_documented() -> None:
    variables = [variable for group in Settings.groups().values() for variable in group.variables()]
    assert len(variables) == len(set(variables))
    assert set(variables) == set(DOCUMENTED)


def test_the_defaults_are_the_documented_ones() -> None:
    written = {name: default for name, default in DOCUMENTED.items() if default}
    assert Settings.from_environment(written, database_url=NO_DATABASE) == settings_for()
    for group in Settings.groups().values():
        for variable, field in zip(group.variables(), group.model_fields.values(), strict=True):
            without = field.is_required() or field.default in {None, ()}
            assert without == (not DOCUMENTED[variable]), variable


def test_each_variable_sets_its_field() -> None:
    """The value is no number, duration, network or file: a field refuses it by name, or takes it as text."""
    for name, group in Settings.groups().items():
        for variable, field in zip(group.variables(), group.model_fields, strict=True):
            try:
                settings = Settings.from_environment({"DATABASE_URL": NO_DATABASE, variable: "x\ny"})
            except ValidationError as error:
                assert variable in str(error)  # noqa: PT017 fields of text accept it
            else:
                assert getattr(getattr(settings, name), field) != getattr(getattr(settings_for(), name), field)


def test_the_name_of_a_variable_may_be_in_lower_case_and_others_are_ignored() -> None:
    environ = {"database_url": NO_DATABASE, "leasetrace_pool_size": "7", "LEASETRACE_NO_SUCH": "1", "pool_size": "8"}
    assert Settings.from_environment(environ) == settings_for(database={"pool_size": 7})


def test_lists_are_comma_separated() -> None:
    environ = {"LEASETRACE_HOSTS": "A.example, b.example,", "LEASETRACE_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}
    http = Settings.from_environment(environ, database_url=NO_DATABASE).http
    assert http.hosts == ("a.example", "b.example")
    assert [str(one) for one in http.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"LEASETRACE_WRITER_ROWS": "0"}, "setting LEASETRACE_WRITER_ROWS: Input should be greater than 0"),
        ({"LEASETRACE_WRITER_ROWS": ""}, "setting LEASETRACE_WRITER_ROWS: Input should be a valid integer"),
        ({"LEASETRACE_SESSION_IDLE": "PT1S"}, "setting LEASETRACE_SESSION_IDLE: Input should be greater than"),
        ({"LEASETRACE_TRUSTED_PROXIES": "10.0.0.1/8"}, "setting LEASETRACE_TRUSTED_PROXIES: Value error"),
        ({"LEASETRACE_SECRET_KEYS": "s3cret"}, "setting LEASETRACE_SECRET_KEYS: Value error, key 1 is not 32 bytes"),
        (
            {"LEASETRACE_OIDC_ISSUER": "https://id.example", "LEASETRACE_OIDC_CLIENT_SECRET": "s3cret"},
            "settings: Value error, LEASETRACE_OIDC_ISSUER needs LEASETRACE_OIDC_CLIENT_ID, LEASETRACE_PUBLIC_URL, ",
        ),
        ({"LEASETRACE_OIDC_ISSUER": "http://s3cret"}, "settings: Value error, LEASETRACE_OIDC_ISSUER: expected an"),
    ],
)
def test_the_command_line_names_the_variable_that_is_wrong_and_shows_no_value(
    environ: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (environ | {"DATABASE_URL": NO_DATABASE, "DATABASE_OWNER_URL": NO_DATABASE}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["leasetrace", "retention"])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"leasetrace: {said}")
    assert printed.count("\n") == 1
    assert "s3cret" not in printed
    with pytest.raises(ValidationError) as refused:
        Settings.from_environment(environ, database_url=NO_DATABASE)
    assert "s3cret" not in str(refused.value)


def test_settings_do_not_change_and_take_no_unknown_name() -> None:
    settings = settings_for()
    with pytest.raises(ValidationError, match="frozen"):
        settings.writer.rows = 5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="row"):
        settings_for(writer={"row": 5})
