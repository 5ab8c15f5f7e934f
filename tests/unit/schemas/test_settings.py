"""Settings: read once, every problem at once, nothing secret told."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.settings import NOT_SETTINGS, BadSettings, Settings, environment_of, read_settings

URL = {"NEXUS_NATS_URL": "nats://127.0.0.1:4222"}


def test_the_rest_has_defaults() -> None:
    settings = read_settings(URL)
    assert settings == Settings(nats_url="nats://127.0.0.1:4222")
    assert settings.data == Path(".nexus")


def test_texts_become_the_types_of_their_fields() -> None:
    settings = read_settings({**URL, "NEXUS_GATEWAY_PORT": "0", "NEXUS_CONFIG_STALE_S": "2.5", "NEXUS_WRITER": "g-1"})
    assert (settings.gateway_port, settings.config_stale_s, settings.writer) == (0, 2.5, "g-1")


def test_all_problems_are_told_together() -> None:
    with pytest.raises(BadSettings) as caught:
        read_settings(
            {"NEXUS_GATEWAY_PROT": "1", "NEXUS_ADMIN_PORT": "many", "NEXUS_PARTITIONS": "0", "NEXUS_REPLICAS": "1.5"}
        )
    assert sorted(caught.value.problems) == [
        "NEXUS_ADMIN_PORT must be int",
        "NEXUS_GATEWAY_PROT is not a setting",
        "NEXUS_NATS_URL is missing",
        "NEXUS_PARTITIONS must be from 1 to 1024",
        "NEXUS_REPLICAS must be int",
    ]


def test_values_are_not_quoted() -> None:
    with pytest.raises(BadSettings) as caught:
        read_settings({**URL, "NEXUS_MASTER_KEYS": "c0ffee", "NEXUS_QUEUE_BYTES": "c0ffee"})
    assert "c0ffee" not in str(caught.value)


def test_other_programs_variables_are_none_of_ours() -> None:
    assert read_settings({**URL, "PATH": "/bin", **dict.fromkeys(NOT_SETTINGS, "x")}) == read_settings(URL)


@pytest.mark.parametrize("partitions", ["0", "-1", "1025"])
def test_partitions_have_a_range(partitions: str) -> None:
    with pytest.raises(BadSettings):
        read_settings({**URL, "NEXUS_PARTITIONS": partitions})


@pytest.mark.parametrize("seconds", ["0", "-1", "0.9", "nan"])
def test_checkpoints_have_a_second_between_them(seconds: str) -> None:
    with pytest.raises(BadSettings, match="CHECKPOINT_S must be 1 or more"):
        read_settings({**URL, "NEXUS_CHECKPOINT_S": seconds})


def test_the_environment_of_settings_gives_them_back() -> None:
    settings = Settings(nats_url="nats://h:1", writer="g", partitions=7, body_timeout_s=1.5, valkey_url="valkey://h")
    assert read_settings(environment_of(settings)) == settings


def test_a_printed_form_holds_no_secret() -> None:
    settings = Settings(nats_url="nats://u:pass1@h", postgres_url="postgres://u:pass2@h", master_key="ab" * 32)
    for text in (repr(settings), str(settings), f"{settings}"):
        assert "pass" not in text
        assert "abab" not in text
        assert "gateway_port=3050" in text
