"""Weights come back as they were written; files that are not ours say so in one line and run nothing."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import igconv_sr
from igconv_sr.errors import InputError
from igconv_sr.network import SRNet
from igconv_sr.weights.card import ModelCard
from igconv_sr.weights.checkpoint import (
    CARD_KEY,
    NETWORK_PREFIX,
    load_with_card,
    load_with_remark,
    replacing,
    save_safetensors,
    write_checkpoint,
)

ENCODER = {"_target_": "igconv_sr.encoders.EDSR", "num_feat": 8, "num_block": 1}
UPSAMPLER = {
    "_target_": "igconv_sr.upsamplers.IGConv",
    "_partial_": True,
    "hidden_dim": 16,
    "num_layers": 1,
    "fgrep": True,
    "igsample": True,
    "sample_hidden_dim": 8,
    "sample_num_layers": 1,
}
"""Those of the fixture ``small_net``."""

SUFFIXES = ["ckpt", "safetensors"]


def card(encoder: Any = ENCODER, upsampler: Any = UPSAMPLER, scales: Any = (2, 3, 4)) -> ModelCard:
    return ModelCard(encoder, upsampler, list(scales), "edsr", "igconv_plus", "sample", seed=3, steps=17)


def write(path: Path, net: SRNet, text: str) -> Path:
    """Writes weights with a card of any text, as the package writes them."""
    if path.suffix == ".safetensors":
        save_file(net.state_dict(), path, metadata={CARD_KEY: text})
    else:
        weights = {NETWORK_PREFIX + key: value for key, value in net.state_dict().items()}
        content = {"state_dict": weights | {"loss.else": torch.zeros(1)}, CARD_KEY: text, "global_step": 17}
        write_checkpoint(content, path)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_networks_come_back_with_equal_outputs(tmp_path: Path, small_net: SRNet, suffix: str) -> None:
    path = write(tmp_path / f"model.{suffix}", small_net.train(), card().to_json())
    loaded, its_card = load_with_card(path)
    assert its_card == card()
    assert not any(module.training for module in loaded.modules())
    lr = torch.rand(2, 3, 5, 7)
    for scale in (2, 3, 4, 6):
        assert torch.equal(igconv_sr.load(str(path))(lr, scale), small_net(lr, scale))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_half_precision_on_disk_is_single_precision_in_use(tmp_path: Path, small_net: SRNet, suffix: str) -> None:
    lr, expected = torch.rand(1, 3, 5, 7), small_net.state_dict()
    path = write(tmp_path / f"half.{suffix}", copy.deepcopy(small_net).half(), card().to_json())
    loaded, its_card = load_with_card(path)
    for key, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, expected[key].half().float())
    assert 0 < (loaded(lr, 3) - small_net(lr, 3)).abs().max() < 1e-2
    save_safetensors(loaded, its_card, tmp_path / "again.safetensors")
    assert {value.dtype for value in load_file(tmp_path / "again.safetensors").values()} == {torch.float32}


def test_save_safetensors_writes_what_load_reads(tmp_path: Path, small_net: SRNet) -> None:
    path = tmp_path / "deep" / "er" / "model.safetensors"
    save_safetensors(small_net, card(), path)
    loaded, its_card = load_with_card(path)
    assert its_card == card()
    lr = torch.rand(1, 3, 4, 4)
    assert torch.equal(loaded(lr, 3), small_net(lr, 3))
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def both(tmp_path: Path, small_net: SRNet) -> Path:
    """A training checkpoint as Lightning's averaging writes it: the average, and beside it the raw weights, negated."""
    path = tmp_path / "last.ckpt"
    average = {NETWORK_PREFIX + key: value for key, value in small_net.state_dict().items()}
    raw = {key: -value if value.is_floating_point() else value for key, value in average.items()}
    content = {"state_dict": average, "current_model_state": raw, "optimizer_states": [], CARD_KEY: card().to_json()}
    write_checkpoint(content, path)
    return path


