"""Files that have arrived in part, so that a later process can go on with them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edition:
    """What the bytes of a partial file belong to.

    Attributes:
        url: Where they come from.
        validator: ETag or date by which the server recognises its edition of the file, if it gives one.
        total: Size of the whole file in bytes, if the server says so.
    """

    url: str
    validator: str | None
    total: int | None


class Partial:
    """A file on its way: ``NAME.partial``, and beside it ``NAME.partial.json``, the edition of its bytes.

    Args:
        target: The file that it is to become.
    """

    def __init__(self, target: Path) -> None:
        self._target, self.path = target, target.with_name(f"{target.name}.partial")
        self._note = target.with_name(f"{target.name}.partial.json")

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def edition(self, url: str) -> Edition | None:
        """What the bytes belong to; None if there are none that can be gone on from."""
        if not self.size or not self._note.exists():
            return None
        edition = Edition(**json.loads(self._note.read_text()))
        return edition if edition.url == url else None

    def begin(self, edition: Edition) -> None:
        """Starts over. Killed at any point in between, no bytes are left beside a note of another edition."""
        self.discard()
        written = self._note.with_suffix(".new")
        written.write_text(json.dumps(asdict(edition)))
        written.rename(self._note)

    def discard(self) -> None:
        """Removes both files."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def publish(self) -> None:
        """Makes it the whole file."""
        self.path.rename(self._target)
        self._note.unlink(missing_ok=True)
