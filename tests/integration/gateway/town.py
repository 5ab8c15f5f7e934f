"""A gateway process, a mock provider process and the tools to configure and question them, for tests beside this."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import openai

from projections.log.connection import LogConnection
from projections.log.reader import StreamReader
from projections.log.store import ConfigStore
from projections.log.topology import apply
from projections.vault import Vault, open_vault
from schemas.aggregates.budget import Budget
from schemas.aggregates.catalogue import BY_NAME
from schemas.aggregates.credential import Credential
from schemas.aggregates.decider import Put, Remove
from schemas.aggregates.model import Model, Prices
from schemas.aggregates.policy import Policy
from schemas.aggregates.provider import Provider
from schemas.aggregates.route import Route
from schemas.aggregates.tenant import Tenant
from schemas.aggregates.virtual_key import VirtualKey
from schemas.codec import decode_segment, open_fact
from schemas.envelope import Fact
from schemas.ids import Ids, SystemClock
from schemas.settings import Settings, environment_of
from schemas.topology import EMBEDDED
from tests.waiting import until_sync

ROOT = Path(__file__).resolve().parents[3]
START_S = 120.0
"""Bound for a gateway's start: the first one may compile the rules, beside everything else that the machine does."""
MASTER_KEY = "07" * 32
PRICES = Prices(input=2_500_000, output=10_000_000)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class House(msgspec.Struct):
    """One tenant of the town and a key of it."""

    tenant: str
    key: str
    key_id: str


