"""A whole Nexus for end-to-end tests: `nexus up` as a process of its own, once a session. Imported by conftest only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from ops.stack.launch import WRAPPER

ROOT = Path(__file__).resolve().parents[1]
BOUND = 120.0  # seconds; generous, the machine may be busy
# the command line without its first step, which would make an environment: the one that runs the tests is there
COMMAND = (sys.executable, "-P", "-c", "import sys; from ops.cli.main import run; sys.exit(run(sys.argv[1:]))")

# a test run that is killed must not leave a whole Nexus behind
_WITH_US = (sys.executable, "-I", "-S", str(WRAPPER), str(int(signal.SIGTERM)))


@dataclass(frozen=True)
class Answer:
    """What an HTTP server answered; `body` is decoded JSON, None when it was none."""

    status: int
    body: Any
    headers: Mapping[str, str]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The test's own without settings of a Nexus, with the checkout in front of everything."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, **(extra or {})}


def command(*arguments: str, cwd: Path | None = None, extra: Mapping[str, str] | None = None) -> Any:
    """Runs one `nexus` command to its end: a CompletedProcess with texts."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(extra),
        timeout=BOUND,
        check=False,
    )


class RunningNexus:
    """One `nexus up` in the foreground of a process that we started, on ports that were free.

    Everything stays over a stop and a start: ports, keys, contents.
    """

    def __init__(self, data: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.arguments = arguments
        self.announced: dict[str, Any] = {}
        """The line that it printed when all of it served."""
        self.key = ""
        """The virtual key of the tenant `demo`, as the first start printed it."""
        self._extra = extra
        self._process: subprocess.Popen[str] | None = None

    # its life

    def start(self) -> dict[str, Any]:
        """Starts it and returns what it announces; AssertionError with its words when it does not serve."""
        self.spawn()
        line = self.read_line()
        assert line, f"nexus up ended with {self.process.wait(BOUND)}: {self.words()}"
        self.announced = json.loads(line)
        self.key = self.announced.get("virtual_key", self.key)
        return self.announced

    def spawn(self) -> None:
        """Starts it without waiting."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        ports = ("--gateway-port", "0", "--admin-port", "0")
        with self._words.open("w") as words:
            self._process = subprocess.Popen(
                [
                    *_WITH_US,
                    str(os.getpid()),
                    "-",
                    *COMMAND,
                    "up",
                    "--data",
                    str(self.data),
                    *ports,
                    "--output",
                    "json",
                    *self.arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                cwd=self.data.parent,
                env=environment(self._extra),
                start_new_session=True,
            )

    def read_line(self) -> str:
        """The next line of its output; empty when it ended."""
        # a process that hangs is killed, which ends its output
        bound = threading.Timer(BOUND, self.process.kill)
        bound.start()
        try:
            assert self.process.stdout is not None
            return self.process.stdout.readline()
        finally:
            bound.cancel()

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C, and its exit status; 0 when it does not run."""
        if self._process is None:
            return 0
        self._process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Waits for its end; the exit status."""
        status = self.process.wait(BOUND)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._process = None
        return status

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None, "it does not run"
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None

    def words(self) -> str:
        """What it said on stderr since its last start."""
        return self._words.read_text()

    @property
    def _words(self) -> Path:
        return self.data.with_name(f"{self.data.name}.stderr")

    # what it consists of

    @property
    def gateway(self) -> str:
        """URL, without a path."""
        return str(self.announced["gateway"])

    @property
    def admin_url(self) -> str:
        """URL, without a path."""
        return str(self.announced["admin"])

    @property
    def endpoints(self) -> dict[str, str]:
        """Every service's URL; `siem_file` is a path."""
        found: dict[str, str] = json.loads((self.data / "endpoints.json").read_text())
        return found

    @property
    def admin_key(self) -> str:
        return (self.data / "admin.key").read_text().strip()

    def command(self, *arguments: str) -> Any:
        """Runs a `nexus` command on this data directory."""
        return command(*arguments, "--data", str(self.data))

    def status(self) -> dict[str, Any]:
        """`nexus status --output json`; empty when nothing runs."""
        done = self.command("status", "--output", "json")
        return json.loads(done.stdout) if done.stdout else {}

    def processes(self) -> dict[str, dict[str, Any]]:
        """State, pid, restarts and memory of every process, by its name; empty when nothing runs."""
        return {row["name"]: row for row in self.status().get("processes", [])}

    def pids(self) -> dict[str, int]:
        """Pid of every process that is there, by its name."""
        return {name: row["pid"] for name, row in self.processes().items() if row["pid"] is not None}

    def kill(self, name: str) -> int:
        """kill -9 of one process; its pid."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def is_back(self, name: str, killed: int) -> bool:
        """Whether a process serves again under another pid."""
        row = self.processes().get(name)
        return row is not None and row["state"] == "ready" and row["pid"] != killed

    # talking to it

    def client(self, key: str = "", **options: Any) -> openai.OpenAI:
        """The unmodified client, with the demo key unless another is given; it does not retry."""
        given = {"max_retries": 0, "timeout": 30.0, **options}
        return openai.OpenAI(base_url=f"{self.gateway}/v1", api_key=key or self.key, **given)

    def admin(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request to a path below `/api/admin`, with the first admin key."""
        sent = {"Authorization": f"Bearer {self.admin_key}", **(headers or {})}
        return send(method, f"{self.admin_url}/api/admin{path}", body, sent)


def send(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    """One HTTP request with a JSON body; an error status is an answer like any other."""
    content = None if body is None else json.dumps(body).encode()
    given = {**({} if content is None else {"Content-Type": "application/json"}), **(headers or {})}
    request = urllib.request.Request(url, data=content, headers=given, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as found:
            return _answer(found.status, found.read(), found.headers.items())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.read(), error.headers.items())


def _answer(status: int, raw: bytes, headers: Sequence[tuple[str, str]]) -> Answer:
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    return Answer(status, body, {name.lower(): value for name, value in headers})


@pytest.fixture(scope="session")
def nexus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNexus]:
    """The running Nexus, the same for the whole session: tests make tenants and keys of their own."""
    running = RunningNexus(tmp_path_factory.mktemp("nexus") / "data")
    running.start()
    try:
        yield running
    finally:
        running.stop()
