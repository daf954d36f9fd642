"""What the keys of a configuration take that no constructor declares: those that the commands themselves read."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len
from pydantic import Strict

_Whole = Annotated[int, Strict()]
_Positive = Annotated[_Whole, Ge(1)]
_Text = Annotated[str, Len(1)]
_Bool = Annotated[bool, Strict()]
_Scales = list[int | float | str]

_TILES = {"tile": _Positive | None, "tile_overlap": Annotated[_Whole, Ge(0)]}
_FOLDER = {"paths.output_dir": _Text}

OWN_KEYS: dict[str, dict[str, Any]] = {
    "train": {
        "seed": Annotated[_Whole, Ge(0), Le(2**32 - 1)],  # numpy's limit
        "ckpt_path": _Text | None,
        "weights": _Text | None,
        "weights_strict": _Bool,
        "stages": dict[str, Any] | None,
        "benchmarks": list[_Text],
        "further_scales": _Scales,
        "run.model": _Text,
        "run.upsampler": _Text,
        "paths.cache_dir": _Text,
        "model._target_": _Text,
        "upsampler._target_": _Text,
        "trainer.max_steps": _Positive,
        "trainer.checkpoint_every_n_steps": _Positive,
        "trainer.log_every_n_steps": _Positive,
        "trainer.val_check_interval": _Positive,
        "trainer.compile": Literal["auto", True, False],
        "optim.encoder_lr_factor": Annotated[float, Ge(0)] | None,
        "optim.encoder_frozen_steps": Annotated[_Whole, Ge(0)] | None,
        "optim.ema_decay": Annotated[float, Ge(0)] | None,
        **_TILES,
        **_FOLDER,
    },
    "evaluate": {
        "benchmarks": list[_Text],
        "scales": _Scales,
        "ckpt_path": _Text | None,
        "sr": _Text | None,
        "weights_of": Literal["average", "raw"] | None,
        "protocol": _Text,
        "metrics": list[_Text],
        "self_ensemble": _Bool,
        **_TILES,
        **_FOLDER,
    },
    "report": {"runs": list[_Text] | None, "crops": Annotated[_Whole, Ge(0)], **_FOLDER},
    "bench": {
        "only": list[_Text] | None,
        "rounds": _Positive,
        "seconds": Annotated[float, Gt(0)],
        "threads": _Positive | None,
        **_FOLDER,
    },
}
"""The declared types, by command and key."""
