"""What clients do: a crowd that subscribes, changes its mind, publishes, leaves and comes back.

The filters of one run come from a small pool, so many are equal, cover each other or merge; and
they end again, which uncovers and unmerges others.
"""

from __future__ import annotations

from typing import Final

from brokers.settings import Settings
from brokers.simulation.agenda import Agenda
from brokers.simulation.chance import Chance
from brokers.simulation.client import Client
from brokers.simulation.conditions import Conjunction, draw_conjunction, draw_values
from brokers.simulation.oracle import Oracle
from brokers.simulation.process import Process

__all__ = ["Workload"]

#: Longest time between two actions of the crowd, in seconds, for one broker; more brokers are more
#: patient, as each event costs more messages. A quarter of the actions follow at once.
PAUSE: Final = 0.02
#: Longer than it takes to connect, and shorter than it takes brokers to.
HURRY: Final = 0.005
#: Who is not connected tries again with each action that falls to it.
POLICIES: Final = ("block", "drop-oldest", "drop-newest", "disconnect")


class Workload:
    """All clients of a run."""

    def __init__(
        self,
        seed: int,
        agenda: Agenda,
        oracle: Oracle,
        processes: list[Process],
        settings: Settings,
        drops: bool,
    ) -> None:
        """`drops`: may clients ask for policies that lose events?"""
        self._agenda = agenda
        self._settings = settings
        self._policies = POLICIES if drops else POLICIES[:1]
        self._limits = (4, 16, 1_024) if drops else (1_024,)
        self._chance = chance = Chance(seed, "workload")
        self._filters = Chance(seed, "filters")
        self._values = Chance(seed, "values")
        self._pool = [draw_conjunction(self._filters) for _ in range(chance.whole(8, 60))]
        self._publishing = chance.between(0.5, 0.9)
        self._adverts = chance.pick((0.0, 0.3, 0.8))
        self._most_wishes = chance.whole(2, 12)
        self._pause = PAUSE * len(processes) * chance.between(0.5, 2.0)
        self._going = True
        self._held = False
        owners = [process for process in processes for _ in range(chance.whole(1, 3))]
        owners.append(owners[-1])  # somewhere there are two
        self.clients = [
            Client(process, agenda, oracle, number, self._name(number))
            for number, process in enumerate(owners)
        ]

    def _name(self, number: int) -> str | None:
        return f"client{number}" if self._chance.happens(0.3) else None

    # ---- the crowd ----

    def start(self) -> None:
        """Let them come, one after the other, and act."""
        for client in self.clients:
            self._agenda.after(self._chance.between(0.0, 3.0), self._come, client)
        self._agenda.after(0.1, self._act)

    def stop(self) -> None:
        """No more actions; all consume, and who is away comes back."""
        self._going = False
        for client in self.clients:
            client.consume(is_slow=False)
        self.gather()

    def hold(self, held: bool) -> None:
        """Nobody acts for a while."""
        self._held = held

    def gather(self) -> None:
        """Who is away comes back."""
        for client in self.clients:
            client.come("block", 1_024)

    def _come(self, client: Client, _: object) -> None:
        client.come(self._chance.pick(self._policies), self._chance.pick(self._limits))

    def _act(self, _: object, __: object) -> None:
        if not self._going:
            return
        chance = self._chance
        wait = 0.0 if chance.happens(0.25) else self._pause * chance.random()
        self._agenda.after(wait, self._act)
        client, what, which = chance.pick(self.clients), chance.random(), chance.random()
        if self._held:
            return
        if not client.is_here:
            self._come(client, None)
        elif what < self._publishing:
            self._publish(client, chance.whole(1, 3))
        elif what < self._publishing + 0.65 * (1.0 - self._publishing):
            self._change_wishes(client, which)
        elif which < self._adverts:
            self._change_adverts(client, chance.happens(0.5))
        elif chance.happens(0.15):
            client.leave()

    def _publish(self, client: Client, events: int) -> None:
        if len(client.unanswered) + events <= self._settings.client_window:
            client.publish([self._draw_event(client) for _ in range(events)])

    def _draw_event(self, client: Client) -> dict[str, int | str]:
        adverts = list(client.adverts.values())
        if adverts and self._values.happens(0.95):
            return draw_values(self._values, self._values.pick(adverts))
        return draw_values(self._values)

    def _draw_filter(self) -> Conjunction:
        return self._filters.often(self._pool)

    def _change_wishes(self, client: Client, which: float) -> None:
        idle = [number for number in client.wishes if client.is_idle(number)]
        if not client.wishes or which < 1.0 - len(client.wishes) / self._most_wishes:
            client.subscribe(self._draw_filter())
        elif idle:
            number = idle[int(which * len(idle))]
            if which * 7.0 % 1.0 < 0.5:
                client.subscribe(self._draw_filter(), number)
            else:
                client.unsubscribe(number)

    def _change_adverts(self, client: Client, more: bool) -> None:
        if more and len(client.adverts) < 4:
            client.advertise(self._draw_filter())
        elif client.adverts:
            client.unadvertise(min(client.adverts))

    # ---- on demand ----

    def hurry(self, process: Process) -> None:
        """Clients come as soon as their broker is there, and want something at once."""
        for client in self.clients:
            if client.process is process:
                self._come(client, None)
                self._agenda.after(HURRY, self._want_more, client)

    def _want_more(self, client: Client, _: object) -> None:
        for _ in range(2):
            if client.is_here:
                client.subscribe(self._draw_filter())

    def storm(self, client: Client, subscriptions: int) -> None:
        """A client subscribes to a lot of things at once."""
        if client.is_here:
            for _ in range(subscriptions):
                client.subscribe(draw_conjunction(self._filters))

    def burst(self, client: Client, events: int) -> None:
        """A client publishes a lot at once."""
        if client.is_here:
            room = self._settings.client_window - len(client.unanswered)
            self._publish(client, min(events, room))

    def calm_down(self, client: Client) -> None:
        """A client ends all subscriptions at once, but a few."""
        idle = [number for number in client.wishes if client.is_idle(number)]
        if client.is_here:
            for number in idle[self._most_wishes :]:
                client.unsubscribe(number)

    def probe(self) -> None:
        """Everybody publishes something, so that every pair of brokers is tried."""
        for client in self.clients:
            if client.is_here:
                self._publish(client, 2)

    def take_back(self) -> None:
        """All subscriptions and adverts are ended."""
        for client in self.clients:
            if client.is_here:
                for number in list(client.wishes):
                    client.unsubscribe(number)
                for number in list(client.adverts):
                    client.unadvertise(number)

    def leave(self) -> None:
        """Everybody leaves."""
        for client in self.clients:
            client.leave()
