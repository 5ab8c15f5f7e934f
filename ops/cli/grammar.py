"""How commands and groups of them are added to the command line, and what many of them take. Imports nothing else."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Group: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Grammar:
    """The commands of a parser. Each takes the options of `everywhere` too."""

    def __init__(self, parser: argparse.ArgumentParser, everywhere: argparse.ArgumentParser) -> None:
        self.commands: Group = parser.add_subparsers(metavar="COMMAND")
        self._everywhere = everywhere

    def command(self, name: str, text: str, within: Group | None = None) -> argparse.ArgumentParser:
        """A command; `name` is the whole of it, with that of the group it is within."""
        made = (within or self.commands).add_parser(
            name.rpartition(" ")[2], help=text, description=text, parents=[self._everywhere], allow_abbrev=False
        )
        made.set_defaults(command=name)
        return made

    def group(self, name: str, text: str) -> Group:
        made = self.commands.add_parser(name, help=text, description=text)
        return made.add_subparsers(metavar="COMMAND", required=True)


def tenant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tenant", help="id of the tenant (not needed when there is only one)")


def count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
