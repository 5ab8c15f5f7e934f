"""A segment that stands on the log twice is paid for once, whoever put it there, however late, whenever we began."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from processors.quota.ledger import KEEP_DAYS, Ledger
from processors.quota.worker import QuotaWorker
from projections.log.reader import Message
from schemas.ids import Ids, SystemClock
from tests.unit.processors.quota.traffic_made import NOON, MemoryLedger, completed, segment

DAY_US = 86_400_000_000
TENANTS = ("acme", "beta")
CLOCK = SystemClock()


class Days(SystemClock):
    """A clock that is days on."""

    def __init__(self, days: int) -> None:
        self.days = days

    def now_us(self) -> int:
        return NOON + self.days * DAY_US


def worker(log: MemoryLedger, ledger: Ledger | None = None, days: int = 0) -> QuotaWorker:
    return QuotaWorker(log, ledger or Ledger(), Days(days), Ids(CLOCK), boot="b")


def copy_of(message: Message, sequence: int) -> Message:
    return Message("TRAFFIC", sequence, message.subject, message.payload, NOON + 400 * DAY_US, "another id")


def paid(log: MemoryLedger) -> Counter[str]:
    sums: Counter[str] = Counter()
    for tenant, recorded in log.recorded():
        sums[tenant] += sum(line.cost_micros for line in recorded.lines)
    return sums


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Message], Counter[str]]:
    """Chains of some writers side by side, with copies of any of their segments anywhere behind them."""
    numbers: Counter[tuple[str, str]] = Counter()
    messages: list[Message] = []
    owed: Counter[str] = Counter()
    for place in range(1, draw(st.integers(1, 14)) + 1):
        if messages and draw(st.booleans()):
            messages.append(copy_of(draw(st.sampled_from(messages)), place))
            continue
        writer, boot = draw(st.sampled_from([("g", "1"), ("g", "2"), ("h", "1")]))
        # numbers in between are of segments without anything that costs
        numbers[writer, boot] += draw(st.integers(1, 3))
        ended = [(tenant, completed(10**number)) for number, tenant in enumerate(TENANTS) if draw(st.booleans())]
        ended *= draw(st.integers(1, 2))
        messages.append(segment(place, ended, writer=writer, boot=boot, number=numbers[writer, boot]))
        owed.update({tenant: 0 for tenant, _ in ended})
        for tenant, data in ended:
            owed[tenant] += data.cost_micros
    return messages, owed


@given(streams(), st.lists(st.integers(0, 14), max_size=3), st.booleans())
async def test_copies_cost_nothing_whoever_meets_them(
    made: tuple[list[Message], Counter[str]], cuts: list[int], fresh: bool
) -> None:
    messages, owed = made
    log = MemoryLedger()
    quota = worker(log)
    begin = 0
    for cut in [*sorted(cuts), len(messages)]:
        if fresh:
            # all that this one knows is what the ledger says, and its clock is weeks on
            quota = worker(log, days=begin * 30)
            await quota.refresh()
        await quota.handle(messages[min(begin, cut) : cut])
        # and shown again
        await quota.handle(messages[:cut])
        begin = cut
    assert +paid(log) == +owed
    assert quota.position() == len(messages)


@given(streams(), streams(), st.booleans())
async def test_a_chain_that_was_let_go_of_is_looked_up_in_the_ledger(
    one: tuple[list[Message], Counter[str]], other: tuple[list[Message], Counter[str]], again: bool
) -> None:
    messages, owed = one
    log, ledger = MemoryLedger(), Ledger()
    await worker(log, ledger).handle(messages)
    ledger.forget("2027-03-01")
    assert all(not tenant.heights for tenant in ledger.tenants.values())
    copies = [copy_of(message, len(messages) + place) for place, message in enumerate(messages, 1)]
    quota = worker(log, ledger, days=100)
    await quota.handle(copies)
    assert +paid(log) == +owed
    if again:
        asked = len(log.asked)
        await quota.handle([copy_of(message, 2 * len(messages) + n) for n, message in enumerate(messages, 1)])
        assert (paid(log) + Counter(), len(log.asked)) == (owed + Counter(), asked), "what was looked up is known"


async def test_a_chain_of_long_ago_that_says_something_new_is_paid() -> None:
    log, ledger = MemoryLedger(), Ledger()
    first = segment(1, [("acme", completed(1))], boot="5", number=7)
    await worker(log, ledger).handle([first])
    ledger.forget("2027-03-01")
    later = [
        segment(2, [("acme", completed(10))], boot="5", number=8),
        copy_of(first, 3),
        segment(4, [("acme", completed(100))], boot="4", number=1),
        segment(5, [("acme", completed(1000))], boot="6", number=1),
    ]
    await worker(log, ledger, days=100).handle(later)
    assert paid(log) == {"acme": 1111}
    assert log.asked == ["acme", "acme"], "nothing is looked up of a boot that is newer than all that was let go of"


async def test_what_is_kept_of_a_writer_does_not_grow_with_what_it_says() -> None:
    log, ledger = MemoryLedger(), Ledger()
    quota = worker(log, ledger)
    for number in range(1, 60):
        await quota.handle([segment(number, [("acme", completed(1))])])
    acme = ledger.tenant("acme")
    assert (len(acme.heights), len(acme.sums), len(acme.seen)) == (1, 4 * 3, 0)
    ledger.forget("2026-11-25")
    assert (len(acme.heights), len(acme.sums)) == (1, 4 * 2), "the day is over, the month is not"
    assert KEEP_DAYS > 28
    ledger.forget("2027-03-01")
    assert (len(acme.heights), len(acme.sums)) == (0, 4)
