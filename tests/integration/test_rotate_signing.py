"""`nexus keys rotate-signing` on a real log: checkpoints go on under the new key, and both keys still prove all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.cli import rotate_signing
from processors.checkpoint.worker import Checkpointer
from processors.siem.lines import lines_of
from projections.log.checkpoints import read_checkpoints, read_handovers
from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.vault.signing import FILE, NEXT_FILE, PUBLIC_FILE, Signer, public_key_in
from schemas import codec
from schemas.facts.ops import SigningKeyAnnounced, SigningKeyRotated
from schemas.ocsf.checkpoint import announced_in, handover_of
from schemas.ocsf.lines import line_of
from schemas.settings import Settings
from schemas.signing_keys import SUBJECT, handover
from tests.integration.log_fixture import CLOCK, IDS, connection
from tests.integration.nats_fixture import nats_server
from tests.integration.test_checkpoint import read_all, settings, wrote
from tests.integration.test_cli_log import nexus
from tests.integration.test_evidence import exported, requests

__all__ = ["connection", "nats_server", "settings"]


async def worker(connection: LogConnection, settings: Settings) -> Checkpointer:
    own = Checkpointer(connection, Signer.open(settings.data), CLOCK, IDS, renewed=lambda: Signer.open(settings.data))
    await own.begin()
    return own


async def rotated(settings: Settings) -> dict[str, Any]:
    code, out, err = await nexus("keys", "rotate-signing", "--data", settings.data_dir, "--output", "json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


async def verified(settings: Settings) -> tuple[int, dict[str, Any]]:
    code, out, err = await nexus("verify", "--data", settings.data_dir, "--output", "json")
    assert out, err
    return code, json.loads(out)


async def test_a_running_worker_goes_on_with_the_new_key_and_both_prove_all_of_it(
    connection: LogConnection, settings: Settings, tmp_path: Path
) -> None:
    own = await worker(connection, settings)
    early = (await requests(connection))[0]
    await read_all(connection, own)
    first = await own.write()
    old_file = tmp_path / "old.pub"
    old_file.write_text((settings.data / PUBLIC_FILE).read_text())
    told = await rotated(settings)
    assert (told["old"], told["resumed"]) == (first.public_key.hex(), False)
    late = (await requests(connection, boot="b2"))[0]
    await read_all(connection, own)
    second = await own.write()
    assert second.public_key.hex() == told["new"] == (settings.data / PUBLIC_FILE).read_text().strip()
    assert not (settings.data / NEXT_FILE).exists()
    code, found = await verified(settings)
    assert (code, found["checkpoints"]["valid"]) == (0, 2)
    for request in (early, late):
        proof = await exported(settings, request)
        for key in (old_file, settings.data / PUBLIC_FILE):
            code, out, _ = await nexus("evidence", "verify", str(proof), "--public-key", str(key), "--output", "json")
            assert (code, json.loads(out)["ok"]) == (0, True), out
        alone = json.loads(proof.read_text())
        alone["handovers"] = []
        proof.write_text(json.dumps(alone))
        wrong = settings.data / PUBLIC_FILE if request == early else old_file
        code, out, _ = await nexus("evidence", "verify", str(proof), "--public-key", str(wrong), "--output", "json")
        assert code == 1 and "another key" in json.loads(out)["flaws"][0]


async def test_whoever_reads_traffic_is_told_before_the_first_checkpoint_of_the_new_key(
    connection: LogConnection, settings: Settings, tmp_path: Path
) -> None:
    own = await worker(connection, settings)
    await wrote(connection, "b1", 1)
    await read_all(connection, own)
    made = [await own.write()]
    handovers = []
    for again in range(2):
        handovers.append(await rotated(settings))
        # the second time by a worker that was started meanwhile
        own = await worker(connection, settings) if again else own
        made += [await own.write(), await own.write()]
    messages = [one async for batch in StreamReader(connection, "TRAFFIC").batches(follow=False) for one in batch]
    file = tmp_path / "kept.ndjson"
    file.write_bytes(b"".join(line.data for message in messages for line in lines_of(message, "a")))
    told = [announced_in(line) for line in file.read_bytes().splitlines(True)]
    shown = [said.new.hex() if isinstance(said, SigningKeyRotated) else said.number for said in told if said]
    assert shown == [1, handovers[0]["new"], 2, 3, handovers[1]["new"], 4, 5]

    verify = ("verify", "--data", settings.data_dir, "--stream", "OPS", "--siem-file", str(file))
    code, out, err = await nexus(*verify)
    assert (code, "5 checkpoints, and 2 handovers between signing keys held against" in err) == (0, True), out
    # whoever wants a key of his own to follow has to sign with the one before
    stranger = Signer(bytes(range(32))).public_key.hex()
    file.write_bytes(file.read_bytes().replace(handovers[1]["new"].encode(), stranger.encode()))
    code, out, _ = await nexus(*verify)
    assert (code, f"a handover to {stranger}: its signatures are not right" in out) == (1, True)
    # and one that the log does not know was taken off it
    old, new = Signer.open(settings.data), Signer(bytes(range(32)))
    said = handover(old.public_key, new.public_key, 7, old.sign, new.sign)
    fact = codec.fact(SigningKeyAnnounced(said), id="x", time=1, tenant="system", actor="w", correlation="c")
    file.write_bytes(file.read_bytes().splitlines(True)[0] + line_of(handover_of(fact, 1, 0)))
    code, out, _ = await nexus(*verify)
    assert (code, f"to {stranger} is not on the log" in out) == (1, True)


async def test_cut_off_after_it_was_announced_the_command_goes_on(
    connection: LogConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = await worker(connection, settings)
    await wrote(connection, "b1", 1)
    await read_all(connection, own)
    before = (await own.write()).public_key

    def killed(directory: Path) -> Signer:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(rotate_signing, "put_following", killed)
        code, _, err = await nexus("keys", "rotate-signing", "--data", settings.data_dir)
    assert code == 1 and "No space left" in err
    # announced, not yet in use: the worker signs as before
    assert (await own.write()).public_key == before
    told = await rotated(settings)
    assert (told["old"], told["resumed"]) == (before.hex(), True)
    assert len(await read_handovers(connection)) == 1
    assert (await own.write()).public_key.hex() == told["new"]
    code, found = await verified(settings)
    assert (code, found["checkpoints"]["valid"]) == (0, 3)


async def test_the_old_key_signs_nothing_more_and_names_nobody_else(
    connection: LogConnection, settings: Settings, tmp_path: Path
) -> None:
    own = await worker(connection, settings)
    old = Signer.open(settings.data)
    await own.write()
    await rotated(settings)
    await own.write()
    thief = Checkpointer(connection, old, CLOCK, IDS)
    await thief.begin()
    await thief.write()
    series = await read_checkpoints(connection, public_key_in(settings.data))
    # on OPS itself, and by what TRAFFIC says of it
    assert ["a key that had been replaced" in flaw.detail for flaw in series.flaws] == [True, False]
    stranger = Signer(bytes(32))
    said = handover(old.public_key, stranger.public_key, 7, old.sign, stranger.sign)
    await rotate_signing.tell(connection, said, SUBJECT.rpartition(".")[2], actor="thief", correlation="x")
    series = await read_checkpoints(connection, public_key_in(settings.data))
    assert [flaw.detail for flaw in series.flaws if stranger.public_key.hex() in flaw.detail] != []
    code, found = await verified(settings)
    assert (code, found["ok"]) == (1, False)


async def test_a_key_that_signs_elsewhere_is_left_alone(connection: LogConnection, settings: Settings) -> None:
    await (await worker(connection, settings)).write()
    (settings.data / FILE).write_text(bytes(range(32)).hex() + "\n")
    code, _, err = await nexus("keys", "rotate-signing", "--data", settings.data_dir)
    assert code == 1 and "is not the key that signs this log's checkpoints" in err
    assert await read_handovers(connection) == []
