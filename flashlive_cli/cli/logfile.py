"""What is logged, and where: on stderr, or in the file that `--log-file` names."""

import logging
import os
from contextlib import ExitStack

from flashlive_cli.config import Config
from flashlive_cli.errors import FileError, reason_of
from flashlive_cli.printable import printable
from flashlive_cli.private import open_private


def start_log(settings: Config, stack: ExitStack) -> None:
    """
    Log until the stack is left.

    Raises:
        FileError: the file cannot be written.
    """
    log: logging.Handler = logging.StreamHandler()
    if settings.log_file:
        try:
            descriptor = open_private(settings.log_file, os.O_APPEND)
        except (OSError, ValueError) as exc:
            raise FileError(f"the log {settings.log_file} cannot be written: {reason_of(exc)}") from exc
        file = stack.enter_context(os.fdopen(descriptor, "a", encoding="utf-8"))
        log = logging.StreamHandler(file)
    stack.callback(logging.getLogger().removeHandler, log)
    log.setFormatter(_LogLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[log], level=settings.log_level.upper(), force=True)


class _LogLine(logging.Formatter):
    """A log line that is safe to look at, whosever words are in it."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), keep_newlines=True)
