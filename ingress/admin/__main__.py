"""`python -m ingress.admin`: the admin plane as a process, with settings from the environment."""

from __future__ import annotations

import logging
import os
import sys

import uvloop

from ingress.admin.app import run
from ingress.admin.auth import BadKeyFile
from projections.process import begin
from projections.vault.errors import BadMasterKey
from schemas.errors import NexusError
from schemas.settings import BadSettings, read_settings


def main() -> int:
    """Runs until SIGTERM or SIGINT; 0 after an orderly end, 2 when it cannot start as it is set up."""
    try:
        settings = read_settings(os.environ)
    except BadSettings as error:
        print("\n".join(error.problems), file=sys.stderr)
        return 2
    begin(settings.log_level)
    try:
        uvloop.run(run(settings))
    except (BadKeyFile, BadMasterKey, NexusError) as error:
        logging.getLogger("ingress.admin").error("admin plane stopped: %s", error)
        return 2 if isinstance(error, BadKeyFile | BadMasterKey) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
