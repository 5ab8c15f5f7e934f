"""Prices of those who make models and serve them, from OpenAI to Voyage. Data only."""

from __future__ import annotations

from schemas.prices.entry import Entry, Wire

_LONG = "prompts over 200,000 tokens cost more"
_HOUR = "writes that stay in the cache for an hour cost more"
_PER_TOOL = "searches and other tools of the provider cost extra"

_o = Wire("openai", "OpenAI, API pricing", "2025-09-01", batch=50)
_OPENAI = (
    _o("gpt-5", 1.25, 10, cached=0.125), _o("gpt-5-mini", 0.25, 2, cached=0.025),
    _o("gpt-5-nano", 0.05, 0.4, cached=0.005),
    _o("gpt-5-chat-latest", 1.25, 10, cached=0.125, batch=0), _o("gpt-4.1", 2, 8, cached=0.5),
    _o("gpt-4.1-mini", 0.4, 1.6, cached=0.1), _o("gpt-4.1-nano", 0.1, 0.4, cached=0.025),
    _o("gpt-4.5-preview", 75, 150, cached=37.5), _o("gpt-4o", 2.5, 10, cached=1.25), _o("gpt-4o-2024-05-13", 5, 15),
    _o("gpt-4o-mini", 0.15, 0.6, cached=0.075), _o("chatgpt-4o-latest", 5, 15, batch=0),
    _o("o1", 15, 60, cached=7.5), _o("o1-preview", 15, 60, cached=7.5), _o("o1-mini", 1.1, 4.4, cached=0.55),
    _o("o1-pro", 150, 600), _o("o3", 2, 8, cached=0.5), _o("o3-pro", 20, 80), _o("o3-mini", 1.1, 4.4, cached=0.55),
    _o("o4-mini", 1.1, 4.4, cached=0.275), _o("o3-deep-research", 10, 40, cached=2.5, note=_PER_TOOL),
    _o("o4-mini-deep-research", 2, 8, cached=0.5, note=_PER_TOOL),
    _o("codex-mini-latest", 1.5, 6, cached=0.375, batch=0),
    _o("computer-use-preview", 3, 12), _o("gpt-4o-search-preview", 2.5, 10, batch=0, note=_PER_TOOL),
    _o("gpt-4o-mini-search-preview", 0.15, 0.6, batch=0, note=_PER_TOOL),
    _o("gpt-4o-audio-preview", 2.5, 10, audio=40, audio_out=80, batch=0),
    _o("gpt-4o-mini-audio-preview", 0.15, 0.6, audio=10, audio_out=20, batch=0),
    _o("gpt-4-turbo", 10, 30), _o("gpt-4", 30, 60), _o("gpt-4-32k", 60, 120), _o("gpt-3.5-turbo", 0.5, 1.5),
    _o("gpt-3.5-turbo-16k", 3, 4), _o("gpt-3.5-turbo-instruct", 1.5, 2, batch=0), _o("davinci-002", 2, 2),
    _o("babbage-002", 0.4, 0.4), _o("text-embedding-3-small", 0.02), _o("text-embedding-3-large", 0.13),
    _o("text-embedding-ada-002", 0.1), _o("omni-moderation-latest", 0, batch=0),
    _o("text-moderation-latest", 0, batch=0),
)  # fmt: skip

