"""A model's ONNX file in onnxruntime against the same model in PyTorch, both on the CPU."""

from collections.abc import Sequence

import torch
from torch import Tensor

from igconv_sr.errors import InputError
from igconv_sr.measure.comparison import Comparison
from igconv_sr.measure.nets import build

_SCALE = 2


def onnx_against_pytorch(model: str, side: int = 128) -> Comparison:
    """One image through the folded IGConv+ at ×2, with the same number of threads.

    Raises:
        InputError: If onnx or onnxruntime is missing.
    """
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise InputError(f"the benchmark of ONNX needs {error.name}; run: make setup") from error
    from igconv_sr.export.onnx_file import at_one_scale
    from igconv_sr.export.program import INPUT, trace

    with torch.device("cpu"):
        net = build(model, "igconv_plus").eval().fold([_SCALE])
        lr = torch.rand(1, 3, side, side)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        file = at_one_scale(net, trace(net, _SCALE), _SCALE).SerializeToString()
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def ours() -> Sequence[Tensor]:
        return [torch.from_numpy(sr) for sr in session.run(None, {INPUT: lr.numpy()})]

    @torch.inference_mode()
    def reference() -> Sequence[Tensor]:
        return [net(lr.contiguous(memory_format=torch.channels_last), _SCALE)]

    name = f"onnxruntime / PyTorch: {model} with IGConv+ folded, {side}² ×{_SCALE}, on the CPU"
    return Comparison(name, ours, reference, limit=1.1)
