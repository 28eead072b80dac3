"""A checkpoint is complete and undamaged, or it is refused: nothing in between."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank, alone, save
from trainables import CheckpointError, CheckpointRecord, load, verify
from trainables.checkpoints.checkpoint import CheckpointWriter, read, seal


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> CheckpointRecord:
    directory = tmp_path_factory.mktemp("store")
    assignment = an_assignment(directory, {"tied": True, "momentum": 0.9, "schedule": True})
    rank = a_lone_rank(assignment)
    measures = rank.run_epoch()
    return save(directory, assignment, 1, measures, alone(rank))


def test_a_checkpoint_has_the_contracts_files_and_its_record_agrees_with_them(record):
    files = {path.name: path.stat().st_size for path in Path(record.path).iterdir()}
    assert set(files) == {"manifest.json", "model.safetensors", "state.json", "training-0.pt"}
    assert record.bytes == sum(files.values())
    assert Path(record.path).name == "epoch-0001"
    assert verify(record.path) == record
    assert not list(Path(record.path).parent.glob("*.tmp-*"))


def test_training_state_loads_without_pickle_and_weights_have_plain_names(record):
    state = torch.load(Path(record.path, "training-0.pt"), weights_only=True)
    assert set(state) == {"rank", "random", "optimizer", "schedule", "scaler", "micro_batch"}
    assert not any(name.startswith("module.") for name in load(record.path).state_dict())


def test_tensors_that_are_one_are_stored_once_and_come_back_as_one(record):
    assert read(record.path).manifest["aliases"] == {"again.weight": "out.weight"}
    model = load(record.path)
    assert model.again.weight is model.out.weight


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_refused(record, tmp_path, data):
    name = data.draw(st.sampled_from(sorted(path.name for path in Path(record.path).iterdir())))
    content = bytearray(Path(record.path, name).read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(record.path, copy)
    (copy / name).write_bytes(content)
    try:
        found = read(copy)
    except CheckpointError:
        return
    # White space between the words of the manifest carries nothing; its own hash, in the ledger, still tells.
    assert name == "manifest.json"
    assert found.manifest == read(record.path).manifest
    assert found.record.manifest_sha256 != record.manifest_sha256


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors", "state.json", "training-0.pt"])
def test_a_missing_empty_or_cut_file_is_refused_by_name(record, tmp_path, name):
    for number, damage in enumerate(
        (Path.unlink, lambda file: os.truncate(file, 0), lambda file: os.truncate(file, 9))
    ):
        copy = tmp_path / str(number)
        shutil.copytree(record.path, copy)
        damage(copy / name)
        with pytest.raises(CheckpointError, match=rf"{name}: got .*, must be .*; .*earlier"):
            verify(copy)


def test_a_later_format_is_refused_with_the_way_out(record, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(record.path, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format_version": 2}))
    with pytest.raises(CheckpointError, match="version 2, must be 'torch' or 'directory' version 1; load it"):
        verify(copy)


def a_writer(directory: Path, content: str = "weights") -> tuple[CheckpointWriter, list]:
    writer = CheckpointWriter(directory, 3)
    (writer.aside / "model.safetensors").write_text(content)
    return writer, [seal(writer.aside / "model.safetensors")]


def test_metrics_that_are_not_finite_survive_as_nan_in_plain_json(tmp_path):
    writer, files = a_writer(tmp_path)
    record = writer.commit(files, {"loss": math.nan, "accuracy": 0.5}, {"config": {}})
    assert math.isnan(verify(record.path).metrics["loss"])
    assert json.loads(Path(record.path, "state.json").read_text())["metrics"] == {"loss": None, "accuracy": 0.5}


def test_every_file_and_both_folders_are_made_durable_in_the_order_that_survives_a_power_cut(tmp_path, monkeypatch):
    steps = []
    fsync, rename = os.fsync, Path.rename
    monkeypatch.setattr(
        os, "fsync", lambda number: (steps.append(Path(os.readlink(f"/proc/self/fd/{number}")).name), fsync(number))
    )
    monkeypatch.setattr(Path, "rename", lambda source, target: (steps.append("rename"), rename(source, target)))
    writer, files = a_writer(tmp_path)
    writer.commit(files, {"loss": 1.0}, {"config": {}})
    aside = writer.aside.name
    assert steps == ["model.safetensors", "state.json", aside, "manifest.json", aside, "rename", tmp_path.name]


def test_the_first_sound_checkpoint_of_an_epoch_stays(tmp_path):
    writer, files = a_writer(tmp_path, "first")
    first = writer.commit(files, {"loss": 1.0}, {"config": {}})
    writer, files = a_writer(tmp_path, "second")
    assert writer.commit(files, {"loss": 2.0}, {"config": {}}) == first
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-0003"]


def test_a_damaged_checkpoint_of_the_same_epoch_is_replaced(tmp_path):
    writer, files = a_writer(tmp_path, "first")
    first = writer.commit(files, {"loss": 1.0}, {"config": {}})
    Path(first.path, "model.safetensors").write_text("worse")
    writer, files = a_writer(tmp_path, "second")
    second = writer.commit(files, {"loss": 2.0}, {"config": {}})
    assert verify(second.path) == second
    assert second.manifest_sha256 != first.manifest_sha256


KILLED_AT = {
    "between data and manifest": "checkpoint.sync_directory = lambda path: os.kill(os.getpid(), signal.SIGKILL)",
    "between manifest and rename": "pathlib.Path.rename = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("moment", KILLED_AT)
def test_a_process_killed_while_it_writes_leaves_no_readable_checkpoint(tmp_path, moment):
    program = f"""
        import os, pathlib, signal, sys
        from trainables.checkpoints import checkpoint
        {KILLED_AT[moment]}
        writer = checkpoint.CheckpointWriter(pathlib.Path(sys.argv[1]), 3)
        (writer.aside / "model.safetensors").write_text("weights")
        writer.commit([checkpoint.seal(writer.aside / "model.safetensors")], {{"loss": 1.0}}, {{"config": {{}}}})
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert [path.name.split("-")[:2] for path in tmp_path.iterdir()] == [["epoch", "0003.tmp"]]
    with pytest.raises(CheckpointError, match="never completed or is gone"):
        verify(tmp_path / "epoch-0003")


def test_a_bare_process_without_ray_loads_a_checkpoint(record):
    program = (
        "import sys; sys.modules['ray'] = None; import trainables; "
        "print(sum(p.numel() for p in trainables.load(sys.argv[1]).parameters()))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, record.path], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(ended.stdout) == sum(p.numel() for p in load(record.path).parameters())
