"""Writes the fields into docs/reference/manifest.md, from the models. `--check` only says whether the file is up to date."""

import sys
from pathlib import Path
from typing import Any

from bot_bottle.manifest.model import Manifest, Policy
from bot_bottle.manifest.schema import schema

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "manifest.md"
BEGIN = "<!-- fields: written by scripts/manifest_reference.py -->"
END = "<!-- end of fields -->"

Json = Any  # Any: JSON

SECTIONS = {
    "": "Manifest",
    "workspace": "WorkspaceSection",
    "egress": "EgressSection",
    "egress.rules[]": "RuleSection",
    "egress.rules[].mcp[]": "McpToolSection",
    "egress.upstream": "UpstreamSection",
    "credentials[]": "CredentialSection",
    "credentials[].from": "SecretSection",
    "credentials[].to": "TargetSection",
    "credentials[].to.basic": "BasicSection",
    "credentials[].to.sigv4": "SignatureSection",
    "credentials[].oauth2": "OAuth2Section",
    "limits": "LimitsSection",
    "mounts[]": "MountSection",
    "budget": "BudgetSection",
    "dlp": "DlpSection",
    "dlp.actions[]": "DlpActionSection",
    "image": "ImageSection",
    "services.NAME": "ServiceSection",
    "supervise": "SuperviseSection",
    "supervise.within[]": "RuleSection",
    "supervise.notify": "NotifySection",
    "git": "GitSection",
    "git.upstreams[]": "GitUpstreamSection",
    "git.upstreams[].push": "GitPushSection",
}
"""Key path → the model that reads the mapping there, in the order of the page."""


def page(before: str) -> str:
    """The page with its fields replaced."""
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{fields()}\n{END}{tail}"


def fields() -> str:
    """Every mapping with its keys."""
    made = schema(Manifest)
    parts = []
    for path, name in SECTIONS.items():
        section = made if name == "Manifest" else made["$defs"].get(name)
        if section is not None:
            parts.append(described(path, section))
    extra = set(schema(Policy)["properties"]) - set(made["properties"])
    assert not extra, f"the policy has fields that the page does not show: {extra}"
    return "\n".join(parts)


def described(path: str, section: Json) -> str:
    """One mapping: its purpose, then a line for each key."""
    lines = [f"### {f'`{path}`' if path else 'The whole file'}", "", section["description"], ""]
    required = set(section.get("required", ()))
    for key, field in section["properties"].items():
        must = ", required" if key in required else ""
        lines.append(f"- **`{key}`** ({kind(field)}{must}). {field['description']}")
    return "\n".join([*lines, ""])


def kind(field: Json) -> str:
    """The form of a value in words."""
    if "$ref" in field:
        return "a mapping"
    if "enum" in field:
        return " or ".join(f"`{word}`" for word in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(kind(choice) for choice in field["anyOf"]))
    if field.get("type") == "array":
        return f"a list of {plural(kind(field['items']))}"
    words = {
        "boolean": "true or false",
        "integer": "a whole number",
        "number": "a number",
        "object": "a mapping",
        "string": "text",
    }
    return words.get(field["type"], "text") if isinstance(field["type"], str) else "text"


def plural(word: str) -> str:
    """For the forms that lists hold."""
    return {"a mapping": "mappings", "text": "texts", "a whole number": "whole numbers"}.get(word, word)


def main() -> int:
    """Write the page, or with --check say whether it is up to date."""
    before = PAGE.read_text()
    after = page(before)
    if "--check" in sys.argv[1:]:
        return 0 if before == after else 1
    PAGE.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
