"""Trainables are found by name without importing them, and one that is broken hides no other."""

from __future__ import annotations

import json

import pytest

from trainables import BrokenTrainableError, Registry, UnknownTrainableError, load_trainable

DIGITS = "trainables.models.digits_mlp:DigitsMlp"


def test_a_listed_trainable_is_found_by_name():
    registry = Registry.parse(f"mine = {DIGITS}, other=tests.support.recording:Recording,")
    assert registry.find("mine") == DIGITS
    assert {"mine", "other"} <= set(registry.names())


def test_an_unknown_name_gets_the_nearest_ones():
    with pytest.raises(UnknownTrainableError, match=r"got 'digits_mpl', must be .*; did you mean digits_mlp"):
        Registry({"digits_mlp": DIGITS}).find("digits_mpl")


@pytest.mark.parametrize("text", ["justaname", "=a:B", "x=module", "x=a:B,x=c:D", "x=a b:C"])
def test_a_malformed_list_is_refused_with_the_form_it_must_have(text):
    with pytest.raises(ValueError, match="module:Class"):
        Registry.parse(text)


def test_a_broken_trainable_names_module_and_cause_and_hides_no_other():
    registry = Registry({"a": "nowhere.at_all:X", "b": "json:dumps", "digits_mlp": DIGITS, "c": "trainables:Trainable"})
    described = {entry["name"]: entry for entry in registry.describe()}
    assert "nowhere.at_all:X: got ModuleNotFoundError: No module named 'nowhere'" in described["a"]["error"]
    assert "dumps is not a subclass" in described["b"]["error"]
    assert "abstract" in described["c"]["error"]
    assert "error" not in described["digits_mlp"]
    with pytest.raises(BrokenTrainableError, match="nowhere"):
        load_trainable("nowhere.at_all:X")


def test_a_description_is_json_and_has_the_docstring_and_all_defaults():
    (entry,) = [entry for entry in Registry({"digits_mlp": DIGITS}).describe() if entry["name"] == "digits_mlp"]
    assert json.loads(json.dumps(entry)) == entry
    assert entry["doc"].startswith("A multi-layer perceptron")
    assert entry["objective"] == {"metric": "loss", "mode": "min"}
    assert entry["budget"] == {"trials": 64, "epochs": 27}
    assert entry["metrics"] == ["loss", "accuracy"]
    assert entry["space"]["momentum"]["when"] == {"optimizer": "sgd"}
