"""The page: one document that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined


@dataclass(frozen=True)
class Facts:
    """What the page says about the model.

    Attributes:
        name: What the user called it.
        architecture: Encoder and upsampler.
        scales: Of its training.
        parameters: How many it has.
        device: Where it computes.
    """

    name: str
    architecture: str
    scales: Sequence[float]
    parameters: int
    device: str


class Page:
    """The document, with the model's facts.

    Args:
        facts: Of the model.
        largest_upload: Bytes.
    """

    def __init__(self, facts: Facts, largest_upload: int) -> None:
        environment = Environment(
            loader=PackageLoader("igconv_sr.demo", "."), autoescape=True, undefined=StrictUndefined
        )
        self._template = environment.get_template("page.html.j2")
        self._values = {"facts": facts, "largest_upload": largest_upload}

    def render(self, nonce: str) -> bytes:
        """The document; only style and script that carry the nonce are its own."""
        return self._template.render(**self._values, nonce=nonce).encode()


def content_security_policy(nonce: str) -> str:
    """Lets the page use its own style and script and talk to its own server, and nothing else."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
