"""The command: measures the topics asked for, prints and writes what it finds."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import hydra
import torch
from omegaconf import DictConfig

from igconv_sr.bench.attention import attention
from igconv_sr.bench.data import ROWS, STEP, data
from igconv_sr.bench.evaluation import evaluation
from igconv_sr.bench.hit_srf import hit_srf
from igconv_sr.bench.hypernet import SHARE_MODELS, hypernet, share_of_step
from igconv_sr.bench.latency import upsampler_costs
from igconv_sr.bench.mixed import mixed
from igconv_sr.bench.onnx import onnx
from igconv_sr.bench.result_table import Results
from igconv_sr.bench.scan import scan
from igconv_sr.bench.store import store
from igconv_sr.bench.training_table import training
from igconv_sr.bench.upsampler import upsampler
from igconv_sr.bench.upscale import upscale
from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.commands.launch import Launch
from igconv_sr.errors import InputError
from igconv_sr.measure.comparison import Comparison, Measurement, measure
from igconv_sr.measure.counting import NOTE, all_costs
from igconv_sr.measure.nets import model_names
from igconv_sr.system.console import say

COMPARISONS: dict[str, Callable[[], Iterable[Comparison]]] = {
    "upsampler": upsampler,
    "attention": attention,
    "scan": scan,
    "hit_srf": hit_srf,
    "mixed": mixed,
    "hypernet": hypernet,
    "data": data,
    "evaluation": evaluation,
    "store": store,
    "upscale": upscale,
    "onnx": onnx,
}
TABLES = ("share", "models", "latency", "training")


@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="bench")
def main(config: DictConfig) -> None:
    """Measures, prints and writes into ``paths.output_dir``."""
    with Launch.current.job():
        known = [*COMPARISONS, *TABLES]
        topics = known if config.only is None else list(config.only)
        for topic in topics:
            if topic not in known:
                raise InputError(f"only: there is no topic {topic!r}; there are {', '.join(known)}")
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        folder = Path(config.paths.output_dir)
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            _bench(topics, config.rounds, config.seconds, folder)
        say(f"Results in {folder}")


def _bench(topics: Sequence[str], rounds: int, seconds: float, folder: Path) -> None:
    compared = [topic for topic in topics if topic in COMPARISONS]
    measurements = [
        _measure(item, rounds, seconds if item.limit else seconds / 3)
        for topic in compared
        for item in COMPARISONS[topic]()
    ]
    parts = [m for m in measurements if m.comparison.limit is None]
    measurements = [m for m in measurements if m.comparison.limit is not None]
    tables = [_times(measurements)] if measurements else []
    if parts:
        tables.append(_data_path(parts))
    if any(m.peak for m in measurements):
        tables.append(_memory(measurements))
    if "share" in topics:
        tables.append(_shares([_measure(share_of_step(model), rounds, seconds / 3) for model in SHARE_MODELS]))
    if "models" in topics:
        tables.append(_models())
    if "latency" in topics:
        tables.append(_latencies(rounds))
    if "training" in topics:
        tables.append(training(_machine()))
    for table in tables:
        table.write(folder)
        table.print()


def _measure(comparison: Comparison, rounds: int, seconds: float) -> Measurement:
    say(f"Measuring {comparison.name}")
    return measure(comparison, rounds, seconds)


def _machine() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    return f"{device}, torch {torch.__version__}"


def _times(measurements: Sequence[Measurement]) -> Results:
    rows = [
        {
            "comparison": m.comparison.name,
            "rounds": str(m.rounds),
            "ours ms": f"{1000 * m.ours:.2f}",
            "reference ms": f"{1000 * m.reference:.2f}",
            **_against(m.ratio, m.comparison.limit),
        }
        for m in measurements
    ]
    return Results("bench", f"Time, ours / reference, medians ({_machine()})", rows)


def _memory(measurements: Sequence[Measurement]) -> Results:
    rows = [
        {
            "comparison": m.comparison.name,
            "ours MiB": f"{m.peak[0] / 2**20:.1f}",
            "reference MiB": f"{m.peak[1] / 2**20:.1f}",
            **_against(m.peak[0] / m.peak[1], m.comparison.memory_limit),
        }
        for m in measurements
        if m.peak is not None
    ]
    title = (
        "Peak memory, ours / reference; for the selective scan the reference is the size of its inputs and output, for "
        "the store 1 GiB"
    )
    return Results("memory", f"{title} ({_machine()})", rows)


def _against(ratio: float, limit: float | None) -> dict[str, str]:
    assert limit is not None
    return {"ratio": f"{ratio:.3f}", "limit": f"≤ {limit:g}", "holds": "yes" if ratio <= limit else "no"}


def _data_path(measurements: Sequence[Measurement]) -> Results:
    rows = [
        {
            "part": m.comparison.name,
            "ms": f"{1000 * m.ours:.2f}",
            "patches per second": f"{ROWS / m.ours:,.0f}",
            "share of the step": f"{m.ratio:.2%}",
        }
        for m in measurements
    ]
    return Results("data", f"The way to a training batch of {ROWS} patches, against {STEP} ({_machine()})", rows)


def _shares(measurements: Sequence[Measurement]) -> Results:
    left_out = ", ".join(model for model in model_names() if model not in SHARE_MODELS)
    title = (
        f"Share of IGConv+'s hyper-networks in a training step, forward and backward ({_machine()}). It falls as the "
        f"batch grows. Left out, as a step takes long on a CPU: {left_out}"
    )
    rows = [
        {
            "step": m.comparison.name,
            "hyper-networks ms": f"{1000 * m.ours:.0f}",
            "step ms": f"{1000 * m.reference:.0f}",
            "share": f"{m.ratio:.0%}",
        }
        for m in measurements
    ]
    return Results("share", title, rows)


def _models() -> Results:
    rows = [
        {
            "model": cost.model,
            "upsampler": cost.upsampler,
            "params": f"{cost.params:,}",
            "params folded": f"{cost.folded_params:,}",
            "multiply-adds G": f"{cost.multiply_adds / 1e9:.1f}",
        }
        for cost in all_costs()
    ]
    return Results("models", NOTE, rows)


def _latencies(rounds: int) -> Results:
    title = f"Upsampler alone, folded: 64×360×640 features to 1280×720 ({_machine()})"
    rows = [
        {
            "upsampler": cost.upsampler,
            "params": f"{cost.params:,}",
            "ms": f"{1000 * cost.seconds:.2f}",
            "peak MiB": f"{cost.peak / 2**20:.1f}",
        }
        for cost in upsampler_costs(rounds)
    ]
    return Results("latency", title, rows)