class Town:
    """Processes over a running log and budget store. Every test builds a house (tenant) of its own."""

    def __init__(self, endpoints: dict[str, str], directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = free_port()
        self.settings = Settings(
            data_dir=str(directory),
            nats_url=endpoints["nats"],
            valkey_url=endpoints["valkey"],
            gateway_port=self.port,
            writer=f"gateway-{secrets.token_hex(3)}",
            # other towns may stand on the same log, whose keys are sealed under one master key
            master_key=MASTER_KEY,
        )
        self.ledger = directory / "mock-ledger.ndjson"
        asyncio.run(self._with_log(lambda log: apply(log, EMBEDDED, replicas=1, partitions=1)))
        self.vault: Vault = asyncio.run(self._with_log(lambda log: open_vault(self.settings, log)))
        self._mock = self._start_mock()
        self._gateway: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            # nobody else would end them: the fixture never got a town to close
            self.close()
            raise

    # processes

    def _start_mock(self) -> subprocess.Popen[bytes]:
        port_file = self.directory / "mock.port"
        with (self.directory / "mock.log").open("ab") as log:
            mock = subprocess.Popen(
                [sys.executable, "-m", "ops.mock", "--port", "0", "--port-file", port_file, "--ledger", self.ledger],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        until_sync(port_file.exists, "the mock provider serves")
        self.mock_url = f"http://127.0.0.1:{int(port_file.read_text())}/v1"
        return mock

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}
        with (self.directory / "gateway.log").open("ab") as log:
            self._gateway = subprocess.Popen(
                [sys.executable, "-m", "ingress.gateway"],
                cwd=ROOT,
                env={**environment, **environment_of(self.settings)},
                stdout=log,
                stderr=log,
            )
        until_sync(lambda: self.get("/ready")[0] == 200, "the gateway is ready", START_S)

    def kill(self) -> None:
        assert self._gateway is not None
        self._gateway.kill()
        self._gateway.wait(10)

    def stop(self) -> int:
        assert self._gateway is not None
        self._gateway.terminate()
        return self._gateway.wait(40)

    def close(self) -> None:
        self.stop()
        self._mock.terminate()
        self._mock.wait(10)

    # HTTP

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        return self.send("GET", path, None, headers or {})[:2]

    def send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, Any, dict[str, str]]:
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read()), {k.lower(): v for k, v in answer.headers.items()}
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read()), {k.lower(): v for k, v in error.headers.items()}
        except OSError:
            return 0, None, {}

    def client(self, house: House, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.url + "/v1", api_key=house.key, **{"max_retries": 0, **options})

    # configuration

    def house(
        self,
        *,
        models: tuple[str, ...] = ("gpt-4o", "gpt-4o-mini"),
        route: dict[str, Any] | None = None,
        key: dict[str, Any] | None = None,
        policy: dict[str, Any] | None = None,
        budget: dict[str, Any] | None = None,
        accounts: tuple[str, ...] = ("mock",),
        provider: dict[str, Any] | None = None,
        urls: dict[str, str] | None = None,
    ) -> House:
        """A tenant with accounts on the mock provider, models, one route, and a key; waits until it is in force."""
        tenant = f"t{secrets.token_hex(4)}"
        text = "nvk_" + secrets.token_hex(32)
        house = House(tenant, text, "k1")
        specs: list[tuple[str, str, Any]] = [("tenant", tenant, Tenant(id=tenant))]
        for account in accounts:
            sealed = self.vault.seal_secret("credential", tenant, account, "sk-provider-secret")
            specs.append(("credential", account, Credential(id=account, tenant=tenant, sealed=sealed)))
            url = (urls or {}).get(account, self.mock_url)
            specs.append(
                (
                    "provider",
                    account,
                    Provider(
                        **{"id": account, "tenant": tenant, "base_url": url, "credential": account, **(provider or {})}
                    ),
                )
            )
            for name in models:
                model = Model(id=f"{account}/{name}", tenant=tenant, prices=PRICES)
                specs.append(("model", model.id, model))
        if policy is not None:
            specs.append(("policy", "default", Policy(id="default", tenant=tenant, **policy)))
        specs.append(("route", "default", Route(**{"id": "default", "tenant": tenant, **(route or {})})))
        if budget is not None:
            specs.append(("budget", "b1", Budget(id="b1", tenant=tenant, **budget)))
        specs.append(
            (
                "virtual-key",
                "k1",
                VirtualKey(id="k1", tenant=tenant, hash=self.vault.hash_key(text), prefix=text[:12], **(key or {})),
            )
        )
        self.put(tenant, *specs)
        until_sync(lambda: self.get("/v1/models", {"authorization": f"Bearer {text}"})[0] == 200, "the key is in force")
        return house

    def put(self, tenant: str, *specs: tuple[str, str, Any]) -> None:
        async def work(log: LogConnection) -> None:
            store = ConfigStore(log, SystemClock(), Ids(SystemClock()), writer=f"test-{secrets.token_hex(3)}")
            for aggregate, identifier, spec in specs:
                command = Remove("test") if spec is None else Put(spec)
                await store.handle(
                    BY_NAME[aggregate], tenant, identifier, command, actor="admin:test", correlation="test"
                )

        asyncio.run(self._with_log(work))

    # the log

    def facts(self, request_id: str) -> list[tuple[Fact, Any]]:
        """Every fact of TRAFFIC about one request, in order."""

        async def work(log: LogConnection) -> list[tuple[Fact, Any]]:
            found = []
            async for batch in StreamReader(log, "TRAFFIC").batches(follow=False):
                for message in batch:
                    for fact in decode_segment(message.payload).facts:
                        if fact.correlation == request_id:
                            found.append((fact, open_fact(fact)))
            return found

        found: list[tuple[Fact, Any]] = asyncio.run(self._with_log(work))
        return found

    def closed(self, request_id: str) -> list[tuple[Fact, Any]]:
        """The facts of a request once its terminal fact is there."""
        found: list[tuple[Fact, Any]] = []

        def there() -> bool:
            found[:] = self.facts(request_id)
            return any(hasattr(data, "latency_us") for _, data in found)

        until_sync(there, "the terminal fact")
        return found

    async def _with_log(self, work: Any) -> Any:
        connection = await LogConnection.open(self.settings.nats_url, "test")
        try:
            return await work(connection)
        finally:
            await connection.close()
