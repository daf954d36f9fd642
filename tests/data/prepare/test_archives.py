"""Unpacking: images to the folders they belong to, and nothing else whatever an archive holds."""

import bz2
import gzip
import io
import lzma
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from igconv_sr.data.prepare.archives import LARGEST_GAIN, unpack
from igconv_sr.errors import InputError

PIXELS = random.Random(0).randbytes(5_000)
DATE = 1_600_000_000


def make_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 9, 13, 12, 26, 40)), content, zipfile.ZIP_DEFLATED)
    return path


def make_tar(path: Path, files: Mapping[str, bytes], *others: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), DATE
            archive.addfile(member, io.BytesIO(content))
        for member in others:
            archive.addfile(member)
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def unpacked(archive: Path, folders: Mapping[str, str] | None = None) -> dict[str, bytes]:
    into = archive.parent / "into"
    unpack(archive, folders or {"HR": "HR"}, into)
    return files_below(into)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(archive: Path, reason: str) -> None:
    """Nothing may be written outside, whatever is inside at that moment."""
    with pytest.raises(InputError, match=reason):
        unpack(archive, {"HR": "HR"}, archive.parent / "into")
    outside = [path for path in archive.parent.rglob("*") if path != archive and "into" not in path.parts]
    assert not outside


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_images_below_the_wanted_folder_at_any_depth(tmp_path: Path, make: Callable[..., Path]) -> None:
    archive = make(
        tmp_path / "archive",
        {
            "top/set/HR/a.png": PIXELS,
            "top/set/HR/more/B.PNG": b"b",
            "top/set/LR/a.png": b"lr",
            "top/set/HR/readme.txt": b"text",
            "top/set/HR/.hidden.png": b"hidden",
            "__MACOSX/top/set/HR/._a.png": b"resource fork",
            "HR.png": b"no folder",
        },
    )
    assert unpacked(archive) == {"HR/a.png": PIXELS, "HR/more/B.PNG": b"b"}
    assert {path.stat().st_mtime for path in (tmp_path / "into").rglob("*.png")} == {DATE}


def test_one_archive_fills_several_folders(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "archive", {"b/Set5/HR/1.png": b"1", "b/Set5/LR/X2/1.png": b"2"})
    assert unpacked(archive, {"Set5/HR": "Set5/HR", "Set5/LR": "Set5/LR"}) == {
        "Set5/HR/1.png": b"1",
        "Set5/LR/X2/1.png": b"2",
    }


def test_whole_archive(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "shard.tar", {"0001000/0000001.png": b"1"})
    assert unpacked(archive, {"HR/train": ""}) == {"HR/train/0001000/0000001.png": b"1"}


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressions_of_tar(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    archive = make_tar(tmp_path / "archive.tar", {"HR/a.png": PIXELS})
    archive.write_bytes(compress(archive.read_bytes()))
    assert unpacked(archive) == {"HR/a.png": PIXELS}


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("name", ["../HR/a.png", "HR/../../a.png", "/HR/a.png", "HR\\..\\..\\a.png", "C:\\HR\\a.png"])
def test_paths_that_lead_out(tmp_path: Path, make: Callable[..., Path], name: str) -> None:
    refused(make(tmp_path / "archive", {"HR/b.png": b"b", name: b"a"}), "leads out of its folder")


@pytest.mark.parametrize(
    "others",
    [
        (link("HR/out", ".."), tarfile.TarInfo("HR/out/a.png")),
        (link("HR/out", "/etc"),),
        (link("HR/a.png", "../../secret.png", tarfile.LNKTYPE),),
        (link("HR/inside", "b.png"),),
        (link("HR/pipe", "", tarfile.FIFOTYPE),),
        (link("", "..", tarfile.SYMTYPE),),
    ],
    ids=["symlink, then a file through it", "absolute symlink", "hard link", "harmless symlink", "pipe", "no name"],
)
def test_links_in_tar(tmp_path: Path, others: tuple[tarfile.TarInfo, ...]) -> None:
    refused(make_tar(tmp_path / "archive.tar", {"HR/b.png": b"b"}, *others), "a link or device: nothing of it is kept")
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]


def test_symlink_in_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        member = zipfile.ZipInfo("HR/out")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "..")
        archive.writestr("HR/out/a.png", PIXELS)
    refused(tmp_path / "archive.zip", "'HR/out', a link or device")
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("compress", [None, gzip.compress])
def test_bombs(tmp_path: Path, compress: Callable[[bytes], bytes] | None) -> None:
    zeros = {"HR/a.png": bytes(5_000_000)}
    if compress is None:
        archive = make_zip(tmp_path / "archive.zip", zeros)
    else:
        archive = make_tar(tmp_path / "archive.tar", zeros)
        archive.write_bytes(compress(archive.read_bytes()))
    refused(archive, f"more than {LARGEST_GAIN} times its size")
    assert not files_below(tmp_path / "into")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_two_members_for_one_file(tmp_path: Path, make: Callable[..., Path]) -> None:
    refused(make(tmp_path / "archive", {"x/HR/a.png": b"1", "y/HR/a.png": b"2"}), "'HR/a.png' twice")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_truncated(tmp_path: Path, kind: str) -> None:
    files = {f"HR/{number}.png": PIXELS for number in range(4)}
    archive = (make_zip if kind == "zip" else make_tar)(tmp_path / f"archive.{kind}", files)
    content = archive.read_bytes()
    content = gzip.compress(content) if kind == "tar.gz" else content
    archive.write_bytes(content[: len(content) * 2 // 3])
    refused(archive, "is damaged, or neither zip nor tar")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_flipped_bit(tmp_path: Path, kind: str) -> None:
    make, compress = (make_zip, bytes) if kind == "zip" else (make_tar, lambda content: gzip.compress(content, 0))
    archive = make(tmp_path / f"archive.{kind}", {"HR/a.png": PIXELS})
    content = bytearray(compress(archive.read_bytes()))
    content[3_000] ^= 1
    archive.write_bytes(content)
    refused(archive, "is damaged")


@pytest.mark.parametrize("content", [b"", b"<html>please log in</html>", random.Random(1).randbytes(2_000)])
def test_no_archive_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "archive.zip").write_bytes(content)
    refused(tmp_path / "archive.zip", "is damaged, or neither zip nor tar")
