"""What the user gave to say, in the order given: `--input` and `--text` mixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from flashlive_cli.session.givens import Still

_ORDER: Final = "flashlive.order"
_KINDS: Final[dict[str, Literal["input", "text"]]] = {"inputs": "input", "texts": "text"}


@dataclass(frozen=True, slots=True)
class Given:
    """
    One `--input` or `--text`.

    Attributes:
        kind: which of the two.
        value: its argument; of a text, without the folders of its pictures.
        pictures: of a text.
    """

    kind: Literal["input", "text"]
    value: str
    pictures: "tuple[Still, ...]" = ()


class OrderedCommand(TyperCommand):
    """A command that remembers in which order its options came: typer collects each option by itself."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note the order, then parse as always."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [_KINDS[param.name] for param in order if param.name in _KINDS]
        return super().parse_args(ctx, args)


def given_turns(context: typer.Context, inputs: Sequence[str], texts: Sequence[str]) -> list[Given]:
    """Weave inputs and texts together again as they stood on the command line."""
    values = {"input": iter(inputs), "text": iter(texts)}
    return [Given(kind, next(values[kind])) for kind in context.meta.get(_ORDER, ())]
