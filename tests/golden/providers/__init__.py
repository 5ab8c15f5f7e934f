"""What each kind of provider that speaks OpenAI's chat gets of one request that says much: one file a kind.

A new kind is one entry in `schemas/wires.py` and one file here: write its `source` and `in` (from any other file), let
`python -m tests.golden.providers` add the `out`, and read it against the provider's document.
"""
