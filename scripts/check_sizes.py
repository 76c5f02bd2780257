"""The size gate: a module stays under 400 lines of code, a function under 40. Prints what is larger and exits with 1."""

import ast
import sys
from pathlib import Path

MODULE_LIMIT = 400
FUNCTION_LIMIT = 40


def code_lines(text: str) -> int:
    """Lines that are neither blank nor only a comment."""
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))


def too_large(path: Path) -> list[str]:
    """What in this file is over a limit."""
    text = path.read_text()
    found = []
    if code_lines(text) > MODULE_LIMIT:
        found.append(f"{path}: {code_lines(text)} lines of code, the limit is {MODULE_LIMIT}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > FUNCTION_LIMIT and not is_options(node):
                found.append(f"{path}:{node.lineno}: {node.name} has {size} lines, the limit is {FUNCTION_LIMIT}")
    return found


def is_options(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A signature with one option a line is a list, not logic: its arguments do not count."""
    body_size = (node.end_lineno or node.lineno) - node.body[0].lineno + 1
    return body_size <= FUNCTION_LIMIT


def main() -> int:
    """Check every module of the package."""
    found = [line for path in sorted(Path("src").rglob("*.py")) for line in too_large(path)]
    print("\n".join(found) or "every module and function is within the limits")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
