"""From what callers call a data subject to the pseudonym under which it stands on the log. Pure but for the vault."""

from __future__ import annotations

import re
from typing import Protocol

from schemas.aggregates.hold import PSEUDONYM
from schemas.errors import InvalidRequest

MAX_SUBJECT = 4_096
MAX_REASON = 500
"""Characters."""


class Naming(Protocol):
    """What is needed of the vault."""

    def pseudonym(self, tenant: str, user: str) -> str: ...


def subject_of(vault: Naming, tenant: str, given: str) -> str:
    """The pseudonym that is given, or that of the user who is.

    Raises:
        InvalidRequest: it is empty or too long.
    """
    if not given or len(given) > MAX_SUBJECT:
        raise InvalidRequest(f"subject must have 1 to {MAX_SUBJECT} characters", param="subject")
    return given if PSEUDONYM.match(given) else vault.pseudonym(tenant, given)


def check_reason(vault: Naming, tenant: str, reason: str, subject: str) -> None:
    """Raises InvalidRequest for a reason that cannot stand on the log for ever, such as one with the subject in it.

    Args:
        subject: as it was given; of a pseudonym, every few words of the reason are tried.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        raise InvalidRequest(f"reason must have 1 to {MAX_REASON} characters", param="reason")
    if PSEUDONYM.match(subject):
        named = any(vault.pseudonym(tenant, words) == subject for words in _names_in(reason))
    else:
        named = re.search(rf"(?<!\w){re.escape(subject)}(?!\w)", reason, re.IGNORECASE) is not None
    if named:
        raise InvalidRequest("reason must not name the subject: it is kept for ever", param="reason")


def _names_in(reason: str) -> set[str]:
    """Whatever in a reason may be a name: up to three words in a row, also without their marks and case."""
    words = reason.split()
    found = {" ".join(words[at : at + count]) for count in (1, 2, 3) for at in range(len(words))}
    found |= {name.strip("\"'`.,:;!?()[]<>") for name in found}
    return found | {name.lower() for name in found}
