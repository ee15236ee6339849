"""The house plan: which room may see which, and where the heavy doors are."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "flashlive_cli"
LOBBY = {
    "errors",
    "pcm",
    "clock",
    "doorbell",
    "inthread",
    "loopback",
    "nearest",
    "paths",
    "printable",
    "private",
    "reports",
    "tasks",
}
"""Seen by every room; they see one another only."""

MAY_SEE = {
    "protocol": {"errors", "nearest", "pcm"},
    "session": {"protocol", *LOBBY},
    "audio": LOBBY - {"reports"},
    "decorator": {"errors"},
    "toolbox": {"decorator", "doorbell", "errors", "loopback", "nearest", "printable", "tasks"},
    "ui": {"protocol", *LOBBY},
    "sim": LOBBY - {"reports"},
    "recording": LOBBY,
    "video": LOBBY - {"reports"},
    "config": {"errors", "nearest", "printable"},
    "toolset": {"protocol", "toolbox"},
    "scenario": {"protocol", "session", "audio", "toolbox", "toolset", "sim", "recording", "video", *LOBBY},
    "cli": {
        *("protocol", "session", "audio", "toolbox", "toolset"),
        *("ui", "sim", "recording", "video", "scenario", "config"),
        *LOBBY,
    },
    "pytest_plugin": {"session", "sim", "scenario", *LOBBY},
} | {module: LOBBY - {module} for module in LOBBY}

DOORS = {
    "websockets": {"session/connection.py", "sim/server.py"},
    "typer": {"cli/"},
    "pytest": {"pytest_plugin/"},
    "msgspec": {"protocol/", "reports/", "config/", "scenario/recorded.py"},
    "pydantic": {"toolbox/", "scenario/"},
    "pydantic_core": {"toolbox/"},
    "mcp": {"toolbox/mcp_link.py", "toolbox/mcp_process.py"},
    "mcp_types": {"toolbox/mcp"},
    "anyio": {"toolbox/mcp_process.py"},
    "httpx2": {"toolbox/mcp_link.py"},
    "cryptography": {"sim/certificate.py"},
    "cv2": {"video/", "sim/sight.py"},
    "mss": {"video/screen.py"},
    "certifi": {"sim/certificate.py"},
    "tomlkit": {"scenario/updating.py"},
    "rich": {
        f"ui/{name}.py" for name in ("display", "panel", "pictures", "rows", "signs", "suite", "turns", "wrapping")
    },
}
"""Foreign packages, and the only places that import them."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Every module imported anywhere in the file, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    room = room_of(path)
    if room in {"__init__", "__main__"}:
        return
    seen = {name.split(".")[1] for name in imports_of(path) if name.startswith("flashlive_cli.")}
    allowed = MAY_SEE[room] | {room, "__version__"}

    assert seen <= allowed, f"{room} must not see {seen - allowed}"


@pytest.mark.parametrize("package", DOORS)
def test_foreign_packages_come_in_through_few_doors(package: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if any(name.split(".")[0] == package for name in imports_of(path))
    }

    assert users, f"nobody uses {package} any more"
    assert all(any(user.startswith(door) for door in DOORS[package]) for user in users), users


@pytest.mark.parametrize("line", ["import flashlive_cli", "from flashlive_cli import tool"])
def test_the_decorator_of_tools_files_is_light(line: str) -> None:
    """A file of tools costs no more in its own tests, or in another program, than without it."""
    code = (
        f"import sys; {line}; loaded = {{'pydantic', 'asyncio', 'typer'}} & set(sys.modules); assert not loaded, loaded"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_help_needs_nothing_heavy() -> None:
    """No PortAudio, no numpy, no network code: `--help` works on any machine at once."""
    heavy = "{'numpy', 'sounddevice', 'websockets', 'pydantic', 'msgspec', 'rich', 'asyncio', 'ssl'}"
    code = (
        "import sys; from flashlive_cli.cli import main; code = main(['talk', '--help']);"
        f"loaded = {heavy} & set(sys.modules); assert code == 0 and not loaded, (code, loaded)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "--voice" in done.stdout


def test_a_talk_loads_nothing_that_only_others_need(tmp_path) -> None:
    """Nothing of tools, of the panel and its keys, or of scenarios and settings files: there are none."""
    unneeded = (
        "{'pydantic', 'docstring_parser', 'mcp', 'rich', 'flashlive_cli.cli.keys', 'flashlive_cli.ui.terminal',"
        " 'flashlive_cli.scenario', 'tomllib', 'tomlkit'}"
    )
    code = (
        "import sys; from flashlive_cli.cli import main;"
        "code = main(['talk', '--sim', '--speed', '100', '--format', 'json', '--voice', 'Puck', '--text', 'hi']);"
        f"loaded = {unneeded} & set(sys.modules); assert code == 0 and not loaded, (code, loaded)"
    )

    env = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert '"reply.complete"' in done.stdout
