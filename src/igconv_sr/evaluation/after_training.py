"""What a trained network is worth: results, weights to ship and a picture, in the folder of its training."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lightning.pytorch import Trainer

from igconv_sr.data import Benchmark
from igconv_sr.evaluation.benchmarks import evaluate
from igconv_sr.evaluation.printed_tables import print_gains
from igconv_sr.evaluation.side_by_side import save_side_by_side
from igconv_sr.inference.settings import Inference
from igconv_sr.metrics import STANDARD, ImageScore, mean_scores
from igconv_sr.network import Bicubic, SRNet
from igconv_sr.runs.results import source, write_results
from igconv_sr.system.console import say
from igconv_sr.weights.checkpoint import load_with_card, save_safetensors

WEIGHTS, PICTURE = "model.safetensors", "side_by_side.png"
"""Written into the folder of a training."""


class Worth(NamedTuple):
    """What a network is worth.

    Attributes:
        net: The network, on the CPU.
        scores: Of its images.
        bicubic: Of bicubic's.
    """

    net: SRNet
    scores: list[ImageScore]
    bicubic: list[ImageScore]


def evaluate_trained(
    checkpoint: Path,
    benchmarks: Sequence[Benchmark],
    scales: Sequence[float],
    further_scales: Sequence[float],
    trainer: Trainer,
    inference: Inference,
) -> Worth | None:
    """Scores the (averaged) weights of a checkpoint and writes ``results.csv``, weights and picture beside its folder.

    All ranks call it.

    Args:
        checkpoint: Of the last step, in the folder ``checkpoints`` of the run.
        benchmarks: The validation images first, of which the picture shows some.
        scales: Of the training.
        further_scales: Scored too, where the upsampler is one for all scales.
        trainer: Whose devices are used.
        inference: How SR images are computed.

    Returns:
        None on all ranks but the first.
    """
    folder = checkpoint.parents[1]
    net, card = load_with_card(checkpoint)
    scored = list(scales)
    if net.upsampler.shared_across_scales:
        scored += further_scales
    elif further_scales:
        say(f"No results for further_scales={list(further_scales)}: {card.upsampler_name} has a head per scale")
    for benchmark in benchmarks:
        if missing := [f"×{scale:g}" for scale in scored if not benchmark.images_at(scale)]:
            say(f"No results of {benchmark.name} at {', '.join(missing)}: only LR files of data.scales count")
    protocol = STANDARD.marked(inference.marks)
    scores = evaluate(net, benchmarks, scored, trainer, protocol, inference)
    bicubic = evaluate(Bicubic(), benchmarks, scored, trainer, protocol, inference)
    if not trainer.is_global_zero:
        return None
    net = net.cpu()
    save_safetensors(net, card, folder / WEIGHTS)
    params = sum(parameter.numel() for parameter in net.parameters())
    made_by = source(card, params, protocol.name, str(checkpoint))
    write_results(scores, made_by, benchmarks, folder)
    save_side_by_side(net, benchmarks[0], scales, folder / PICTURE, inference)
    print_gains(made_by.title, protocol.name, mean_scores(scores), mean_scores(bicubic))
    return Worth(net, scores, bicubic)
