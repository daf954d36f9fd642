"""Every encoder that can be configured has a layout of the authors' files."""

import re

from igconv_sr.commands.config import CONFIG_FOLDER
from igconv_sr.weights.released import LAYOUTS

TARGET = re.compile(r"^ *_target_: igconv_sr\.encoders\.(\w+)$", re.MULTILINE)


def test_every_encoder_of_the_configurations_is_registered_by_its_name() -> None:
    """The authors released files of them all; a variant such as edsr_small names no class of its own."""
    classes = {path.stem: TARGET.findall(path.read_text()) for path in CONFIG_FOLDER.glob("model/*.yaml")}
    registered = {name: [layout.encoder.__name__] for name, layout in LAYOUTS.items()}
    assert registered == {name: found for name, found in classes.items() if found}
