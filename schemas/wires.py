"""What each kind of provider speaks and how it differs, as data. Pure; the codecs that read and write it are elsewhere.

A provider that speaks OpenAI's format is one entry here; one with a format of its own also needs a codec.
"""

from __future__ import annotations

import msgspec

from schemas.listings import ANTHROPIC, BEDROCK, COHERE, GEMINI, PLAIN, Listing, plain

OPENAI_CHAT = "openai_chat"
OPENAI_RESPONSES = "openai_responses"


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider of OpenAI's chat format differs from it. Fields by their names in a request's body."""

    rename: tuple[tuple[str, str], ...] = ()
    """(OpenAI's name, this provider's): `max_completion_tokens` is called `max_tokens` by most."""
    remove: tuple[str, ...] = ()
    """Fields that would be refused."""
    values: tuple[tuple[str, str, str], ...] = ()
    """(field, value, this provider's word for it)."""
    developer: bool = True
    """Whether messages may have the role `developer`; else they become `system`."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` is known; where it is not, usage comes unasked or not at all."""
    thinking: bool = False
    """Whether earlier `reasoning_content` is to be sent back."""
    parts: bool = False
    """Whether thoughts stand among the parts of a content, in answers and in earlier turns."""
    schemas: bool = True
    """Whether an answer may be asked for by a schema; else any JSON is asked for."""
    names: bool = True
    """Whether messages may have a name."""
    nine_letters: bool = False
    """Whether ids of calls must have nine letters or digits."""
    turns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(role, fields that its messages may have besides), where others are refused."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where one operation is served, and in which protocol."""

    protocol: str
    """Name of a codec."""
    path: str
    """Appended to the base URL; `{model}` is the provider's name of the model, `{version}` its API's version."""
    stream_path: str = ""
    """When it is another one for streams."""
    one_path: str = ""
    """When it is another one for a body that asks for one thing and has no `requests`."""
    framing: str = "sse"
    """Of streams: `sse`, or `aws` for the binary event stream."""


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of provider."""

    chat: tuple[Endpoint, ...] = ()
    """Conversations; the first is used for callers of another protocol."""
    embeddings: Endpoint | None = None
    rerank: Endpoint | None = None
    moderations: Endpoint | None = None
    completions: Endpoint | None = None
    count_tokens: Endpoint | None = None
    listings: tuple[Listing, ...] = ()
    """Where the models are listed, all of it together; none where the provider has no such list, or one of what cannot
    be called by the names in it (Azure's is of models, its calls name deployments; Replicate's is of everybody's)."""
    base_url: str = ""
    """Used when an account names none; empty where it must. `{region}` and `{project}` are the account's."""
    auth: str = "bearer"
    """How a credential is presented: `bearer`, `header:NAME`, `sigv4`, `google`, `azure`, `none`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every call."""
    passed: tuple[str, ...] = ()
    """Headers of a caller of the same protocol that go on: its version of the API, not ours; what it tries out."""
    api_version: str = ""
    """Used when an account names none."""
    quirks: Quirks = Quirks()


def _chat(path: str = "/chat/completions") -> tuple[Endpoint, ...]:
    return (Endpoint(protocol=OPENAI_CHAT, path=path),)


def _embeddings(path: str = "/embeddings") -> Endpoint:
    return Endpoint(protocol="openai_embeddings", path=path)


_COMPLETIONS = Endpoint(protocol="openai_completions", path="/completions")
_MODERATIONS = Endpoint(protocol="openai_moderations", path="/moderations")
_RERANK = Endpoint(protocol="cohere_rerank", path="/rerank")
_SHORT = (("max_completion_tokens", "max_tokens"),)
_COMPATIBLE = Quirks(rename=_SHORT, developer=False)
"""Of whoever speaks OpenAI's format as it was before the newest models."""
_GEMINI = "{model}:generateContent", "{model}:streamGenerateContent?alt=sse"

WIRES: dict[str, Wire] = {
    # formats of their own
    "openai": Wire(
        chat=(*_chat(), Endpoint(protocol=OPENAI_RESPONSES, path="/responses")),
        embeddings=_embeddings(),
        moderations=_MODERATIONS,
        completions=_COMPLETIONS,
        listings=PLAIN,
        base_url="https://api.openai.com/v1",
    ),
    "anthropic": Wire(
        chat=(Endpoint(protocol="anthropic", path="/messages"),),
        count_tokens=Endpoint(protocol="anthropic_count_tokens", path="/messages/count_tokens"),
        listings=ANTHROPIC,
        base_url="https://api.anthropic.com/v1",
        auth="header:x-api-key",
        headers=(("anthropic-version", "2023-06-01"),),
        passed=("anthropic-version", "anthropic-beta"),
    ),
    "gemini": Wire(
        chat=(Endpoint(protocol="gemini", path=f"/models/{_GEMINI[0]}", stream_path=f"/models/{_GEMINI[1]}"),),
        embeddings=Endpoint(
            protocol="gemini_embeddings",
            path="/models/{model}:batchEmbedContents",
            one_path="/models/{model}:embedContent",
        ),
        count_tokens=Endpoint(protocol="gemini_count_tokens", path="/models/{model}:countTokens"),
        listings=GEMINI,
        base_url="https://generativelanguage.googleapis.com/v1beta",
        auth="header:x-goog-api-key",
    ),
    "vertex": Wire(
        chat=(
            Endpoint(
                protocol="gemini",
                path=f"/publishers/google/models/{_GEMINI[0]}",
                stream_path=f"/publishers/google/models/{_GEMINI[1]}",
            ),
        ),
        embeddings=Endpoint(protocol="vertex_embeddings", path="/publishers/google/models/{model}:predict"),
        count_tokens=Endpoint(protocol="vertex_count_tokens", path="/publishers/google/models/{model}:countTokens"),
        base_url="https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}",
        auth="google",
    ),
    "azure": Wire(
        chat=_chat("/openai/deployments/{model}/chat/completions?api-version={version}"),
        embeddings=_embeddings("/openai/deployments/{model}/embeddings?api-version={version}"),
        completions=Endpoint(
            protocol="openai_completions", path="/openai/deployments/{model}/completions?api-version={version}"
        ),
        auth="azure",
        api_version="2024-10-21",
    ),
    "bedrock": Wire(
        chat=(
            Endpoint(
                protocol="bedrock",
                path="/model/{model}/converse",
                stream_path="/model/{model}/converse-stream",
                framing="aws",
            ),
        ),
        listings=BEDROCK,
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        auth="sigv4",
    ),
    "cohere": Wire(
        chat=(Endpoint(protocol="cohere", path="/v2/chat"),),
        embeddings=Endpoint(protocol="cohere_embeddings", path="/v2/embed"),
        rerank=Endpoint(protocol="cohere_rerank", path="/v2/rerank"),
        listings=COHERE,
        base_url="https://api.cohere.com",
    ),
    "minimax": Wire(
        chat=(Endpoint(protocol="minimax", path="/text/chatcompletion_v2"),),
        base_url="https://api.minimax.io/v1",
        quirks=Quirks(remove=("seed", "n", "logprobs", "top_logprobs", "logit_bias"), developer=False),
    ),
    "glm": Wire(
        chat=(Endpoint(protocol="glm", path="/chat/completions"),),
        embeddings=_embeddings(),
        listings=PLAIN,
        base_url="https://api.z.ai/api/paas/v4",
        quirks=Quirks(rename=(*_SHORT, ("user", "user_id")), remove=("n", "seed", "logprobs"), developer=False),
    ),
    "replicate": Wire(
        chat=(Endpoint(protocol="replicate", path="/models/{model}/predictions"),),
        base_url="https://api.replicate.com/v1",
    ),
    "voyage": Wire(
        embeddings=Endpoint(protocol="voyage_embeddings", path="/embeddings"),
        rerank=Endpoint(protocol="voyage_rerank", path="/rerank"),
        base_url="https://api.voyageai.com/v1",
    ),
    # OpenAI's chat format with differences that are data
    "deepseek": Wire(
        chat=_chat(),
        listings=PLAIN,
        base_url="https://api.deepseek.com/v1",
        # "Create chat completion" (response_format: text or json_object); "Thinking mode": earlier reasoning_content is
        # passed over without tools, and missed with them
        quirks=Quirks(
            rename=_SHORT,
            remove=("n", "seed", "metadata", "service_tier", "user"),
            developer=False,
            thinking=True,
            schemas=False,
        ),
    ),
    "moonshot": Wire(
        chat=_chat(),
        listings=plain(context="context_length"),
        base_url="https://api.moonshot.ai/v1",
        quirks=Quirks(rename=_SHORT, remove=("seed", "logprobs", "top_logprobs"), developer=False, thinking=True),
    ),
    "mistral": Wire(
        chat=_chat(),
        embeddings=_embeddings(),
        moderations=_MODERATIONS,
        listings=plain(context="max_context_length"),
        base_url="https://api.mistral.ai/v1",
        # "Chat Completion" and the models of its client 3.7.0: fields, messages by role, thoughts as parts (ThinkChunk)
        quirks=Quirks(
            rename=(*_SHORT, ("seed", "random_seed")),
            remove=("user", "logit_bias", "service_tier", "store"),
            developer=False,
            stream_usage=False,
            thinking=True,
            parts=True,
            nine_letters=True,
            turns=(
                ("system", ("content",)),
                ("user", ("content",)),
                ("assistant", ("content", "tool_calls", "prefix")),
                ("tool", ("content", "tool_call_id", "name")),
            ),
        ),
    ),
    "groq": Wire(
        chat=_chat(),
        listings=plain(context="context_window", output="max_completion_tokens"),
        base_url="https://api.groq.com/openai/v1",
        # "OpenAI Compatibility", what is answered with 400: these fields, names, more than one choice
        quirks=Quirks(remove=("logprobs", "top_logprobs", "logit_bias", "n"), names=False),
    ),
    "fireworks": Wire(
        chat=_chat(),
        embeddings=_embeddings(),
        completions=_COMPLETIONS,
        listings=plain(context="context_length"),
        base_url="https://api.fireworks.ai/inference/v1",
        # "Reasoning": earlier reasoning_content is taken back, each model's template makes of it what it can
        quirks=Quirks(rename=_SHORT, developer=False, thinking=True),
    ),
    "together": Wire(
        chat=_chat(),
        embeddings=_embeddings(),
        completions=_COMPLETIONS,
        rerank=_RERANK,
        listings=plain(context="context_length"),
        base_url="https://api.together.xyz/v1",
        quirks=_COMPATIBLE,
    ),
    "perplexity": Wire(
        chat=_chat(),
        base_url="https://api.perplexity.ai",
        quirks=Quirks(
            rename=_SHORT,
            remove=("tools", "tool_choice", "parallel_tool_calls", "n", "seed", "logprobs", "top_logprobs", "user"),
            developer=False,
            stream_usage=False,
        ),
    ),
    "xai": Wire(
        chat=_chat(),
        listings=PLAIN,
        base_url="https://api.x.ai/v1",
        quirks=Quirks(remove=("metadata", "store", "service_tier"), developer=False),
    ),
    "huggingface": Wire(
        chat=_chat(),
        listings=PLAIN,
        base_url="https://router.huggingface.co/v1",
        quirks=_COMPATIBLE,
    ),
    "openai_compatible": Wire(
        chat=_chat(),
        embeddings=_embeddings(),
        completions=_COMPLETIONS,
        rerank=_RERANK,
        listings=plain(context="max_model_len"),
        quirks=_COMPATIBLE,
    ),
}
