"""What a spec may say, and every fault one can make in it: each with its path, all at once."""

from __future__ import annotations

import json
import pickle
import time
from typing import Any

import pytest
from hypothesis import example, given

import search_spaces
from search_spaces import Space, SpaceError, SpaceErrors
from tests.unit.search_spaces.strategies import PROPERTY, specs

NAN, INF = float("nan"), float("inf")


def parameter(**keys: Any) -> dict[str, Any]:
    """A spec whose one parameter, x, has these keys."""
    return {"x": keys}


def under(**when: Any) -> dict[str, Any]:
    """A spec with possible parents, and x under a condition on them."""
    return {
        "opt": {"type": "categorical", "choices": ["sgd", "adam", True]},
        "layers": {"type": "int", "low": 1, "high": 3},
        "lr": {"type": "float", "low": 0, "high": 1},
        "lattice": {"type": "float", "low": 0, "high": 1, "step": 0.5},
        "fixed": {"type": "constant", "value": 1},
        "nested": {"type": "bool", "when": {"opt": "sgd"}},
        "x": {"type": "bool", "when": when},
        "late": {"type": "bool"},
    }


def forbidding(*combinations: Any) -> dict[str, Any]:
    """The spec with possible parents, and forbidden combinations of them."""
    return {**under(opt="sgd"), "__forbidden__": list(combinations)}


def normal(mean: float, std: float, **keys: Any) -> dict[str, Any]:
    """A spec whose one parameter is an integer from 0 to 9 with a prior."""
    return parameter(type="int", low=0, high=9, prior={"normal": {"mean": mean, "std": std}}, **keys)


