"""Gathers and logs what a validation gave."""

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from igconv_sr.data.batches.named_degradation import kind_of
from igconv_sr.evaluation.scoring import Scoring
from igconv_sr.metrics import Score, mean_scores
from igconv_sr.runs.logged_names import valid_mean, valid_score
from igconv_sr.super_resolver import SuperResolver

_LOGGED = ("psnr_y", "ssim_y")


class ValidationScores(Callback):
    """After each validation logs PSNR and SSIM per scale and their means.

    It stands before the moving average among the callbacks: images that have to be scored once more, in tiles, are
    scored by the weights that the others were scored by.
    """

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gathers the scores of all ranks."""
        scoring, net = pl_module.scoring, pl_module.net
        assert isinstance(scoring, Scoring)
        assert isinstance(net, SuperResolver)
        assert isinstance(trainer.val_dataloaders, DataLoader)
        images = trainer.val_dataloaders.dataset
        with trainer.precision_plugin.val_step_context(), torch.compiler.set_stance("force_eager"):
            scores = scoring.gather(net, lambda number: images[number].to(pl_module.device))
        means = mean_scores(scores)
        kind = kind_of(means[0].benchmark) + scoring.way(means[0].benchmark, means[0].scale).marks
        # The scores are those of all ranks already; their mean over the ranks changes nothing.
        pl_module.log_dict(_values(means, kind), sync_dist=True)
        if kind:
            # What checkpoints are chosen by goes by one name, but into no table or curve.
            chosen_by = _values(means, "")
            trainer.callback_metrics.update({name: torch.tensor(value) for name, value in chosen_by.items()})


def _values(scores: list[Score], kind: str) -> dict[str, float]:
    values = {valid_score(name, score.scale, kind): score.values[name] for name in _LOGGED for score in scores}
    return values | {valid_mean(kind): sum(score.values["psnr_y"] for score in scores) / len(scores)}
