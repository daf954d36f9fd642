"""The catalogue: ours is complete in itself, theirs is merged over it, mistakes are named."""

from pathlib import Path

import pytest

from igconv_sr.data.prepare.catalogue import OURS, load_catalogue, our_titles
from igconv_sr.errors import InputError


def test_ours_has_the_published_numbers_of_images() -> None:
    catalogue = load_catalogue()
    assert list(catalogue.sets) == ["div2k", "flickr2k", "df2k", "lsdir", "benchmarks"] == list(our_titles())
    trained_on = {
        name: sum(folder.images or 0 for folder in catalogue.find(name).folders.values() if folder.store)
        for name in catalogue.sets
    }
    assert trained_on == {"div2k": 800, "flickr2k": 2650, "df2k": 3450, "lsdir": 84991, "benchmarks": 0}
    assert {archive.size is None for name, archive in catalogue.archives.items() if "DIV2K" in name} == {False}
    assert all(name == archive.url.rpartition("/")[2] for name, archive in catalogue.archives.items())


def test_every_archive_is_used() -> None:
    catalogue = load_catalogue()
    used = {name for one in catalogue.sets.values() for folder in one.folders.values() for name in folder.archives}
    assert used == set(catalogue.archives)


def test_theirs_changes_single_keys_and_adds_sets(tmp_path: Path) -> None:
    theirs = tmp_path / "mine.yaml"
    theirs.write_text(
        "archives:\n"
        "  DIV2K_train_HR.zip: {url: 'http://mirror/DIV2K_train_HR.zip'}\n"
        "  mine.zip: {url: 'http://mirror/mine.zip'}\n"
        "sets:\n"
        "  mine: {title: Mine, folders: {photos: {archives: [mine.zip], inside: ''}}}\n"
        "  all: {title: All, parts: [mine, benchmarks]}\n"
    )
    ours, merged = load_catalogue(), load_catalogue(theirs)
    assert merged.archives["DIV2K_train_HR.zip"].url == "http://mirror/DIV2K_train_HR.zip"
    assert merged.archives["DIV2K_train_HR.zip"].checksum == ours.archives["DIV2K_train_HR.zip"].checksum
    assert merged.find("div2k") == ours.find("div2k")
    assert set(merged.find("all").folders) == {"photos", *ours.find("benchmarks").folders}


MISTAKES = {
    "archives: {a.zip: {url: 'ftp://host/a.zip'}}": r"archives\.a\.zip: url must begin with http",
    "archives: {a.zip: {size: 3}}": r"archives\.a\.zip\.url: .*missing",
    "archives: {a.zip: {url: 'http://host/a.zip', size: many}}": r"archives\.a\.zip\.size: .*'many'",
    "archives: {a.zip: {url: 'http://host/a.zip', checksum: '12'}}": "checksum must be sha256:… or md5:…",
    "archives: {../a.zip: {url: 'http://host/a.zip'}}": "must be that of a file",
    "sets: {div2k: {folders: {DIV2K_train_HR: {imges: 3}}}}": r"DIV2K_train_HR\.imges: Key 'imges' not in 'Folder'",
    "sets: {a: {title: A, folders: {../b: {archives: [benchmark.tar]}}}}": r"'\.\./b' must lie below the root",
    "sets: {a: {title: A, folders: {/b: {archives: [benchmark.tar]}}}}": "'/b' must lie below the root",
    "sets: {a: {title: A, folders: {b: {archives: [no.zip]}}}}": r"'no\.zip' is not among the archives",
    "sets: {a: {title: A, folders: {b: {archives: []}}}}": "'b' names no archive",
    "sets: {a: {title: A, parts: [a]}}": "part 'a' must be a set that has no parts",
    "sets: [": "while parsing",
    "- a": "catalogue .*mine.yaml: ",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=MISTAKES[text]) as caught:
        load_catalogue(tmp_path / "mine.yaml")
    assert "\n" not in str(caught.value)


def test_names() -> None:
    with pytest.raises(InputError, match="no data set 'div2'; did you mean div2k"):
        load_catalogue().find("div2")
    with pytest.raises(InputError, match=r"cannot read the catalogue nowhere.yaml: No such file"):
        load_catalogue(Path("nowhere.yaml"))


def test_the_file_explains_every_key() -> None:
    head = OURS.read_text().partition("\narchives:\n")[0]
    keys = ("url", "size", "checksum", "account", "token", "title", "parts", "data", "inside", "images", "lr", "store")
    assert all(f"#   {key} " in head or f"#     {key} " in head for key in keys)
