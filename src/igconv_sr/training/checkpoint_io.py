"""How Lightning writes the checkpoints of a training."""

from pathlib import Path
from typing import Any

from lightning.pytorch.plugins.io import TorchCheckpointIO

from igconv_sr.weights.checkpoint import write_checkpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints as :func:`igconv_sr.weights.checkpoint.write_checkpoint` does."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes a checkpoint."""
        del storage_options  # of remote file systems; checkpoints are local files
        write_checkpoint(checkpoint, Path(path))
