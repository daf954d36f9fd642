"""The command line: what is announced, and one clear line for each mistake a user can make."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from command_line import photographs
from conftest import shared
from igconv_sr.commands import cli


@pytest.fixture
def one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a command in this process; it must fail with exactly one line, which is returned."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IGCONV_SR_RUN", "test")
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["igconv-sr", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code in (1, 2)
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return run


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["train", "model=edsrr"], ["model=edsrr", "did you mean edsr", "smfanet"]),
        (["train", "upsampler.fgrp=true"], ["upsampler.fgrp", "did you mean upsampler.fgrep?"]),
        (["train", "modle=edsr"], ["modle", "did you mean model?"]),
        (["train", "trainer.max_stps=3"], ["did you mean trainer.max_steps?"]),
        (["train", "data.root=."], ["data.root", "it belongs to", "data=folder"]),
        (["train", "lr=1e-3"], ["did you mean optim.optimizer.lr?"]),
        (["train", "batch_size=4"], ["did you mean data.global_batch_size?"]),
        (["train", "data.scale=2"], ["did you mean data.scales?"]),
        (["train", "+upsampler.fgrepp=true"], ["upsampler.fgrepp", "IGConv", "did you mean fgrep?"]),
        (["train", "+model.num_fet=3"], ["model.num_fet", "EDSR", "did you mean num_feat?"]),
        (["train", "+loss.edges=1"], ["'edges'", "l1, frequency"]),
        (["train", "loss.l1=0", "loss.frequency=0"], ["no loss term", "loss.l1"]),
        (["train", "data.scales=[1,2]"], ["scale 1 ", "above 1"]),
        (["train", "data.scales=[0]"], ["scale 0", "above 1"]),
        (["train", "data.scale_schedule=some"], ["data.scale_schedule", "synchronised"]),
        (["train", "seed=abc"], ["seed=abc", "valid integer"]),
        (["train", "data.scales=[]"], ["data.scales=[]", "no scale"]),
        (["train", "optim.optimizer.lr=-1"], ["optim.optimizer", "Invalid learning rate: -1"]),
        (["train", "optim.optimizer.lr=0"], ["optim.optimizer.lr=0", "above 0"]),
        (["train", "optim.optimizer.lr=abc"], ["optim.optimizer.lr=abc", "valid number"]),
        (["train", "optim.optimizer.betas=0.9"], ["optim.optimizer.betas=[0.9]", "needs 2 values"]),
        (["train", "trainer.precision=bf61"], ["trainer.precision=bf61", "'bf16-mixed'"]),
        (["train", "trainer.precision=bf16-true"], ["trainer.precision=bf16-true", "choose bf16-mixed"]),
        (["train", "trainer.max_steps=1.5"], ["trainer.max_steps=1.5", "valid integer"]),
        (["train", "upsampler.fgrep=maybe"], ["upsampler.fgrep=maybe", "boolean"]),
        (["train", "model.num_feat=many"], ["model.num_feat=many", "integer"]),
        (["train", "data.num_workers=[1]"], ["data.num_workers=[1]", "integer"]),
        (["train", "+trainer.max_epochs=1"], ["trainer.max_epochs", "trainer.max_steps"]),
        (["train", "+trainer.limit_train_batches=2"], ["trainer.limit_train_batches", "trainer.max_steps"]),
        (["train", "+trainer.use_distributed_sampler=true"], ["trainer.use_distributed_sampler", "rows of each batch"]),
        (["train", "+trainer.enable_model_summary=true"], ["trainer.enable_model_summary", "Model:"]),
        (["train", "+trainer.reload_dataloaders_every_n_epochs=1"], ["trainer.reload_dataloaders", "never end"]),
        (["train", "+trainer.plugins=[]"], ["trainer.plugins", "checkpoints"]),
        (["train", "logger=[]"], ["logger: ", "leave logger out for csv"]),
        (["train", "~logger"], ["logger: ", "leave logger out for csv"]),
        (["train", "seed=1", "logger=null"], ["logger=null", "leave logger out"]),
        (
            ["train", "+early_stopping=true"],
            ["nothing reads", "did you mean callbacks=early_stopping?"],
        ),
        (["train", "+trainer.max_epoch=1"], ["max_epoch", "Trainer has no such argument", "did you mean max_epochs?"]),
        (["train", "seed=0,1"], ["seed=0,1", "igconv-sr sweep"]),
        (["train", "logger=wandb,tensorboard"], ["logger=[wandb,tensorboard]"]),
        (["train", "run.model=a=b"], ["lists are [a,b]", "\"run.model='a=b'\""]),
        (["train", "ckpt_path=müller.ckpt"], ["müller.ckpt does not exist"]),
        (["train", "weights=epoch=0-step=2.ckpt"], ["epoch=0-step=2.ckpt", "does not exist"]),
        (["train", "data=folder", "data.root=/图片/a (1)"], ["/图片/a (1)", "not a folder"]),
        (["evaluate", "model=bicubic", "benchmarks=Müller"], ["Müller is not a folder"]),
        (["evaluate", "model=bicubic", "benchmarks=[Müller,b]"], ["Müller is not a folder"]),
        (["evaluate", "model=bicubic", "benchmarks=[.]", "scales=[]"], ["no scale given"]),
        (["evaluate", "model=bicubic", "benchmarks=[.]", "metrics=lpisp"], ["'lpisp'", "did you mean lpips?"]),
        (["train", "trainer.max_steps=0"], ["trainer.max_steps=0"]),
        (["train", "data.scales=[2"], ["data.scales=[2"]),
        (["train", "data=folder"], ["data.root"]),
        (["train", "data=folder", "data.root=nowhere"], ["nowhere", "not a folder"]),
        (["train", "data=div2k", "data.root=."], ["DIV2K", "DIV2K_train_HR", "data.root"]),
        (["train", "data=mix"], ["data.mix"]),
        (["train", "data=mix", "data.mix={div2k: 0}"], ["data.mix.div2k", "above 0"]),
        (["train", "data=mix", "data.mix={div3k: 1}", "data.root=."], ["data.mix.div3k", "did you mean div2k?"]),
        (["train", "model=bicubic"], ["nothing to train", "evaluate"]),
        (["train", "ckpt_path=none.ckpt"], ["none.ckpt", "does not exist"]),
        (["train", "ckpt_path=last"], ["no run with a checkpoint"]),
        (
            ["train", "data.global_batch_size=5", "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"],
            ["multiple of 2"],
        ),
        (["evaluate", "model=bicubic"], ["no benchmark"]),
        (["evaluate", "benchmarks=[.]"], ["nothing to evaluate"]),
        (
            ["evaluate", "model=bicubic", "ckpt_path=photo-small", "benchmarks=[.]"],
            ["model=bicubic: photo-small is of edsr_small; leave out one of the two"],
        ),
        (["evaluate", "model=bicubic", "weights_of=raw"], ["weights_of=raw", "give ckpt_path"]),
        (
            ["evaluate", "model=bicubic", "benchmarks=[.]", "trainer.precision=bf16-mixed"],
            ["trainer.precision", "full precision"],
        ),
        (["evaluate", "model=bicubic", "benchmarks=[nowhere]"], ["nowhere", "not a folder"]),
        (["evaluate", "model=bicubic", "benchmarks=[.]", "scales=[1]"], ["scale 1 "]),
        (["evaluate", "ckpt_path=none.ckpt", "benchmarks=[.]"], ["none.ckpt"]),
        (["evaluate", "model=bicubic", "benchmarks=[.]", "protocol=liff"], ["protocol=liff", "did you mean liif?"]),
        (["evaluate", "model=bicubic", "benchmarks=[.]", "metrics=[lpisp]"], ["'lpisp'", "did you mean lpips?"]),
        (["evaluate", "model=bicubic", "benchmarks=[.]", "tile=0"], ["tile=0"]),
        (["evaluate", "model=bicubic", "benchmarks=[.]", "scales=[2.71828]"], ["scale 2.71828"]),
        (["train", "-m", "seed=1,2"], ["igconv-sr sweep"]),
        (["train", "stages={one: ['seed=1'], Two: []}"], ["'Two'", "cannot be the name of a stage"]),
        (["train", "stages={one: 3}"], ["stages.one", "list of key=value"]),
        (["train", "weights=none.pth"], ["none.pth", "does not exist"]),
        (["train", "benchmarks=[nowhere]"], ["nowhere", "not a folder"]),
        (["sweep", "ckpt_path=last"], ["ckpt_path", "leave it out"]),
        (["sweep", "seed=0,0"], ["1 different trainings for 2 cells"]),
        (["sweep", "seed=0,1", "trainer.max_stps=3"], ["did you mean trainer.max_steps?"]),
        (["sweep", "model=edsr,edsrr"], ["model=edsrr", "did you mean edsr"]),
        (["sweep", "seed=0,1", "retry_failed=maybe"], ["retry_failed"]),
        (["sweep", "status", "nothing"], ["nothing", "neither a sweep in outputs/sweep nor the folder of one"]),
        (["tran"], ["no command 'tran'", "did you mean train?"]),
        (["train", "--model", "edsr"], ["--model: options are name=value"]),
        (["train", "model", "edsr"], ["'model': options are name=value"]),
        (["evaluate", "model=bicubic", "benchmarks=[.,", "other]"], ["'other]': a list with blanks needs quotes"]),
        (["evaluate", "model=bicubic", "data=folder"], ["data: there is no such key"]),
        (["evaluate", "ckpt_path=HR", "benchmarks=[.]"], ["HR is a folder; give a file of weights"]),
        (["train", "ckpt_path=."], ["ckpt_path=. is a folder", "last.ckpt"]),
        (["train", "optim.lr=1"], ["optim.lr: there is no such key; did you mean optim.optimizer.lr?"]),
        (["upscale", "a.png", "--sacle", "2"], ["--sacle", "did you mean --scale?"]),
        (["upscale", "scale=2"], ["scale=2 does not exist; options are given as --scale 2"]),
        (["upscale", "a.png", "-o", "a.gif"], ["-o a.gif: results are png, jpg, webp"]),
    ],
)
def test_mistakes_in_options(one_line, arguments: list[str], parts: list[str]) -> None:
    if "benchmarks=[.]" in arguments:
        photographs(Path("HR"), count=1)
    line = one_line(*arguments)
    for part in parts:
        assert part in line


def test_no_mistake_is_obeyed_by_the_terminal(one_line) -> None:
    assert "a\\x1b[31mb\\nc" in one_line("convert", "a\x1b[31mb\nc.pth", "out.safetensors")


@pytest.mark.parametrize(
    "arguments",
    [["train", "data=folder", "data.root=HR"], ["export", "photo-small", "--format", "safetensors", "-o"]],
    ids=["train", "export"],
)
def test_a_file_in_place_of_a_folder(one_line, arguments: list[str]) -> None:
    photographs(Path("HR"), count=3)
    Path("file").touch()
    last = ["file"] if arguments[-1] == "-o" else ["paths.output_dir=file"]
    assert re.match("igconv-sr: .*file.* a file", one_line(*arguments, *last))


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("paths.output_dir=~/runs", "paths.output_dir=/home/me/runs"),
        ("benchmarks=[~/Set5, '~/Set14']", "benchmarks=[/home/me/Set5, '/home/me/Set14']"),
        ("~/a.png", "/home/me/a.png"),
        ("--weights=~", "--weights=/home/me"),
        ("~callbacks.ema", "~callbacks.ema"),
        ("data.root=/a~/b=~/c", "data.root=/a~/b=~/c"),
    ],
)
def test_home_folder(monkeypatch: pytest.MonkeyPatch, argument: str, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert cli.at_home([argument]) == [expected]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu(one_line) -> None:
    assert one_line("train", "trainer=gpu").endswith("backend found; leave out trainer=… for what there is")


def test_empty_folder(one_line, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no image" in one_line("train", "data=folder", "data.root=empty")


def test_truncated_png_is_named_and_leaves_no_store(one_line, tmp_path: Path) -> None:
    file = photographs(tmp_path / "pictures") / "picture1.png"
    file.write_bytes(file.read_bytes()[:200])
    line = one_line("train", "data=folder", "data.root=pictures", "data.lr_patch_size=8", f"paths.cache_dir={tmp_path}")
    assert "picture1.png cannot be decoded" in line
    assert not list((tmp_path / "store").iterdir())


def test_no_image_large_enough(one_line, tmp_path: Path) -> None:
    photographs(tmp_path / "pictures", side=40)
    line = one_line("train", "data=folder", "data.root=pictures", "data.lr_patch_size=32")
    assert "no image is large enough for ×2" in line
    assert "data.lr_patch_size" in line


def test_benchmark_whose_sizes_disagree(one_line, tmp_path: Path) -> None:
    photographs(tmp_path / "bench" / "HR", count=1)
    lr = tmp_path / "bench" / "LR_bicubic" / "X2"
    lr.mkdir(parents=True)
    Image.new("RGB", (31, 32)).save(lr / "picture0x2.png")
    line = one_line("evaluate", "model=bicubic", "benchmarks=[bench]", "scales=[2]")
    assert "picture0x2.png has 31×32 pixels" in line
    assert "needs 32×32 at ×2" in line
    assert not (tmp_path / "outputs" / "evaluate" / "test" / "results.csv").exists()


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_output_folder_below_a_file(one_line, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    line = one_line(command, "paths.output_dir=file/run")
    assert "file" in line
    assert "paths.output_dir" in line


def test_help_names_every_command_without_importing_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from igconv_sr.commands.cli import main; sys.argv[1:] = ['--help']; main(); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(f"  {name} " in done.stdout for name in cli.COMMANDS)
    assert done.stdout.endswith("False\n")


def test_bicubic_on_set5_by_command_equals_the_published_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set5 = shared("data", "benchmarks", "Set5")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IGCONV_SR_RUN", "test")
    monkeypatch.setattr(sys, "argv", ["igconv-sr", "evaluate", "model=bicubic", f"benchmarks=[{set5}]"])
    cli.main()
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"Results in {os.path.join('outputs', 'evaluate', 'test')}"  # noqa: PTH118 (as printed)
    header, *rows = (tmp_path / "outputs" / "evaluate" / "test" / "results.csv").read_text().splitlines()
    assert header == (
        "model,upsampler,fgrep,params,train_data,steps,seed,benchmark,scale,images,"
        "psnr_y,ssim_y,psnr_rgb,protocol,checkpoint,commit"
    )
    published = {"2": (33.66, 0.9299), "3": (30.39, 0.8682), "4": (28.42, 0.8104)}
    for row in rows:
        values = dict(zip(header.split(","), row.split(","), strict=True))
        psnr, ssim = published.pop(values["scale"])
        assert (values["model"], values["images"], values["protocol"]) == ("bicubic", "5", "standard")
        assert float(values["psnr_y"]) == pytest.approx(psnr, abs=0.03)
        assert float(values["ssim_y"]) == pytest.approx(ssim, abs=0.0015)
    assert not published