FAULTS: list[tuple[dict[Any, Any], str, str]] = [
    # names
    ({"": {"type": "bool"}}, "space.", "must match"),
    ({"1x": {"type": "bool"}}, "space.1x", "must match"),
    ({"a b": {"type": "bool"}}, "space.a b", "must match"),
    ({"x\n": {"type": "bool"}}, "space.x\n", "must match"),
    ({"x" * 65: {"type": "bool"}}, "space." + "x" * 65, "must match"),
    ({7: {"type": "bool"}}, "space.7", "must match"),
    ({"__x": {"type": "bool"}}, "space.__x", "must not begin with __"),
    # types and keys
    ({"x": [1, 2]}, "space.x", "got [1, 2], must be an object with a type"),
    ({"x": None}, "space.x", "got null, must be an object"),
    (parameter(), "space.x.type", "got nothing, must be one of float"),
    (parameter(type="flaot"), "space.x.type", 'did you mean "float"?'),
    (parameter(type=["float"]), "space.x.type", 'got ["float"], must be one of'),
    (parameter(type="int", low=1, high=2, hgih=3), "space.x.hgih", 'did you mean "high"?'),
    (parameter(type="bool", low=1), "space.x.low", "one that bool has; use one of type, default, when"),
    (parameter(type="constant", value=1, step=1), "space.x.step", "unknown key"),
    # bounds of floats
    (parameter(type="float", high=1), "space.x.low", "got nothing, must be a finite number"),
    (parameter(type="float", low=0), "space.x.high", "got nothing, must be a finite number"),
    (parameter(type="float", low=NAN, high=1), "space.x.low", "got NaN, must be a finite number"),
    (parameter(type="float", low=0, high=INF), "space.x.high", "got Infinity, must be a finite number"),
    (parameter(type="float", low=-INF, high=0), "space.x.low", "got -Infinity"),
    (parameter(type="float", low=0, high=10**400), "space.x.high", "must be a finite number"),
    (parameter(type="float", low=False, high=1), "space.x.low", "got false, must be a finite number"),
    (parameter(type="float", low="1e-4", high=1), "space.x.low", "in YAML with a point and a sign in the exponent"),
    (parameter(type="float", low="small", high=1), "space.x.low", 'got "small", must be a finite number'),
    (parameter(type="float", low=[0], high=1), "space.x.low", "got [0], must be a finite number"),
    (parameter(type="float", low=0.5, high=0.1), "space.x.low", "got 0.5, must be < high (0.1); swap the bounds"),
    (parameter(type="float", low=1, high=1), "space.x.low", 'for one value use type "constant"'),
    (parameter(type="float", low=-1e308, high=1e308), "space.x.high", "must be near enough to low"),
    (parameter(type="float", low=0, high=1, log=True), "space.x.low", "got 0.0, must be > 0 with log"),
    (parameter(type="float", low=-1, high=1, log=True), "space.x.low", "got -1.0, must be > 0 with log"),
    (parameter(type="float", low=1, high=1 + 1e-9, log=True), "space.x.log", "so near each other; drop log"),
    (parameter(type="int", low=10**11, high=10**11 + 3, log=True), "space.x.log", "so near each other; drop log"),
    (parameter(type="float", low=1, high=2, log="yes"), "space.x.log", 'got "yes", must be true or false'),
    (parameter(type="float", low=1, high=2, log=None), "space.x.log", "got null, must be true or false"),
    # bounds of integers
    (parameter(type="int", low=1.5, high=3), "space.x.low", 'at most 10**12; for fractions use type'),
    (parameter(type="int", low=1, high=True), "space.x.high", "got true, must be an integer"),
    (parameter(type="int", low=1, high=NAN), "space.x.high", "got NaN, must be an integer"),
    (parameter(type="int", low=1, high=10**12 + 1), "space.x.high", "must be an integer of at most 10**12"),
    (parameter(type="int", low="1", high=2), "space.x.low", "write it without quotes"),
    (parameter(type="int", low=3, high=1), "space.x.low", "got 3, must be < high (1); swap the bounds"),
    (parameter(type="int", low=0, high=9, log=True), "space.x.low", "got 0, must be > 0 with log"),
    # steps
    (parameter(type="float", low=0, high=1, step=0), "space.x.step", "got 0.0, must be > 0"),
    (parameter(type="float", low=0, high=1, step=-0.1), "space.x.step", "got -0.1, must be > 0"),
    (parameter(type="float", low=0, high=1, step=1.1), "space.x.step", "got 1.1, must be at most high - low (1.0)"),
    (parameter(type="float", low=0, high=1, step=NAN), "space.x.step", "got NaN, must be a finite number"),
    (parameter(type="float", low=0, high=1, step=None), "space.x.step", "got null, must be a finite number"),
    (parameter(type="float", low=0, high=1, step=1e-17), "space.x.step", "must leave at most 10**12 steps"),
    (parameter(type="float", low=1, high=2, step=0.5, log=True), "space.x.step", "together with log"),
    (parameter(type="int", low=1, high=9, step=0.5), "space.x.step", "got 0.5, must be an integer"),
    (parameter(type="int", low=1, high=9, step=0), "space.x.step", "got 0, must be > 0"),
    (parameter(type="int", low=1, high=9, step=9), "space.x.step", "must be at most high - low (8)"),
    (parameter(type="int", low=1, high=9, step=2, log=True), "space.x.step", "together with log"),
    # choices and values
    (parameter(type="categorical"), "space.x.choices", "got nothing, must be a list of at least one value"),
    (parameter(type="categorical", choices=[]), "space.x.choices", "got [], must be a list of at least one value"),
    (parameter(type="categorical", choices="abc"), "space.x.choices", 'got "abc", must be a list'),
    (parameter(type="categorical", choices=["a", "b", "a"]), "space.x.choices[2]", 'got "a" again, must be unique'),
    (parameter(type="ordinal", choices=[1, 1.0]), "space.x.choices[1]", "got 1.0 again, must be unique"),
    (parameter(type="categorical", choices=[1, [2]]), "space.x.choices[1]", "got [2], must be null, a boolean"),
    (parameter(type="categorical", choices=[{"a": 1}]), "space.x.choices[0]", 'got {"a": 1}, must be null'),
    (parameter(type="ordinal", choices=[1, NAN]), "space.x.choices[1]", "got NaN, must be null"),
    (parameter(type="constant"), "space.x.value", "got nothing, must be null"),
    (parameter(type="constant", value=[1]), "space.x.value", "got [1], must be null"),
    (parameter(type="constant", value=INF), "space.x.value", "got Infinity, must be null"),
    # defaults
    (parameter(type="float", low=0, high=1, default=2), "space.x.default", "got 2, must be a number from 0.0 to 1.0"),
    (parameter(type="float", low=0, high=1, default=True), "space.x.default", "got true, must be a number"),
    (parameter(type="int", low=0, high=9, default=0.5), "space.x.default", "got 0.5, must be an integer from 0 to 9"),
    (parameter(type="int", low=0, high=9, default=None), "space.x.default", "got null, must be an integer"),
    (parameter(type="float", low=0, high=1, step=0.25, default=0.3), "space.x.default", "the nearest is 0.25"),
    (parameter(type="float", low=0, high=1, step=0.25, default="a"), "space.x.default", "one of 0.0, 0.25, ..., 1.0"),
    (parameter(type="int", low=0, high=9, step=4, default=12), "space.x.default", "the nearest is 8"),
    (parameter(type="categorical", choices=["a"], default="b"), "space.x.default", 'got "b", must be one of ["a"]'),
    (parameter(type="categorical", choices=[1], default=True), "space.x.default", "got true, must be one of [1]"),
    (parameter(type="bool", default=1), "space.x.default", "got 1, must be one of [false, true]"),
    (parameter(type="bool", default=[True]), "space.x.default", "got [true], must be one of"),
    (parameter(type="constant", value=1, default=2), "space.x.default", "got 2, must be one of [1]"),
    # conditions
    (parameter(type="bool", when="opt"), "space.x.when", 'got "opt", must be an object of parent and value'),
    (parameter(type="bool", when=None), "space.x.when", "got null, must be an object"),
    (under(optt="sgd"), "space.x.when.optt", 'unknown parameter, must be one declared earlier; did you mean "opt"?'),
    (under(late=True), "space.x.when.late", "must be declared earlier; move it up, and break the cycle"),
    (under(x=True), "space.x.when.x", "got the parameter itself"),
    (under(lr=0.5), "space.x.when.lr", "which hardly ever equals a value"),
    (under(lattice=0.3), "space.x.when.lattice", "the nearest is 0.5"),
    (under(fixed=1), "space.x.when.fixed", "got a constant parameter"),
    (under(opt="rmsprop"), "space.x.when.opt", 'got "rmsprop", must be one of ["sgd", "adam", true]'),
    (under(opt=1), "space.x.when.opt", "got 1, must be one of"),
    (under(layers={"not": 1}), "space.x.when.layers", 'got {"not": 1}, must have "greater", "less" or both'),
    (under(layers={}), "space.x.when.layers", 'got {}, must have "greater", "less" or both'),
    (under(layers={"greater": 9}), "space.x.when.layers.greater", "got 9, must be an integer from 1 to 3"),
    (under(layers={"greater": 3}), "space.x.when", "must be possible"),
    (under(layers={"less": 2, "greater": 2}), "space.x.when", "must be possible"),
    (under(lr={"less": 0}), "space.x.when", "must be possible"),
    (under(opt={"greater": "sgd"}), "space.x.when.opt", "a categorical parameter has no order; name the values"),
    (under(nested={"greater": False}), "space.x.when.nested", "a bool parameter has no order"),
    (under(any=[]), "space.x.when.any", "got [], must be a list of at least one condition"),
    (under(all={"opt": "sgd"}), "space.x.when.all", "must be a list of at least one condition"),
    (under(any=[{}]), "space.x.when.any[0]", "got an empty object"),
    (under(any=[{"opt": "sgd"}, 3]), "space.x.when.any[1]", "got 3, must be an object of parent and value"),
    (under(any=[{"all": [{"late": True}]}]), "space.x.when.any[0].all[0].late", "must be declared earlier"),
    (under(all=[{"opt": "sgd"}, {"opt": "adam"}]), "space.x.when", "must be possible"),
    # priors, weights and forbidden combinations
    (parameter(type="float", low=0, high=1, prior="normal"), "space.x.prior", 'must be {"normal": {"mean": ...'),
    (parameter(type="float", low=0, high=1, prior={"normal": {"mean": 0}}), "space.x.prior", "must be"),
    (normal(0, 0), "space.x.prior.normal.std", "got 0, must be from 1e-05"),
    (normal(99, 1), "space.x.prior.normal.mean", "at most 30 standard"),
    (normal(NAN, 1), "space.x.prior.normal.mean", "finite number"),
    (normal(1, 1, step=3), "space.x.prior", "together with step"),
    (parameter(type="categorical", choices=[1, 2], weights=[1]), "space.x.weights", "must be 2 numbers"),
    (parameter(type="categorical", choices=[1, 2], weights=[1, 0]), "space.x.weights", "each from 1e-09"),
    ({"x": {"type": "bool"}, "__forbidden__": {}}, "space.__forbidden__", "got {}, must be a list of combinations"),
    (forbidding({}), "space.__forbidden__[0]", "it would forbid everything"),
    (forbidding({"optt": 1}), "space.__forbidden__[0].optt", 'did you mean "opt"?'),
    (forbidding({"layers": 9}), "space.__forbidden__[0].layers", "from 1 to 3"),
    (forbidding({"layers": [1, 2]}, {"layers": 3}), "space.__forbidden__", "leave 0 of all draws"),
    (forbidding({"lr": {"greater": 0.001}}), "space.__forbidden__", "leave 0.001 of all draws"),
    ({**under(opt="adam"), "__forbidden__": [{"opt": "sgd"}]}, "space.nested.when", "must be possible"),
    (under(layers=4), "space.x.when.layers", "got 4, must be an integer from 1 to 3"),
    (under(layers=True), "space.x.when.layers", "got true, must be an integer from 1 to 3"),
    (under(layers=[1, 4]), "space.x.when.layers", "got 4, must be an integer from 1 to 3"),
    (under(opt=[]), "space.x.when.opt", "got an empty list, must name at least one value"),
    (under(layers=[1, 1.0]), "space.x.when.layers", "must name each value once"),
    (under(opt="adam", nested=True), "space.x.when", "must be possible; its parents never have these values together"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "path", "message"), FAULTS, ids=[f"{path} {text}" for _, path, text in FAULTS])
