"""The files that carry LeaseTrace to a machine name only what exists, since no container engine runs in the suite."""

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.db.roles import ROW_SECURITY_ROLES

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
SHOWN_TO_USERS = ("demo", "unit", "test", "check", "bench", "serve", "stop", "clean")


def read(name: str | Path) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def dockerfile() -> list[tuple[str, str]]:
    """Instruction and arguments of each line, continued lines joined, comments left out."""
    joined = re.sub(r"\\\n\s*", " ", read("Dockerfile"))
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(keyword.upper(), rest.strip()) for keyword, _, rest in (line.partition(" ") for line in lines)]


def copied_from_the_checkout() -> list[str]:
    copies = [shlex.split(rest) for keyword, rest in dockerfile() if keyword == "COPY"]
    return [source for words in copies if not words[0].startswith("--from=") for source in words[:-1]]


def make_targets() -> dict[str, str]:
    """Each target of the Makefile with its recipe."""
    rules = re.findall(r"^([a-z]+):(?!=)[^\n]*\n((?:\t[^\n]*\n?)*)", read("Makefile"), flags=re.MULTILINE)
    return dict(rules)


def compose() -> dict[str, Any]:
    loaded = yaml.safe_load(read("compose.yaml"))
    assert isinstance(loaded, dict)
    return loaded


def locked(name: str) -> dict[str, str]:
    """Names (normalised) and blocks of a lock file's requirements."""
    blocks = re.split(r"\n(?=\S)", read(name).strip())
    requirements = [block for block in blocks if not block.startswith("#")]
    return {normalised(block): block for block in requirements}


