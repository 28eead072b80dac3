"""One real Ray for the integration tests that want it: four logical CPUs, in the test's own process tree."""

from __future__ import annotations

import gc
import warnings

import pytest
import ray


@pytest.fixture(scope="package")
def cluster(tmp_path_factory):
    """Two gangs of two ranks fit in. Started once: a second `ray.init` in one process is not what users do either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # where Ray puts folders for actors without a store
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(num_cpus=4, include_dashboard=False, namespace="rung", log_to_driver=False)
        yield
        ray.shutdown()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # Ray leaves its processes' handles to the collector
            gc.collect()
