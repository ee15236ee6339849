"""The `mcpServers` file."""

import re
from pathlib import Path

import pytest

from flashlive_cli.errors import ConfigError
from flashlive_cli.toolbox.mcp import LocalServer, RemoteServer, Server, read_servers

ENV = {"TOKEN": "s3cret", "EMPTY": ""}


def read(folder: Path, text: str) -> list[Server]:
    path = folder / "mcp.json"
    path.write_text(text, encoding="utf-8")
    return read_servers(path, env=ENV)


def test_servers_of_both_kinds_are_read_in_order(tmp_path: Path) -> None:
    servers = read(
        tmp_path,
        """{
          "theme": "dark",
          "mcpServers": {
            "weather": {
              "command": "uvx", "args": ["weather", "--key=${TOKEN}", "${env:TOKEN}", "$HOME"],
              "env": {"KEY": "Bearer ${TOKEN}", "MODE": "${MODE:-fast}${EMPTY:-!}${TOKEN:-x}"}, "cwd": "here"
            },
            "off": {"command": "x", "disabled": true, "args": ["${NOT_SET}"]},
            "shop": {"type": "http", "url": "https://example.com/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}},
            "more": {"type": "streamable-http", "url": "http://127.0.0.1:8000/mcp"},
            "plain": {"type": "stdio", "command": "plain"}
          }
        }""",
    )

    assert servers == [
        LocalServer(
            "weather",
            "uvx",
            ("weather", "--key=s3cret", "s3cret", "$HOME"),
            {"KEY": "Bearer s3cret", "MODE": "fast!s3cret"},
            tmp_path / "here",
        ),
        RemoteServer("shop", "https://example.com/mcp", {"Authorization": "Bearer s3cret"}),
        RemoteServer("more", "http://127.0.0.1:8000/mcp"),
        LocalServer("plain", "plain"),
    ]
    assert "s3cret" not in repr(servers)


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    assert read(tmp_path, '\ufeff{"mcpServers": {"x": {"command": "x"}}}') == [LocalServer("x", "x")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{\n "mcpServers": {,}\n}', "mcp.json:2:17: not JSON: "),
        ("[" * 100_000, "mcp.json: is beyond reading: "),
        ("[]", "mcp.json: expected an object with mcpServers in it"),
        ("{}", "mcp.json: no mcpServers in it"),
        ('{"servers": {}}', "mcp.json: no mcpServers in it; is servers meant to be mcpServers?"),
        ('{"mcpServers": []}', "mcp.json: mcpServers: expected an object of servers by name"),
        ('{"mcpServers": {}}', "mcp.json: mcpServers: expected an object of servers by name"),
        ('{\n"mcpServers": {\n"a": {"command": "x"},\n"a": {"command": "y"}}}', "mcp.json:4: a is there twice"),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("5", ":4: mcpServers.b: expected an object such as"),
        ("{}", ":4: mcpServers.b: needs a command (a program) or a url (streamable HTTP)"),
        ('{"command": "x",\n "url": "http://x"}', ":4: mcpServers.b: has a command and a url"),
        ('{\n "comand": "x"}', ":5: mcpServers.b.comand: no such key; did you mean command?"),
        ('{\n "httpUrl": "http://x"}', ":5: mcpServers.b.httpUrl: no such key; did you mean url?"),
        ('{"command": "x",\n "autoApprove": []}', ":5: mcpServers.b.autoApprove: no such key"),
        ('{"command": ["x"]}', ":4: mcpServers.b.command: expected a valid string"),
        ('{"command": ""}', ":4: mcpServers.b.command: is empty"),
        ('{"command": "x",\n "env": {\n  "PORT": 80}}', ":6: mcpServers.b.env.PORT: expected a valid string"),
        ('{"command": "x", "args": [1]}', ":4: mcpServers.b.args.0: expected a valid string"),
        ('{"command": "x",\n "headers": {}}', ":5: mcpServers.b.headers: is for a server with a url"),
        ('{"url": "http://x",\n "args": []}', ":5: mcpServers.b.args: is for a server with a command"),
        ('{"command": "x",\n "type": "http"}', ":5: mcpServers.b.type: is http, and a command speaks stdio"),
        ('{"url": "http://x",\n "type": "stdio"}', ":5: mcpServers.b.type: is stdio, and a url speaks http"),
        ('{"url": "http://x/sse",\n "type": "sse"}', ":5: mcpServers.b.type: sse is the transport MCP gave up"),
        ('{"url": "http://x",\n "type": "ws"}', ":5: mcpServers.b.type: expected 'stdio', 'http'"),
        ('{"url": "ftp://x"}', ":4: mcpServers.b.url: expected a URL that begins with https:// or http://"),
        ('{"url": "http://[x"}', ":4: mcpServers.b.url: is no URL: Invalid IPv6 URL"),
        ('{"command": "x",\n "env": {"A": "${GONE}"}}', ":5: mcpServers.b.env.A: the environment variable GONE is"),
        ('{"command": "x", "args": ["${GONE}"]}', ":4: mcpServers.b.args: the environment variable GONE is not set"),
        ('{"url": "http://x", "headers": {"A b": "c"}}', ":4: mcpServers.b.headers.A b: has a character in it"),
        ('{"url": "https://x", "headers": {"A": "c\\\\n"}}', None),
        ('{"url": "https://x", "headers": {"A": "c\\n"}}', ":4: mcpServers.b.headers.A: has a character in it"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_named_by_line_and_key(tmp_path: Path, entry: str, complaint: str | None) -> None:
    text = f'{{"mcpServers": {{\n  "a": {{"command": "a"}},\n\n  "b": {entry}}}}}'
    if complaint is None:
        read(tmp_path, text)
        return
    with pytest.raises(ConfigError, match=re.escape(f"mcp.json{complaint}")):
        read(tmp_path, text)


def test_a_name_is_made_safe_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(r"mcpServers.\x1b[2J: needs a command")):
        read(tmp_path, '{"mcpServers": {"\\u001b[2J": {}}}')


def test_what_is_no_readable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_servers(tmp_path / "gone.json")
    with pytest.raises(ConfigError, match="is a folder"):
        read_servers(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"\xe4": 1}')
    with pytest.raises(ConfigError, match=r"is not UTF-8 \(byte 2\)"):
        read_servers(tmp_path / "latin.json")
