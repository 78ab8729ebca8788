"""What stands where: SQL in the store, durable writes in fs.py, file names in layout.py, and every stage alike."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import ventriloquist
from ventriloquist import layout

PACKAGE = Path(ventriloquist.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

SQL = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|PRAGMA|WITH|ATTACH|BEGIN|COMMIT|SAVEPOINT|VACUUM)\b"
)
EXECUTES = {"execute", "executemany", "executescript"}
FILE_SYSTEM = {"os.fsync", "os.replace", "os.rename", "shutil.move", "shutil.disk_usage", "tempfile.mkdtemp"}
STAGES = ("collect", "prepare", "export", "search", "train", "chat", "evaluate", "forget", "serve")


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def breaking(rule: Callable[[str], bool], *allowed: str) -> set[str]:
    """Return the modules that break a rule, without those whose path begins with an allowed one."""
    return {module for module in MODULES if not module.startswith(allowed) and rule(module)}


def strings(module: str) -> Iterator[str]:
    """Yield every string of a module, also the parts of f-strings."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def method_calls(module: str) -> Iterator[tuple[str, str, int]]:
    """Yield (object, method, number of arguments) of each call of a method; the object is empty if it has no name."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            yield of, node.func.attr, len(node.args) + 2 * len(node.keywords)


def holds_sql(module: str) -> bool:
    executes = any(method in EXECUTES for _, method, _ in method_calls(module))
    return executes or any(map(SQL.match, strings(module)))


def touches_the_file_system(module: str) -> bool:
    """Tell whether a module flushes, renames into place, asks for free space, or makes temporary folders."""
    for of, method, arguments in method_calls(module):
        renames = method in ("replace", "rename") and arguments == 1  # str.replace takes two
        if f"{of}.{method}" in FILE_SYSTEM or renames:
            return True
    return False


def writes_a_name_of_the_layout(module: str) -> bool:
    """Tell whether a module holds the name of a file in layout.py, or of a folder as part of a path."""
    names = {value for value in vars(layout).values() if isinstance(value, str) and not value.startswith("_")}
    if any(value in names and "." in value for value in strings(module)):
        return True
    joined = [
        node.right for node in ast.walk(tree(module)) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
    ]
    return any(isinstance(part, ast.Constant) and part.value in names for part in joined)


def calls_expanduser(module: str) -> bool:
    """Tell whether a module calls `expanduser`, which raises for a user that does not exist."""
    return any(isinstance(node, ast.Attribute) and node.attr == "expanduser" for node in ast.walk(tree(module)))


def test_sql_stands_in_the_store_and_in_sources_alone() -> None:
    assert breaking(holds_sql, "store/", "sources/", "demo/") == set()


def test_one_module_flushes_renames_and_asks_for_space() -> None:
    assert breaking(touches_the_file_system, "fs.py", "store/temporary.py") == set()


def test_one_module_names_the_files_of_a_home_and_of_a_run() -> None:
    assert breaking(writes_a_name_of_the_layout, "layout.py") == set()


def is_alike(stage: str) -> bool:
    """Tell whether a stage has `plan` and `run` in its stage.py, and an __init__ that holds only imports."""
    if f"{stage}/stage.py" not in MODULES:
        return False
    functions = {node.name for node in tree(f"{stage}/stage.py").body if isinstance(node, ast.FunctionDef)}
    init = tree(f"{stage}/__init__.py").body
    others = [ast.unparse(node) for node in init[1:] if not isinstance(node, ast.Import | ast.ImportFrom)]
    runs = "start" if stage == "chat" else "run"  # a chat goes on with its user
    return {"plan", runs} <= functions and all(other.startswith("__all__ =") for other in others)


def test_every_stage_has_plan_and_run_in_its_stage_module() -> None:
    assert [stage for stage in STAGES if not is_alike(stage)] == []
    hidden = {f"{stage}/{name}.py" for stage in STAGES for name in ("plan", "run")}
    assert hidden & set(MODULES) == set()  # such a module would hide the function


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("db.execute(query)", holds_sql),
        ("QUERY = f'SELECT {x} FROM t'", holds_sql),
        ("os.fsync(3)", touches_the_file_system),
        ("path.replace(other)", touches_the_file_system),
        ("shutil.disk_usage(folder)", touches_the_file_system),
        ("NAME = 'manifest.json'", writes_a_name_of_the_layout),
        ("home / 'runs'", writes_a_name_of_the_layout),
    ],
)
def test_the_rules_see_what_breaks_them(
    code: str, rule: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("test_architecture.tree", lambda _module: ast.parse(code))
    assert rule("x.py")
    monkeypatch.setattr(
        "test_architecture.tree", lambda _module: ast.parse("text.replace('a', 'b')\nday.replace(hour=1)\n'runs'")
    )
    assert not rule("x.py")


def test_the_functions_on_the_path_of_a_message_exist() -> None:
    page = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    path = page.partition("## The path of a message")[2].partition("## Every file")[0]
    named, module = [], ""
    for name in re.findall(r"`([^`]+)`", path):
        file, _, function = name.rpartition(": ")
        module = file or module
        if function and not function.endswith((".py", ".db", "_messages")) and module.endswith(".py"):
            named.append((module, function.split(".")[-1]))
    assert len(named) >= 15
    for module, function in named:
        sources = [tree(found) for found in MODULES if found.endswith(module)]
        defined = {node.name for source in sources for node in ast.walk(source) if hasattr(node, "name")}
        assert function in defined, f"{module}: {function}"


def test_no_path_is_expanded_but_by_the_function_that_knows_of_unknown_users() -> None:
    assert breaking(calls_expanduser, "paths.py", "settings.py") == set()
