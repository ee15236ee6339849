"""A talk as NDJSON: one object a line, for programs."""

import json

from flashlive_cli.printable import printable_json
from flashlive_cli.reports import Stamped, record
from flashlive_cli.ui.outlet import Outlet


class JsonScreen:
    """Writes each report as one line of JSON that is safe to look at on a terminal, too."""

    def __init__(self, data: Outlet) -> None:
        self._data = data

    def __call__(self, stamped: Stamped) -> None:
        """Take a report; see `reports.Listener`."""
        self._data.say(printable_json(json.dumps(record(stamped), ensure_ascii=False, separators=(",", ":"))))
