"""What a training does besides its steps."""

from igconv_sr.training.callbacks.average import MovingAverage, moving_average
from igconv_sr.training.callbacks.checkpoints import LAST, WholeCheckpoints, checkpoints
from igconv_sr.training.callbacks.cost import TrainingCost
from igconv_sr.training.callbacks.image_panels import ImagePanels
from igconv_sr.training.callbacks.logged_steps import LoggedSteps
from igconv_sr.training.callbacks.progress_bar import StepProgress
from igconv_sr.training.callbacks.scale_steps import ScaleSteps
from igconv_sr.training.callbacks.step_file import StepFile
from igconv_sr.training.callbacks.step_seed import StepSeed
from igconv_sr.training.callbacks.stop import GracefulStop
from igconv_sr.training.callbacks.time_limit import TimeLimit
from igconv_sr.training.callbacks.training_settings import SETTINGS_KEY, TrainingSettings
from igconv_sr.training.callbacks.validation_scores import ValidationScores

__all__ = [
    "LAST",
    "SETTINGS_KEY",
    "GracefulStop",
    "ImagePanels",
    "LoggedSteps",
    "MovingAverage",
    "ScaleSteps",
    "StepFile",
    "StepProgress",
    "StepSeed",
    "TimeLimit",
    "TrainingCost",
    "TrainingSettings",
    "ValidationScores",
    "WholeCheckpoints",
    "checkpoints",
    "moving_average",
]