_a = Wire("anthropic", "Anthropic, Claude pricing", "2025-11-24", batch=50)
_ANTHROPIC = (
    _a("claude-opus-4-5", 5, 25, cached=0.5, cache_write=6.25, note=_HOUR),
    _a("claude-opus-4-1", 15, 75, cached=1.5, cache_write=18.75, note=_HOUR),
    _a("claude-opus-4", 15, 75, cached=1.5, cache_write=18.75, note=_HOUR),
    _a("claude-opus-4-0", 15, 75, cached=1.5, cache_write=18.75, note=_HOUR),
    _a("claude-sonnet-4-5", 3, 15, cached=0.3, cache_write=3.75, note=f"{_HOUR}; {_LONG}"),
    _a("claude-sonnet-4", 3, 15, cached=0.3, cache_write=3.75, note=f"{_HOUR}; {_LONG}"),
    _a("claude-sonnet-4-0", 3, 15, cached=0.3, cache_write=3.75, note=f"{_HOUR}; {_LONG}"),
    _a("claude-haiku-4-5", 1, 5, cached=0.1, cache_write=1.25, note=_HOUR),
    _a("claude-3-7-sonnet", 3, 15, cached=0.3, cache_write=3.75, note=_HOUR),
    _a("claude-3-5-sonnet", 3, 15, cached=0.3, cache_write=3.75, note=_HOUR),
    _a("claude-3-5-haiku", 0.8, 4, cached=0.08, cache_write=1, note=_HOUR),
    _a("claude-3-opus", 15, 75, cached=1.5, cache_write=18.75, note=_HOUR),
    _a("claude-3-sonnet", 3, 15), _a("claude-3-haiku", 0.25, 1.25, cached=0.03, cache_write=0.3),
    _a("claude-2.1", 8, 24, batch=0), _a("claude-2.0", 8, 24, batch=0), _a("claude-instant-1.2", 0.8, 2.4, batch=0),
)  # fmt: skip

_g = Wire("gemini", "Google, Gemini Developer API pricing (paid tier)", "2025-09-01", batch=50)
_GEMINI = (
    _g("gemini-2.5-pro", 1.25, 10, cached=0.31, note=_LONG),
    _g("gemini-2.5-flash", 0.3, 2.5, cached=0.075, audio=1.0),
    _g("gemini-2.5-flash-lite", 0.1, 0.4, cached=0.025, audio=0.3),
    _g("gemini-2.0-flash", 0.1, 0.4, cached=0.025, audio=0.7), _g("gemini-2.0-flash-lite", 0.075, 0.3),
    _g("gemini-1.5-pro", 1.25, 5, cached=0.3125, note="prompts over 128,000 tokens cost more"),
    _g("gemini-1.5-flash", 0.075, 0.3, cached=0.01875, note="prompts over 128,000 tokens cost more"),
    _g("gemini-1.5-flash-8b", 0.0375, 0.15, cached=0.01, note="prompts over 128,000 tokens cost more"),
    _g("gemini-embedding-001", 0.15), _g("text-embedding-004", 0, batch=0), _g("gemma-3-27b-it", 0, batch=0),
)  # fmt: skip

_m = Wire("mistral", "Mistral AI, API pricing, held against llm-prices", "2025-08-15", batch=50)
_MISTRAL = (
    _m("mistral-large", 2, 6), _m("mistral-medium", 0.4, 2), _m("mistral-small", 0.1, 0.3), _m("codestral", 0.3, 0.9),
    _m("devstral-medium", 0.4, 2), _m("devstral-small", 0.1, 0.3), _m("magistral-medium", 2, 5),
    _m("magistral-small", 0.5, 1.5), _m("ministral-8b", 0.1, 0.1), _m("ministral-3b", 0.04, 0.04),
    _m("pixtral-large", 2, 6), _m("pixtral-12b", 0.15, 0.15), _m("open-mistral-nemo", 0.15, 0.15),
    _m("open-mistral-7b", 0.25, 0.25), _m("open-mixtral-8x7b", 0.7, 0.7), _m("open-mixtral-8x22b", 2, 6),
    _m("mistral-saba", 0.2, 0.6), _m("mistral-embed", 0.1), _m("codestral-embed", 0.15), _m("mistral-moderation", 0.1),
)  # fmt: skip

