"""How the work of streams runs: in order within a stream, each stream at its own pace.

A queue gives each piece of work a number; ``(queue, number)`` is a *point*, reached
when that piece has run.  Work waits for the pieces before it in its queue and for the
points that it names.  Nothing waits by blocking a thread: a queue whose first piece
may not run yet is taken up again when the point is reached.

Who runs a queue's work is a matter of the policy (`policies`):

* the calling thread, at once, if nothing is ahead and the work is short: it is done
  sooner than another thread could be woken, and the caller sees a very fast device;
* a thread of the driver; there are as many as queues have work at the same time, so
  a queue that takes long, or that waits for the host, holds up no other;
* a thread that waits for the queue and finds nobody at it.

Work that a calling thread runs at once is never in a queue.  It has the `Context.turn`
meanwhile, without which nothing is enqueued, so nothing can come to be ahead of it.
The rest of the bookkeeping is done under `context.lock`, which is never held while work
runs; at most one thread is at a queue, the one whose claim it has.

The bookkeeping survives two things that come between any two steps of a Python program:

* an interrupt: what was begun is ended in a ``finally``, and a second time if that is
  what was interrupted; work that was interrupted before it ran stays in its queue;
* a finaliser that enqueues or waits from the midst of it: the lock is re-entrant, a
  change is made without a step at which one may come, and a thread that would wait for
  itself is told so.
"""

from __future__ import annotations

import _thread
import atexit
import itertools
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from cuda.bindings.driver import CUresult

from ndgpu.driver.host import context as contexts
from ndgpu.driver.host import policies
from ndgpu.driver.host.context import Context, holds_lock, lock
from ndgpu.driver.host.policies import UNKNOWN, Policy

__all__ = ["Point", "Queue", "Work", "use_policy"]

Point = tuple["Queue", int]

# Pieces of work that a queue holds before whoever enqueues must wait, as on a GPU.
_FULL = 1024
_LAST_SECONDS = 5.0  # for which the end of the process waits for kernels that run

_numbers = itertools.count()
_get_ident = _thread.get_ident


def use_policy(policy: Policy) -> None:
    """Run work by another policy from now on, once all queues are empty."""
    for device in contexts.devices:
        device.context.synchronize()
    policies.use(policy)


class Work:
    """A piece of work in a queue; see `Queue.enqueue`.

    `host` tells that it is a function of the user, which may wait for the calling thread.
    """

    __slots__ = (
        "_once", "after", "args", "call", "cost", "done", "host", "number", "unconditional"
    )  # fmt: skip

    def __init__(
        self,
        call: Callable[..., object],
        args: tuple[Any, ...],
        cost: int,
        host: bool = False,
        unconditional: bool = False,
        after: tuple[Point, ...] = (),
    ) -> None:
        self.call = call
        self.args = args
        self.cost = cost
        self.host = host
        self.unconditional = unconditional
        self.after = after
        self.number = 0
        self.done = False
        # An interrupt comes before a C function or after it.  One written in Python may be
        # interrupted, and is then called again: it must know how far it got.
        self._once = not hasattr(call, "__code__")

    def run(self, context: Context) -> None:
        """Run it, unless `context` has failed meanwhile and it is not `unconditional`."""
        if self.unconditional or context.error is None:
            try:
                self.done = self._once
                self.call(*self.args)
            except Exception as error:
                detail = f"the host driver failed: {error!r}"
                context.poison(CUresult.CUDA_ERROR_UNKNOWN, detail)
        self.done = True

    def obstacle(self) -> Point | None:
        """A point that it waits for and that is not reached."""
        for point in self.after:
            if point[0].completed < point[1]:
                return point
        return None


