"""A clock for a Keygrove in this process: it goes when a test says so."""

from dataclasses import dataclass

NOW = 1_700_000_000.25


@dataclass(slots=True)
class Clock:
    """A clock that stands still until a test moves it, in either direction. `time` is epoch seconds."""

    time: float = NOW

    def __call__(self) -> float:
        """Epoch seconds."""
        return self.time

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