_x = Wire("xai", "xAI, models and pricing", "2025-09-15")
_w = Wire("xai", "xAI Docs, Models: Grok 4.20, Grok 4.7; Grok 4.3 and 4.5 as told by APIYI", "2026-07-13", batch=80)
_TWICE = "prompts of 200,000 tokens and more cost twice"
_XAI = (
    _w("grok-4.7", 2, 6, batch=0), _w("grok-4.5", 2, 6, batch=0),
    _w("grok-4.3", 1.25, 2.5, cached=0.2, note=_TWICE, batch=0),
    _w("grok-4.20", 1.25, 2.5, cached=0.2, note=_TWICE), _w("grok-4.20-reasoning", 1.25, 2.5, cached=0.2, note=_TWICE),
    _w("grok-4.20-0309-reasoning", 1.25, 2.5, cached=0.2, note=_TWICE),
    _w("grok-4.20-non-reasoning", 1.25, 2.5, note=_TWICE, batch=0),
    _w("grok-4.20-0309-non-reasoning", 1.25, 2.5, note=_TWICE, batch=0), _w("grok-build-0.1", 1, 2, batch=0),
    _x("grok-4", 3, 15, cached=0.75, note="prompts over 128,000 tokens cost more"),
    _x("grok-4-fast-reasoning", 0.2, 0.5, cached=0.05, note="prompts over 128,000 tokens cost more"),
    _x("grok-4-fast-non-reasoning", 0.2, 0.5, cached=0.05, note="prompts over 128,000 tokens cost more"),
    _x("grok-code-fast-1", 0.2, 1.5, cached=0.02), _x("grok-3", 3, 15, cached=0.75),
    _x("grok-3-fast", 5, 25, cached=1.25),
    _x("grok-3-mini", 0.3, 0.5, cached=0.075), _x("grok-3-mini-fast", 0.6, 4, cached=0.15), _x("grok-2", 2, 10),
    _x("grok-2-vision", 2, 10),
)  # fmt: skip

_SEARCH = "more than 100 documents, or long ones, are several searches"
_c = Wire("cohere", "Cohere, pricing", "2025-06-01")
_COHERE = (
    _c("command-a-03-2025", 2.5, 10), _c("command-r-plus-08-2024", 2.5, 10), _c("command-r-plus-04-2024", 3, 15),
    _c("command-r-plus", 2.5, 10), _c("command-r-08-2024", 0.15, 0.6), _c("command-r-03-2024", 0.5, 1.5),
    _c("command-r", 0.15, 0.6), _c("command-r7b-12-2024", 0.0375, 0.15), _c("c4ai-aya-expanse-8b", 0.5, 1.5),
    _c("c4ai-aya-expanse-32b", 0.5, 1.5), _c("command", 1, 2), _c("command-light", 0.3, 0.6),
    _c("embed-v4.0", 0.12, image=0.47), _c("embed-english-v3.0", 0.1), _c("embed-multilingual-v3.0", 0.1),
    _c("embed-english-light-v3.0", 0.1), _c("embed-multilingual-light-v3.0", 0.1),
    _c("rerank-v3.5", 0, request=0.002, note=_SEARCH), _c("rerank-english-v3.0", 0, request=0.002, note=_SEARCH),
    _c("rerank-multilingual-v3.0", 0, request=0.002, note=_SEARCH),
)  # fmt: skip

_v = Wire("voyage", "Voyage AI, pricing", "2025-08-15")
_VOYAGE = (
    _v("voyage-3-large", 0.18), _v("voyage-3.5", 0.06), _v("voyage-3.5-lite", 0.02), _v("voyage-3", 0.06),
    _v("voyage-3-lite", 0.02), _v("voyage-code-3", 0.18), _v("voyage-finance-2", 0.12), _v("voyage-law-2", 0.12),
    _v("voyage-code-2", 0.12), _v("voyage-multilingual-2", 0.12), _v("voyage-large-2", 0.12), _v("voyage-2", 0.1),
    _v("rerank-2.5", 0.05), _v("rerank-2.5-lite", 0.02), _v("rerank-2", 0.05), _v("rerank-2-lite", 0.02),
)  # fmt: skip

MAKERS: tuple[Entry, ...] = (*_OPENAI, *_ANTHROPIC, *_GEMINI, *_MISTRAL, *_XAI, *_COHERE, *_VOYAGE)
