"""`nexus schemas export`: writes the generated documents, with the words that stand beside fields in the source."""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemas
from ops.cli.exits import CommandFailed
from ops.cli.main import version
from ops.cli.output import Output
from schemas.export import asyncapi, event_schema, fact_schemas


def export(args: argparse.Namespace) -> int:
    """Write `<fact>.json` for every fact, `event.json` and `asyncapi.json` into the directory."""
    files = documents(version())
    try:
        for name, document in files.items():
            path = args.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    except OSError as problem:
        raise CommandFailed(f"cannot write to {args.directory}: {problem.strerror}; name another directory") from None
    Output(args.output).result(
        {"directory": str(args.directory), "files": sorted(files)},
        f"{len(files)} documents written to {args.directory}",
    )
    return 0


def documents(of_version: str) -> dict[str, dict[str, Any]]:
    """Every generated document by its file name."""
    words = dict(documentation(Path(schemas.__file__).parent))
    facts = {f"{name}.json": schema for name, schema in fact_schemas(words).items()}
    return {**facts, "event.json": event_schema(), "asyncapi.json": asyncapi(of_version, words)}


def documentation(package: Path) -> Iterator[tuple[str, str]]:
    """(`module.Struct.field`, words) of every field below a package's folder that has a docstring of its own."""
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for struct in ast.walk(ast.parse(path.read_text())):
            if isinstance(struct, ast.ClassDef):
                for field, text in _fields(struct):
                    yield f"{module}.{struct.name}.{field}", text


def _fields(struct: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """A string right after an annotated name is about that name."""
    for before, after in zip(struct.body, struct.body[1:], strict=False):
        if not (isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            yield before.target.id, " ".join(after.value.value.split())
