"""A talk as NDJSON: one object a line, for programs."""

import json

from flashlive_cli.printable import printable, printable_json
from flashlive_cli.reports import Failed, Stamped, record
from flashlive_cli.ui.outlet import Outlet


class JsonScreen:
    """
    Writes each report as one line of JSON that is safe to look at on a terminal, too.

    Why a talk failed is said in words beside the data as well.
    """

    def __init__(self, data: Outlet, notes: Outlet) -> None:
        self._data = data
        self._notes = notes

    def __call__(self, stamped: Stamped) -> None:
        """Take a report; see `reports.Listener`."""
        self._data.say(printable_json(json.dumps(record(stamped), ensure_ascii=False, separators=(",", ":"))))
        if isinstance(stamped.report, Failed) and self._notes is not self._data:  # for who sends stdout to a program
            self._notes.say(f"flashlive: error: {printable(stamped.report.message)}")