@pytest.mark.parametrize(
    ("asked", "held", "sign"), [(None, "average", 1), ("average", "average", 1), ("raw", "raw", -1)]
)
def test_averaged_or_raw_weights_of_a_checkpoint(
    both: Path, small_net: SRNet, asked: str | None, held: str, sign: int
) -> None:
    net, its_card, _ = load_with_remark(both, weights_of=asked)
    assert its_card.weights_of == held
    for key, value in small_net.named_parameters():
        assert torch.equal(net.state_dict()[key], sign * value), key


def test_a_file_says_which_weights_it_holds_and_has_no_others(both: Path, tmp_path: Path) -> None:
    net, its_card, _ = load_with_remark(both, weights_of="raw")
    save_safetensors(net, its_card, tmp_path / "raw.safetensors")
    assert load_with_card(tmp_path / "raw.safetensors")[1].weights_of == "raw"
    with pytest.raises(InputError, match="holds the raw weights alone; leave weights_of=average out"):
        load_with_remark(tmp_path / "raw.safetensors", weights_of="average")
    with pytest.raises(InputError, match="weights_of=mean must be average or raw"):
        load_with_remark(both, weights_of="mean")


def refuse(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        igconv_sr.load(path)
    message = str(caught.value)
    for word in (str(path), *words):
        assert word in message
    assert "\n" not in message


class TestRefusedFiles:
    """One line that names the file."""

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_missing(self, tmp_path: Path, suffix: str) -> None:
        refuse(tmp_path / f"none.{suffix}", "does not exist")

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
    def test_cut_short(self, tmp_path: Path, small_net: SRNet, suffix: str, kept: float) -> None:
        path = write(tmp_path / f"model.{suffix}", small_net, card().to_json())
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * kept)])
        refuse(path)

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("text", ["No weights.", "a text", "0.1,2", "entry", "bytes", "<html>", "{}", "\0" * 100])
    def test_text(self, tmp_path: Path, suffix: str, text: str) -> None:
        """The first letters are also orders of the pickle format, some of them valid ones."""
        path = tmp_path / f"model.{suffix}"
        path.write_text(text)
        refuse(path)

    @pytest.mark.parametrize("content", [{"params": {"w": torch.zeros(2)}}, [1, 2], torch.zeros(3)], ids=str)
    def test_of_another_package(self, tmp_path: Path, content: Any) -> None:
        torch.save(content, tmp_path / "model.ckpt")
        refuse(tmp_path / "model.ckpt", "no model card")

    def test_safetensors_of_another_package(self, tmp_path: Path) -> None:
        save_file({"w": torch.zeros(2)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
        refuse(tmp_path / "model.safetensors", "no model card")

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"encoder": 1}'])
    def test_damaged_card(self, tmp_path: Path, small_net: SRNet, suffix: str, text: str) -> None:
        refuse(write(tmp_path / f"model.{suffix}", small_net, text))

    @pytest.mark.parametrize(
        ("key", "value"),
        [("model", "a\x1b]0;b\x07"), ("train_data", None), ("steps", "17"), ("seed", True), ("scales", "234")],
    )
    def test_card_of_odd_values(self, tmp_path: Path, small_net: SRNet, key: str, value: Any) -> None:
        text = json.dumps(json.loads(card().to_json()) | {key: value})
        refuse(write(tmp_path / "model.safetensors", small_net, text), "card is damaged", key)

    def test_card_without_end(self, tmp_path: Path, small_net: SRNet) -> None:
        refuse(write(tmp_path / "model.safetensors", small_net, "[" * 200_000), "card is damaged")

    def test_card_of_a_later_version(self, tmp_path: Path, small_net: SRNet) -> None:
        text = json.dumps(json.loads(card().to_json()) | {"licence": "MIT"})
        refuse(write(tmp_path / "model.safetensors", small_net, text), "of a later version", "licence")

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_weights_of_another_size(self, tmp_path: Path, small_net: SRNet, suffix: str) -> None:
        other = card({**ENCODER, "num_feat": 12})
        refuse(write(tmp_path / f"model.{suffix}", small_net, other.to_json()), "do not fit")

    def test_card_without_weights(self, tmp_path: Path) -> None:
        torch.save({CARD_KEY: card().to_json()}, tmp_path / "model.ckpt")
        refuse(tmp_path / "model.ckpt")


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "writer", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, 2))], ids=["torch", "pickle"]
)
@pytest.mark.parametrize("bare", [True, False], ids=["bare", "beside a card"])
def test_pickled_orders_do_not_run(tmp_path: Path, writer: Any, bare: bool) -> None:
    path, traces = tmp_path / "model.ckpt", tmp_path / "traces"
    payload = Payload(traces)
    writer(payload if bare else {CARD_KEY: card().to_json(), "state_dict": {"net.x": payload}}, path)
    refuse(path)
    assert not traces.exists()
    pickle.loads(pickle.dumps(payload))  # noqa: S301 (to see that the bomb would have gone off)
    assert traces.exists()