def normalised(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def leasetrace_commands() -> Iterator[tuple[str, ...]]:
    """The words after ``leasetrace`` wherever a file of ours runs it."""
    for keyword, rest in dockerfile():
        if keyword == "CMD":
            yield tuple(shlex.split(re.sub(r"[\[\],]", " ", rest)))[1:]
    texts = [" ".join(service.get("command", [])) for service in compose()["services"].values()]
    texts += [*make_targets().values(), *re.findall(r"^#.*", read("compose.yaml"), flags=re.MULTILINE)]
    texts += re.findall(r"```(?:\w*)\n(.*?)```", read("README.md"), flags=re.DOTALL)
    for text in texts:
        for words in re.findall(r"(?:^|[\s/])leasetrace ((?:[a-z]+ ?)+(?: --?[a-z-]+)*)", text, flags=re.MULTILINE):
            yield tuple(words.split())


def test_the_image_is_made_in_stages_and_does_not_run_as_root() -> None:
    instructions = dockerfile()
    assert [keyword for keyword, _ in instructions].count("FROM") >= 2
    users = [rest for keyword, rest in instructions if keyword == "USER"]
    assert users
    assert users[-1] not in {"root", "0"}
    assert any(keyword == "HEALTHCHECK" and "/livez" in rest for keyword, rest in instructions)


def test_what_the_image_copies_exists_and_is_sent_to_the_builder() -> None:
    ignored = read(".dockerignore").splitlines()
    assert ignored[0] == "*"
    for source in copied_from_the_checkout():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source


def test_the_image_carries_what_the_service_and_its_migrations_need() -> None:
    assert {"app", "migrations", "alembic.ini", "requirements.lock"} <= set(copied_from_the_checkout())


def test_what_the_image_runs_while_it_is_built_exists() -> None:
    scripts = [rest.split()[1] for keyword, rest in dockerfile() if keyword == "RUN" and rest.startswith("bash ")]
    assert scripts == [".ci/prepare"]
    assert scripts[0] in copied_from_the_checkout()


def test_every_leasetrace_command_that_is_named_exists(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.cli.main import run

    commands = set(leasetrace_commands()) | {("boundaries", "load"), ("keys", "create"), ("demo",), ("stop",)}
    assert {command[0] for command in commands} >= {"serve", "migrate", "boundaries", "keys"}
    for command in sorted(commands):
        monkeypatch.setattr(sys, "argv", ["leasetrace", *command, "--help"])
        with pytest.raises(SystemExit) as ended:
            run()
        assert ended.value.code == 0, f"leasetrace {' '.join(command)}: {capsys.readouterr().err}"


def test_the_benchmarks_are_in_neither_wheel_nor_image_and_the_package_does_without_them() -> None:
    wheel = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["packages"]["find"]["include"]
    assert wheel == ["app", "app.*"]
    assert "benchmarks" not in copied_from_the_checkout()
    importers = [
        file for file in (ROOT / "app").rglob("*.py") if re.search(r"(?:from|import) benchmarks\b", read(file))
    ]
    assert importers == []


def test_every_benchmark_that_is_named_exists() -> None:
    from benchmarks.commands import bench_app

    texts = [read("Makefile"), read("README.md"), *(read(file) for file in (ROOT / "docs").rglob("*.md"))]
    named = {word for text in texts for word in re.findall(r"python -m benchmarks (\w+)", text)}
    assert {"all", "torture", "ingest", "keys"} <= named
    assert named <= {command.name for command in bench_app.registered_commands}


def test_compose_builds_the_image_and_waits_for_what_it_needs() -> None:
    services = compose()["services"]
    assert services["database"]["image"].startswith("postgis/postgis:")
    assert services["migrate"]["build"] == services["service"]["build"] == "."
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert {config["source"] for config in service.get("configs", [])} <= set(compose()["configs"])
    assert services["service"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_compose_has_no_password_of_its_own_and_the_service_not_the_owners() -> None:
    variables = re.findall(r"(?<!\$)\$\{([^}]*)\}", read("compose.yaml"))
    assert variables
    assert [variable for variable in variables if not re.match(r"\w+_PASSWORD:\?", variable)] == []
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            secret = name.endswith(("PASSWORD", "_URL"))
            assert not secret or "${" in value, name
    assert "owner" not in str(compose()["services"]["service"]["environment"]).lower()


def test_compose_makes_the_roles_that_its_addresses_name() -> None:
    roles = compose()["configs"]["roles"]["content"]
    for service in compose()["services"].values():
        for url in (value for name, value in service.get("environment", {}).items() if name.endswith("_URL")):
            role = re.match(r"postgresql://(\w+):", url)
            assert role
            assert f"CREATE ROLE {role[1]} LOGIN" in roles
    for name in ROW_SECURITY_ROLES:
        assert f"CREATE ROLE {name} NOLOGIN NOINHERIT" in roles
    assert "NOINHERIT PASSWORD" in roles
    assert "NOSUPERUSER" in roles
    assert "NOBYPASSRLS" in roles


def test_the_makefile_has_the_targets_that_are_promised() -> None:
    targets = make_targets()
    assert set(SHOWN_TO_USERS) <= set(targets)
    phony = re.search(r"^\.PHONY: (.*)$", read("Makefile"), flags=re.MULTILINE)
    assert phony
    assert set(targets) == set(phony[1].split())


def test_the_readme_names_only_targets_that_exist() -> None:
    code = re.findall(r"```.*?```|`[^`\n]+`|^ {4}[^\n]*", read("README.md"), flags=re.DOTALL | re.MULTILINE)
    named = {target for span in code for target in re.findall(r"\bmake ([a-z]+)", span)}
    assert {"demo", "test"} <= named <= set(make_targets())


def test_continuous_integration_runs_the_checks_and_the_tests() -> None:
    lines = read(".ci/run").splitlines()
    assert any(line.startswith("make check") for line in lines)
    assert any(line.startswith("make test") for line in lines)
    assert "pytest" in make_targets()["test"]


def test_the_workflow_of_the_forge_runs_the_same_and_audits_both_locks() -> None:
    workflow = read(".github/workflows/ci.yml")
    jobs = yaml.safe_load(workflow)["jobs"]
    commands = {name: " ".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert commands["suite"].endswith(".ci/run")
    assert "pip-audit" in commands["vulnerabilities"]
    assert set(LOCKS) <= set(commands["vulnerabilities"].split())
    assert "://" not in workflow


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_version_and_hashes_for_everything_and_no_address(name: str) -> None:
    assert locked(name)
    for requirement, block in locked(name).items():
        assert re.match(r"[\w.\-]+(\[[\w,-]+\])?==\S+", block), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), requirement
        assert set(re.findall(r"--[a-z-]+", block)) == {"--hash"}, requirement
    assert not re.search(r"://|^-|\s@\s|\bindex\b|find-links", read(name), flags=re.MULTILINE)


def test_the_provider_of_the_tests_is_locked_without_an_address_and_installed_for_them_only() -> None:
    packages = json.loads(read("tests/factories/oidc_provider/package-lock.json"))["packages"]
    assert len(packages) > 1
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
    callers = [target for target, recipe in make_targets().items() if ".ci/prepare test" in recipe]
    assert callers == ["test"]
    assert "prepare_provider" in read(".ci/prepare")


def test_the_wheel_carries_every_file_of_the_package() -> None:
    patterns = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["package-data"]["app"]
    carried = {path for pattern in patterns for path in (ROOT / "app").glob(pattern)}
    files = {path for path in (ROOT / "app").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in files if path.suffix != ".py"} == {path for path in carried if path.is_file()}


def test_the_locks_hold_what_the_project_asks_for_and_agree() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    service, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {normalised(wanted) for wanted in project["dependencies"]} <= set(service)
    extras = [wanted for group in project["optional-dependencies"].values() for wanted in group]
    assert {normalised(wanted) for wanted in extras} <= set(development)
    assert "setuptools" in service  # .ci/prepare installs the project without an isolated build
    for requirement, block in service.items():
        assert development.get(requirement) == block, requirement
