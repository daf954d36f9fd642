"""Whatever a training logs of its validation is found again by its name."""

import pytest

from igconv_sr.runs.logged_names import read_valid_score, train_score, valid_images, valid_mean, valid_score


@pytest.mark.parametrize("kind", ["", "+tile128", " (blur_downscale_noise)", " (pil)+tile64-overlap8"])
@pytest.mark.parametrize("scale", [2, 2.5, 8, 64])
@pytest.mark.parametrize("measure", ["psnr_y", "ssim_y"])
def test_names_of_validation_are_read_as_they_are_written(measure: str, scale: float, kind: str) -> None:
    assert read_valid_score(valid_score(measure, scale, kind)) == (measure, scale, kind)


@pytest.mark.parametrize("name", [valid_mean(), train_score("psnr_rgb", 2), "valid/psnr_y_x", "test/psnr_y_x2", "x2"])
def test_other_names_are_none(name: str) -> None:
    assert read_valid_score(name) is None


def test_pictures_are_no_scores_of_psnr() -> None:
    found = read_valid_score(valid_images(2))
    assert found is not None
    assert found.measure == "images"
