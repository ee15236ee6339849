"""One scenario for each voice, model and noise of its `[matrix]`. Pure."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flashlive_cli.scenario.naming import Slugs
from flashlive_cli.scenario.reading import Written
from flashlive_cli.scenario.schema import Noise, Scenario


@dataclass(frozen=True, slots=True)
class Case:
    """
    A scenario with all its choices made, ready to be run.

    Attributes:
        id: a file name, the same in every run; see `naming`.
        name: for people.
        written: the file it comes from.
        scenario: as it is to be run.
        variant: what the matrix chose, by axis.
    """

    id: str
    name: str
    written: Written
    scenario: Scenario
    variant: Mapping[str, str] = field(default_factory=dict)


def cases_of(written: Written) -> Iterator[Case]:
    """Yield the scenario's variants, in the order of the matrix; just the scenario where it has none."""
    matrix = written.scenario.matrix
    axes: list[list[tuple[str, str, object]]] = []
    if matrix.voice:
        axes.append([("voice", name, name) for name in matrix.voice])
    if matrix.model:
        axes.append([("model", name, name) for name in matrix.model])
    if matrix.noise:
        axes.append([("noise", _noise_name(noise), noise) for noise in matrix.noise])
    ids = Slugs()
    for chosen in itertools.product(*axes):
        variant = {axis: name for axis, name, _ in chosen}
        scenario = written.scenario
        for axis, _, value in chosen:
            scenario = _chosen(scenario, axis, value)
        name = f"{written.name} [{', '.join(variant.values())}]" if variant else written.name
        yield Case(ids.new("-".join((written.path.stem, *variant.values()))), name, written, scenario, variant)


def _chosen(scenario: Scenario, axis: str, value: object) -> Scenario:
    match axis:
        case "voice":
            return scenario.model_copy(update={"voice": scenario.voice.model_copy(update={"name": value})})
        case "model":
            return scenario.model_copy(update={"model": scenario.model.model_copy(update={"id": value})})
        case _:
            return scenario.model_copy(update={"noise": value if isinstance(value, Noise) else None})


def _noise_name(noise: Noise | str) -> str:
    if isinstance(noise, str):
        return "no noise"
    return f"{noise.kind or Path(noise.file or '').stem} {noise.snr_db:g} dB"
