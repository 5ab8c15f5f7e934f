"""The protocols that callers speak, besides OpenAI's chat completions, which has a way of its own (`openai_chat`)."""

from __future__ import annotations

from typing import Any

from ingress.codecs.anthropic.messages import ANTHROPIC_MESSAGES
from ingress.codecs.anthropic.signed_calls import carried_on, thoughtless
from ingress.codecs.asked import Front, Look, bounded, model_of, tightened
from ingress.codecs.fields import Fields
from ingress.codecs.gemini.carrying import carried
from ingress.codecs.gemini.generate import GEMINI_GENERATE
from ingress.codecs.openai.completions import OpenAICompletions
from ingress.codecs.openai.responses import OPENAI_RESPONSES
from ingress.codecs.shot_fronts import tokens_in


def _look_messages(fields: Fields) -> Look:
    metadata = fields.inner("metadata")
    return Look(
        model=model_of(fields),
        turns=len(fields.array("messages", needed=True)),
        stream=fields.flag("stream") or False,
        max_output=fields.integer("max_tokens", 1),
        user="" if metadata is None else metadata.string("user_id"),
    )


def _same_messages(body: dict[str, Any], model: str, max_output: int | None) -> dict[str, Any]:
    changed = tightened(body, model, "max_tokens", max_output)
    changed["messages"] = carried_on(body["messages"])
    if changed["messages"] is not body["messages"] and thoughtless(changed["messages"]):
        changed.pop("thinking", None)
    return changed


def _look_responses(fields: Fields) -> Look:
    given = fields.any("input")
    return Look(
        model=model_of(fields),
        turns=1 if isinstance(given, str) and given else len(fields.array("input", needed=True)),
        stream=fields.flag("stream") or False,
        max_output=fields.integer("max_output_tokens", 1),
        user=fields.string("user") or fields.string("safety_identifier"),
    )


def _same_responses(body: dict[str, Any], model: str, max_output: int | None) -> dict[str, Any]:
    return tightened(body, model, "max_output_tokens", max_output)


def _look_generate(fields: Fields) -> Look:
    config = fields.inner("generationConfig") or Fields({}, "generationConfig")
    return Look(
        model=model_of(fields),
        turns=len(fields.array("contents", needed=True)),
        stream=fields.flag("stream") or False,
        max_output=config.integer("maxOutputTokens", 1),
        choices=bounded(config.integer("candidateCount", 1), 128, "generationConfig.candidateCount"),
    )


def _same_generate(body: dict[str, Any], model: str, max_output: int | None) -> dict[str, Any]:
    """`model` and `stream` are in the path of this protocol, and leave the body when the path is made."""
    changed = {**body, "model": model, "contents": carried(body["contents"])}
    if max_output is not None:
        changed["generationConfig"] = {**(body.get("generationConfig") or {}), "maxOutputTokens": max_output}
    return changed


def _look_completions(fields: Fields) -> Look:
    """Every prompt is answered `n` times, and `best_of` is paid for where it is more."""
    prompt = fields.any("prompt")
    prompts = len(prompt) if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int) else 1
    options = fields.inner("stream_options")
    choices = bounded(fields.integer("n", 1), 128, "n")
    tried = bounded(fields.integer("best_of", 1), 128, "best_of")
    tokens = tokens_in(prompt)
    return Look(
        model=model_of(fields),
        turns=prompts,
        stream=fields.flag("stream") or False,
        max_output=fields.integer("max_tokens", 0) or None,
        choices=prompts * max(choices, tried),
        user=fields.string("user"),
        more_tokens=tokens,
        opaque=tokens > 0,
        include_usage=options is not None and options.flag("include_usage") is True,
    )


def _same_completions(body: dict[str, Any], model: str, max_output: int | None) -> dict[str, Any]:
    changed = tightened(body, model, "max_tokens", max_output)
    if body.get("stream") is True:
        changed["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return changed


MESSAGES = Front("messages", ANTHROPIC_MESSAGES, _look_messages, _same_messages)
RESPONSES = Front("responses", OPENAI_RESPONSES, _look_responses, _same_responses)
GENERATE = Front("generate_content", GEMINI_GENERATE, _look_generate, _same_generate)
COMPLETIONS = Front("completions", OpenAICompletions(), _look_completions, _same_completions, kind="completions")
"""Of a text, as before there were chats. Any provider of conversations can stand in."""
