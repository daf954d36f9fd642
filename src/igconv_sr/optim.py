"""The name that configurations and saved runs give to the schedule."""

from igconv_sr.training.optim import learning_rate_schedule as learning_rate_schedule
