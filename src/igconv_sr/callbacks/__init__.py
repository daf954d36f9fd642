"""What a training does besides its steps."""

from igconv_sr.callbacks.average import MovingAverage
from igconv_sr.callbacks.checkpoints import LAST, checkpoints
from igconv_sr.callbacks.cost import TrainingCost
from igconv_sr.callbacks.image_panels import ImagePanels
from igconv_sr.callbacks.progress import StepProgress
from igconv_sr.callbacks.scale_steps import ScaleSteps
from igconv_sr.callbacks.step_file import StepFile
from igconv_sr.callbacks.step_seed import StepSeed
from igconv_sr.callbacks.stop import GracefulStop
from igconv_sr.callbacks.time_limit import TimeLimit
from igconv_sr.callbacks.training_settings import SETTINGS_KEY, TrainingSettings
from igconv_sr.callbacks.validation_scores import ValidationScores

__all__ = [
    "LAST",
    "SETTINGS_KEY",
    "GracefulStop",
    "ImagePanels",
    "MovingAverage",
    "ScaleSteps",
    "StepFile",
    "StepProgress",
    "StepSeed",
    "TimeLimit",
    "TrainingCost",
    "TrainingSettings",
    "ValidationScores",
    "checkpoints",
]
