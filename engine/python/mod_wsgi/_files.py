"""wsgi.file_wrapper (PEP 3333, "Optional Platform-Specific File Handling")."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class FileWrapper:
    """An iterator over the blocks of a file. Apache sends the file itself, where it can."""

    __module__ = "mod_wsgi"

    def __init__(self, filelike: "Any", blksize: int = 8192) -> None:
        if blksize < 0:
            raise ValueError("blksize must not be negative")
        self._filelike = filelike
        self._blksize = blksize

    @property
    def filelike(self) -> "Any":
        return self._filelike

    @property
    def blksize(self) -> int:
        return self._blksize

    def __iter__(self) -> "Self":
        return self

    def __next__(self) -> bytes:
        block: bytes = self._filelike.read(self._blksize)
        if block:
            return block
        raise StopIteration

    def close(self) -> None:
        close = getattr(self._filelike, "close", None)
        if close is not None:
            try:
                close()
            except Exception:
                pass
