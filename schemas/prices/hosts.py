"""Prices of those who serve models of others, and of makers in Asia who serve their own. Data only."""

from __future__ import annotations

from schemas.prices.entry import Entry, Wire

_d = Wire("deepseek", "DeepSeek API docs, Models & Pricing", "2026-05-22")
_V4 = "another name for deepseek-v4-flash"
_DEEPSEEK = (
    _d("deepseek-v4-flash", 0.14, 0.28, cached=0.0028), _d("deepseek-v4-pro", 0.435, 0.87, cached=0.003625),
    _d("deepseek-chat", 0.14, 0.28, cached=0.0028, note=_V4),
    _d("deepseek-reasoner", 0.14, 0.28, cached=0.0028, note=_V4),
)  # fmt: skip

_k = Wire("moonshot", "Moonshot AI Open Platform, Model Inference Pricing Explanation", "2026-03-26")
_j = Wire("moonshot", "Moonshot AI Open Platform, pricing", "2025-09-15")
_l = Wire("moonshot", "Moonshot AI Open Platform, pricing, as told by Puter's guide", "2026-06-01")
_MOONSHOT = (
    _k("kimi-k2-0711-preview", 0.6, 2.5, cached=0.15), _k("kimi-k2-0905-preview", 0.6, 2.5, cached=0.15),
    _k("kimi-k2-turbo-preview", 1.15, 8, cached=0.15), _k("kimi-k2-thinking", 0.6, 2.5, cached=0.15),
    _k("kimi-k2-thinking-turbo", 1.15, 8, cached=0.15), _k("kimi-k2.5", 0.6, 3, cached=0.1),
    _l("kimi-k2.6", 0.95, 4, cached=0.16), _l("kimi-k2.7-code", 0.95, 4, cached=0.19),
    _j("moonshot-v1-8k", 0.2, 2), _j("moonshot-v1-32k", 1, 3),
    _j("moonshot-v1-128k", 2, 5), _j("moonshot-v1-8k-vision-preview", 0.2, 2),
)  # fmt: skip

_z = Wire("glm", "Z.AI, model pricing, as collected in llm-prices", "2026-02-12")
_y = Wire("glm", "Z.AI, model pricing, as listed by OpenRouter and Bifrost", "2026-08-19")
_GLM = (
    _y("glm-5.3", 1.4, 4.4, cached=0.26), _y("glm-5.2", 1.4, 4.4), _y("glm-5.1", 1.4, 4.4), _y("glm-5v-turbo", 1.2, 4),
    _z("glm-5", 1, 3.2, cached=0.2), _z("glm-5-code", 1.2, 5, cached=0.3), _z("glm-4.7", 0.6, 2.2, cached=0.11),
    _z("glm-4.7-flashx", 0.07, 0.4, cached=0.01), _z("glm-4.7-flash", 0), _z("glm-4.6v", 0.3, 0.9, cached=0.05),
    _z("glm-4.6v-flashx", 0.04, 0.4, cached=0.004), _z("glm-4.6v-flash", 0),
    _z("glm-4.6", 0.6, 2.2, cached=0.11), _z("glm-4.5", 0.6, 2.2, cached=0.11), _z("glm-4.5-x", 2.2, 8.9, cached=0.45),
    _z("glm-4.5-air", 0.2, 1.1, cached=0.03), _z("glm-4.5-airx", 1.1, 4.5, cached=0.22), _z("glm-4.5-flash", 0),
    _z("glm-4.5v", 0.6, 1.8, cached=0.11), _z("glm-4-32b-0414-128k", 0.1, 0.1),
)  # fmt: skip

_n = Wire("minimax", "MiniMax platform, pricing", "2025-11-01")
_o = Wire("minimax", "MiniMax platform, Pay as you go, as told by Roo Code and promptfoo", "2026-04-21")
_MINIMAX = (
    _o("MiniMax-M2.7", 0.3, 1.2, cached=0.06, cache_write=0.375),
    _o("MiniMax-M2.7-highspeed", 0.6, 2.4, cached=0.06),
    _o("MiniMax-M2.5", 0.3, 1.2, cached=0.03, cache_write=0.375),
    _o("MiniMax-M2.5-highspeed", 0.6, 2.4, cached=0.03), _o("MiniMax-M2", 0.3, 1.2, cached=0.03, cache_write=0.375),
    _n("MiniMax-M1", 0.4, 2.2, note="prompts over 200,000 tokens cost more"), _n("MiniMax-Text-01", 0.2, 1.1),
)  # fmt: skip

