"""Where providers list their models, and how the answers are read, as data. Pure; nothing is asked here."""

from __future__ import annotations

import msgspec


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider tells which models an account may call, and how its answer is to be read. Fields by name."""

    path: str = "/models"
    """Behind the base URL; `{version}` as in an endpoint's."""
    base_url: str = ""
    """Where accounts without a base URL of their own ask, when it is not where they call."""
    models: str = "data"
    """Holds the models; an answer that is a bare list needs none."""
    name: str = "id"
    prefix: str = ""
    """Of a name, which calls leave out."""
    token: str = ""
    """Holds what to ask for the next page with; empty where all come in one."""
    parameter: str = ""
    """Under which it is sent."""
    more: str = ""
    """Says whether there is a next page, where the token stands on the last one too."""
    context: str = ""
    """Tokens that a model reads at most, where the provider says."""
    output: str = ""
    """Tokens that it writes at most."""


def plain(**fields: str) -> tuple[Listing, ...]:
    """One list in OpenAI's form."""
    return (Listing(**fields),)


PLAIN = plain()
ANTHROPIC = plain(path="/models?limit=1000", token="last_id", parameter="after_id", more="has_more")
GEMINI = (
    Listing(
        path="/models?pageSize=1000",
        models="models",
        name="name",
        prefix="models/",
        token="nextPageToken",
        parameter="pageToken",
        context="inputTokenLimit",
        output="outputTokenLimit",
    ),
)
COHERE = (
    Listing(
        path="/v1/models?page_size=1000",
        models="models",
        name="name",
        token="next_page_token",
        parameter="page_token",
        context="context_length",
    ),
)
_BEDROCK = "https://bedrock.{region}.amazonaws.com"
BEDROCK = (
    Listing(
        path="/foundation-models?byInferenceType=ON_DEMAND",
        base_url=_BEDROCK,
        models="modelSummaries",
        name="modelId",
    ),
    Listing(
        path="/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED",
        base_url=_BEDROCK,
        models="inferenceProfileSummaries",
        name="inferenceProfileId",
        token="nextToken",
        parameter="nextToken",
    ),
)
"""What is called by its own name, and the profiles by which newer ones are called only."""
