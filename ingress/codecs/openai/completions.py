"""OpenAI's legacy completions of a text. Source: API reference, "Create completion" (legacy), "The completion object".

Where the provider completes texts too, bodies pass as they are. Any other provider is asked in a chat, in which the
prompt is what a user says: it is answered and not gone on with. That loss is told as `prompt.continuation`.
"""

from __future__ import annotations

from typing import Any

from ingress.codecs.codec import Encoded, ErrorTold, EventReader, EventWriter, Malformed
from ingress.codecs.fields import Fields, decode_json, put
from ingress.codecs.losses import Losses
from ingress.codecs.openai.chat_answer import read_error, read_finish, read_usage, write_error, write_finish
from ingress.codecs.openai.completions_stream import CompletionReader, CompletionWriter, written_usage
from schemas.conversation.answer import Answer, Choice
from schemas.conversation.ask import Conversation
from schemas.conversation.parts import Message, Refusal, Text
from schemas.errors import InvalidRequest, NexusError

NAME = "openai_completions"
DEFAULT_MAX_TOKENS = 16
"""What this API writes at most for callers who gave no limit."""
CONTINUATION = "prompt.continuation"
_UNSAYABLE = (
    "tools", "tool_choice", "parallel_tool_calls", "format", "reasoning", "top_k", "logprobs", "top_logprobs",
    "metadata", "service_tier", "safety",
)  # fmt: skip


class OpenAICompletions:
    """See `ingress.codecs.codec.ChatCodec`."""

    name = NAME

    def read_request(self, body: dict[str, Any]) -> Conversation:
        fields = Fields(body)
        prompt = fields.any("prompt")
        if isinstance(prompt, list) and len(prompt) == 1:
            prompt = prompt[0]
        if not isinstance(prompt, str) or not prompt:
            raise InvalidRequest(
                "'prompt' must be one text that is not empty: this model's provider has no completions of its own, "
                "and takes neither tokens nor several prompts at once.",
                code="endpoint_unsupported",
                param="prompt",
            )
        options = fields.inner("stream_options")
        if options is not None:
            options.flag("include_usage")
        limit = fields.integer("max_tokens", 0)
        return Conversation(
            model=fields.string("model", needed=True),
            messages=(Message("user", (Text(prompt),)),),
            max_output=max(1, DEFAULT_MAX_TOKENS if limit is None else limit),
            temperature=fields.number("temperature"),
            top_p=fields.number("top_p"),
            frequency_penalty=fields.number("frequency_penalty"),
            presence_penalty=fields.number("presence_penalty"),
            seed=fields.integer("seed"),
            stop=fields.strings("stop"),
            n=fields.integer("n", 1),
            stream=fields.flag("stream") or False,
            user=fields.string("user"),
            origin=NAME,
            other={CONTINUATION: True, **fields.rest()},
        )

    def write_request(self, conversation: Conversation) -> Encoded:
        """Only what is one text from one user can be completed here.

        Raises:
            InvalidRequest: it is more than that.
        """
        losses = Losses()
        losses.unless_unsaid(conversation, *_UNSAYABLE)
        body: dict[str, Any] = {"model": conversation.model, "prompt": _prompt(conversation, losses)}
        put(
            body,
            max_tokens=conversation.max_output,
            temperature=conversation.temperature,
            top_p=conversation.top_p,
            frequency_penalty=conversation.frequency_penalty,
            presence_penalty=conversation.presence_penalty,
            seed=conversation.seed,
            stop=list(conversation.stop),
            n=conversation.n,
            user=conversation.user,
        )
        if conversation.stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        if conversation.origin == NAME:
            body.update({name: value for name, value in conversation.other.items() if name != CONTINUATION})
        else:
            losses.unless_unsaid(conversation, "other")
        return Encoded(body, losses.names())

    def read_answer(self, raw: bytes) -> Answer:
        try:
            fields = Fields(decode_json(raw))
            choices = tuple(_choice(each, at) for at, each in enumerate(fields.each("choices", needed=True)))
            return Answer(
                id=fields.string("id"),
                model=fields.string("model"),
                created_s=fields.integer("created") or 0,
                choices=choices,
                usage=read_usage(fields.any("usage")),
                fingerprint=fields.string("system_fingerprint"),
            )
        except (ValueError, InvalidRequest):
            raise Malformed("the provider's answer is not a completion") from None

    def write_answer(self, answer: Answer) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": answer.id,
            "object": "text_completion",
            "created": answer.created_s,
            "model": answer.model,
            "choices": [_written(choice) for choice in answer.choices],
        }
        if answer.usage is not None:
            body["usage"] = written_usage(answer.usage)
        put(body, system_fingerprint=answer.fingerprint)
        return body

    def reader(self) -> EventReader:
        return CompletionReader()

    def writer(self, *, include_usage: bool) -> EventWriter:
        return CompletionWriter(include_usage=include_usage)

    def read_error(self, body: bytes) -> ErrorTold:
        return read_error(body)

    def write_error(self, error: NexusError) -> bytes:
        return write_error(error)


def _prompt(conversation: Conversation, losses: Losses) -> str:
    match conversation.messages:
        case (Message(role="user", parts=(Text(text=text, cache=cache),), name=name),):
            if cache:
                losses.drop("cache_control")
            if name:
                losses.drop("messages.name")
            return text
    raise InvalidRequest(
        "This model completes texts and holds no conversations: send one text from one user, or use another model.",
        code="endpoint_unsupported",
        param="messages",
    )


def _choice(fields: Fields, at: int) -> Choice:
    text, index = fields.string("text"), fields.integer("index")
    finish = read_finish(fields.string("finish_reason")) or "stop"
    return Choice((Text(text),) if text else (), finish, at if index is None else index)


def _written(choice: Choice) -> dict[str, Any]:
    """Text and nothing else can be said here."""
    texts = [part.text for part in choice.parts if isinstance(part, (Text, Refusal))]
    finish = write_finish(choice.finish)
    return {
        "index": choice.index,
        "text": "".join(texts),
        "logprobs": None,
        "finish_reason": "stop" if finish == "tool_calls" else finish,
    }