_q = Wire("groq", "Groq, on-demand pricing", "2025-08-15", batch=50)
_h = Wire("groq", "GroqDocs, Supported Models, as read for Braintrust's catalogue", "2026-01-01", batch=50)
_GROQ = (
    _q("llama-3.3-70b-versatile", 0.59, 0.79), _q("llama-3.1-8b-instant", 0.05, 0.08),
    _q("llama3-70b-8192", 0.59, 0.79),
    _q("llama3-8b-8192", 0.05, 0.08), _q("gemma2-9b-it", 0.2, 0.2),
    _h("openai/gpt-oss-120b", 0.15, 0.6), _h("openai/gpt-oss-20b", 0.075, 0.3),
    _q("meta-llama/llama-4-scout-17b-16e-instruct", 0.11, 0.34),
    _q("meta-llama/llama-4-maverick-17b-128e-instruct", 0.2, 0.6), _q("meta-llama/llama-guard-4-12b", 0.2, 0.2),
    _q("qwen/qwen3-32b", 0.29, 0.59), _q("qwen-qwq-32b", 0.29, 0.39), _q("moonshotai/kimi-k2-instruct", 1, 3),
    _q("deepseek-r1-distill-llama-70b", 0.75, 0.99), _q("mistral-saba-24b", 0.79, 0.79),
)  # fmt: skip

_f = Wire("fireworks", "Fireworks AI, serverless pricing", "2025-08-15")
_FIREWORKS = tuple(
    _f("accounts/fireworks/models/" + name, given, written)
    for name, given, written in (
        ("deepseek-v3", 0.9, 0.9), ("deepseek-r1", 3, 8), ("llama-v3p3-70b-instruct", 0.9, 0.9),
        ("llama-v3p1-405b-instruct", 3, 3), ("llama-v3p1-70b-instruct", 0.9, 0.9), ("llama-v3p1-8b-instruct", 0.2, 0.2),
        ("mixtral-8x22b-instruct", 1.2, 1.2), ("mixtral-8x7b-instruct", 0.5, 0.5), ("qwen2p5-72b-instruct", 0.9, 0.9),
        ("qwen3-235b-a22b", 0.22, 0.88), ("llama4-maverick-instruct-basic", 0.22, 0.88),
        ("llama4-scout-instruct-basic", 0.15, 0.6), ("kimi-k2-instruct", 0.6, 2.5), ("gpt-oss-120b", 0.15, 0.6),
        ("gpt-oss-20b", 0.07, 0.3),
    )
)  # fmt: skip

_t = Wire("together", "Together AI, serverless pricing", "2025-08-15")
_TOGETHER = (
    _t("meta-llama/Llama-3.3-70B-Instruct-Turbo", 0.88, 0.88), _t("deepseek-ai/DeepSeek-V3", 1.25, 1.25),
    _t("meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo", 3.5, 3.5), _t("deepseek-ai/DeepSeek-R1", 3, 7),
    _t("meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", 0.88, 0.88),
    _t("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", 0.18, 0.18),
    _t("meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8", 0.27, 0.85),
    _t("meta-llama/Llama-4-Scout-17B-16E-Instruct", 0.18, 0.59), _t("Qwen/Qwen2.5-72B-Instruct-Turbo", 1.2, 1.2),
    _t("Qwen/Qwen2.5-7B-Instruct-Turbo", 0.3, 0.3), _t("mistralai/Mixtral-8x7B-Instruct-v0.1", 0.6, 0.6),
    _t("mistralai/Mistral-7B-Instruct-v0.3", 0.2, 0.2), _t("moonshotai/Kimi-K2-Instruct", 1, 3),
    _t("openai/gpt-oss-120b", 0.15, 0.6), _t("openai/gpt-oss-20b", 0.05, 0.2), _t("google/gemma-2-27b-it", 0.8, 0.8),
    _t("BAAI/bge-large-en-v1.5", 0.02),
)  # fmt: skip

