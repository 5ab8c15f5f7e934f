"""`python -m ingress.gateway`: one data plane process, configured by `NEXUS_*`."""

from __future__ import annotations

import logging
import os
import sys

import uvloop

from ingress.gateway.app import run
from projections.process import begin
from projections.vault.errors import BadMasterKey
from schemas.settings import BadSettings, read_settings


def main() -> int:
    try:
        settings = read_settings(os.environ)
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    begin(settings.log_level)
    try:
        uvloop.run(run(settings))
    except BadMasterKey as error:
        logging.getLogger("ingress.gateway").error("gateway stopped: %s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
