"""Wire formats of providers as their documents show them, one directory a protocol, one file a feature. Append-only.

A file names its source and holds any of `request`, `answer`, `stream`, `error`, each with what goes `in` and what comes
`out`. Whoever adds one writes the `in` from the document; `python -m tests.golden.wire` adds the `out`, to be read with
care, and takes down the file's digest, after which neither may change.
"""
