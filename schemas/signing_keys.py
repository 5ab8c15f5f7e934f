"""How the key that signs checkpoints hands over to the next one, and which keys follow from one another. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

from schemas import subjects
from schemas.facts.ops import SigningKeyRotated

SUBJECT = subjects.ops("signing")
IsSigned = Callable[[bytes, bytes, bytes], bool]
"""(public key, signature, message)."""
Sign = Callable[[bytes], bytes]


class Line(msgspec.Struct, frozen=True):
    """Keys of one installation, the oldest first: each has signed that the next one follows."""

    keys: tuple[bytes, ...]
    strays: tuple[int, ...] = ()
    """Which of the handovers do not belong to it: their signatures are wrong, or they lead elsewhere."""

    def place(self, key: bytes) -> int:
        """Which key of the line this is; -1 when it is none."""
        return self.keys.index(key) if key in self.keys else -1


def statement(old: bytes, new: bytes, time_us: int) -> bytes:
    """What both keys sign: text, so that it can be checked with any tool."""
    return f"nexus signing key v1\n{old.hex()}\n{new.hex()}\n{time_us}\n".encode()


def handover(old: bytes, new: bytes, time_us: int, sign_old: Sign, sign_new: Sign) -> SigningKeyRotated:
    """The fact that one key says of the next.

    Args:
        old, new: public keys.
    """
    said = statement(old, new, time_us)
    return SigningKeyRotated(old, new, time_us, sign_old(said), sign_new(said))


def line_of(anchor: bytes, handovers: Sequence[SigningKeyRotated], is_signed: IsSigned) -> Line:
    """All keys that lead to a key, and those to which it leads.

    A key that has handed over twice is followed the first time only.

    Args:
        anchor: the public key that is trusted, or the one that there is.
        handovers: in the order of the log.
    """
    keys, used = [anchor], set[int]()
    signed = [is_whole(one, is_signed) for one in handovers]
    for at, one in reversed(list(enumerate(handovers))):
        if signed[at] and one.new == keys[0] and one.old not in keys:
            keys.insert(0, one.old)
            used.add(at)
    for at, one in enumerate(handovers):
        if signed[at] and one.old == keys[-1] and one.new not in keys:
            keys.append(one.new)
            used.add(at)
    pairs = {(handovers[at].old, handovers[at].new) for at in used}
    # the same said twice, by a command that was repeated, leads nowhere else
    strays = [at for at, one in enumerate(handovers) if not signed[at] or (one.old, one.new) not in pairs]
    return Line(tuple(keys), tuple(strays))


def leading(
    handovers: Sequence[SigningKeyRotated], known: bytes, key: bytes, is_signed: IsSigned
) -> list[SigningKeyRotated]:
    """What whoever has seen checkpoints signed with one key has to be told to trust those signed with another.

    Args:
        handovers: in the order of the log.
        known: the key that was seen last; empty for none, or one that is not of the line: then all are told.
        key: that signs now.
    """
    line = line_of(key, handovers, is_signed)
    keys = line.keys[max(line.place(known), 0) : line.place(key) + 1]
    pairs = dict.fromkeys(pairwise(keys))
    whole = [one for at, one in enumerate(handovers) if at not in line.strays and (one.old, one.new) in pairs]
    return list({(one.old, one.new): one for one in whole}.values())


def is_whole(one: SigningKeyRotated, is_signed: IsSigned) -> bool:
    """Whether both keys have signed a handover."""
    said = statement(one.old, one.new, one.time_us)
    return is_signed(one.old, one.signed_by_old, said) and is_signed(one.new, one.signed_by_new, said)
