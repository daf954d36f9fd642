"""``igconv-sr data check``: finds each fault of a broken tree, and none where there is none."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import run
from conftest import shared
from igconv_sr.data.check.check import main
from igconv_sr.data.check.duplicates import Fingerprint, find_duplicates, fingerprint, orientations, turned
from igconv_sr.errors import InputError
from igconv_sr.pictures.decoding import read_rgb

RANDOM = np.random.default_rng(0)


def picture(side: int = 48) -> Image.Image:
    """Smooth and random: like no other."""
    coarse = Image.fromarray(RANDOM.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return coarse.resize((side, side), Image.Resampling.BICUBIC)


def save(image: Image.Image, path: Path, **options: int) -> Image.Image:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)  # type: ignore[arg-type]
    return image


def pair(root: Path, name: str, scale: int = 2) -> Image.Image:
    image = save(picture(), root / "HR" / f"{name}.png")
    side = image.width // scale
    save(image.resize((side, side)), root / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png")
    return image


def check(capsys: pytest.CaptureFixture[str], *arguments: str | Path, status: int) -> str:
    try:
        main([str(argument) for argument in arguments])
        stopped = 0
    except SystemExit as error:
        stopped = int(error.code or 0)
    printed = capsys.readouterr().out
    assert stopped == status, printed
    return printed


def finding(printed: str, headline: str) -> str:
    """The one finding whose first line fits."""
    parts = re.split(r"^(?=\d+\. )", printed, flags=re.MULTILINE)[1:]
    (found,) = [part for part in parts if re.search(headline, part.splitlines()[0])]
    assert "\n   → " in found, "it does not say what to do"
    return found


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    for name in "abc":
        pair(tmp_path / "Mine", name)
    return tmp_path / "Mine"


def test_nothing_is_found_where_nothing_is_wrong(benchmark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = check(capsys, benchmark, status=0)
    assert printed.splitlines()[-1] == "Nothing wrong (every file, and no copies)."
    assert re.search(r"Mine +– +3 +48×48 +48×48 +×2:3", printed)


def damage(path: Path, kind: str) -> None:
    content = path.read_bytes()
    if kind == "gone":
        path.unlink()
        path.symlink_to(path.with_name("nowhere"))
    else:
        path.write_bytes({"empty": b"", "text": b"no image\n" * 20, "cut": content[: len(content) // 2]}[kind])


@pytest.mark.parametrize("where", ["HR/b.png", "LR_bicubic/X2/bx2.png"])
@pytest.mark.parametrize(
    ("kind", "says", "quick_finds"),
    [
        ("empty", r"is empty \(0 bytes\)", True),
        ("text", "is not an image", True),
        ("cut", "cannot be decoded", False),
        ("gone", "does not exist", True),
    ],
)
def test_files_that_cannot_be_read_are_named(
    benchmark: Path, capsys: pytest.CaptureFixture[str], where: str, kind: str, says: str, quick_finds: bool
) -> None:
    damage(benchmark / where, kind)
    found = finding(check(capsys, benchmark, status=1), r"1 file of Mine cannot be read")
    assert re.search(rf"{re.escape(str(benchmark / where))} {says}", found)
    quick = check(capsys, "--quick", benchmark, status=int(quick_finds))
    assert ("cannot be read" in quick) == quick_finds


def test_missing_stray_and_misfitting_lr_files_are_named(benchmark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lr = benchmark / "LR_bicubic" / "X2"
    (lr / "ax2.png").rename(lr / "strayx2.png")
    save(picture(25), lr / "bx2.png")
    printed = check(capsys, "--quick", benchmark, status=1)
    assert str(lr / "ax2.png") in finding(printed, "1 file of Mine is missing")
    assert str(lr / "strayx2.png") in finding(printed, "1 LR file of Mine without an HR file")
    assert f"{lr / 'bx2.png'} has 25×25 pixels; b.png with 48×48 needs 24×24 at ×2" in finding(
        printed, "1 file of Mine with sizes that do not fit"
    )
    assert printed.splitlines()[-1].startswith("3 findings")


def test_sizes_follow_the_orientation_of_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = picture().resize((40, 20))
    for suffix in ("jpg", "tif"):
        save(image, tmp_path / suffix / f"a.{suffix}", exif=exif)  # type: ignore[arg-type]
        for flags in ([], ["--quick"]):
            assert "20×40" in check(capsys, *flags, tmp_path / suffix, status=0)


def test_counts_are_compared_with_those_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "DIV2K_train_HR"
    save(Image.new("RGB", (1, 1)), folder / "0001.png")
    for number in range(2, 801):
        (folder / f"{number:04}.png").hardlink_to(folder / "0001.png")
    assert "Nothing wrong" in check(capsys, tmp_path, status=0)
    for number in (7, 800):
        (folder / f"{number:04}.png").unlink()
    printed = check(capsys, "--quick", tmp_path, status=1)
    assert "798 of 800" in printed
    assert "without number 7, 800\n" in finding(printed, r"DIV2K_train \(train\) holds 798 images instead of 800")


def test_900_images_of_div2k_are_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "DIV2K_train_HR"
    save(Image.new("RGB", (1, 1)), folder / "0001.png")
    for number in range(2, 901):
        (folder / f"{number:04}.png").hardlink_to(folder / "0001.png")
    found = finding(check(capsys, "--quick", tmp_path, status=1), "holds 900 images, 100 of them validation images")
    assert "move 0801.png to 0900.png" in found


def test_copies_within_and_between_sets_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, bench = tmp_path / "photos", tmp_path / "Set5"
    pictures = [save(picture(96), train / f"{n}.png") for n in range(6)]
    save(picture(96), bench / "other.png")
    save(pictures[0], train / "again.jpg", quality=40)
    save(pictures[1].transpose(Image.Transpose.FLIP_LEFT_RIGHT), bench / "flipped.jpg", quality=40)
    save(pictures[2].transpose(Image.Transpose.ROTATE_90).resize((50, 50)), bench / "turned.png")
    printed = check(capsys, train, bench, status=1)
    assert f"{train / '0.png'} = {train / 'again.jpg'}" in finding(printed, "1 picture in photos twice")
    between = finding(printed, r"2 pictures both in photos and in Set5 \(benchmark\)")
    assert f"{train / '1.png'} = {bench / 'flipped.jpg'}" in between
    assert f"{train / '2.png'} = {bench / 'turned.png'}" in between
    assert f"remove from {train}" in between
    assert "picture" not in check(capsys, bench, "--quick", status=1), "2 of 5 images, but no copies"


def test_training_sets_may_share_pictures_with_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = picture()
    for name in ("one", "other"):
        save(image, tmp_path / name / "a.png")
    check(capsys, tmp_path / "one", tmp_path / "other", status=0)


def test_photographs_that_differ_are_no_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The benchmarks and every seventh of the photographs to train on; all of them were tried once."""
    photographs = sorted(path for path in shared("data", "train").glob("*/*") if path.suffix in (".png", ".jpg"))
    (tmp_path / "photos").mkdir()
    for path in photographs[::7]:
        (tmp_path / "photos" / path.name).symlink_to(path)
    printed = check(capsys, shared("data", "benchmarks"), tmp_path / "photos", status=0)
    assert re.search(r"photos +– +8\d ", printed)