def test_a_fault_is_refused_at_its_path(raw: dict[Any, Any], path: str, message: str) -> None:
    with pytest.raises(SpaceErrors) as caught:
        Space.parse(raw)

    (fault,) = caught.value.errors
    assert fault.path == path
    assert message in fault.message


def test_the_parents_of_those_faults_are_themselves_faultless() -> None:
    assert len(Space.parse(under(opt="sgd", layers=[1, 3])).parameters) == 8


def test_all_faults_are_told_at_once_in_declared_order() -> None:
    with pytest.raises(SpaceErrors) as caught:
        Space.parse(
            {
                "a": {"type": "float", "low": "x", "high": NAN, "log": 1},
                "b": {"type": "categorical", "choices": [[], 1, 1], "when": {"a": 1, "zzz": 1}},
                "c": {"type": "float", "low": 0, "high": -1, "log": True, "step": -1, "lo": 3},
                "d": 5,
            }
        )

    assert [fault.path for fault in caught.value.errors] == [
        "space.a.low",
        "space.a.high",
        "space.a.log",
        "space.b.choices[0]",
        "space.b.choices[2]",
        "space.b.when.zzz",
        "space.c.lo",
        "space.c.low",
        "space.c.low",
        "space.c.step",
        "space.c.step",
        "space.d",
    ]
    assert str(caught.value).splitlines()[0] == str(caught.value.errors[0])