class Queue:
    """Work that runs in order.

    Attributes
    ----------
    context : Context
        Whose work it is; the context knows the queues that have any.
    blocking : bool
        Whether it takes turns with the context's legacy default stream.
    legacy : bool
        Whether it is that stream.
    submitted, completed : int
        The numbers of the last piece enqueued and of the last that has run.
    """

    __slots__ = (
        "_backlog", "_claim", "_order", "_pending", "_scheduled", "_thread", "_waiters",
        "blocking", "completed", "context", "legacy", "submitted",
    )  # fmt: skip

    def __init__(self, context: Context, blocking: bool, legacy: bool = False) -> None:
        self.context = context
        self.blocking = blocking
        self.legacy = legacy
        self.submitted = 0
        self.completed = 0
        self._order = next(_numbers)
        self._pending: deque[Work] = deque()
        self._backlog = 0  # nanoseconds that the work in it takes, as far as known
        self._claim: object = None  # of the thread that runs its work
        self._thread = 0  # that thread
        self._scheduled = False  # a thread of the driver is on its way
        self._waiters: list[tuple[int, Any]] = []  # what is waited for, and a lock to release

    # Work comes in.

    def enqueue(
        self,
        call: Callable[..., object],
        *args: Any,
        cost: int = 0,
        unconditional: bool = False,
        after: tuple[Point, ...] = (),
    ) -> int:
        """Have ``call(*args)`` run after all that was enqueued before.

        What it returns is not looked at: work that can fail tells its context itself
        (`Context.poison`), for by then the call that enqueued it may have returned.

        Parameters
        ----------
        cost : int
            Nanoseconds that it will take, as far as known; else `UNKNOWN`.
        unconditional : bool
            Whether it runs even if the context has failed.
        after : tuple of points
            What else it waits for, as far as it is not reached.

        Returns
        -------
        int
            Its number; 0 if it has run.
        """
        if cost <= policies.current.short and not after and self.attempt(call, *args):
            return 0
        return self.defer(Work(call, args, cost, False, unconditional, after))

    def defer(self, work: Work) -> int:
        """Enqueue, though it might run at once; return its number."""
        if holds_lock():  # a finaliser in the midst of the bookkeeping cannot wait for its turn
            number = self._append(work)
        else:
            with self.context.turn:
                number = self._append(work)
        if policies.current.eager:
            self.wait(number)
        elif policies.current.random is not None and policies.current.random.random() < 0.5:
            _step_at_random(policies.current.random)
        if number - self.completed > _FULL:
            if not policies.current.threads:
                self.wait(number - _FULL)
            elif work.cost > policies.current.short:
                self.wait(number - _FULL // 2)
            else:
                self.wait(number)  # from here on the calling thread may run it
        return number

    def attempt(self, call: Callable[..., object], *args: Any) -> bool:
        """Run ``call(*args)`` here and now if nothing is ahead of it; return whether it ran."""
        if policies.current.short < 0 or holds_lock():
            return False
        with self.context.turn:
            if self.context.active and not self.clear():
                return False
            call(*args)
        return True

    def clear(self) -> bool:
        """Whether nothing is ahead of what may be enqueued next; called with the turn."""
        with lock:
            return self not in self.context.active and not self._turns()

    def settle(self) -> bool:
        """As `clear`, but wait for what is ahead if that is short.

        Else a caller that enqueues short work faster than another thread runs it would keep
        that thread busy for ever, at many times the cost.
        """
        with lock:
            if self not in self.context.active:
                return not self._turns()
            if self._backlog > policies.current.short:
                return False
            number = self.submitted
        return self.wait(number) and self.clear()

    def _append(self, work: Work) -> int:
        with lock:
            work.after += self._turns()
            self.context.active.add(self)
            number = work.number = self.submitted = self.submitted + 1
            self._pending.append(work)
            self._backlog += UNKNOWN if work.host or work.after else work.cost
            if policies.current.threads:
                self._schedule()
        return number

    def _turns(self) -> tuple[Point, ...]:
        """The points that its next piece waits for because of the legacy default stream."""
        if not self.blocking:
            return ()
        context = self.context
        if self.legacy:
            return tuple([(q, q.submitted) for q in context.active if q.blocking and q is not self])
        legacy: Queue | None = context.streams.get(0)
        if legacy is None or legacy not in context.active:
            return ()
        return ((legacy, legacy.submitted),)

    # Work runs.

    def _ready(self) -> bool:
        """Whether there is work that may run now, and nobody at it."""
        return (
            self._claim is None
            and bool(self._pending)
            and self._pending[0].obstacle() is None
        )  # fmt: skip

    def _take(self, claim: object) -> None:
        self._thread = _get_ident()
        self._claim = claim

    def _schedule(self) -> None:
        """Send a thread of the driver, if there is something to do for it."""
        if self._scheduled or self._claim is not None or not self._pending:
            return
        if self._pending[0].obstacle() is not None:
            _blocked.add(self)
            return
        try:
            _crew.send(self)
        except RuntimeError:  # the system has no more threads, or the interpreter is at its end
            policies.use(Policy("eager"))

    def _tell(self) -> None:
        """Let go on whoever waits for what has changed here."""
        free = self._claim is None
        waiters, self._waiters = self._waiters, []
        for number, gate in waiters:
            if free or number <= self.completed:
                gate.release()
            else:
                self._waiters.append((number, gate))
        if policies.current.threads:
            if free:
                self._schedule()
            for queue in list(_blocked):
                if queue._pending and queue._pending[0].obstacle() is None:
                    _blocked.discard(queue)
                    queue._schedule()

    def _run(self, until: int, helping: bool) -> None:
        """Run work up to the number `until` while it may run; the caller has the claim."""
        while True:
            with lock:
                self._sweep()
                if self.completed >= until or not self._pending:
                    return
                work = self._pending[0]
                if work.obstacle() is not None or (
                    helping and work.host and policies.current.threads
                ):
                    return
            work.run(self.context)

    def _sweep(self) -> None:
        """Take note of a piece that has run."""
        pending = self._pending
        if pending and pending[0].done:
            work = pending[0]
            self.completed = work.number
            pending.popleft()
            self._backlog -= UNKNOWN if work.host or work.after else work.cost
            if not pending:
                self._backlog = 0
                self.context.active.discard(self)
            if self._waiters or _blocked:
                self._tell()

    def _leave(self, claim: object) -> None:
        """Give the claim back."""
        with lock:
            if self._claim is claim:
                self._sweep()
                self._claim = None
            self._tell()

    def _help(self, claim: object, until: int) -> None:
        try:
            self._run(until, helping=True)
        finally:
            try:
                self._leave(claim)
            except KeyboardInterrupt:
                self._leave(claim)
                raise

    # Others wait.

    def idle(self) -> bool:
        """Whether all that was enqueued has run; a legacy stream speaks for the blocking ones."""
        turn = self.context.turn
        if not turn.acquire(blocking=False):  # a thread runs something without queueing it
            return False
        turn.release()
        with lock:
            others = self._turns() if self.legacy else ()
        return all(queue.reached(number) for queue, number in (*others, (self, self.submitted)))

    def reached(self, number: int) -> bool:
        """Whether the piece with this number has run.

        If nobody runs work unless somebody waits, a question that is answered "no" moves the
        queue on by one piece, so that asking again and again comes to an end.
        """
        if self.completed >= number:
            return True
        if not policies.current.threads:
            self.wait(number, steps=1)
        return False

    def synchronize(self) -> bool:
        """Return when all that was enqueued has run; see `wait`."""
        if holds_lock():
            return False
        with self.context.turn:  # what another thread runs without queueing it
            pass
        with lock:
            others = self._turns() if self.legacy else ()
        return all(queue.wait(number) for queue, number in (*others, (self, self.submitted)))

    def wait(self, number: int, steps: int | None = None) -> bool:
        """Return when the piece with this number has run.

        Returns False at once if the calling thread is itself in the midst of that work: a
        finaliser or a callback, which cannot wait for what it interrupts; and as
        soon as `steps` pieces, if that is given, have run here or another thread is at it.
        """
        if self.completed < number and holds_lock():
            return False
        while self.completed < number and steps != 0:
            claim = object()
            gate = None
            target, until = self, number
            try:
                with lock:
                    target, until = self._next(number)
                    if target._claim is not None:
                        if target._thread == _get_ident():
                            return False
                        gate = target._gate(until)
                    elif not target._pending:  # the process forgot it: it forked, or ends
                        return True
                    elif target._pending[0].host and policies.current.threads:
                        gate = target._gate(until)
                        target._schedule()
                    else:
                        target._take(claim)
                        if steps is not None:
                            until = min(until, target.completed + 1)
            finally:
                if target._claim is claim:
                    target._help(claim, until)
            if steps is not None:
                if gate is not None:
                    return False
                steps -= 1
            elif gate is not None:
                gate.acquire()
        return self.completed >= number

    def _next(self, number: int) -> Point:
        """The point to work towards now, if the piece `number` of this queue is to run."""
        target = self._front(number)
        if policies.current.random is not None and target[0]._claim is None:
            return _choose(policies.current.random, target[0]) or target
        return target

    def _front(self, number: int) -> Point:
        """The point to work towards now, if the piece `number` of this queue is to run."""
        queue, until = self, number
        while queue._claim is None and queue._pending:
            obstacle = queue._pending[0].obstacle()
            if obstacle is None:
                break
            queue, until = obstacle
        return queue, until

    def _gate(self, number: int) -> Any:
        """A lock that is released when the piece `number` has run, or somebody has to run it."""
        gate = _thread.allocate_lock()
        gate.acquire()
        self._waiters.append((number, gate))
        return gate

    def _abandon(self) -> None:
        """Forget all that has not run."""
        self._pending.clear()
        self._backlog = 0
        self.completed = self.submitted
        self._claim = None
        self._scheduled = False
        self.context.active.discard(self)
        for _, gate in self._waiters:
            gate.release()
        self._waiters = []


_blocked: set[Queue] = set()  # queues whose first piece waits for a point of another


def _choose(chance: random.Random, wanted: Queue | None = None) -> Point | None:
    """Pick one of the queues that can go on, and its next piece; None if there is none.

    A function of the user may wait for the caller, so it is run only if its queue is `wanted`.
    """
    ready = [
        queue
        for queue in _all_active()
        if queue._ready() and (queue is wanted or not queue._pending[0].host)
    ]
    if not ready:
        return None
    ready.sort(key=lambda queue: queue._order)
    queue = chance.choice(ready)
    return queue, queue.completed + 1


def _step_at_random(chance: random.Random) -> None:
    """Run one piece of work of any queue."""
    claim = object()
    queue, until = None, 0
    try:
        with lock:
            chosen = _choose(chance)
            if chosen is not None:
                queue, until = chosen
                queue._take(claim)
    finally:
        if queue is not None and queue._claim is claim:
            queue._help(claim, until)


def _all_active() -> list[Any]:
    return [queue for device in contexts.devices for queue in device.context.active]


class _Crew:
    """The driver's threads: one for each queue that has work at the same time."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Queue] = SimpleQueue()
        self._idle = 0

    def send(self, queue: Queue) -> None:
        """Have a thread run the queue's work; called with the lock held."""
        if self._idle:
            self._idle -= 1
        else:
            # Not threading.Thread, which waits for the new thread, which may want the lock.
            _thread.start_new_thread(self._serve, ())
        queue._scheduled = True
        self._calls.put(queue)

    def _serve(self) -> None:
        while True:
            self._work(self._calls.get())
            with lock:
                self._idle += 1

    def _work(self, queue: Queue) -> None:
        claim = object()
        with lock:
            queue._scheduled = False
            if queue._claim is not None:  # a thread that waits was faster
                return
            queue._take(claim)
        try:
            queue._run(UNKNOWN, helping=False)
        finally:
            queue._leave(claim)


_crew = _Crew()


def _forked() -> None:
    """Forget in a child process what was under way: it has none of the threads that were at it."""
    global _crew
    _crew = _Crew()
    _blocked.clear()
    for queue in _all_active():
        queue._abandon()
    for device in contexts.devices:
        device.context.turn = threading.RLock()


def _close() -> None:
    """At the end of the process, drop work that waits, and let kernels come to their end.

    Their memory and their code go when the interpreter does.  Functions of the user stop with
    the interpreter's threads.
    """
    running = []
    with lock:
        policies.use(Policy("eager"))
        for queue in _all_active():
            if queue._claim is None or queue._thread == _get_ident():
                queue._abandon()
                continue
            queue.submitted = queue.completed + 1  # the piece that runs
            while queue._pending and queue._pending[-1].number > queue.submitted:
                queue._pending.pop()
            if not (queue._pending and queue._pending[0].host):
                running.append(queue._gate(queue.submitted))
    running.extend(device.context.turn for device in contexts.devices)
    end = time.monotonic() + _LAST_SECONDS
    for gate in running:
        gate.acquire(timeout=max(0.0, end - time.monotonic()))


atexit.register(_close)
os.register_at_fork(after_in_child=_forked)
