"""Files that are packed one by one (.gz, .bz2, .xz, .zst), unpacked as they are read.

Never more is unpacked at once than is asked for, whatever the file says; one that unpacks to far more than itself is refused.
"""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from tasks.errors import InputError

BUFFER = 2**16
MOST_MEMORY = 128 * 2**20
"""Bytes that xz may take to look back; what it makes by itself takes less than 70 MB."""
MOST_TIMES, MOST_UNPACKED = 200, 2 * 10**9
"""Texts are packed to a tenth. A file that is a bomb unpacks to more than so many bytes, and so many times its own size."""


class Unpacker(Protocol):
    """What bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """gzip in the same manner."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._unpacker.eof

    @property
    def needs_input(self) -> bool:
        return not self._unpacker.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._unpacker.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._unpacker.decompress(self._unpacker.unconsumed_tail + data, max_length)


UNPACKERS: dict[str, Callable[[], Any]] = {
    ".gz": _Gzip,
    ".bz2": bz2.BZ2Decompressor,
    ".xz": partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, MOST_MEMORY),
}
PACKED = (*UNPACKERS, ".zst")
FAULTS = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


def unpacked(name: str, called: str, opening: Callable[[], io.BufferedReader]) -> Callable[[], io.BufferedReader]:
    """What opens a file so that it is read as what is in it; as it is where its name does not say that it is packed."""
    for ending in PACKED:
        if name.lower().endswith(ending):
            return lambda: io.BufferedReader(_Unpacked(opening(), ending, called), BUFFER)
    return opening


class _Packed(io.RawIOBase):
    """The packed bytes as they are read, and how many there were. It knows nothing of who unpacks them: pyarrow's readers are
    not seen by the collector of cycles, so that one of which they are a part would stay for ever.
    """

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.taken = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        part = self._file.read1(size if 0 <= size < BUFFER else BUFFER)
        self.taken += len(part)
        return part


class _Unpacked(io.RawIOBase):
    """The content of a packed file. Reading it raises InputError where it is damaged, or a bomb."""

    def __init__(self, file: io.BufferedReader, ending: str, called: str) -> None:
        self._file = file
        self._called = called
        self._given = 0
        self._packed = _Packed(file)
        self._read = _of_zstandard(self._packed) if ending == ".zst" else _of(self._packed, UNPACKERS[ending])

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            part = self._read(min(len(buffer), BUFFER))
        except FAULTS as error:
            raise InputError(f"{self._called} is damaged: {error or 'it ends too early'}. Pack it again.") from error
        self._given += len(part)
        if self._given > MOST_UNPACKED and self._given > MOST_TIMES * self._packed.taken:
            raise InputError(
                f"{self._called} unpacks to more than {MOST_UNPACKED // 10**9} GB, and {MOST_TIMES} times its own size. "
                "Unpack it yourself, if that is meant."
            )
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()


def _of(packed: _Packed, new: Callable[[], Any]) -> Callable[[int], bytes]:
    """Reads what `new` unpacks."""
    unpacker = new()
    started = False

    def read(size: int) -> bytes:
        nonlocal unpacker, started
        while True:
            data = b""
            if unpacker.eof:  # another one may be packed behind it
                if not (data := unpacker.unused_data or packed.read()).strip(b"\0"):
                    return b""
                unpacker = new()
            elif unpacker.needs_input and not (data := packed.read()):
                if started:
                    raise EOFError("it ends too early")
                return b""
            started = True
            if part := unpacker.decompress(data, size):
                return bytes(part)

    return read


def _of_zstandard(packed: _Packed) -> Callable[[int], bytes]:
    import pyarrow as pa

    stream = pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")
    return lambda size: bytes(stream.read(size))
