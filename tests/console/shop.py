"""The events of a shop that sells coffee: weeks of visits, orders and newsletters, the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

Json = dict[str, Any]

USERS: Final = 420
DAYS: Final = 45
_PATHS: Final = ("/", "/coffee", "/pricing", "/subscriptions", "/grinders", "/stories", "/help")
_PRODUCTS: Final = (
    ("Yirgacheffe 250 g", "coffee", 13.5),
    ("House espresso 1 kg", "coffee", 34.0),
    ("Decaf 250 g", "coffee", 12.9),
    ("Hand grinder", "equipment", 89.0),
    ("Paper filters", "equipment", 6.5),
    ("Tasting set", "gift", 28.0),
)
_COUNTRIES: Final = ("DE", "FR", "NL", "AT", "GB", "US")
_DEVICES: Final = ("ios", "android", "web")
_BUSY_HOURS: Final = (7, 8, 9, 12, 13, 17, 18, 19, 20, 21)


@dataclass(frozen=True, slots=True)
class Habit:
    """How a group of customers behaves: its share, visits per day, and how likely a visit is to go on."""

    share: float
    plans: tuple[str, ...]
    visits: float
    looks: float
    carts: float
    orders: float


HABITS: Final = (
    Habit(0.50, ("free",), 0.10, 0.45, 0.15, 0.04),
    Habit(0.33, ("free", "plus"), 0.22, 0.60, 0.35, 0.16),
    Habit(0.17, ("plus", "business"), 0.45, 0.70, 0.45, 0.28),
)


class History:
    """What customers did until `now`. There are more of them each week, and some stop coming."""

    def __init__(self, now: datetime, *, seed: int = 11) -> None:
        self._now = now
        self._random = random.Random(seed)

    def events(self) -> Iterator[Json]:
        """Yield the calls of a batch request, one customer after another."""
        for number in range(USERS):
            yield from self._customer(f"user-{1001 + number}")

    def _customer(self, user: str) -> Iterator[Json]:
        chance = self._random
        habit = chance.choices(HABITS, [habit.share for habit in HABITS])[0]
        joined = DAYS * math.sqrt(chance.random()) if chance.random() < 0.6 else DAYS
        left = chance.uniform(8, 25) if chance.random() < 0.22 else 0.0
        plan = chance.choice(habit.plans)
        traits = {
            "email": f"{user}@mail.example",
            "plan": plan,
            "country": chance.choice(_COUNTRIES),
            "newsletter": chance.random() < 0.7,
            "device": chance.choice(_DEVICES),
        }
        yield {"type": "identify", "user_id": user, "traits": traits, "timestamp": self._at(joined)}
        if plan != "free":
            yield self._track(user, "subscription_started", joined * 0.8, {"plan": plan, "price": 19})
        for day in range(math.ceil(joined)):
            if day >= left and chance.random() < habit.visits:
                yield from self._visit(user, day, habit)
            if day % 7 == 3 and traits["newsletter"] and chance.random() < 0.35:
                yield self._track(
                    user, "newsletter_opened", self._hours(day), {"campaign": f"week-{DAYS // 7 - day // 7}"}
                )

    def _visit(self, user: str, day: int, habit: Habit) -> Iterator[Json]:
        chance, back = self._random, self._hours(day)
        minute = 1 / 1440
        for page in range(chance.randint(1, 4)):
            path = chance.choices(_PATHS, (30, 25, 14, 12, 8, 6, 5))[0]
            yield self._track(user, "page_viewed", back - page * minute, {"path": path, "ms": chance.randint(40, 900)})
        product, category, price = chance.choices(_PRODUCTS, (5, 4, 2, 1, 3, 1))[0]
        item = {"product": product, "category": category, "price": price}
        if chance.random() < habit.looks:
            yield self._track(user, "product_viewed", back - 5 * minute, item)
            if chance.random() < habit.carts:
                yield self._track(user, "added_to_cart", back - 7 * minute, item | {"quantity": chance.randint(1, 3)})
                if chance.random() < habit.orders * 2:
                    order = {"total": round(price * chance.randint(1, 4) + 4.9, 2), "currency": "EUR", "items": 1}
                    yield self._track(user, "order_placed", back - 11 * minute, order)

    def _hours(self, day: int) -> float:
        """Return days before now, at an hour at which the shop has visitors. Today ends now."""
        if day == 0:
            return self._random.random() * 0.9
        hour = self._random.choice(_BUSY_HOURS) + self._random.random()
        since_midnight = self._now.hour + self._now.minute / 60
        return day + (since_midnight - hour) / 24

    def _track(self, user: str, event_type: str, back: float, payload: Json) -> Json:
        return {
            "type": "track",
            "user_id": user,
            "event_type": event_type,
            "payload": payload,
            "timestamp": self._at(max(back, 0.0005)),
        }

    def _at(self, days_back: float) -> str:
        return (self._now - timedelta(days=days_back)).isoformat(timespec="milliseconds")
