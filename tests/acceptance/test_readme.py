"""The curl lines of the README, run exactly as they are written."""

from __future__ import annotations

import subprocess

from tests.support.readme import block


def test_the_curl_lines_submit_a_search_follow_it_and_fetch_its_checkpoint(service, tmp_path):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("bash", "curl")],
        env=service.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "event: search.state" in done.stdout
    assert '"metric":"loss"' in done.stdout
    assert "model.safetensors" in done.stdout
