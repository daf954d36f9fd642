"""Names on which scripts, saved runs and model cards rely stay importable where they are, whatever moves behind
them."""

import re
from pathlib import Path

import pytest
from hydra.utils import get_object

ROOT = Path(__file__).parents[1]
SAVED = [*ROOT.glob("conf/**/*.yaml"), *ROOT.glob("experiments/*/cells/*/config.yaml")]
TARGETS = {found for path in SAVED for found in re.findall(r"_target_: *(igconv_sr\.\S+)", path.read_text())}


@pytest.mark.parametrize("name", sorted({*TARGETS, "igconv_sr.load", "igconv_sr.official.build"}))
def test_the_name_leads_to_its_object(name: str) -> None:
    assert callable(get_object(name))


def test_saved_runs_name_what_they_were_trained_with() -> None:
    assert {"igconv_sr.optim.learning_rate_schedule", "igconv_sr.losses.WeightedLoss"} <= TARGETS