def test_recompressed_and_flipped_photographs_are_copies() -> None:
    files = sorted(shared("data", "benchmarks").glob("Set*/HR/*.png"))
    pixels = [read_rgb(path) for path in files]
    smaller = [Image.fromarray(image[:, ::-1]).resize((160, 120)) for image in pixels]
    prints = [fingerprint(image) for image in (*pixels, *(np.asarray(image) for image in smaller))]
    pairs = set(find_duplicates(prints, lambda i, j: (i < len(files)) & (j >= len(files))))
    assert pairs >= {(index, index + len(files)) for index in range(len(files))}
    others = {(files[i].name, files[j - len(files)].name) for i, j in pairs if j - i != len(files)}
    assert others <= {("face.png", "head.png"), ("head.png", "face.png")}, "these two show the same person"


def test_smooth_parts_of_different_photographs_are_no_copies() -> None:
    """Sky fades like sky: what is left of contrast decides."""
    parts, owners = [], []
    for number, path in enumerate(sorted(shared("data", "train", "SunHays80").glob("*.png"))[10:30]):
        pixels = read_rgb(path)
        for top in range(0, pixels.shape[0] - 119, 120):
            for left in range(0, pixels.shape[1] - 119, 120):
                parts.append(fingerprint(np.ascontiguousarray(pixels[top : top + 120, left : left + 120])))
                owners.append(number)
    owner = np.array(owners)
    assert len(parts) > 500
    assert find_duplicates(parts, lambda i, j: owner[i] != owner[j]) == []


