"""What auth has answered lately: fresh for 30 s, and five minutes more for as long as auth does not answer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn

FRESH_S = 30.0
STALE_S = 300.0
MAX_FOUND = 10_000
# Apart from the others, so that made-up credentials cannot push out good ones.
MAX_REFUSED = 1_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """Auth knows the credential."""

    value: T


@dataclass(frozen=True, slots=True)
class Refused:
    """Auth says that the credential is not good."""


@dataclass(frozen=True, slots=True)
class AuthDown:
    """Auth does not answer."""


Outcome = Found[T] | Refused | AuthDown


class KnownAnswers(Generic[T]):
    """Answers by name; callers that ask for the same name at once share one question."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._found: OrderedDict[str, tuple[float, Found[T]]] = OrderedDict()
        self._refused: OrderedDict[str, tuple[float, Refused]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Outcome[T]]] = {}

    async def get(self, name: str, ask: Callable[[], Coroutine[Any, Any, Outcome[T]]]) -> Outcome[T]:
        """The known answer, else a new one; a known one, not forgotten meanwhile, when auth does not answer."""
        now = self._clock.monotonic()
        for answers in (self._found, self._refused):
            kept = answers.get(name)
            if kept is not None and now < kept[0] + FRESH_S:
                return kept[1]
        answer = await self._ask_once(name, ask)
        if isinstance(answer, AuthDown):
            last = self._found.get(name)
            if last is not None and now < last[0] + FRESH_S + STALE_S:
                return last[1]
        return answer

    def forget(self, concerns: Callable[[T], bool]) -> None:
        """The next caller who is concerned asks auth anew; questions under way may bring an old answer: not kept."""
        for name in [name for name, (_, found) in self._found.items() if concerns(found.value)]:
            del self._found[name]
        self._asking.clear()

    def doubt_all(self) -> None:
        """Nothing is fresh any more: changes may have gone unheard. It still serves while auth does not answer."""
        past = self._clock.monotonic() - FRESH_S
        for name, (learned, answer) in self._found.items():
            self._found[name] = (min(learned, past), answer)
        self._refused.clear()
        self._asking.clear()

    async def _ask_once(self, name: str, ask: Callable[[], Coroutine[Any, Any, Outcome[T]]]) -> Outcome[T]:
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = spawn(ask(), name=f"ask auth for {name[:12]}")
            asking.add_done_callback(lambda task: self._learn(name, task))
        # One caller that goes away does not take the answer from the others.
        return await asyncio.shield(asking)

    def _learn(self, name: str, task: asyncio.Task[Outcome[T]]) -> None:
        if self._asking.get(name) is not task:
            return
        del self._asking[name]
        if task.cancelled() or task.exception() is not None:
            return
        now = self._clock.monotonic()
        match task.result():
            case Found() as found:
                self._refused.pop(name, None)
                _keep(self._found, name, (now, found), MAX_FOUND)
            case Refused() as refused:
                self._found.pop(name, None)
                _keep(self._refused, name, (now, refused), MAX_REFUSED)
            case AuthDown():
                pass


_A = TypeVar("_A")


def _keep(answers: OrderedDict[str, _A], name: str, answer: _A, most: int) -> None:
    answers[name] = answer
    answers.move_to_end(name)
    while len(answers) > most:
        answers.popitem(last=False)
