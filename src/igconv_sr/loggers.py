"""The name that configurations and saved runs give to the logger."""

from igconv_sr.training.loggers import wandb_logger as wandb_logger