_FEE = "of the fees for a request, the one for a small search context"
_p = Wire("perplexity", "Perplexity, API pricing", "2025-08-15")
_PERPLEXITY = (
    _p("sonar", 1, 1, request=0.005, note=_FEE), _p("sonar-pro", 3, 15, request=0.006, note=_FEE),
    _p("sonar-reasoning", 1, 5, request=0.005, note=_FEE), _p("sonar-reasoning-pro", 2, 8, request=0.006, note=_FEE),
    _p("sonar-deep-research", 2, 8, reasoning=3, note="searches and citations cost extra"), _p("r1-1776", 2, 8),
)  # fmt: skip

_r = Wire("replicate", "Replicate, pricing of official language models", "2025-06-01")
_REPLICATE = (
    _r("meta/meta-llama-3-70b-instruct", 0.65, 2.75), _r("meta/meta-llama-3-8b-instruct", 0.05, 0.25),
    _r("meta/meta-llama-3.1-405b-instruct", 9.5, 9.5), _r("deepseek-ai/deepseek-r1", 3.75, 10),
    _r("anthropic/claude-3.7-sonnet", 3, 15),
)  # fmt: skip

_REGIONS = "some regions cost a tenth more"
_b = Wire("bedrock", "Amazon Bedrock, on-demand pricing (us-east-1)", "2025-10-15", batch=50)
_BEDROCK = (
    _b("anthropic.claude-opus-4-1", 15, 75, cached=1.5, cache_write=18.75, note=_REGIONS, batch=0),
    _b("anthropic.claude-opus-4", 15, 75, cached=1.5, cache_write=18.75, note=_REGIONS, batch=0),
    _b("anthropic.claude-sonnet-4-5", 3, 15, cached=0.3, cache_write=3.75, note=_REGIONS),
    _b("anthropic.claude-sonnet-4", 3, 15, cached=0.3, cache_write=3.75, note=_REGIONS),
    _b("anthropic.claude-haiku-4-5", 1, 5, cached=0.1, cache_write=1.25, note=_REGIONS),
    _b("anthropic.claude-3-7-sonnet", 3, 15, cached=0.3, cache_write=3.75),
    _b("anthropic.claude-3-5-sonnet", 3, 15, cached=0.3, cache_write=3.75),
    _b("anthropic.claude-3-5-haiku", 0.8, 4, cached=0.08, cache_write=1), _b("anthropic.claude-3-opus", 15, 75),
    _b("anthropic.claude-3-sonnet", 3, 15), _b("anthropic.claude-3-haiku", 0.25, 1.25),
    _b("amazon.nova-premier", 2.5, 12.5, cached=0.625), _b("amazon.nova-pro", 0.8, 3.2, cached=0.2),
    _b("amazon.nova-lite", 0.06, 0.24, cached=0.015), _b("amazon.nova-micro", 0.035, 0.14, cached=0.00875),
    _b("amazon.titan-text-express", 0.2, 0.6), _b("amazon.titan-text-lite", 0.15, 0.2),
    _b("meta.llama3-3-70b-instruct", 0.72, 0.72), _b("meta.llama3-1-8b-instruct", 0.22, 0.22),
    _b("meta.llama3-1-70b-instruct", 0.72, 0.72), _b("meta.llama3-1-405b-instruct", 2.4, 2.4),
    _b("meta.llama4-maverick-17b-instruct", 0.24, 0.97), _b("meta.llama4-scout-17b-instruct", 0.17, 0.66),
    _b("mistral.mistral-large-2407", 2, 6), _b("mistral.mistral-7b-instruct", 0.15, 0.2),
    _b("mistral.mixtral-8x7b-instruct", 0.45, 0.7), _b("cohere.command-r-plus", 3, 15),
    _b("cohere.command-r", 0.5, 1.5),
    _b("ai21.jamba-1-5-large", 2, 8), _b("ai21.jamba-1-5-mini", 0.2, 0.4), _b("deepseek.r1", 1.35, 5.4),
)  # fmt: skip

HOSTS: tuple[Entry, ...] = (
    *_DEEPSEEK, *_MOONSHOT, *_GLM, *_MINIMAX, *_GROQ, *_FIREWORKS, *_TOGETHER, *_PERPLEXITY, *_REPLICATE, *_BEDROCK,
)  # fmt: skip
