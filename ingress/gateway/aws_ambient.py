"""The AWS credentials of the machine that Nexus runs on: AWS's standard order, its files and addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from ingress.providers import aws_chain, aws_federated
from ingress.providers.aws_chain import AwsFound
from ingress.providers.token import BadCredential, TokenRequest

Ask = Callable[[TokenRequest], Awaitable[bytes]]
SIGNED_IN = "~/.aws/sso/cache"


async def find(environment: Mapping[str, str], ask: Ask, now_s: float) -> AwsFound:
    """Environment, web identity, sign-in, shared file, container, instance: the first that there is.

    Args:
        environment: where AWS's own tools would look.
        ask: makes a request, and gives the body of its answer.
        now_s: seconds since 1970.

    Raises:
        BadCredential: there are none, or those that there are cannot be used.
        CallFailed: of `ask`.
    """
    found = aws_chain.from_environment(environment)
    if found is not None:
        return found
    profile = environment.get("AWS_PROFILE", "") or "default"
    config = await _read(environment.get("AWS_CONFIG_FILE", "") or "~/.aws/config")
    found = await _federated(environment, aws_federated.profile_of(config, profile), ask, now_s)
    if found is None:
        shared = await _read(environment.get("AWS_SHARED_CREDENTIALS_FILE", "") or "~/.aws/credentials")
        found = aws_chain.from_file(shared, profile)
    if found is not None:
        return found
    authorization = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    if token_file := environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", ""):
        authorization = await _read(token_file)
    request = aws_chain.container_request(environment, authorization)
    if request is not None:
        return aws_chain.read_served(await ask(request))
    if environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise BadCredential("this machine has no AWS credentials")
    base = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "").rstrip("/") or aws_chain.IMDS
    token = (await ask(aws_chain.instance_token_request(base))).decode("ascii", "replace")
    role = (await ask(aws_chain.instance_request(base, token))).decode("ascii", "replace").split("\n")[0]
    return aws_chain.read_served(await ask(aws_chain.instance_request(base, token, role.strip())))


async def _federated(
    environment: Mapping[str, str], profile: Mapping[str, str], ask: Ask, now_s: float
) -> AwsFound | None:
    """What is given for a token; None where neither the environment nor the profile speaks of one."""
    role = aws_federated.web_identity(environment, profile)
    if role is not None:
        # the file is written anew long before its token ends, so it is read each time
        request = aws_federated.web_identity_request(role, await _read(role.token_file), environment)
        return aws_federated.read_assumed(await ask(request))
    person = aws_federated.sign_in(profile)
    if person is None:
        return None
    cached = await _read(f"{SIGNED_IN}/{person.cached}")
    return aws_federated.read_signed_in(await ask(aws_federated.sign_in_request(person, cached, now_s, environment)))


async def _read(path: str) -> str:
    return await asyncio.to_thread(_text_of, path)


def _text_of(path: str) -> str:
    try:
        return Path(path).expanduser().read_text()
    except (OSError, RuntimeError, UnicodeDecodeError):
        return ""
