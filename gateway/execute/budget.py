"""A share of what comes in that may be spent on top: a token bucket that fills by requests and not by time, so that
what is spent stays in proportion to what was asked."""

from __future__ import annotations

MOST_SAVED = 10.0
"""What a quiet time saves up for a bad one; also what there is at the start."""


class Budget:
    """`share` of each deposit may be withdrawn."""

    __slots__ = ("saved", "share")

    def __init__(self, share: float, saved: float = MOST_SAVED) -> None:
        self.share = share
        self.saved = saved if share else 0.0

    def deposit(self) -> None:
        saved = self.saved + self.share
        self.saved = saved if saved < MOST_SAVED else MOST_SAVED

    def withdraw(self, amount: float = 1.0) -> bool:
        """Take `amount`, if it is there."""
        # Ten deposits of a tenth come to a hair less than one.
        if self.saved + 1e-9 < amount:
            return False
        self.saved = max(0.0, self.saved - amount)
        return True
