"""
How a fault of the table is asked for, and what that comes to.

    drop-1006                     when the table says: in the middle of the first reply
    drop-1006@12.5                12.5 s after the connection was set up
    goaway-mid-answer@turn2       in the second turn of the session
    jitter:ms=300                 with a parameter; several are joined by colons
    goaway-early, slow-audio      several faults, by commas
"""

import re
from dataclasses import dataclass
from typing import Final

from flashlive_cli.errors import ConfigError
from flashlive_cli.nearest import meant_or_known
from flashlive_cli.sim.faulttable import FAULTS, Description, FaultName

_LATEST_S: Final = 24 * 3600.0
_PARTED_BY_COMMA: Final = re.compile(r",\s*(?=\w+\s*=)")
"""What stands before a parameter where a colon should; a fault, which may stand there, is followed by no `=`."""
_SPELLED: Final = re.compile(r"(?P<name>[^@:]*)(?:@(?P<when>[^:]*))?(?::(?P<values>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """
    A fault as asked for: read by `parse_fault`.

    Attributes:
        name: one of `FAULTS`.
        at_s: seconds after setup; None where a turn or the table decides.
        turn: number of a turn of the session, from 1; None where a time or the table decides.
        values: parameters that were given.
    """

    name: FaultName
    at_s: float | None = None
    turn: int | None = None
    values: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        when = f"@turn{self.turn}" if self.turn is not None else "" if self.at_s is None else f"@{self.at_s:g}"
        return self.name + when + "".join(f":{key}={value:g}" for key, value in self.values)

    @property
    def description(self) -> Description:
        """Its entry in the table."""
        return FAULTS[self.name]

    def value(self, parameter: str) -> float:
        """A parameter, given or by default."""
        return dict(self.values).get(parameter, self.description.parameters[parameter].default)

    @property
    def moment(self) -> tuple[float | None, int | None]:
        """When it strikes, as (seconds after setup, turn); both None for setup itself."""
        if self.at_s is not None or self.turn is not None:
            return self.at_s, self.turn
        return self.description.at_s, self.description.turn


def parse_fault(text: str) -> Fault:
    """
    Read one fault: `NAME`, `NAME@SECONDS`, `NAME@turnN`, each with `:key=value` behind it as often as needed.

    Raises:
        ConfigError: no such fault (names the nearest), no such parameter, or a value that is none.
    """
    _judge_commas(text)
    match = _SPELLED.fullmatch(text.strip())
    assert match is not None  # every part of the pattern may be empty
    name, when, values = match["name"].strip(), match["when"], match["values"]
    description = FAULTS.get(name)
    if description is None:
        raise ConfigError(f"there is no fault {name!r}{meant_or_known(name, FAULTS)}")
    at_s, turn = _moment(name, when)
    bind(description, "time" if at_s is not None else "turn" if turn is not None else "")
    given: dict[str, float] = {}
    for pair in [] if values is None else values.split(":"):
        key, equals, value = (piece.strip() for piece in pair.partition("="))
        if not equals:
            raise ConfigError(f"fault {name}: {pair!r} is not written as key=value")
        parameter = description.parameters.get(key)
        if parameter is None:
            known = description.parameters
            hint = meant_or_known(key, known) if known else ", nor any parameter"
            raise ConfigError(f"fault {name} has no {key!r}{hint}")
        given[key] = _number(f"fault {name}: {key}", value, parameter.least, parameter.most)
    return Fault(description.name, at_s, turn, tuple(given.items()))


def parse_faults(text: str) -> tuple[Fault, ...]:
    """
    Read several faults, separated by commas; an empty text is none.

    Raises:
        ConfigError: as `parse_fault`.
    """
    _judge_commas(text)
    return tuple(parse_fault(part) for part in text.split(",") if part.strip())


def bind(fault: Description, to: str) -> None:
    """
    Check that a fault can be bound to `time` or `turn`; the empty text is nothing.

    Raises:
        ConfigError: it cannot.
    """
    if to and to not in fault.binds:
        other = f"; it can to a {fault.binds[0]}" if fault.binds else ""
        raise ConfigError(f"fault {fault.name} cannot be bound to a {to}{other}")


def _judge_commas(text: str) -> None:
    if _PARTED_BY_COMMA.search(text):
        right = _PARTED_BY_COMMA.sub(":", text.strip())
        raise ConfigError(f"commas part faults, and colons the parameters of one: write {right}")


def _moment(name: str, when: str | None) -> tuple[float | None, int | None]:
    if when is None:
        return None, None
    when = when.strip()
    if when.startswith("turn"):
        turn = _number(f"fault {name}: the turn", when.removeprefix("turn"), 1, 1_000_000)
        if turn != int(turn):
            raise ConfigError(f"fault {name}: turns have whole numbers, not {when.removeprefix('turn')}")
        return None, int(turn)
    return _number(f"fault {name}: the time", when, 0, _LATEST_S), None


def _number(what: str, text: str, least: float, most: float) -> float:
    if not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text.strip(), re.ASCII):
        raise ConfigError(f"{what} must be a number, not {text.strip()!r}")
    value = float(text)
    if not least <= value <= most:
        raise ConfigError(f"{what} must be between {least:g} and {most:g}, not {value:g}")
    return value
