"""Whatever carries a credential says nothing of it when it is printed."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

import ingress

CARRIES = re.compile(
    r"(secret|secret_?(access_?)?key|access_?token|session_?token|client_?secret|client_?key|private_?key|password|once"
    r"|headers|token)\Z",
    re.IGNORECASE,
)
NOT_SECRET = {
    "Outgoing": "its headers are what the protocol wants, without a credential",
    "Page": "its token says where the next page of a list begins",
}


def structs(kind: type[msgspec.Struct] = msgspec.Struct) -> Iterator[type[Any]]:
    for each in kind.__subclasses__():
        # those that are written down: others are made of them while a control plane begins, and hold nothing for long
        written = getattr(sys.modules.get(each.__module__), each.__name__, None) is each
        if written and each.__module__.startswith("ingress."):
            yield each
        yield from structs(each)


def test_no_struct_prints_a_credential_that_it_carries() -> None:
    for module in pkgutil.walk_packages(ingress.__path__, "ingress."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    carriers = {
        each
        for each in structs()
        if any(CARRIES.match(field) for field in each.__struct_fields__)
        and each.__name__ not in NOT_SECRET
        # what callers of the control plane send is made into structs as they are read, and never kept
        and not each.__name__.endswith("Input")
    }
    assert {"Errand", "AwsCredentials", "_Request"} <= {each.__name__ for each in carriers}
    printing = sorted(
        f"{each.__module__}.{each.__name__}" for each in carriers if each.__repr__ is msgspec.Struct.__repr__
    )
    assert printing == []
