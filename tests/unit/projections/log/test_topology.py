"""Plans: what the server has against what is declared. No server."""

from __future__ import annotations

from projections.log.topology import Objects, durable_name, plan, wanted
from schemas.topology import EMBEDDED, Bucket, Consumer, ObjectStore, Stream, Topology

ONE = Topology(
    (Stream("CONFIG", ("config.>",)), Stream("DEAD", ("dead.*",), deny_delete=False, deny_purge=False)),
    (Consumer("c", "CONFIG"),),
    (Bucket("vault", ttl_s=60),),
    (ObjectStore("bodies"),),
)


def test_everything_is_made_on_an_empty_server_streams_first() -> None:
    actions = plan(Objects({}, {}), wanted(ONE, replicas=3, partitions=1))
    assert [str(action) for action in actions] == [
        "create stream CONFIG",
        "create stream DEAD",
        "create stream KV_vault",
        "create stream OBJ_bodies",
        "create consumer CONFIG/c",
    ]
    assert {action.config["num_replicas"] for action in actions[:4]} == {3}


def test_nothing_is_done_when_all_is_in_place() -> None:
    have = wanted(ONE, replicas=1, partitions=1)
    # the server adds fields of its own and leaves out what is zero
    for config in (*have.streams.values(), *have.consumers.values()):
        config["max_consumers"] = -1
        for name in [name for name, value in config.items() if value in (0, False, "")]:
            del config[name]
    assert plan(have, wanted(ONE, replicas=1, partitions=1)) == []


def test_what_differs_is_changed_and_the_rest_is_kept() -> None:
    have = wanted(ONE, replicas=1, partitions=1)
    have.streams["CONFIG"]["placement"] = {"tags": ["eu"]}
    have.consumers["CONFIG", "c"]["ack_wait"] = 1
    actions = plan(have, wanted(ONE, replicas=3, partitions=1))
    assert str(actions[0]) == "update stream CONFIG (num_replicas)"
    assert actions[0].config["placement"] == {"tags": ["eu"]} and actions[0].config["num_replicas"] == 3
    assert str(actions[-1]) == "update consumer CONFIG/c (ack_wait)"


def test_the_record_cannot_be_deleted_from_and_keys_can_be_purged() -> None:
    streams = wanted(EMBEDDED, replicas=1, partitions=1).streams
    assert streams["TRAFFIC"]["deny_delete"] and streams["TRAFFIC"]["deny_purge"]
    assert streams["TRAFFIC"]["discard"] == "new" and streams["TRAFFIC"]["storage"] == "file"
    assert not streams["DEAD"]["deny_delete"]
    # erasing a data subject needs its keys overwritten by their numbers: a newer entry must not drop one before that
    vault = streams["KV_vault"]
    assert vault["allow_rollup_hdrs"] and not vault["deny_delete"] and vault["max_msgs_per_subject"] == 2
    assert "deny_purge" not in vault


def test_a_window_is_not_longer_than_the_life_of_a_value() -> None:
    assert wanted(ONE, replicas=1, partitions=1).streams["KV_vault"]["duplicate_window"] == 60_000_000_000


def test_durables_follow_partitions() -> None:
    consumer = Consumer("audit", "TRAFFIC")
    assert durable_name(consumer, 0, 1) == "audit" and durable_name(consumer, 3, 8) == "audit-3"
    consumers = wanted(EMBEDDED, replicas=1, partitions=2).consumers
    assert consumers["TRAFFIC", "audit-1"]["filter_subject"] == "traffic.1"
    assert consumers["DECISIONS", "audit-findings"]["filter_subject"] == ""


def test_a_denial_that_is_there_stays_for_the_server_never_lifts_one() -> None:
    vault = Topology((), (), (Bucket("vault", deny_delete=False),), ())
    have = wanted(vault, replicas=1, partitions=1)
    assert have.streams["KV_vault"]["deny_delete"] is False
    have.streams["KV_vault"]["deny_delete"] = True
    assert plan(have, wanted(vault, replicas=1, partitions=1)) == []
    (action,) = plan(have, wanted(vault, replicas=3, partitions=1))
    assert (action.fields, action.config["deny_delete"]) == (("num_replicas",), True)
    # the other way it is a change as any
    have.streams["KV_vault"]["deny_delete"] = False
    (action,) = plan(have, wanted(Topology((), (), (Bucket("vault"),), ()), replicas=1, partitions=1))
    assert action.fields == ("deny_delete",)
