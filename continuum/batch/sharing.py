"""What all workers share: the provider's limits, and the money of a batch.

A limit is one row, and a reservation of many waiting requests is one statement on it (GCRA, ITU-T I.371, with the
database's clock): the row holds the moment at which all that was let out would have flowed in. A request that does not
fit is told how long it will take and asks again then, so that nothing is lost when its worker dies meanwhile. What was
reserved and not used is given back after the round. At a 429 the moment is pushed forward, and all workers wait.

The cap on the cost is one row too: the worst case of a request is put aside before it is sent.

One task of a worker talks to the database, for all its documents at once; whatever waits goes into one statement.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from continuum._core.types import Usage
from continuum.batch.pacing import DIMENSIONS, Lane, Lanes, Limits
from continuum.batch.postgres_schema import SCHEMA, explain, options
from continuum.batch.purse import Purse, close_for_cost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import psycopg

    from continuum._core.types import RateLimit
    from continuum._runtime import Runtime
    from continuum.batch.gate import Gate
    from continuum.batch.pacing import Reservation

_HORIZON: Final = 0.1  # seconds ahead for which places are given
_MOST: Final = 64  # requests in one statement
_LOOK: Final = 2.0  # seconds at most between two looks at a row: tokens may have been given back
_MONEY_LOOK: Final = 0.25  # the same where money is waited for
_STALE: Final = 3600.0  # seconds after which a limit that a caller gave and nobody used is forgotten

_RESERVE: Final = """
    WITH clock AS (
        SELECT extract(epoch FROM clock_timestamp())::float8 AS now
    ), rows AS (
        SELECT dimension, rate, burst, tat FROM rate_limit WHERE lane = %(lane)s ORDER BY dimension FOR UPDATE
    ), asked AS (
        SELECT n, dimension, amount, sum(amount) OVER (PARTITION BY dimension ORDER BY n) AS total
        FROM unnest(%(n)s::int[], %(dimension)s::text[], %(amount)s::float8[]) AS u(n, dimension, amount)
    ), waits AS (
        SELECT n, max(
            greatest(tat, now - burst) + (total - amount + least(amount, burst * rate)) / rate - now) AS wait
        FROM asked JOIN rows USING (dimension), clock GROUP BY n
    ), granted AS (
        SELECT coalesce(max(n) FILTER (WHERE wait <= %(horizon)s), 0) AS last FROM waits
    ), taken AS (
        UPDATE rate_limit r SET tat = greatest(r.tat, now - r.burst) + total / r.rate FROM asked, granted, clock
        WHERE r.lane = %(lane)s AND r.dimension = asked.dimension AND asked.n = granted.last
    )
    SELECT wait, n <= (SELECT last FROM granted) FROM waits ORDER BY n"""
_SETTLE: Final = """
    WITH clock AS (
        SELECT extract(epoch FROM clock_timestamp())::float8 AS now
    ), rows AS (
        SELECT dimension FROM rate_limit WHERE lane = %(lane)s ORDER BY dimension FOR UPDATE
    )
    UPDATE rate_limit r SET tat = greatest(r.tat - coalesce(u.amount, 0) / r.rate,
        CASE WHEN %(pause)s::float8 > 0 THEN now + %(pause)s ELSE '-infinity' END)
    FROM rows LEFT JOIN unnest(%(dimension)s::text[], %(amount)s::float8[]) AS u(dimension, amount) USING (dimension),
        clock
    WHERE r.lane = %(lane)s AND r.dimension = rows.dimension"""
_LEARN: Final = """
    INSERT INTO rate_limit (lane, dimension, rate, burst, given) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (lane, dimension) DO UPDATE SET rate = excluded.rate, burst = excluded.burst, given = excluded.given
    WHERE excluded.given OR NOT rate_limit.given"""
_SPEND: Final = """
    WITH b AS (
        UPDATE batch SET reserved = reserved + %(amount)s
        WHERE key = %(batch)s AND spent + reserved + %(amount)s <= max_cost * (1 + 1e-12) RETURNING key
    ), r AS (
        INSERT INTO reservation (batch, worker, amount) SELECT key, %(worker)s, %(amount)s FROM b
        ON CONFLICT (batch, worker) DO UPDATE SET amount = reservation.amount + excluded.amount
    )
    SELECT EXISTS (SELECT 1 FROM b), spent, reserved, max_cost FROM batch WHERE key = %(batch)s"""
_SPENT: Final = """
    WITH r AS (
        UPDATE reservation SET amount = amount - %(reserved)s WHERE batch = %(batch)s AND worker = %(worker)s
        RETURNING batch
    )
    UPDATE batch SET spent = spent + %(cost)s,
        reserved = greatest(reserved - CASE WHEN EXISTS (SELECT 1 FROM r) THEN %(reserved)s ELSE 0 END, 0)
    WHERE key = %(batch)s"""


@dataclass(slots=True)
class _Ask:
    """A request that waits for its place."""

    amounts: Mapping[str, float]
    done: anyio.Event = field(default_factory=anyio.Event)
    wait: float = 0.0
    given_up: bool = False


@dataclass(slots=True)
class _Money:
    """A request that waits for its money."""

    values: Mapping[str, Any]
    done: anyio.Event = field(default_factory=anyio.Event)
    answer: tuple[Any, ...] = (False, 0.0, 0.0, 0.0)
    given_up: bool = False


@dataclass(slots=True)
class _Row:
    """What waits for the rows of one lane."""

    asks: deque[_Ask] = field(default_factory=deque)
    not_before: float = 0.0
    back: dict[str, float] = field(default_factory=dict)
    pause: float = 0.0


class Clerk:
    """Talks to the database about limits and money. On asyncio; `run()` has to be running.

    Args:
        url: of the database.
        owner: gives the worker's present name.
        patience: seconds for which a lost database is waited for.
    """

    def __init__(self, url: str, owner: Callable[[], str], patience: float) -> None:
        self._url, self._owner, self._patience = url, owner, patience
        self._rows: dict[str, _Row] = {}
        self._orders: deque[tuple[str, Any]] = deque()
        self._wake = anyio.Event()
        self._money: deque[_Money] = deque()
        self.statements = 0

    # -- for the documents ----------------------------------------------------------------------------------------

    async def reserve(self, lane: str, amounts: Mapping[str, float]) -> float:
        """Wait for a place; returns the seconds that are still to be waited."""
        row = self._rows.setdefault(lane, _Row())
        ask = _Ask(amounts)
        row.asks.append(ask)
        self._notify()
        try:
            await ask.done.wait()
        except BaseException:
            ask.given_up = True
            if ask.done.is_set():
                self.give_back(lane, amounts)
            raise
        return ask.wait

    def give_back(self, lane: str, amounts: Mapping[str, float]) -> None:
        """What was reserved and is not used; below zero: what was used beyond it."""
        row = self._rows.setdefault(lane, _Row())
        for name, amount in amounts.items():
            row.back[name] = row.back.get(name, 0.0) + amount
        self._notify()

    def pause(self, lane: str, seconds: float) -> None:
        """Let nobody send for so many seconds."""
        row = self._rows.setdefault(lane, _Row())
        row.pause = max(row.pause, seconds)
        self._notify()

    def learn(self, lane: str, dimension: str, rate: float, burst: float, *, given: bool = False) -> None:
        """A limit is known, units a second, and how many seconds worth of it may be used at once."""
        self._orders.append((_LEARN, (lane, dimension, rate, burst, given)))
        self._notify()

    def enter(self, lane: str, limits: Limits | None) -> None:
        """See that the lane has rows."""
        if limits is None:
            now = "extract(epoch FROM clock_timestamp())"
            stale = f"DELETE FROM rate_limit WHERE lane = %s AND given AND tat < {now} - {_STALE}"
            self._orders.append((stale, (lane,)))
        else:
            for name, bucket in limits.buckets(0.0).items():
                self.learn(lane, name, bucket.rate, bucket.capacity / bucket.rate, given=True)
        # Also where no limit is known: a pause needs a row.
        insert = "INSERT INTO rate_limit VALUES (%s, 'requests', 'infinity', 1, false) ON CONFLICT DO NOTHING"
        self._orders.append((insert, (lane,)))
        self._notify()

    async def put_aside(self, batch: int, amount: float) -> tuple[bool, float, float, float]:
        """Put money aside if there is so much left; returns whether, what is spent, what is reserved, and the cap."""
        ask = _Money({"batch": batch, "worker": self._owner(), "amount": amount})
        self._money.append(ask)
        self._notify()
        try:
            await ask.done.wait()
        except BaseException:
            ask.given_up = True
            if ask.done.is_set() and ask.answer[0]:
                self.spend(batch, amount, 0.0)
            raise
        granted, spent, reserved, limit = ask.answer
        return granted, spent, reserved, float("inf") if limit is None else limit

    def spend(self, batch: int, reserved: float, cost: float) -> None:
        """A request is over: what it cost, in place of what was put aside for it."""
        values = {"batch": batch, "worker": self._owner(), "reserved": reserved, "cost": cost}
        self._orders.append((_SPENT, values))
        self._notify()

    def _notify(self) -> None:
        self._wake.set()

    # -- with the database ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Do what waits, until cancelled.

        Raises:
            JournalError: the database does not come back in time.
        """
        import psycopg

        lost: float | None = None
        while True:
            connection: psycopg.AsyncConnection[Any] | None = None
            try:
                with anyio.CancelScope(shield=True):  # psycopg would leave one open that is cancelled half made
                    connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, **options(self._url))
                assert connection is not None
                # What a crash of the database may cost here is a moment's count of requests.
                await connection.execute(f"SET search_path TO {SCHEMA}, public")
                await connection.execute("SET synchronous_commit TO off")
                lost = None
                while True:
                    await self._all(connection)
                    await self._until_something()
            except psycopg.OperationalError as error:
                now = time.monotonic()
                lost = now if lost is None else lost
                if now - lost > self._patience:
                    raise explain(error, self._url) from error
            except psycopg.Error as error:
                raise explain(error, self._url) from error
            finally:
                if connection is not None:
                    with anyio.CancelScope(shield=True):
                        await connection.close()
            await anyio.sleep(0.3)

    async def _until_something(self) -> None:
        now = time.monotonic()
        waits = [row.not_before - now for row in self._rows.values() if row.asks]
        with anyio.move_on_after(max(min(waits, default=60.0), 0.0)):
            await self._wake.wait()
        self._wake = anyio.Event()

    async def _all(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while self._orders:
            statement, values = self._orders[0]
            await self._execute(connection, statement, values)
            self._orders.popleft()
        while self._money:
            ask = self._money[0]
            if not ask.given_up:
                cursor = await self._execute(connection, _SPEND, ask.values)
                ask.answer = await cursor.fetchone() or ask.answer
                ask.done.set()
                if ask.given_up and ask.answer[0]:
                    self.spend(ask.values["batch"], ask.values["amount"], 0.0)
            self._money.popleft()
        for lane, row in list(self._rows.items()):
            if row.back or row.pause:
                await self._settle(connection, lane, row)
            if row.asks and row.not_before <= time.monotonic():
                await self._reserve(connection, lane, row)

    async def _execute(self, connection: psycopg.AsyncConnection[Any], statement: str, values: Any) -> Any:
        self.statements += 1
        return await connection.execute(statement.encode(), values)

    async def _settle(self, connection: psycopg.AsyncConnection[Any], lane: str, row: _Row) -> None:
        back, pause = row.back, row.pause
        row.back, row.pause = {}, 0.0
        await self._execute(
            connection,
            _SETTLE,
            {"lane": lane, "pause": pause, "dimension": list(back), "amount": list(back.values())},
        )

    async def _reserve(self, connection: psycopg.AsyncConnection[Any], lane: str, row: _Row) -> None:
        row.asks = deque(ask for ask in row.asks if not ask.given_up)
        asks = list(row.asks)[:_MOST]
        if not asks:
            return
        flat = [(n, name, amount) for n, ask in enumerate(asks, 1) for name, amount in ask.amounts.items()]
        numbers, names, amounts = map(list, zip(*flat, strict=True))
        cursor = await self._execute(
            connection,
            _RESERVE,
            {"lane": lane, "n": numbers, "dimension": names, "amount": amounts, "horizon": _HORIZON},
        )
        answers = await cursor.fetchall()
        now = time.monotonic()
        row.not_before = now
        if not answers:  # the row is gone: somebody has tidied up
            self.enter(lane, None)
            return
        for ask, (wait, granted) in zip(asks, answers, strict=True):
            if not granted:
                row.not_before = now + min(max(wait - _HORIZON / 2, 0.002), _LOOK)
                break
            row.asks.remove(ask)
            ask.wait = max(wait, 0.0)
            ask.done.set()
            if ask.given_up:
                self.give_back(lane, ask.amounts)


class SharedLane(Lane):
    """A lane whose limits all workers share. What is learnt from replies is this process's own as well, as in `Lane`.

    Args:
        clerk: talks to the database.
        name: of the lane, there.
        limits: as the caller gave them.
        runtime: clock and sleep.
    """

    def __init__(self, clerk: Clerk, name: str, limits: Limits | None, runtime: Runtime | None) -> None:
        super().__init__(None, runtime)
        self._clerk, self._name = clerk, name
        self._told_rates: dict[str, float] = {}
        self._given_rates = {} if limits is None else {k: b.rate for k, b in limits.buckets(0.0).items()}
        clerk.enter(name, limits)

    async def reserve(self, *, input_tokens: int, output_tokens: int) -> Reservation:
        """See `Lane.reserve`."""
        reservation = await super().reserve(input_tokens=input_tokens, output_tokens=output_tokens)
        try:
            wait = await self._clerk.reserve(self._name, reservation.amounts)
        except BaseException:
            self._end(reservation)
            super()._give_back(reservation.amounts)
            raise
        try:
            if wait > 0:
                await self._runtime.asleep(wait)
        except BaseException:
            self.settle(reservation, Usage())
            self._clerk.give_back(self._name, {"requests": reservation.amounts["requests"]})
            raise
        reservation.at = self._runtime.clock()
        return reservation

    def pause(self, seconds: float) -> None:
        """See `Lane.pause`; all workers pause."""
        super().pause(seconds)
        self._clerk.pause(self._name, seconds)

    def _give_back(self, amounts: Mapping[str, float]) -> None:
        super()._give_back(amounts)
        self._clerk.give_back(self._name, {name: amount for name, amount in amounts.items() if amount})

    def _learn(self, reservation: Reservation, told: RateLimit) -> None:
        super()._learn(reservation, told)
        for name in DIMENSIONS:
            bucket = self._learnt.get(name)
            if bucket is None or name in self._given_rates or bucket.rate <= 0:
                continue
            if abs(self._told_rates.get(name, 0.0) - bucket.rate) > 0.01 * bucket.rate:
                self._told_rates[name] = bucket.rate
                self._clerk.learn(self._name, name, bucket.rate, max(bucket.capacity / bucket.rate, 1.0))


class SharedLanes(Lanes):
    """The lanes of a worker.

    Args:
        clerk: talks to the database.
        limits: as the caller gave them, for each lane by itself.
        account: tells accounts apart that ask the same model; no key, and nothing that a key could be made of.
        runtime: clock and sleep.
    """

    def __init__(self, clerk: Clerk, limits: Limits | None, account: str, runtime: Runtime | None = None) -> None:
        super().__init__(limits, runtime)
        self._clerk, self._account = clerk, account

    def lane(self, *key: str) -> Lane:
        """See `Lanes.lane`."""
        if key not in self._lanes:
            name = " ".join((*key, self._account))
            self._lanes[key] = SharedLane(self._clerk, name, self._limits, self._runtime)
        return self._lanes[key]


class SharedPurse(Purse):
    """The money of a batch that many workers spend; see `Purse`.

    Args:
        clerk: talks to the database.
        batch: whose money it is.
        limit: US dollars.
        gate: closed when the next request could break through the limit, and nothing in flight may give money back.
    """

    def __init__(self, clerk: Clerk, batch: int, limit: float, gate: Gate) -> None:
        super().__init__(limit, 0.0, gate)
        self._clerk, self._batch = clerk, batch

    async def reserve(self, amount: float) -> float:
        """See `Purse.reserve`."""
        while True:
            with self._gate.waiting():
                granted, self.spent, others, self.limit = await self._clerk.put_aside(self._batch, amount)
            if granted:
                return amount
            if others <= 1e-9:
                close_for_cost(self._gate, self.spent, self.limit, amount)
            with self._gate.waiting():
                await anyio.sleep(_MONEY_LOOK)

    def settle(self, reserved: float, cost: float | None) -> None:
        """See `Purse.settle`."""
        self._clerk.spend(self._batch, reserved, reserved if cost is None else cost)
