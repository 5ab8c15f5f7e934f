"""`nexus erase`: makes everything that is kept of a data subject unreadable, through the admin plane."""

from __future__ import annotations

import argparse
from typing import Any

from ops.cli.endpoints import admin_of
from ops.cli.output import Output, fields


def erase(args: argparse.Namespace) -> int:
    """Erase one subject; exit 1 while a legal hold forbids it, and then nothing has happened."""
    body = {"subject": args.subject, "reason": args.reason, "tenant": args.tenant or ""}
    done: dict[str, Any] = admin_of(args.data).call("POST", "/erasures", body=body).body
    output = Output(args.output)
    output.result(done, fields(done))
    if not done["keys"]:
        output.message(
            "There was no key of this subject: nothing was kept of it, it was erased before, or it is called "
            "otherwise. `nexus traffic get` shows the subject of a request."
        )
    return 0