def malicious(kind: str, ours: dict[str, Any], traces: Path) -> dict[str, Any]:
    """Configurations that create ``traces`` if what they name is called."""
    touch = {"_target_": "pathlib.Path.touch", "self": {"_target_": "pathlib.Path", "_args_": [str(traces)]}}
    last = list(ours)[-1]
    return {
        "os.system": {"_target_": "os.system", "command": f"touch {traces}"},
        "subprocess.Popen": {"_target_": "subprocess.Popen", "args": ["touch", str(traces)]},
        "os.mkdir": {"_target_": "os.mkdir", "path": str(traces)},
        "through our modules": {"_target_": "igconv_sr.encoders.edsr.torch.os.mkdir", "_args_": [str(traces)]},
        "argument": {**ours, last: touch},
        "deep argument": {**ours, last: [{"a": touch}]},
        "argument of a module": {"_target_": "torch.nn.ReLU", "inplace": touch},
    }[kind]


KINDS = ["os.system", "subprocess.Popen", "os.mkdir", "through our modules"]
KINDS += ["argument", "deep argument", "argument of a module"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(("part", "ours"), [("encoder", ENCODER), ("upsampler", UPSAMPLER)], ids=["encoder", "up"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_card_does_not_choose_what_is_run(
    tmp_path: Path, small_net: SRNet, suffix: str, part: str, ours: dict[str, Any], kind: str
) -> None:
    traces = tmp_path / "traces"
    text = card(**{part: malicious(kind, ours, traces)}).to_json()
    path = write(tmp_path / f"model.{suffix}", small_net, text)
    with pytest.raises(Exception) as caught:  # noqa: PT011 (whatever it is, first see whether it ran)
        igconv_sr.load(path)
    assert not traces.exists(), "the card has run something"
    assert caught.type is InputError


def test_a_class_that_the_caller_has_not_imported_is_named(tmp_path: Path, small_net: SRNet) -> None:
    text = card({"_target_": "somebodys.encoders.Fancy"}).to_json()
    with pytest.raises(InputError, match=r"somebodys\.encoders\.Fancy; import somebodys\.encoders first"):
        igconv_sr.load(write(tmp_path / "model.safetensors", small_net, text))


def test_differences_between_cards_are_named() -> None:
    ours = card()
    assert ours.differences(card()) == []
    assert ours.differences(ours.after(99)) == []
    assert ours.differences(card({**ENCODER, "num_feat": 12})) == ["model.num_feat: 12, not 8"]
    assert ours.differences(card(scales=(2, 3))) == ["data.scales: [2, 3], not [2, 3, 4]"]


class TestReplacing:
    """The old file stays until the new one is whole."""

    def test_success(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "file"
        for content in ("first", "second"):
            with replacing(path) as partial:
                partial.write_text(content)
                assert not path.exists() or path.read_text() == "first"
            assert path.read_text() == content
            assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
    def test_failure(self, tmp_path: Path, error: type[BaseException]) -> None:
        path = tmp_path / "file"
        path.write_text("old")

        def write_half() -> None:
            with replacing(path) as partial:
                partial.write_text("half of the n")
                raise error

        with pytest.raises(error):
            write_half()
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_failing_checkpoints(self, tmp_path: Path) -> None:
        path = tmp_path / "last.ckpt"
        write_checkpoint({"step": 1}, path)
        with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
            write_checkpoint({"step": 2, "no": lambda: None}, path)
        assert torch.load(path, weights_only=True) == {"step": 1}
        assert list(tmp_path.iterdir()) == [path]
