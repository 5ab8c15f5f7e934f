"""What is sent outside and what comes back: a webhook's reply, a guard model's verdict. Pure; no sockets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence

import msgspec

from schemas.conversation.answer import Verdict
from schemas.hooks.decision import NOTHING, Cut, Finding, Seen, fit_reason
from schemas.hooks.hook import Hook

MOST_REPLY_BYTES = 65_536
MOST_REDACTIONS = 1_000
_SECRET = "whsec_"
DECISIONS = {"approve": "approve", "flag": "flag", "modify": "redact", "redact": "redact", "reject": "block",
             "block": "block"}  # fmt: skip
"""What a webhook may decide, and the action that is. `abstain` is none: it has nothing to say."""


class BadReply(ValueError):
    """What came back is not what was asked for. The message quotes nothing of it."""


class Redaction(msgspec.Struct, frozen=True):
    """Of the webhook's own making; offsets in characters (code points) of the text of that number."""

    start: int
    end: int
    replacement: str = "[REDACTED]"
    text: int = 0


class WebhookReply(msgspec.Struct, frozen=True):
    decision: str
    reason: str = ""
    redactions: tuple[Redaction, ...] = ()


_reply = msgspec.json.Decoder(WebhookReply).decode
_encode = msgspec.json.Encoder().encode


def webhook_body(hook: Hook, seen: Seen, request: str) -> bytes:
    """What a webhook is sent: JSON, with the texts in their order."""
    return _encode(
        {
            "type": f"nexus.{seen.stage}",
            "hook": hook.id,
            "request_id": request,
            "tenant": seen.tenant,
            "route": seen.route,
            "stage": seen.stage,
            "texts": seen.texts,
            "tools": sorted(seen.tools),
        }
    )


def signature(secret: str, identifier: str, timestamp_s: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 over `id.timestamp.body` in base64 (Standard Webhooks, symmetric signatures).

    A secret that begins with `whsec_` is base64 after that; any other is taken as it is.

    Raises:
        BadReply: the secret says that it is base64, and is not.
    """
    key = secret.encode()
    if secret.startswith(_SECRET):
        try:
            key = base64.b64decode(secret.removeprefix(_SECRET), validate=True)
        except ValueError:
            raise BadReply("the secret that signs is not base64 after whsec_") from None
    signed = f"{identifier}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def webhook_finding(raw: bytes, seen: Seen) -> Finding | None:
    """What a webhook's reply says; None when it abstains.

    Raises:
        BadReply: too large, no JSON of that shape, an unknown decision, redactions outside of the texts.
    """
    if len(raw) > MOST_REPLY_BYTES:
        raise BadReply("the reply is too large")
    try:
        reply = _reply(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadReply("the reply is not {decision, reason, redactions}") from None
    if reply.decision == "abstain":
        return None
    action = DECISIONS.get(reply.decision)
    if action is None or len(reply.redactions) > MOST_REDACTIONS:
        raise BadReply("the reply's decision is unknown" if action is None else "the reply has too many redactions")
    cuts = tuple(Cut(each.text, each.start, each.end, each.replacement) for each in reply.redactions)
    if not all(0 <= c.text < len(seen.texts) and 0 <= c.start < c.end <= len(seen.texts[c.text]) for c in cuts):
        raise BadReply("a redaction of the reply lies outside of the texts")
    if action == "redact" and not cuts:
        raise BadReply("the reply modifies and says not what")
    return Finding(action, fit_reason(reply.reason, seen.texts), cuts=cuts)


GUARD_OUTPUT = 64
"""Tokens that a verdict needs at most."""
_WORD = re.compile(r"\s*[\"'*`]*(?:(safe)[\"'*`.]*\s*(?:\n|\Z)|(unsafe)\b)", re.IGNORECASE)
"""A first line of `safe` and nothing else: who says more about it, says perhaps that it is not."""
NOT_SHOWN = "(the request is not shown)"
_CATEGORY = re.compile(r"S[0-9]{1,2}")
"""Of the hazard taxonomy that guard models share. Other words a model could have taken from the text."""


def guard_request(hook: Hook, seen: Seen) -> bytes:
    """A chat completion that asks a guard model about the texts.

    Of the model nothing is expected but the convention of guard models: the first line is `safe` or begins with
    `unsafe`, the next line names categories, separated by commas. Their templates take conversations in which user and
    assistant alternate, the user first, and judge the last message: so all texts are one.
    """
    text = "\n\n".join(text for text in seen.texts if text)
    messages = [{"role": "user", "content": text}]
    if seen.stage == "response":
        messages = [{"role": "user", "content": NOT_SHOWN}, {"role": "assistant", "content": text}]
    return _encode({"model": hook.options.model, "messages": messages, "temperature": 0, "max_tokens": GUARD_OUTPUT})


def moderation_request(hook: Hook, seen: Seen) -> bytes:
    """OpenAI's moderation of every text."""
    return _encode({"model": hook.options.model, "input": [text for text in seen.texts if text]})


def moderation_finding(hook: Hook, verdicts: Sequence[Verdict]) -> Finding:
    """What a moderation says: with `categories`, one of those must apply; else whatever the provider flags counts."""
    wanted = hook.options.categories
    applying = dict.fromkeys(name for each in verdicts for name, applies in each.categories.items() if applies)
    counted = [name for name in applying if not wanted or name in wanted]
    if not counted and (wanted or not any(each.flagged for each in verdicts)):
        return NOTHING
    return Finding(hook.options.action, "a classifier calls it unsafe", ",".join(counted[:5]) or "unsafe")


def guard_finding(hook: Hook, answer: str) -> Finding:
    """What a guard model's answer says.

    Raises:
        BadReply: its first line is neither `safe` nor `unsafe`: a model that talks instead has not judged.
    """
    word = _WORD.match(answer)
    if word is None:
        raise BadReply("the classifier answered neither safe nor unsafe")
    if word[1]:
        return NOTHING
    rest = answer[word.end() :].strip().partition("\n")[0]
    wanted = set(hook.options.categories)
    parts = [part.strip() for part in rest.split(",")]
    named = [part for part in parts if part in wanted or _CATEGORY.fullmatch(part)]
    counted = [name for name in named if not wanted or name in wanted]
    if wanted and named and not counted:
        return NOTHING
    return Finding(hook.options.action, "a classifier calls it unsafe", ",".join(counted[:5]) or "unsafe")
