"""Reads what W&B runs have written to this machine: their ``.wandb`` files."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

_HEADER = 7
"""Bytes before the first block, and those before the data of each part of a record."""

_BLOCK = 2**15
_ENDS_RECORD = (1, 4)
"""Kinds of parts: the whole of a record, or the last of several."""


def records(file: Path) -> Iterator[Any]:
    """The records of a file, up to where it breaks off if its run was killed.

    wandb 0.31 has no reader of its own in Python. The layout is LevelDB's log: blocks of 32 KiB, in which each part of
    a record follows its checksum (4 bytes), length (2) and kind (1).
    """
    data, position, parts = file.read_bytes(), _HEADER, b""
    while position + _HEADER <= len(data):
        rest = _BLOCK - position % _BLOCK
        if rest < _HEADER:
            position += rest
            continue
        length, kind = struct.unpack_from("<HB", data, position + 4)
        part = data[position + _HEADER : position + _HEADER + length]
        if len(part) < length:
            return
        parts += part
        position += _HEADER + length
        if kind in _ENDS_RECORD:
            record = wandb_internal_pb2.Record()  # type: ignore[attr-defined]  # chosen by protobuf's version
            record.ParseFromString(parts)
            parts = b""
            yield record


def run_files(folder: Path, run_id: str) -> list[Path]:
    """The files of a run, one for each time it was started, oldest first.

    Args:
        folder: That of the training.
        run_id: W&B's name of the run.
    """
    return sorted((folder / "wandb").glob(f"*run-*-{run_id}/run-{run_id}.wandb"))


def history(file: Path) -> Iterator[dict[str, Any]]:
    """The logged rows of a file: values by name; pictures and tables are dictionaries that say where they lie."""
    for record in records(file):
        if record.HasField("history"):
            row: dict[str, Any] = {}
            for item in record.history.item:
                name, *inside = item.nested_key or (item.key,)
                value = json.loads(item.value_json)
                if inside:
                    row.setdefault(name, {})[".".join(inside)] = value
                else:
                    row[name] = value
            yield row
