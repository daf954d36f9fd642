"""What is said of a training that runs."""

from pathlib import Path

from igconv_sr.runs.step_record import StepRecord
from igconv_sr.sweep.progress import Progress


def test_rate_and_time_left_are_of_this_session(tmp_path: Path) -> None:
    assert Progress.read(tmp_path) is None
    StepRecord(step=300, max_steps=400, time=1050.0, first_step=200, first_time=1000.0).write(tmp_path)
    progress = Progress.read(tmp_path)
    assert str(progress) == "step 300 of 400, 2.0 steps/s, 50 s left"


def test_of_several_stages_the_latest_counts(tmp_path: Path) -> None:
    for name, time in (("pretrain", 10.0), ("finetune", 20.0), ("older", 5.0)):
        (tmp_path / name).mkdir()
        StepRecord(1, len(name), time, 0, time - 4).write(tmp_path / name)
    assert str(Progress.read(tmp_path)) == "step 1 of 8, 4.0 s/step, 28 s left"


def test_after_the_last_step_comes_the_evaluation(tmp_path: Path) -> None:
    StepRecord(4, 4, 8.0, 0, 0.0).write(tmp_path)
    assert str(Progress.read(tmp_path)) == "step 4 of 4, 2.0 s/step, evaluating"
