"""`flashlive doctor`: looks at all that a talk needs, in the order in which it needs it, and says what to do."""

import json
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flashlive_cli.cli.options import ConfigOption, InputDeviceOption, OutputDeviceOption, ProfileOption, UrlOption
from flashlive_cli.cli.settings import read_settings
from flashlive_cli.printable import printable

if TYPE_CHECKING:
    from flashlive_cli.cli.checks import Check
    from flashlive_cli.config import Resolved

_STEP_PATIENCE_S: Final = 5.0
_INDENT: Final = 22
_WAY: Final = ("dns", "tcp", "tls")
_SERVICE: Final = ("websocket", "setup")
_SOUND: Final = ("microphone", "speaker", "echo")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def _number(seconds: float) -> float:
    """Refuse what no bounds keep out: nan is neither below nor above any."""
    if math.isnan(seconds):
        raise typer.BadParameter("nan is no number of seconds")
    return seconds


def doctor(  # noqa: PLR0917 - options are given by name
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end, for scripts.")] = False,
    echo: Annotated[
        bool, typer.Option("--echo", help="Play noise for twelve seconds, and measure what the microphone hears of it.")
    ] = False,
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds", metavar="N", help="Listen to the microphone so long.", min=0.5, max=60, callback=_number
        ),
    ] = 3.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Play no test tone.")] = False,
    url: UrlOption = None,
    input_device: InputDeviceOption = None,
    output_device: OutputDeviceOption = None,
    config: ConfigOption = None,
    profile: ProfileOption = None,
) -> None:
    """
    Check key, network, sound and terminal, and say what to do.

    Each line is ok, a warning, failed or skipped; what is not ok comes with advice. The key is sent to the service,
    as in a talk, and never shown. Exit code: 0 when a talk could be held, else what the talk would end with: 3 for
    the service, which may refuse the key, 4 for sound, 2 where nothing but the key is missing.
    """
    flags = {"url": url, "input_device": input_device, "output_device": output_device}
    resolved = read_settings(flags, config, profile)
    import asyncio  # noqa: PLC0415 - --help needs none of it

    from flashlive_cli.cli.foreign import foreign_stderr  # noqa: PLC0415

    findings = _Findings(show=not as_json)
    with foreign_stderr():
        asyncio.run(_examine(resolved, findings, with_echo=echo, seconds=seconds, quiet=quiet))
    findings.conclude(as_json=as_json)
    raise typer.Exit(findings.exit_code)


class _Findings:
    """What was found so far; shown as it comes, without the key whoever said it."""

    def __init__(self, *, show: bool) -> None:
        from flashlive_cli.session.endpoint import KEY_VARIABLES  # noqa: PLC0415

        self._checks: list[Check] = []
        self._show = show
        self._secrets = sorted({os.environ.get(name, "").strip() for name in KEY_VARIABLES} - {""}, key=len)

    def tell(self, check: "Check") -> None:
        """Take a finding."""
        self._checks.append(check)
        if not self._show:
            return
        words, advice = check.found, check.advice if check.status != "ok" else ""
        if check.status == "skipped":
            words, advice = f"{words}: {advice}", ""
        self._print(f"{check.status:9}{check.name:12} ", words)
        if advice:
            self._print(f"{'':{_INDENT}}-> ", advice)

    def skip(self, names: Sequence[str], advice: str) -> None:
        """Take note that there was no sense in looking at these."""
        from flashlive_cli.cli.checks import Check  # noqa: PLC0415

        for name in names:
            self.tell(Check(name, "skipped", "not tried", advice))

    def begin(self, what: str) -> None:
        """Say what takes a moment."""
        print(self._safe(f"flashlive: {what} …"), file=sys.stderr, flush=True)

    @property
    def names(self) -> list[str]:
        """What was looked at so far."""
        return [check.name for check in self._checks]

    @property
    def exit_code(self) -> int:
        """What a talk would end with; what is wrong with the key counts last."""
        failed = [check for check in self._checks if check.status == "failed"]
        failed.sort(key=lambda check: check.name == "key")
        return failed[0].exit_code if failed else 0

    def conclude(self, *, as_json: bool) -> None:
        """Say what it comes to."""
        if as_json:
            rows = [
                {"name": c.name, "status": c.status, "found": c.found, "advice": c.advice, **c.figures}
                for c in self._checks
            ]
            print(self._scrub(json.dumps({"schema": 1, "checks": rows, "ok": self.exit_code == 0}, indent=2)))
            return
        failed = [check.name for check in self._checks if check.status == "failed"]
        warned = [check.name for check in self._checks if check.status == "warning"]
        words = f"a talk cannot be held: {', '.join(failed)}" if failed else "a talk can be held"
        remarks = f" (warnings: {', '.join(warned)})" if warned else ""
        print(f"\n{words}{remarks}")

    def _print(self, head: str, words: str) -> None:
        """Print a line, and on a terminal the rest of it below its words."""
        line = self._safe(head + words)
        if sys.stdout.isatty():
            width = max(_INDENT + 20, shutil.get_terminal_size().columns - 1)
            line = textwrap.fill(line, width, subsequent_indent=" " * len(head), break_on_hyphens=False)
        print(line, flush=True)

    def _safe(self, line: str) -> str:
        return self._scrub(printable(line))

    def _scrub(self, text: str) -> str:
        for secret in reversed(self._secrets):
            text = text.replace(secret, "(the key)")
        return text


