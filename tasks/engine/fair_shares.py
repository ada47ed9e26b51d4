"""What each of several people's runs may have of a server at the same time: the same for each person, all of it for one alone."""

from dataclasses import dataclass

from tasks.engine.rate_limits import Limiter


@dataclass(eq=False)
class Seat:
    """A run before a server: whose it is, its gate, and the most calls that it makes at the same time by itself."""

    owner: str
    gate: Limiter
    most: int
    ceiling: int | None


class FairShares:
    """The servers that runs of this process drive, divided between their owners. Of one event loop.

    A server bears as many calls as the run of it that makes most by itself. Each owner has the same part of that, divided between
    their runs, and gets what others leave as soon as those end.
    """

    def __init__(self) -> None:
        self._seats: dict[str, list[Seat]] = {}

    def take(self, server: str, owner: str, gate: Limiter, most: int, ceiling: int | None = None) -> None:
        """A run drives the server by `gate` from now on, with as many as `most` calls at the same time. `ceiling` is the most
        that all runs of its owner may have.
        """
        seats = self._seats.setdefault(server, [])
        if (seat := next((seat for seat in seats if seat.gate is gate), None)) is not None:
            seat.most = max(seat.most, most)
        else:
            seats.append(Seat(owner, gate, most, ceiling))
        self._divide(seats)

    def give_back(self, gate: Limiter) -> None:
        """The run is over: the others have its part."""
        for server, seats in list(self._seats.items()):
            left = [seat for seat in seats if seat.gate is not gate]
            if not left:
                del self._seats[server]
            elif len(left) < len(seats):
                self._seats[server] = left
                self._divide(left)

    @staticmethod
    def _divide(seats: list[Seat]) -> None:
        owners = {seat.owner for seat in seats}
        most = max(seat.most for seat in seats)
        for seat in seats:
            runs = sum(other.owner == seat.owner for other in seats)
            part = seat.most if len(owners) == 1 else min(seat.most, most // len(owners) // runs)
            if seat.ceiling is not None:
                part = min(part, seat.ceiling // runs)
            seat.gate.resize(max(1, part))
