"""ONNX files, for one scale or for several, made from traced programs and tried in onnxruntime.

Legend: B batch, H and W size of the LR image, r scale.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.compose import add_prefix, merge_models
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from igconv_sr.errors import InputError
from igconv_sr.export.program import INPUT, OUTPUT, TOLERANCE, Program, sample_images
from igconv_sr.functional.padding import PadMode, mirror_indices
from igconv_sr.network import SRNet
from igconv_sr.system.files import replacing

SCALE = "scale"
"""Second input of a file for several scales: a whole number, without dimensions."""

_PADDED = "padded"


def at_one_scale(net: SRNet, program: Program, scale: int) -> ModelProto:
    """The model with input ``lr`` (B,3,H,W) and output ``sr`` (B,3,r·H,r·W).

    Args:
        net: The folded network.
        program: Traced from it at ``scale``.
        scale: r.
    """
    core = _convert(program.exported, INPUT, OUTPUT)
    if program.multiple > 1:
        core = (
            _for_any_size(core, program.multiple, net.encoder.pad_mode, scale)
            if program.padded_by_network
            else _for_multiples(core, program.multiple)
        )
    for value, sides in ((core.graph.input[0], ("height", "width")), (core.graph.output[0], ("sr_height", "sr_width"))):
        _name_dimensions(value, ("batch", None, *sides))
    return core


def at_several_scales(models: Mapping[int, ModelProto]) -> ModelProto:
    """One model that also takes the scale; weights that the models share are stored once.

    An integer that is none of the scales ends in an error of the runtime.

    Args:
        models: Per scale what :func:`at_one_scale` made.
    """
    shared: dict[bytes, TensorProto] = {}
    branches = [_branch(model.graph, f"x{scale}_", shared) for scale, model in models.items()]
    first = next(iter(models.values()))
    scales, named = _whole_numbers(list(models), "scales"), "_".join(map(str, models))
    zero = numpy_helper.from_array(np.array(0, dtype=np.int64), "zero")
    nodes = [
        helper.make_node("Equal", ["scales", SCALE], ["is_asked"]),
        helper.make_node("NonZero", ["is_asked"], ["places"]),
        # Of an unknown scale there is no place: this node fails.
        helper.make_node("Gather", ["places", "zero"], ["place"], axis=1, name=f"scale_must_be_one_of_{named}"),
        *_choose(branches),
    ]
    graph = helper.make_graph(
        nodes,
        "igconv_sr",
        [first.graph.input[0], helper.make_tensor_value_info(SCALE, TensorProto.INT64, [])],
        [first.graph.output[0]],
        [scales, zero, *shared.values()],
    )
    model = helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)
    onnx.checker.check_model(model, full_check=False)
    return model


def save_onnx(model: ModelProto, metadata: Mapping[str, str], path: Path) -> None:
    """Writes the model with metadata."""
    helper.set_model_props(model, dict(metadata))
    with replacing(path) as partial:
        onnx.save(model, partial)


def difference_in_onnxruntime(model: ModelProto, net: SRNet, scale: int, sizes_of: int) -> float:
    """max|onnxruntime - network| over three sizes, for random images.

    Args:
        model: For one scale or several.
        net: The folded network.
        scale: r.
        sizes_of: H and W are multiples of this.

    Raises:
        InputError: If it is above :data:`igconv_sr.export.program.TOLERANCE`, or onnxruntime fails.
    """
    import onnxruntime

    more = {SCALE: np.array(scale)} if len(model.graph.input) > 1 else {}
    largest = 0.0
    images = sample_images(sizes_of)
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        results = [session.run(None, {INPUT: image.numpy(), **more})[0] for image in images]
    # onnxruntime's errors have no common class but this.
    except Exception as error:
        first = " ".join(str(error).split())[:300]
        raise InputError(f"onnxruntime fails on the ONNX model at ×{scale}: {first}; nothing was written") from error
    for image, found in zip(images, results, strict=True):
        largest = max(largest, (torch.from_numpy(found) - net(image, scale)).abs().max().item())
    if not largest <= TOLERANCE:
        raise InputError(f"the ONNX model differs from the network by {largest:.1e} at ×{scale}; nothing was written")
    return largest


def _convert(exported: ExportedProgram, given: str, made: str) -> ModelProto:
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns that torchvision is missing, which nothing here needs
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                exported, (), dynamo=True, input_names=[given], output_names=[made], verbose=False
            )
    except torch.onnx.OnnxExporterError as error:
        cause = error.__cause__ or error
        raise InputError(f"this network has a part that ONNX lacks: {' '.join(str(cause).split())[:200]}") from error
    finally:
        log.setLevel(level)
    assert program is not None
    return program.model_proto


class _Padding(nn.Module):
    """:func:`igconv_sr.functional.padding.pad_bottom_right` without a decision that a trace would freeze."""

    def __init__(self, multiple: int, mode: PadMode) -> None:
        super().__init__()
        self.multiple, self.mode = multiple, mode

    def forward(self, lr: Tensor) -> Tensor:
        for axis in (-2, -1):
            size = lr.shape[axis]
            lr = lr.index_select(axis, mirror_indices(size, 0, -size % self.multiple, self.mode))
        return lr


def _for_any_size(core: ModelProto, multiple: int, mode: PadMode, scale: int) -> ModelProto:
    """Pads in front of a model for multiples, and cuts behind it."""
    sizes = {"lr": {0: Dim("batch"), 2: Dim("height"), 3: Dim("width")}}
    padding = torch.export.export(_Padding(multiple, mode), (torch.zeros(2, 3, 21, 23),), dynamic_shapes=sizes)
    front = _convert(padding, INPUT, _PADDED)
    behind = add_prefix(core, "core_")
    merged = merge_models(front, behind, io_map=[(_PADDED, f"core_{INPUT}")])
    graph = merged.graph
    constants = {"crop_scale": [scale], "crop_starts": [0, 0], "crop_axes": [2, 3]}
    graph.initializer.extend(_whole_numbers(values, name) for name, values in constants.items())
    graph.node.extend(
        [
            helper.make_node("Shape", [INPUT], ["crop_size"], start=2, end=4),
            helper.make_node("Mul", ["crop_size", "crop_scale"], ["crop_ends"]),
            helper.make_node("Slice", [f"core_{OUTPUT}", "crop_starts", "crop_ends", "crop_axes"], [OUTPUT]),
        ]
    )
    graph.output[0].name = OUTPUT
    return merged


def _for_multiples(core: ModelProto, multiple: int) -> ModelProto:
    """Ends in an error of the runtime for other sizes, which the nodes of a trace may take and compute wrongly."""
    checked = add_prefix(core, "core_")
    constants = {"allowed": [0], "multiple": [multiple], "check_ends": [2**31 - 1] * 2, "check_axes": [2, 3]}
    front = [
        helper.make_node("Shape", [INPUT], ["check_size"], start=2, end=4),
        helper.make_node("Mod", ["check_size", "multiple"], ["rest"]),
        # Only for a rest of 0 there is a place.
        helper.make_node(
            "Gather", ["allowed", "rest"], ["check_starts"], name=f"sides_must_be_multiples_of_{multiple}"
        ),
        helper.make_node("Slice", [INPUT, "check_starts", "check_ends", "check_axes"], [f"core_{INPUT}"]),
    ]
    graph = helper.make_graph(
        [*front, *checked.graph.node, helper.make_node("Identity", [f"core_{OUTPUT}"], [OUTPUT])],
        "igconv_sr",
        [core.graph.input[0]],
        [core.graph.output[0]],
        [*(_whole_numbers(values, name) for name, values in constants.items()), *checked.graph.initializer],
    )
    return helper.make_model(graph, opset_imports=core.opset_import, ir_version=core.ir_version)


def _whole_numbers(values: Sequence[int], name: str) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)


def _name_dimensions(value: onnx.ValueInfoProto, names: Sequence[str | None]) -> None:
    for dimension, name in zip(value.type.tensor_type.shape.dim, names, strict=True):
        if name is not None:
            dimension.dim_param = name


def _branch(graph: GraphProto, prefix: str, shared: dict[bytes, TensorProto]) -> GraphProto:
    """The nodes of a model as a branch; its weights go to ``shared``, by their content."""
    renamed = {INPUT: INPUT}
    for weight in graph.initializer:
        content = numpy_helper.to_array(weight)
        key = repr((content.dtype, content.shape)).encode() + content.tobytes()
        if key not in shared:
            shared[key] = numpy_helper.from_array(content, f"weight_{len(shared)}")
        renamed[weight.name] = shared[key].name
    nodes = [_renamed(node, prefix, renamed) for node in graph.node]
    output = helper.make_tensor_value_info(f"{prefix}{OUTPUT}", TensorProto.FLOAT, None)
    return helper.make_graph(nodes, f"{prefix}branch", [], [output])


def _renamed(node: NodeProto, prefix: str, renamed: Mapping[str, str]) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    for names in (copy.input, copy.output):
        names[:] = [renamed.get(name, f"{prefix}{name}" if name else "") for name in names]
    copy.name = f"{prefix}{node.name}" if node.name else ""
    return copy


def _choose(branches: Sequence[GraphProto]) -> list[NodeProto]:
    """Nodes that run branch number ``place``: one If per branch but the last, each in the other's else."""
    *others, chosen = branches
    for number, branch in reversed(list(enumerate(others))):
        index, is_this, out = f"index_{number}", f"is_{number}", f"chosen_{number}"
        nodes = [
            helper.make_node(
                "Constant", [], [index], value=numpy_helper.from_array(np.array([number], dtype=np.int64), index)
            ),
            helper.make_node("Equal", ["place", index], [is_this]),
            helper.make_node("If", [is_this], [out], then_branch=branch, else_branch=chosen),
        ]
        chosen = helper.make_graph(
            nodes, f"from_{number}", [], [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)]
        )
    return [*chosen.node, helper.make_node("Identity", [chosen.output[0].name], [OUTPUT])]
