"""Prompt injection in fetched text: orders to the model that reads it. Matches readable text (`plain_text.readable`).

Rules are `strong` (an order nobody gives in passing) or `weak` (needs company). A strong phrase in quotation marks amid talk
about attacks is a mention, not an order, unless it hides in a comment.
"""

import re
from collections.abc import Iterator
from typing import Literal

from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Pattern, re2_compile
from bot_bottle.gates.dlp.records import Match, View
from bot_bottle.record import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to give a model orders.

    `sign` is what the engine looks for instead of the whole expression: the rare part of a rule whose common part would make
    the pass slow. Where it stands, the whole expression is tried.
    """

    name: str
    title: str
    weight: Literal["strong", "weak"]
    expression: str
    anchors: tuple[str, ...]
    sign: str = ""


DROP = "ignore|disregard|forget|override|bypass|discard|neglect|do not follow|don't follow|stop following|dismiss|erase|pay no attention to"
OF = "(?: (?:all|any|every|everything|the|your|my|our|of|to|these|those|that|and|other|such|about|from|in|with))*"
OLD = "previous|previously given|prior|earlier|above|preceding|existing|former|original|initial|current|past|foregoing|old|system|safety|security|developer|user|given|default|content|ethical|built-in"
NEAR = (
    "previous|previously given|prior|earlier|above|preceding|foregoing|system|safety|security|developer|ethical|content|built-in"
)
WHAT = "instructions?|directives?|prompts?|guidelines?|constraints?|training|programming|safeguards?|guardrails?"
WHAT_ELSE = (
    "rules?|commands?|context|restrictions?|policy|policies|orders|messages?|conversation|protocols?|filters?|measures?|checks?"
)
SECRETS = r"(?:api|access|ssh|private|secret) ?keys?|credentials?|secrets?|passwords?|(?:access |auth |session |bearer )?tokens?|environment variables?|env vars?|\.env|system prompt|conversation(?: history)?|chat (?:history|logs?)|user data|personal (?:data|information)|source code|id_rsa|\.ssh|/etc/passwd|file contents?|tool (?:definitions?|outputs?|results?)|configuration|cookies"
SEND = "send|post|upload|forward|exfiltrate|transmit|email|e-mail|leak|deliver|submit|report|copy|include|append|attach|embed|encode|write|pass"
GIVE = "output|reveal|print|show|repeat|display|leak|dump|return|share|disclose|expose|recite|tell me|give me|list|summari[sz]e|echo|reproduce|provide"

RULES: tuple[Rule, ...] = (
    Rule("override", "Order to drop earlier instructions", "strong",
         f"(?:{DROP}){OF} (?:(?:(?:{OLD})[ ,/and]*){{1,4}}(?:{WHAT})|(?:(?:{NEAR})[ ,/and]*){{1,4}}(?:{WHAT_ELSE})|(?:{WHAT}|rules) (?:above|before this|given so far|so far|you (?:were|have been) given|provided above|from (?:the )?(?:system|developer)))", ("ignor", "disregard", "forget", "override", "bypass", "discard", "neglect", "skip", "follow", "dismiss", "erase", "pay no")),
    Rule("override-everything", "Order to drop everything said before", "strong",
         f"(?:{DROP}) (?:everything|all|anything)(?: (?:that )?(?:you(?:'ve| have)?|was|were|i|we)?(?: been)? ?(?:told|said|instructed|given|written|learned))?(?: to you)? (?:before|above|so far|previously|until now|prior to this)",
         ("ignor", "disregard", "forget", "override", "bypass", "discard", "neglect", "skip", "follow", "dismiss", "erase", "pay no")),
    Rule("override-yours", "Order to drop the model's instructions", "strong",
         f"(?:{DROP}){OF} your (?:[a-z]+ ){{0,3}}(?:{WHAT}|{WHAT_ELSE})", ("ignor", "disregard", "forget", "override", "bypass", "discard", "neglect", "skip", "follow", "dismiss", "erase", "pay no")),
    Rule("foreign-override", "Order to drop earlier instructions, in another language", "strong",
         "(?:ignor(?:a|e|ez|iere|iert|are|i)|olvida|oublie[zr]?|vergiss|dimentica|esquec?a|missachte|desconsidere?)(?: (?:todas?|todos|toutes?|tous|alle|tutte|as|las|los|les|le|die|sie|deine|tus|vos|sus|s|suas|meus|i|o|tout))* (?:instruc[a-z]*|consignes|anweisungen|istruzioni|vorherigen [a-z]+|anteriores|regeln|reglas|regles)",
         ("ignor", "olvida", "oubli", "vergiss", "dimentica", "esqueca", "missachte", "desconsider")),
    Rule("foreign-override-script", "Order to drop earlier instructions, in another language", "strong",
         "忽略(?:之前|以上|先前|前面|所有)|无视(?:之前|以上|所有)|以前の指示を無視|これまでの指示|이전 지시|игнорируи? (?:все )?предыдущие|игнорируи?те (?:все )?предыдущие".encode().decode("latin-1"), ()),
    Rule("chat-markup", "Markup of a chat template", "strong",
         r"<\|(?:im_start|im_end|system|user|assistant|endoftext|start_header_id|eot_id|begin_of_text)\|>|<<sys>>|\[/?inst\]|<start_of_turn>|</?(?:system_prompt|system-prompt|system_message|system-reminder|function_results|tool_result|antml:[a-z_]+)>",
         ("<|", "<<sys", "inst]", "<start_of_turn", "system_prompt>", "system-prompt>", "system_message>", "system-reminder>", "function_results>", "tool_result>", "antml:")),
    Rule("fake-system", "Text that poses as a system message", "strong",
         r"(?:\[|<|\*\*|### ?|-{3,} ?|={3,} ?|<!-- ?)(?:system|admin|administrator|developer|root|operator|assistant)(?: (?:message|prompt|note|override|notice|alert|instruction|update|command))?(?:\]|>|\*\*|:| ?-{3,}| ?={3,})[: ]{0,3}(?:new|updated?|you|your|ignore|disregard|override|important|priority|please|from now|execute|before|the following|all|output|reveal|send|security|this is|do not|must|always|never|emergency|mandatory|urgent)",
         ("system", "admin", "developer", "root", "operator", "assistant")),
    Rule("system-line", "Text that poses as a system message", "strong",
         r"(?:^|[.!?>\n\"*: ])(?:system|admin|developer)(?: (?:message|prompt|note|override|notice|alert|instruction|update|command))?: ?(?:new|updated?|you (?:must|are|should|will)|ignore|disregard|override|from now on|execute|before (?:proceeding|responding)|output your|reveal|send|always|never|emergency|mandatory)",
         ("system", "admin", "developer")),
    Rule("new-directive", "Announcement of new orders", "strong",
         r"(?:new|updated|revised|following|important|urgent|priority|critical|mandatory) (?:(?:new|priority|system|security|operational|core|standing|mandatory|urgent) ){0,3}(?:directives?|instructions?|orders|system prompt)(?: received| issued| for (?:you|the (?:ai|assistant|agent|model))|:| ?- )",
         ("directive", "instruction", "orders", "system prompt"),
         sign=r"(?:directives?|instructions?|orders|system prompt)(?: received| issued| for (?:you|the )|:| ?- )"),
    Rule("new-task", "Claim that the task has changed", "strong",
         r"(?:previous|current|original|earlier|prior) (?:task|instructions?|objective|goal|assignment|request)s? (?:is|are|was|were|has been|have been) (?:now )?(?:cancell?ed|over|void|revoked|superseded|replaced|obsolete|terminated|no longer)|your (?:new|real|actual|true|only) (?:task|goal|objective|instructions?|role|mission|purpose|job) (?:is|are)\b",
         ("task", "instruction", "objective", "goal", "assignment", "request", "role", "mission", "purpose", "job")),
    Rule("copy-away", "Order to send copies away", "strong",
         r"(?:forward|send|bcc|cc|copy|email|e-mail|upload|post|mail|transmit)(?: [a-z]+){0,4} (?:every|all|any|each|copies|a copy|the entire|the whole)(?: [a-z]+){0,6} (?:to|at) (?:[^ ]{1,60}@[^ ]|https?://)|(?:all|every|any|each)(?: [a-z]+){0,3} (?:must|should|will|need to|has to|have to) (?:also )?be (?:sent|forwarded|copied|uploaded|posted|emailed|reported) to (?:[^ ]{1,60}@[^ ]|https?://)",
         ("@", "http")),
    Rule("safety-off", "Order to turn safety off", "strong",
         r"(?:disable|turn off|remove|bypass|deactivate|ignore|override)(?: (?:all|any|your|the|of))* (?:(?:safety|ethical|content|moderation) (?:checks?|filters?|restrictions?|guard[a-z]*|measures?|protocols?|controls?|features?|policies|policy)|your (?:restrictions|limitations|safeguards|guardrails))",
         ("safety", "ethical", "content", "moderation", "restrictions", "limitations", "safeguards", "guardrails")),
    Rule("reveal-yours", "Order to reveal what the model knows", "strong",
         r"(?:reveal|disclose|expose|leak) (?:all |any |the )?(?:of )?your (?:[a-z]+ ){0,2}(?:configuration|settings|instructions|prompts?|tools|api keys?|credentials|context|secrets?|tokens?)",
         ("reveal", "disclose", "expose", "leak")),
    Rule("system-json", "JSON that poses as a system message", "strong",
         r"\"role\"\s?: ?\"(?:system|developer)\", ?\"content\"\s?: ?\"(?:you must|ignore|override|new |disregard|always |never |from now|important)", ("role",)),
    Rule("hidden-note", "Note hidden for a model", "strong",
         r"(?:hidden|secret|invisible|private) (?:note|message|instruction|prompt|directive)s? (?:for|to) (?:the |all |any )?(?:ai|llm|language model|assistant|agent|model|bot)",
         ("hidden", "secret", "invisible", "private")),
    Rule("important-override", "Announcement of a system override", "strong",
         r"(?:important|urgent|critical|emergency|mandatory|priority) (?:system|security|admin|developer) (?:update|override|notice|message|instruction|directive|alert|command)", ("system", "security", "admin", "developer")),
    Rule("reveal-prompt", "Order to reveal the system prompt or tools", "strong",
         rf"(?:{GIVE})(?: (?:to me|me|us|back|out|verbatim|here|all|of))*(?: (?:your|the|its|all|entire|full|complete|whole|exact|raw|hidden|secret|original|initial|above))+ (?:system prompts?|system messages?|initial (?:prompt|instructions?)|instructions verbatim|hidden instructions?|tool definitions?|developer (?:message|prompt)|secret (?:keys?|instructions?))",
         ("system prompt", "system message", "initial", "instructions verbatim", "hidden instruction", "tool definition", "developer", "secret"),
         sign="system prompt|system message|initial (?:prompt|instruction)|instructions verbatim|hidden instruction|tool definition|developer (?:message|prompt)|secret (?:key|instruction)"),
    Rule("send-secrets", "Order to send secrets away", "strong",
         rf"(?:{SEND})(?: [a-z0-9'.,/$_-]+){{0,6}} (?:{SECRETS})(?: [a-z0-9'.,/$_-]+){{0,6}} (?:to|at|via|using|through|in|into|as|with)(?: [a-z]+){{0,4}} ?(?:https?://|the (?:url|endpoint|server|webhook|address|link|query|following)|attacker|[a-z0-9._-]+@[a-z0-9.-]+|url|param|request|response)",
         ("http", "url", "endpoint", "server", "webhook", "address", "following", "attacker", "@", "link", "query", "param", "request", "response")),
    Rule("read-secrets", "Order to read secrets", "strong",
         r"(?:output|read|print|open|cat|include|return|show|send|dump|display|access|extract|steal|retrieve|fetch|collect|upload|forward|attach|post|read_file|call)(?: (?:the|all|your|any|contents?|content|of|from|its|user's|user|full|entire|file|out|me|complete|on|read_file|with|path|and))* (?:/etc/(?:passwd|shadow)|(?:~|/home/[a-z0-9._-]+|/root)?/?\.(?:ssh|aws|cursor|claude|codex|gnupg|kube|docker|npmrc|netrc|git-credentials)(?:/[a-z_.]+)?|id_rsa|\.env file\b|ssh keys?|private keys?)",
         ("/etc/", ".ssh", "id_rsa", ".aws", ".env", "ssh key", "private key", ".cursor", ".claude", ".codex", ".gnupg", ".kube", ".docker", ".npmrc", ".netrc", ".git-c"),
         sign=r"/etc/(?:passwd|shadow)|\.(?:ssh|aws|cursor|claude|codex|gnupg|kube|docker|npmrc|netrc|git-credentials)|id_rsa|\.env file\b|ssh key|private key"),
    Rule("read-environment", "Order to show the environment", "weak",
         r"(?:output|print|include|send|dump|display|extract|steal|reveal|leak|append)(?: (?:the|all|your|any|contents?|of|from|full|entire|me|complete|current|available))* (?:environment variables|env vars|api keys|credentials|access tokens|secrets)",
         ("environment var", "env vars", "api keys", "credentials", "access tokens", "secrets"),
         sign="environment variables|env vars|api keys|credentials|access tokens|secrets"),
    Rule("call-tool", "Order to call a tool", "strong",
         r"(?:you (?:must|should|need to|have to|are required to|will)|must|please|immediately|first|now|always|then|also|next)(?: (?:now|first|then|also|immediately|always|silently|please))* (?:call|invoke|use|execute|run|trigger)(?: [a-z]+){0,2} [`\"']?[a-z0-9_-]+[`\"']?(?: [a-z]+)? ?(?:tool|function|command|shell|api|plugin)\b(?:(?: [^ .]+){0,8} (?:https?://|curl |wget |bash )| to (?:run|send|read|upload|delete|forward|exfiltrate) )",
         ("tool", "function", "command", "shell", "api", "plugin")),
    Rule("run-command", "Order to run a command", "weak",
         r"(?:execute|run|perform|issue|type|enter|paste|invoke)(?: (?:the|this|following|command|silently|also|in|a|shell|terminal|bash|tool|these|code|and|:))*[: ]{1,3}[`\"']{0,3} ?(?:\$ )?(?:curl|wget|nc|ncat|bash -[ci]|sh -c|powershell|python3? -c|node -e|rm -rf|chmod|scp|cat (?:~|/)|env \||printenv|base64 |eval|sudo)\b",
         ("curl", "wget", "nc", "bash", "sh -c", "powershell", "python", "node", "rm -rf", "chmod", "scp", "cat ", "env", "base64", "eval", "sudo")),
    Rule("run-theft", "Order to run a command that sends or destroys", "strong",
         r"(?:execute|run|perform|issue|paste|invoke|call)[^\n]{0,60}(?:curl|wget|nc|fetch) [^\n]{0,120}(?:\$\(|`|@/|@~|\$\{?[a-z_]*(?:key|token|secret|pass)|/etc/passwd|\.ssh|\.env\b|\.aws)|(?:execute|run|perform|issue|invoke)[^\n]{0,40}rm -[rf]{2} (?:/|~)|(?:execute|run|perform|issue|invoke)[^\n]{0,60}(?:\b(?:env|printenv)|cat [^ ]+) ?\|[^\n]{0,60}(?:curl|wget|nc) ",
         ("curl", "wget", "nc ", "fetch", "rm -")),
    Rule("secrecy", "Order to keep something from the user", "strong",
         r"(?:(?:do not|don't|must not|never) (?:tell|mention|inform|reveal|disclose|notify|alert|show|report|warn)(?: (?:this|that|it|any of this|about|to|about this))*(?: to)? (?:the |your |any )?(?:user|human|operator|developer|owner|victim))|(?:keep|hide) (?:this|it|these)(?: [a-z]+){0,4} (?:secret|hidden|from the user)|silently (?:execute|run|send|call|read|forward|post|upload|include|append|perform|copy|add|invoke|fetch|curl)",
         ("user", "human", "operator", "developer", "owner", "victim", "secret", "hidden", "silently")),
    Rule("unseen", "Order to act unseen", "weak",
         r"without (?:telling|mentioning|informing|notifying|alerting|asking)(?: (?:it|this))?(?: to)? (?:the |your |any )?(?:user|human|operator|owner)", ("without",)),
    Rule("authority", "Claim that someone gave the model rights", "weak",
         r"(?:user|operator|owner|administrator|admin|developer|team) (?:has|have) (?:already )?(?:authori[sz]ed|approved|granted|permitted|allowed|cleared) (?:you|this|all)|you have been (?:granted|given) (?:[a-z]+ ){0,2}(?:privileges|access|permission|rights)", ("authori", "approved", "granted", "permitted", "allowed", "cleared", "given")),
    Rule("send-it", "Order to send something to an address", "weak",
         r"(?:send|post|upload|forward|append|submit|deliver|attach)(?: [^ ]+){1,6} to (?:https?://|[^ ]{1,60}@[^ ])", ("http", "@")),
    Rule("transcript", "Text that poses as a conversation", "weak",
         r"(?:^|[.!?>\n\"*: ])(?:human|user|assistant|ai): .{1,200}(?:human|user|assistant|ai): ", ("human:", "user:", "assistant:", "ai:")),
    Rule("from-now", "Standing order from here on", "weak",
         r"(?:from this point (?:on|forward)|from now on|henceforth),? (?:you |only |always |respond|answer|reply|output|include|ignore)", ("from this point", "from now on", "henceforth")),
    Rule("developer-message", "Asks for the system's or developer's message", "weak",
         r"(?:contents?|text|body) of (?:the|your) (?:developer|system|initial|hidden) (?:message|prompt|instructions?)", ("developer", "system", "initial", "hidden")),
    Rule("role", "Order to take another role", "strong",
         r"(?:you are now|from now on,? you(?: are| will| must|'re)|act as|pretend (?:to be|you are|that you are)|you will act as|roleplay as|switch to|enter|enable|activate)(?: (?:an?|the|in|into|my))* (?:dan\b|do anything now|unrestricted|unfiltered|uncensored|jailbroken|jailbreak|god mode|evil (?:ai|assistant|twin)|different (?:ai|assistant|model)|ai (?:without|with no)|(?:model|assistant|agent) (?:without|with no))|you are now in (?:[a-z]+ ){0,2}mode",
         ("you are now", "from now on", "act as", "pretend", "roleplay", "switch to", "enter", "enable", "activate")),
    Rule("always-do", "Standing order for the model", "weak",
         rf"(?:always|never|must|make sure to|be sure to|remember to|required to) (?:{GIVE}|{SEND}|call|run|execute|use|add|insert)(?: [a-z'.]+){{0,8}} (?:{SECRETS}|in (?:all|every|your) (?:responses?|repl(?:y|ies)|answers?|outputs?|messages?))", ("always", "never", "must", "make sure", "be sure", "remember to", "required to")),
    Rule("before-answering", "Order to do something before the answer", "weak",
         r"before (?:returning|using|doing|proceeding|responding|answering|calling|you (?:return|respond|answer|proceed|continue)|completing|providing|continuing|any|each|executing|running|invoking)(?: [a-z]+){0,6},?(?: you)?(?: (?:must|first|should|always|please|need to|have to|also))* (?:call|run|execute|read|use|include|send|output|invoke|fetch|open|pass|visit|get|navigate)",
         ("before ",)),
    Rule("for-the-ai", "Text addressed to an AI", "weak",
         r"(?:attention|note|notice|message|instructions?|hey|dear|hello|warning|important)(?: (?:to|for))? ?(?:all |any |the )?(?:ai|llm|language model|assistant|chatbot|agent|claude|chatgpt|gpt|gemini|copilot|codex)s?(?: (?:agents?|assistants?|models?))?\b|if you are an? (?:ai|llm|language model|assistant|agent)|as an ai (?:assistant|agent|model),? you",
         ("attention", "note", "notice", "message", "instruction", "hey", "dear", "hello", "warning", "important", "if you are", "as an ai")),
    Rule("data-image", "Image or link whose address would carry data", "weak",
         r"!\[[^\]]{0,80}\]\(https?://[^) ]{1,200}[?&][a-z_]+=(?:\{|\[|%7b|<|\$|[a-z_]*(?:data|secret|token|conversation|history|key|password|prompt|context))", ("![",)),
    Rule("hidden-element", "Hidden element that loads another address", "weak",
         r"<(?:iframe|img|embed|object|form)[^>]{0,300}(?:display: ?none|visibility: ?hidden|width=[\"']?[01]\b|opacity: ?0)", ("<iframe", "<img", "<embed", "<object", "<form")),
    Rule("visit-url", "Order to go to an address", "weak",
         r"(?:visit|navigate to|go to|fetch|open|load|download|request|browse to|retrieve|curl|call|post to|connect to)(?: [a-z]+){0,5} https?://[^ ]{4,200}(?: (?:and|to|for|with)(?: [a-z]+){0,4} (?:instructions?|commands?|execute|follow|run|updated|configuration|result|return))",
         ("http",)),
    Rule("admin-page", "Order to act on an administration page", "weak",
         r"(?:navigate|go|browse|log ?in) to (?:the )?(?:admin|administrator|settings|account|billing)(?: [a-z]+){0,2}(?:panel|page|console|dashboard)?", ("admin", "settings", "account", "billing")),
    Rule("new-identity", "Claim of authority", "weak",
         r"(?:this is (?:a |an )?(?:mandatory|required|authorized|official|security|compliance)|(?:required|mandatory|necessary) (?:for|by) (?:security|compliance|audit|policy|the admin))(?: [a-z]+){0,3}",
         ("mandatory", "required", "authorized", "official", "security", "compliance", "necessary")),
)  # fmt: skip

_TALK = re.compile(
    rb"attack|injection|inject|jailbreak|for example|example:|an example|examples|such as|pattern|phrase|defend|detect|malicious|adversar|security research|red.?team|vulnerab|exploit|"
    rb"payload|technique|guardrail|mitigat|sanitiz|filter for|scan for|called|known as|e\.g\."
)
AROUND = 240
"""Bytes around a phrase that say whether it is quoted and talked about."""

MENTION = "injection:mention"


class Injection(Detector):
    """Works on readable text: the scanner of responses makes it before it asks the engine."""

    name = "injection"
    title = "prompt injection in fetched text and in messages"
    action = "warns"

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return tuple(Pattern(rule.sign or rule.expression, rule.anchors) for rule in RULES)

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        rule = RULES[number]
        low = max(end - 1024, 0)
        for match in re2_compile(rule.expression).finditer(view.content[low : end + 512]):
            if low + match.start() < end <= low + match.end():
                start, stop = low + match.start(), low + match.end()
                if rule.weight == "weak":
                    return Match("hint", f"injection:{rule.name}", rule.title, start, stop)
                if is_mention(view.content, start, stop):
                    return Match("hint", MENTION, f"{rule.title}, quoted", start, stop)
                return Match("injection", f"injection:{rule.name}", rule.title, start, stop)
        return None


def is_mention(content: bytes, start: int, end: int) -> bool:
    """Quoted, outside any comment, and near words that talk about attacks: an article, not an order."""
    before, after = content[max(start - AROUND, 0) : start], content[end : end + AROUND]
    if before.rfind(b"<!--") > before.rfind(b"-->"):
        return False
    is_json = content[:1] in {b"{", b"["}
    is_quoted = _opens_quote(before, is_json=is_json) and any(
        mark in after[:160] for mark in (b'"', b"'", b"`", b"</code", b"</pre", b"</q", b"</blockquote")
    )
    return is_quoted and _TALK.search(before + b" " + after) is not None


def _opens_quote(before: bytes, *, is_json: bool) -> bool:
    """An odd number of quotation marks before the phrase, or a quoting element left open."""
    for opening, closing in ((b"<code", b"</code"), (b"<pre", b"</pre"), (b"<q>", b"</q>"), (b"<blockquote", b"</blockquote")):
        if before.rfind(opening) > before.rfind(closing):
            return True
    if is_json:  # its quotation marks are structure; quotes inside its strings are escaped
        return before[-80:].count(b'\\"') % 2 == 1
    tail = before[-80:]
    return any(tail.count(mark) % 2 == 1 for mark in (b'"', b"`")) or re.search(rb"(?:^|[\s(:])'[^']*$", tail) is not None


def settle(matches: list[Match]) -> Iterator[Match]:
    """Strong matches stand; two different weak ones together become one strong; a lone weak one stays a hint."""
    weak = {match.rule: match for match in matches if match.kind == "hint" and match.rule != MENTION}
    yield from matches
    if len(weak) >= 2 and not any(match.kind == "injection" for match in matches):
        first = min(weak.values(), key=lambda match: match.start)
        yield Match("injection", "injection:several-signs", "Several signs of orders to a model", first.start, first.end)
