"""What a folder holds and a command does not use: counted and named, so that nothing is left out in silence."""

from collections.abc import Callable
from enum import Enum

from igconv_sr.system.console import printable

_NAMED = 3
_OF_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")


class Kind(Enum):
    """Why something is left out; in words for one and for several."""

    OTHER = ("file that is no picture by its name", "files that are no pictures by their names")
    HIDDEN = ("hidden one", "hidden ones")
    FOLDER = ("folder in it", "folders in it")
    CIRCLE = ("link back to a folder above", "links back to folders above")
    RESULT = ("result of this very command", "results of this very command")
    LOOSE = ("file beside the shards", "files beside the shards")
    LOW_RESOLUTION = ("LR file without an HR file", "LR files without an HR file")
    VERSION = ("folder of another version of its images", "folders of other versions of its images")
    TO_TRAIN_ON = ("set to train on", "sets to train on")
    STRANGE = ("picture of no image that is asked for", "pictures of no image that is asked for")


Tell = Callable[[Kind, str], None]
"""Is told of what is left out, by its path below the folder: :meth:`LeftOut.add`."""


class LeftOut:
    """Counts what is left out of a folder and remembers the first names.

    Args:
        place: The folder, as the user gave it.

    Example:
        >>> left_out = LeftOut("photos")
        >>> left_out.add(Kind.OTHER, "notes.txt")
        >>> left_out.notices()
        ['Notice: not used of photos: 1 file that is no picture by its name (notes.txt)']
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._found: dict[Kind, tuple[int, list[str]]] = {}

    def add(self, kind: Kind, name: str) -> None:
        """Notes one of them; what operating systems put into folders is not worth a word."""
        if name.rpartition("/")[2] in _OF_SYSTEMS:
            return
        count, names = self._found.get(kind, (0, []))
        self._found[kind] = (count + 1, [*names, name][:_NAMED])

    def notices(self) -> list[str]:
        """One line, or none."""
        if not self._found:
            return []
        return [printable(f"Notice: not used of {self._place}: {'; '.join(map(self._words, self._found))}")]

    def _words(self, kind: Kind) -> str:
        count, names = self._found[kind]
        more = f" and {count - len(names):,} more" if count > len(names) else ""
        return f"{count:,} {kind.value[count > 1]} ({', '.join(names)}{more})"
