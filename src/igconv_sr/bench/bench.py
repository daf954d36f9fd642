"""The command: measures the topics asked for, prints and writes what it finds."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import hydra
import torch
from omegaconf import DictConfig

from igconv_sr.bench.attention import window_attention
from igconv_sr.bench.evaluation import ssim_against_torchmetrics
from igconv_sr.bench.hit_srf import step_against_all_pairs
from igconv_sr.bench.onnx import onnx_against_pytorch
from igconv_sr.bench.scan import selective_scan_against_loop
from igconv_sr.bench.store import build_against_decode
from igconv_sr.bench.training import training
from igconv_sr.bench.upsampler import fgrep_in_training, folded_against_pixel_shuffle, folded_against_spconv_plus
from igconv_sr.bench.upscale import folder_against_network
from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.commands.launch import Launch
from igconv_sr.errors import InputError
from igconv_sr.evaluation.printed_tables import print_table
from igconv_sr.measure.comparison import Comparison, Measurement, measure
from igconv_sr.runs.files import write_csv
from igconv_sr.system.console import say
from igconv_sr.system.files import replacing

COMPARISONS: Mapping[str, Sequence[Callable[[], Comparison]]] = {
    "upsampler": (fgrep_in_training, folded_against_pixel_shuffle, folded_against_spconv_plus),
    "attention": [partial(window_attention, batch, shifted) for batch in (1, 4) for shifted in (False, True)],
    "scan": (selective_scan_against_loop,),
    "hit_srf": (step_against_all_pairs,),
    "evaluation": (ssim_against_torchmetrics,),
    "store": (build_against_decode,),
    "upscale": (folder_against_network,),
    "onnx": [partial(onnx_against_pytorch, model) for model in ("smfanet_small", "edsr_baseline")],
}


@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="bench")
def main(config: DictConfig) -> None:
    """Measures, prints and writes into ``paths.output_dir``."""
    with Launch.current.job():
        known = [*COMPARISONS, "training"]
        only = [config.only] if isinstance(config.only, str) else config.only
        topics = known if only is None else list(only)
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
    measurements = [
        _measure(make(), rounds, seconds) for topic in topics if topic in COMPARISONS for make in COMPARISONS[topic]
    ]
    if measurements:
        _show("bench", f"Time, ours / reference, medians ({_machine()})", [_time(m) for m in measurements], folder)
    if memory := [row for m in measurements for row in _memory(m)]:
        title = (
            "Peak memory, ours / reference; for the selective scan the reference is the size of its inputs and output, "
            f"for the store 1 GiB ({_machine()})"
        )
        _show("memory", title, memory, folder)
    if "training" in topics:
        _show("training", *training(_machine()), folder)


def _measure(comparison: Comparison, rounds: int, seconds: float) -> Measurement:
    say(f"Measuring {comparison.name}")
    return measure(comparison, rounds, seconds)


def _machine() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    return f"{device}, torch {torch.__version__}"


def _time(found: Measurement) -> dict[str, str]:
    return {
        "comparison": found.comparison.name,
        "rounds": str(found.rounds),
        "ours ms": f"{1000 * found.ours:.2f}",
        "reference ms": f"{1000 * found.reference:.2f}",
        **_against(found.ratio, found.comparison.limit),
    }


def _memory(found: Measurement) -> list[dict[str, str]]:
    if found.peak is None or found.comparison.memory_limit is None:
        return []
    ours, reference = found.peak
    row = {
        "comparison": found.comparison.name,
        "ours MiB": f"{ours / 2**20:.1f}",
        "reference MiB": f"{reference / 2**20:.1f}",
    }
    return [row | _against(ours / reference, found.comparison.memory_limit)]


def _against(ratio: float, limit: float) -> dict[str, str]:
    return {"ratio": f"{ratio:.3f}", "limit": f"≤ {limit:g}", "holds": "yes" if ratio <= limit else "no"}


def _show(name: str, title: str, rows: Sequence[Mapping[str, str]], folder: Path) -> None:
    """Writes ``NAME.csv`` and ``NAME.md``, and prints the table."""
    columns = list(rows[0])
    cells = [list(row.values()) for row in rows]
    write_csv(folder / f"{name}.csv", columns, cells)
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *cells]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    with replacing(folder / f"{name}.md") as partial:
        partial.write_text(f"{title}\n\n{text}\n", encoding="utf-8")
    print_table(title, columns, cells)
