"""The command `flashlive`, and `python -m flashlive_cli`."""

import sys


def main() -> int:
    """Run the command line; a Ctrl-C that comes while it loads ends it as quietly as a later one."""
    try:
        from flashlive_cli.cli import main as run  # noqa: PLC0415 - see above

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
