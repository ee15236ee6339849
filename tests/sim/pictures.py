"""A picture that the simulator takes for what it is."""

from typing import Final

RED_PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAADCAIAAAA7ljmRAAAAEElEQVR42mM4ISICRww4OQDj9wtBNslvOAAAAABJRU5ErkJggg=="
"""4 by 3 pixels of red, as base64."""
RED_WORDS: Final = "4 by 3, mostly red"
