"""The bill of one talk, added up response by response."""

from collections import Counter

from flashlive_cli.protocol.events import Usage
from flashlive_cli.protocol.prices import Price, cost_usd, tokens_in, tokens_out


class Bill:
    """
    What a talk has come to so far; see `protocol.prices` for what it leaves out. Belongs to one thread.

    A session that moves to another connection stays on the same bill: its context is billed on there.
    """

    def __init__(self, price: Price | None) -> None:
        """Start at nothing; without a price tokens are counted, and the cost is unknown."""
        self._price = price
        self._total_usd = 0.0
        self._tokens_in: Counter[str] = Counter()
        self._tokens_out: Counter[str] = Counter()

    def add(self, usage: Usage) -> float | None:
        """Add a response; return what it cost in US dollars, None where the model's price is not known."""
        self._tokens_in.update(tokens_in(usage))
        self._tokens_out.update(tokens_out(usage))
        if self._price is None:
            return None
        cost = cost_usd(self._price, usage)
        self._total_usd += cost
        return cost

    @property
    def total_usd(self) -> float | None:
        """US dollars so far, None where the model's price is not known: that is not 0."""
        return None if self._price is None else self._total_usd

    @property
    def tokens_in(self) -> dict[str, int]:
        """
        Tokens read so far, by `TEXT`, `AUDIO`, …, and `OTHER` where the service does not tell.

        Each response reads the whole history: these are the tokens billed, far more than were ever said.
        """
        return dict(self._tokens_in)

    @property
    def tokens_out(self) -> dict[str, int]:
        """Tokens generated so far, by modality, `OTHER`, and `THOUGHTS`."""
        return dict(self._tokens_out)