def test_hashes_of_all_orientations_come_from_one() -> None:
    gray = np.asarray(picture(64).convert("L"))
    own = {fingerprint(np.dstack([each] * 3)).bits for each in orientations(gray)}
    assert len(own) == 8
    for each in orientations(gray):
        bits = np.array([fingerprint(np.dstack([each] * 3)).bits], dtype=np.uint64)
        first, *others = [int(variant[0]) for variant in turned(bits)]
        assert first == bits[0]
        assert {first, *others} == own


def test_pictures_of_one_colour_are_not_compared() -> None:
    flat = Fingerprint(0, np.full((16, 16), 7, dtype=np.uint8))
    assert find_duplicates([flat, flat], lambda i, _: np.ones(len(i), dtype=bool)) == []
    assert find_duplicates([], lambda i, _: np.ones(len(i), dtype=bool)) == []


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for scale in (2, 3, 4):
        pair(tmp_path / "A_benchmark_with_quite_a_long_name", "a", scale)
    printed = check(capsys, tmp_path, "--quick", status=0)
    assert max(map(len, printed.splitlines())) <= width
    assert all(f"×{scale}:1" in printed for scale in (2, 3, 4))


def test_names_in_brackets_are_printed_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair(tmp_path / "mine [old] :cat:", "a", 2)
    assert "mine [old] :cat:" in check(capsys, tmp_path / "mine [old] :cat:", "--quick", status=0)


def test_by_command_with_exit_status(benchmark: Path) -> None:
    assert run("data", "check", str(benchmark), cwd=benchmark).returncode == 0
    damage(benchmark / "HR" / "a.png", "cut")
    done = run("data", "check", str(benchmark), cwd=benchmark)
    assert (done.returncode, done.stderr) == (1, "")
    missing = run("data", "check", "nowhere", cwd=benchmark)
    assert (missing.returncode, missing.stderr) == (
        1,
        "igconv-sr: nowhere is not a folder; give a folder of images\n",
    )
    assert "did you mean check?" in run("data", "chekc", cwd=benchmark).stderr
    assert "--quick" in run("data", "check", "--help", cwd=benchmark).stdout


def test_torch_is_not_imported(benchmark: Path) -> None:
    code = "import sys; from igconv_sr.data.check.check import main; main([sys.argv[1]]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, benchmark], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image below"):
        main([str(tmp_path)])


def test_12_bits_in_files_of_16_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (48, 48), dtype=np.uint16)
    (tmp_path / "scans").mkdir()
    for name, factor in (("dark", 1), ("bright", 16)):
        Image.fromarray(values * np.uint16(factor)).save(tmp_path / "scans" / f"{name}.png")
    printed = check(capsys, tmp_path / "scans", status=1)
    told = finding(printed, "use less than a quarter of the range")
    assert "dark.png: at most 15 of 255" in told
    assert "multiply by 16" in told
    assert "bright.png" not in told


def test_characters_that_a_terminal_obeys_are_shown_as_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a\x1b[31m").mkdir()
    (tmp_path / "a\x1b[31m" / "b\x1b[2J.png").write_text("no image")
    printed = check(capsys, tmp_path / "a\x1b[31m", status=1)
    assert "\x1b" not in printed
    assert r"b\x1b[2J.png is not an image" in printed