@pytest.mark.parametrize("raw", [None, [], "x", 3])
def test_a_space_that_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(SpaceErrors, match="must be an object of parameters") as caught:
        Space.parse(raw, path="trainable.space")

    assert caught.value.errors[0].path == "trainable.space"


def test_a_fault_reads_as_name_got_must_and_way_out() -> None:
    with pytest.raises(SpaceErrors) as caught:
        Space.parse(parameter(type="float", low=0.5, high=0.1), path="spec.space")

    assert str(caught.value) == "spec.space.x.low: got 0.5, must be < high (0.1); swap the bounds"


def test_errors_survive_the_way_between_processes() -> None:
    fault = SpaceError("space.x", "got 1, must be 2")
    faults = SpaceErrors((fault,))

    again = pickle.loads(pickle.dumps(faults))  # noqa: S301  # our own bytes

    assert str(again) == str(faults) == "space.x: got 1, must be 2"
    assert again.errors[0].path == "space.x"


@PROPERTY
@example(
    raw={
        "p0": {"type": "int", "low": 0, "high": 2},
        "p2": {"type": "float", "low": 0.0, "high": 1e-09},
        "__forbidden__": [{"p0": 0, "all": [{"p0": 1}, {"p0": 2, "p2": {"greater": 5e-10, "less": 5e-10}}]}],
    }
)
@given(raw=specs())
def test_a_space_survives_json(raw: dict[str, Any]) -> None:
    space = Space.parse(raw)

    again = Space.parse(json.loads(json.dumps(space.to_dict())))

    assert again == space
    assert hash(again) == hash(space)
    assert again.to_dict() == space.to_dict()


