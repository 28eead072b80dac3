"""Settings: every one described, unknown ones refused, and no way to serve the network without TLS by accident."""

from __future__ import annotations

import ast
import inspect
from dataclasses import fields
from pathlib import Path

import pytest

from service import settings as module
from service.errors import ConfigurationError
from service.settings import Settings


def test_every_setting_is_described_under_its_field() -> None:
    (settings,) = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)]
    described = [
        here.target.id
        for here, below in zip(settings.body, settings.body[1:], strict=False)
        if isinstance(here, ast.AnnAssign)
        and isinstance(here.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    ]
    assert described == [field.name for field in fields(Settings)]


def test_no_variable_means_the_defaults() -> None:
    assert Settings.from_env({"PATH": "/bin", "_RUNG_CLUSTER": "x"}) == Settings()


def test_a_misspelt_variable_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"RUNG_PROT: got a variable .* RUNG_PORT"):
        Settings.from_env({"RUNG_PROT": "1"})


@pytest.mark.parametrize(
    ("name", "text", "must"),
    [
        ("RUNG_PORT", "eight", "a whole number"),
        ("RUNG_LEASE_S", "soon", "a number"),
        ("RUNG_BEHIND_PROXY", "maybe", "1 or 0"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, text: str, must: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}: got '{text}', must be {must}"):
        Settings.from_env({name: text})


def test_values_are_read_by_their_kind() -> None:
    read = Settings.from_env(
        {"RUNG_PORT": "9000", "RUNG_LEASE_S": "2.5", "RUNG_BEHIND_PROXY": "yes", "RUNG_HOME": "/x"}
    )
    assert (read.port, read.lease_s, read.behind_proxy, read.home) == (9000, 2.5, True, Path("/x"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    assert Settings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])  # noqa: S104 - what must be refused
def test_the_network_needs_tls_or_a_proxy(host: str) -> None:
    with pytest.raises(ConfigurationError, match=f"RUNG_HOST: got {host}"):
        Settings(host=host)
    assert Settings(host=host, behind_proxy=True).host == host
    assert Settings(host=host, tls_cert="c", tls_key="k").api_url.startswith("https://")


def test_half_of_tls_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be set together"):
        Settings(tls_cert="c")


def test_everything_lives_in_home_by_default() -> None:
    settings = Settings(home=Path("/srv/rung"))
    assert settings.ledger_url == "sqlite:////srv/rung/ledger.db"
    assert settings.store_dir == Path("/srv/rung/checkpoints")
    assert settings.token_file == Path("/srv/rung/token")


def test_the_token_is_the_setting_or_else_the_file(tmp_path: Path) -> None:
    assert Settings(home=tmp_path).read_token() is None
    (tmp_path / "token").write_text("rung_file\n")
    assert Settings(home=tmp_path).read_token() == "rung_file"
    assert Settings(home=tmp_path, token="rung_set").read_token() == "rung_set"


def test_lists_are_split_at_commas() -> None:
    settings = Settings(trainables="a=m:A, b=m:B,", allowed_hosts="rung.example.org")
    assert settings.trainable_list == ("a=m:A", "b=m:B")
    assert {"127.0.0.1", "rung.example.org"} <= settings.host_names
