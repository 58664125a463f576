"""Every scenario of examples/outages, with a seed of its own each run of the file names; DROVER_OUTAGE_SEEDS asks for more."""
import importlib
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(os.path.dirname(HERE), "examples", "outages")
sys.path.insert(0, FOLDER)
SCENARIOS = sorted(name[:-3] for name in os.listdir(FOLDER) if name.endswith(".py") and name != "outage.py")
SEEDS = [int(seed) for seed in os.environ.get("DROVER_OUTAGE_SEEDS", "1").split(",")]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_outage(scenario, seed):
    importlib.import_module(scenario).run(seed)
