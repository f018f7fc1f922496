"""The documents hold: links lead somewhere, named code exists, and nothing outside the repository is cited."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES: Final = [str(document.relative_to(ROOT)) for document in DOCUMENTS]
SOURCES: Final = ("app", "benchmarks", "migrations", "tests", "console")
LONGEST_LINE: Final = 120

_FENCED: Final = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_SPAN: Final = re.compile(r"`([^`\n]+)`")
_CODE: Final = re.compile(r"(?P<path>(?:[\w.*-]+/)*[\w*-]+\.(?:py|sql|j2|css|mjs))(?::(?P<name>[A-Za-z_][\w.]*))?")
_FOLDER: Final = re.compile(r"(?:app|benchmarks|docs|migrations|tests|\.ci|\.github)/[\w./*-]*")
_CITED: Final = re.compile(
    r"(?<![\w/.-])([\w-]+\.md)\b"  # a document, by its name
    r"|\b([Ii]ssue #?\d+)\b"
    r"|\b(L\d{1,2},? (?:art|sec|clause|\d)\w*)"  # a law under a private number
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose_of(name: str) -> str:
    """The document without its blocks of code."""
    return _FENCED.sub("", text_of(name))


def anchor_of(heading: str) -> str:
    """The anchor that forges give to a heading: lower case, without punctuation, hyphens for spaces."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")


@cache
def anchors_in(document: Path) -> frozenset[str]:
    text = _FENCED.sub("", document.read_text(encoding="utf-8"))
    return frozenset(anchor_of(found) for found in re.findall(r"^#+ +(.+?) *$", text, flags=re.MULTILINE))


@cache
def sources() -> tuple[Path, ...]:
    """Every file of source code of the project."""
    found = [file for room in SOURCES for file in (ROOT / room).rglob("*") if file.is_file()]
    return tuple(file for file in found if not {"__pycache__", "node_modules"} & set(file.parts))


@cache
def definitions(file: Path) -> frozenset[str]:
    """Names that a module defines: ``function``, ``Class``, ``Class.method``, ``CONSTANT``."""
    return frozenset(_defined(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def _defined(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield prefix + node.name
            case ast.ClassDef():
                yield prefix + node.name
                yield from _defined(node.body, f"{prefix}{node.name}.")
            case ast.Assign():
                yield from (prefix + target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name


def files_named(path: str) -> list[Path]:
    """The files that a mention means: a path from the root, or the last part of one; ``*`` is allowed."""
    if _FOLDER.match(path):
        return list(ROOT.glob(path))
    return [file for file in sources() if file.match(path)]


def missing_code(document: str) -> list[str]:
    """Mentions of files, and of names in files, that are not there."""
    missing = []
    for span in _SPAN.findall(prose_of(document)):
        code = _CODE.fullmatch(span)
        if code is not None:
            files = files_named(code["path"])
            if not files or (code["name"] and not any(code["name"] in definitions(file) for file in files)):
                missing.append(span)
        elif _FOLDER.fullmatch(span) and not list(ROOT.glob(span.rstrip("/"))):
            missing.append(span)
    return missing


@pytest.mark.parametrize("name", NAMES)
def test_a_link_leads_to_a_file_and_a_heading_that_exist(name: str) -> None:
    here, broken = ROOT / name, []
    for link in _LINK.findall(prose_of(name)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (here.parent / path).resolve() if path else here
        if not target.exists() or (anchor and anchor not in anchors_in(target)):
            broken.append(link)
    assert not broken, f"{name} links to what is not there: {broken}"


@pytest.mark.parametrize("name", NAMES)
def test_code_that_a_document_names_exists(name: str) -> None:
    missing = missing_code(name)
    assert not missing, f"{name} names what is not in the tree: {missing}"


def test_the_index_names_every_document() -> None:
    linked = {
        (ROOT / "docs" / link.partition("#")[0]).resolve() for link in _LINK.findall(prose_of("docs/README.md"))
    }
    told = {
        document for document in DOCUMENTS if document.parent.name != "decisions" and document.name != "README.md"
    }
    assert not {str(document.relative_to(ROOT)) for document in told - linked}


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_short_where_they_can_be_broken(name: str) -> None:
    lines = enumerate(_FENCED.sub(lambda block: "\n" * block[0].count("\n"), text_of(name)).splitlines(), 1)
    long = [number for number, line in lines if len(line) > LONGEST_LINE and not line.startswith("|")]
    assert not long, f"{name}: lines {long} have over {LONGEST_LINE} characters"


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("docs/decisions/")])
def test_a_decision_has_a_number_a_date_and_a_status(name: str) -> None:
    number = int(Path(name).name.partition("-")[0])
    status = r"- Date: \d{4}-\d\d-\d\d\n- Status: (accepted|superseded by [^\n]+)\n\n## Context\n"
    assert re.match(rf"# {number}\. [^\n]+\n\n{status}", text_of(name)), (
        f"{name}: expected a title, a date and a status"
    )


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    newest = re.search(r"^## (\d+\.\d+\.\d+)", text_of("CHANGELOG.md"), flags=re.MULTILINE)
    assert newest
    assert newest[1] == tomllib.loads(text_of("pyproject.toml"))["project"]["version"]


def test_every_name_in_the_glossary_is_in_the_code() -> None:
    words = set()
    for file in sources():
        if file.suffix in {".py", ".sql"} and file.parts[len(ROOT.parts)] in {"app", "migrations"}:
            words |= set(re.findall(r"\w+", file.read_text(encoding="utf-8")))
    terms = re.findall(r"^- \*\*(.+?)\*\* \((.+?)\):", text_of("docs/glossary.md"), flags=re.DOTALL | re.MULTILINE)
    named = {term: _SPAN.findall(inner) for term, inner in terms}
    assert len(named) > 50
    assert [term for term, names in named.items() if not names or not set(names) <= words] == []


def test_nothing_cites_what_a_reader_of_the_repository_cannot_open() -> None:
    known = {document.name for document in DOCUMENTS}
    files = [*sources(), *DOCUMENTS, *(ROOT / ".ci").iterdir()]
    files += [ROOT / name for name in ("Makefile", "Dockerfile", "compose.yaml", "pyproject.toml", "alembic.ini")]
    cited = []
    for file in files:
        if file == Path(__file__) or file.suffix not in {".py", ".sql", ".md", ".toml", ".yaml", ".ini", ".mako", ""}:
            continue
        for document, issue, law in _CITED.findall(file.read_text(encoding="utf-8")):
            if issue or law or (document and document not in known):
                cited.append(f"{file.relative_to(ROOT)}: {document or issue or law}")
    assert not cited
