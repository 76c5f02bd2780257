"""The code blocks of our pages, with what their marks say: a test reads each of them, so that no example is untried."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "decisions" not in page.parts),
)
FENCE = re.compile(r"^( *)```([a-z]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
PLACEHOLDER = re.compile(r"^(?!#).*(?<![\w=])(NAME|FILE|ID|VERSION|CORPUS)\b", re.MULTILINE)
"""Words that stand for something of the reader's: a bottle's name, a file."""
AGENT = re.compile(r"^bot-bottle run\b(?:(?! -- ).)* (claude|codex|gemini|opencode|qwen|copilot|amp|aider)\b", re.MULTILINE)
"""A start of an agent that needs its key."""
MARK = re.compile(r"<!-- ([a-z ]+)(?:: ([^>]+))? -->\n *$")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block: where it stands, its language, its text without the page's indentation, and the mark before it."""

    page: str
    line: int
    language: str
    text: str
    mark: str = ""
    reason: str = ""

    @property
    def is_run(self) -> bool:
        """Whether a test runs it: not what is marked, nor commands on something of the reader's, nor a start of an agent."""
        if self.mark:
            return False
        return self.language != "sh" or not (PLACEHOLDER.search(self.text) or AGENT.search(self.text))

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page."""
    content = page.read_text()
    found = []
    for match in FENCE.finditer(content):
        indent = match[1]
        lines = [line.removeprefix(indent) for line in match[3].splitlines()]
        mark = MARK.search(content[: match.start()])
        found.append(
            Block(
                page=str(page.relative_to(ROOT)),
                line=content[: match.start()].count("\n") + 1,
                language=match[2],
                text="\n".join(lines) + "\n",
                mark=mark[1] if mark else "",
                reason=mark[2].strip() if mark and mark[2] else "",
            )
        )
    return found


def every_block(language: str) -> list[Block]:
    """Every block in this language, of all pages."""
    return [block for page in PAGES for block in blocks(page) if block.language == language]
