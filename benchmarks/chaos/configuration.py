"""What the Nexus of a campaign is told: providers, models, routes, a key and two SIEMs. Starts nothing."""

from __future__ import annotations

_TEXT = """
[[tenants]]
id = "chaos"

[[credentials]]
id = "mock"
tenant = "chaos"
secret = "sk-chaos"

[[providers]]
id = "mock"
tenant = "chaos"
base_url = "{url}"
credential = "mock"

[[providers]]
id = "sick"
tenant = "chaos"
base_url = "{url}"
credential = "mock"

[[models]]
id = "mock/gpt-4o"
tenant = "chaos"
prices = {{ input = 2_500_000, output = 10_000_000 }}

[[models]]
id = "mock/gpt-4o-mini"
tenant = "chaos"
prices = {{ input = 150_000, output = 600_000 }}

{models}[[routes]]
id = "default"
tenant = "chaos"

[[routes]]
id = "strict"
tenant = "chaos"
models = ["mock/gpt-4o-strict"]
priority = 1
durability = "strict"

[[routes]]
id = "spooled"
tenant = "chaos"
models = [
    "mock/gpt-4o-spool",
    "mock/gpt-4o-spool+token-40ms+tokens-75",
    "mock/gpt-4o-spool+token-1s+tokens-48",
]
priority = 1
on_log_failure = "spool"

[[budgets]]
id = "all"
tenant = "chaos"
limit_micros = 1_000_000_000_000

[[virtual-keys]]
id = "caller"
tenant = "chaos"
key = "{key}"

[[siem-targets]]
id = "file"
tenant = "system"
kind = "file"
file = "events.ndjson"
all_tenants = true

[[siem-targets]]
id = "http"
tenant = "system"
kind = "http"
url = "{siem}"
all_tenants = true
"""


_MODELS = (
    "mock/gpt-4o-strict",
    "mock/gpt-4o-spool",
    "mock/gpt-4o-spool+token-40ms+tokens-75",
    "mock/gpt-4o-spool+token-1s+tokens-48",
    "mock/slow+token-1s+tokens-48",
    "mock/slow+delay-1500ms",
    "mock/slow+token-40ms+tokens-50",
    "sick/gpt-4o+error-500",
)
"""At the price of gpt-4o, as everything but its smaller sister."""
_MODEL = """[[models]]
id = "{id}"
tenant = "chaos"
prices = {{ input = 2_500_000, output = 10_000_000 }}

"""


def configuration(provider: str, siem: str, key: str) -> str:
    """
    Args:
        provider, siem: URLs of the mock provider and of the receiver.
        key: what callers come with.
    """
    models = "".join(_MODEL.format(id=model) for model in _MODELS)
    return _TEXT.format(url=provider, siem=siem, key=key, models=models)