async def _examine(resolved: "Resolved", findings: _Findings, *, with_echo: bool, seconds: float, quiet: bool) -> None:
    """Take one look after the other."""
    from flashlive_cli.cli.checks import software  # noqa: PLC0415 - as all below: --help needs none of it

    findings.tell(software.check_python())
    await _examine_service(resolved, findings)
    has_devices = await _examine_sound(resolved, findings, with_echo=with_echo, seconds=seconds, quiet=quiet)
    findings.tell(software.check_terminal(os.environ, sys.stdout, sys.stderr))
    findings.tell(software.check_place(os.environ, has_devices=has_devices))


async def _examine_service(resolved: "Resolved", findings: _Findings) -> None:
    from flashlive_cli.cli.checks import failure  # noqa: PLC0415
    from flashlive_cli.cli.checks.key import check_key  # noqa: PLC0415
    from flashlive_cli.cli.checks.network import check_network  # noqa: PLC0415
    from flashlive_cli.cli.checks.service import check_service  # noqa: PLC0415
    from flashlive_cli.cli.service import service_url  # noqa: PLC0415
    from flashlive_cli.errors import ConfigError  # noqa: PLC0415
    from flashlive_cli.session.endpoint import GOOGLE, find_endpoint  # noqa: PLC0415

    settings = resolved.config
    base = service_url(settings)
    try:
        keyless = find_endpoint(base, "none")
    except ConfigError as error:
        findings.tell(failure("endpoint", error, "see --url, the setting url and GOOGLE_GEMINI_BASE_URL"))
        findings.skip(("key", *_WAY, *_SERVICE), "mend endpoint first")
        return
    check, key = check_key(os.environ, google=keyless.url.startswith(GOOGLE), loopback=keyless.is_loopback)
    findings.tell(check)
    endpoint = find_endpoint(base, key) if key else keyless
    patience_s = min(_STEP_PATIENCE_S, settings.setup_timeout_s)
    if await check_network(endpoint, patience_s=patience_s, tell=findings.tell):
        await check_service(endpoint, settings, has_key=key is not None, tell=findings.tell)
    else:
        failed = findings.names[-1]
        findings.skip((*_WAY[_WAY.index(failed) + 1 :], *_SERVICE), f"mend {failed} first")


async def _examine_sound(
    resolved: "Resolved", findings: _Findings, *, with_echo: bool, seconds: float, quiet: bool
) -> bool:
    """Return whether there is any sound device."""
    from flashlive_cli.audio.devices import SWITCH_INTERVAL_S  # noqa: PLC0415
    from flashlive_cli.cli.checks import Check  # noqa: PLC0415
    from flashlive_cli.cli.checks.cards import check_portaudio  # noqa: PLC0415

    if not await check_portaudio(findings.tell):
        findings.skip(_SOUND, "mend portaudio first")
        return False
    from flashlive_cli.cli.checks.echo import check_echo  # noqa: PLC0415 - numpy
    from flashlive_cli.cli.checks.microphone import check_microphone  # noqa: PLC0415
    from flashlive_cli.cli.checks.speaker import check_speaker  # noqa: PLC0415

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    findings.begin(f"listening to the microphone for {seconds:g} s, say something")
    check, hears = await check_microphone(resolved, seconds=seconds)
    findings.tell(check)
    if not quiet:
        findings.begin("playing a soft tone")
    check, speaks = await check_speaker(resolved, quiet=quiet)
    findings.tell(check)
    if hears is None or speaks is None:
        findings.skip(("echo",), "it takes a microphone and a speaker")
        return True
    if with_echo:
        findings.begin("playing noise for twelve seconds, be quiet")
        findings.tell(await check_echo(hears, speaks))
    else:
        advice = "on loudspeakers: flashlive doctor --echo (twelve seconds of noise)"
        findings.tell(Check("echo", "skipped", "not measured", advice))
    return True