@PROPERTY
@given(raw=specs())
def test_a_space_says_what_its_spec_says(raw: dict[str, Any]) -> None:
    canonical = Space.parse(raw).to_dict()

    assert list(canonical) == list(raw)
    for name, entry in raw.items():
        if name == "__forbidden__":
            continue
        for key, value in entry.items():
            if key not in ("when", "log"):
                assert canonical[name][key] == value
        assert canonical[name].get("log", False) == entry.get("log", False)


def test_the_canonical_form_leaves_out_what_has_its_default_value() -> None:
    verbose = {
        "a": {"type": "float", "low": 1, "high": 2, "log": False},
        "b": {"type": "int", "low": 1.0, "high": 1e3, "when": {}},
        "c": {"type": "bool", "when": {"b": [7.0]}},
        "d": {"type": "categorical", "choices": (None, 1), "default": None},
    }

    assert Space.parse(verbose).to_dict() == {
        "a": {"type": "float", "low": 1.0, "high": 2.0},
        "b": {"type": "int", "low": 1, "high": 1000},
        "c": {"type": "bool", "when": {"b": 7}},
        "d": {"type": "categorical", "choices": [None, 1], "default": None},
    }


def test_an_empty_space_is_a_search_of_one_configuration() -> None:
    space = Space.parse({})

    assert space.sample(0) == space.check({}) == space.from_vector([]) == {}
    assert space.to_dict() == {}


def test_the_public_names_are_these() -> None:
    assert search_spaces.__all__ == [
        "Bool",
        "Categorical",
        "Constant",
        "Float",
        "Forbidden",
        "Int",
        "Ordinal",
        "Parameter",
        "Space",
        "SpaceError",
        "SpaceErrors",
    ]


def test_the_canonical_form_of_conditions_is_their_shortest() -> None:
    spec: dict[str, Any] = under(
        all=[{"layers": {"greater": 1}}, {"all": [{"layers": {"less": 3}}]}],
        any=[{"opt": ["adam"]}, {"any": [{"nested": True}, {"opt": "adam"}]}],
        lr={"greater": 0},
    )
    spec["__forbidden__"] = [{"any": [{"opt": True, "layers": 1}], "lattice": {"less": 1}}]

    canonical = Space.parse(spec).to_dict()

    assert canonical["x"]["when"] == {
        "layers": {"greater": 1},
        "lr": {"greater": 0.0},
        "any": [{"opt": "adam"}, {"nested": True}],
        "all": [{"layers": {"less": 3}}],
    }
    assert canonical["__forbidden__"] == [{"opt": True, "layers": 1, "lattice": {"less": 1.0}}]
    assert Space.parse(canonical) == Space.parse(spec)


def test_a_parameter_may_be_called_any() -> None:
    space = Space.parse({"any": {"type": "bool"}, "x": {"type": "bool", "when": {"any": [True]}}})

    assert space.grid_size() == 3


def test_conditions_that_join_too_much_are_refused_quickly() -> None:
    raw: dict[str, Any] = {f"p{n}": {"type": "int", "low": 0, "high": 99} for n in range(40)}
    raw["__forbidden__"] = [{f"p{n}": n, f"p{n + 20}": n} for n in range(20)] + [dict.fromkeys(raw, 1)]
    start_s = time.perf_counter()

    with pytest.raises(SpaceErrors, match="must leave at most 2000 cases"):
        Space.parse(raw)

    assert time.perf_counter() - start_s < 10
