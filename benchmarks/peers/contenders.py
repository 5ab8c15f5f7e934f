"""The peers: nginx, LiteLLM and Portkey, each started as its own documentation says. Measures nothing."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.peers import environments
from benchmarks.peers.children import Child, free_port

_NGINX = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_body_buffer_size 128k;
    {temporary}
    upstream provider {{
        server 127.0.0.1:{provider};
        keepalive 256;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""
_LITELLM = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_base: http://127.0.0.1:{provider}/v1
      api_key: sk-mock
"""
_LOOPBACK = """
// Portkey listens on all addresses and has no option against it: this makes it 127.0.0.1.
const { Server } = require('node:net');
const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  if (typeof port !== 'number') return listen.call(this, port, ...rest);
  return listen.call(this, port, '127.0.0.1', ...rest.filter((value) => typeof value === 'function'));
};
"""


class Contender(msgspec.Struct):
    """Something that serves chat completions, and how to ask it."""

    name: str
    url: str
    """Up to and including `/v1`."""
    processes: dict[str, int]
    """Process ids of the trees that belong to it, by name."""
    model: str = "gpt-4o"
    key: str = "sk-mock"
    headers: tuple[str, ...] = ()
    drain: Callable[[], None] = lambda: None
    """Returns when it has finished what it does after its answers."""


@contextmanager
def served(
    child: Child, port: int, name: str, key: str = "sk-mock", headers: tuple[str, ...] = ()
) -> Iterator[Contender]:
    """A contender of one process tree, until the block ends."""
    try:
        child.wait_for_port(port)
        yield Contender(name, f"http://127.0.0.1:{port}/v1", {child.name: child.pid}, key=key, headers=headers)
    finally:
        child.stop()


@contextmanager
def nginx(directory: Path, provider: int) -> Iterator[Contender]:
    """A bare reverse proxy with one worker: the limit of what a process in the way can reach.

    Raises:
        Skipped, CannotStart.
    """
    program = environments.nginx()
    port = free_port()
    config = directory / "nginx.conf"
    temporary = " ".join(
        f"{kind}_temp_path {directory}/nginx-{kind};" for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_NGINX.format(directory=directory, provider=provider, port=port, user=user, temporary=temporary))
    said = subprocess.run([program, "-v"], check=False, capture_output=True, text=True).stderr
    version = re.search(r"nginx/(\S+)", said)
    name = f"nginx {version[1]}" if version else "nginx"
    with served(Child("nginx", [program, "-e", "stderr", "-c", config], directory), port, name) as contender:
        yield contender


@contextmanager
def litellm(directory: Path, provider: int) -> Iterator[Contender]:
    """LiteLLM's proxy as it comes: one worker, no database, one master key, without which it does not start.

    Raises:
        Skipped, CannotStart.
    """
    python = environments.litellm()
    port = free_port()
    key = "sk-" + secrets.token_hex(32)
    config = directory / "litellm.yaml"
    config.write_text(_LITELLM.format(provider=provider))
    child = Child(
        "litellm",
        [python.parent / "litellm", "--config", config, "--host", "127.0.0.1", "--port", str(port)],
        directory,
        # without the first it fetches a list from the network when it starts
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": key},
    )
    with served(child, port, f"LiteLLM {environments.LITELLM}", key) as contender:
        yield contender


@contextmanager
def portkey(directory: Path, provider: int) -> Iterator[Contender]:
    """Portkey's gateway as it comes, without its web page.

    Raises:
        Skipped, CannotStart.
    """
    script = environments.portkey()
    port = free_port()
    shim = directory / "loopback.cjs"
    shim.write_text(_LOOPBACK)
    node = shutil.which("node") or "node"
    child = Child("portkey", [node, "--require", shim, script, f"--port={port}", "--headless"], directory)
    headers = ("x-portkey-provider: openai", f"x-portkey-custom-host: http://127.0.0.1:{provider}/v1")
    with served(child, port, f"Portkey {environments.PORTKEY}", headers=headers) as contender:
        yield contender


PEERS = {"nginx": nginx, "litellm": litellm, "portkey": portkey}
