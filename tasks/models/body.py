"""Bodies of answers, read in bounded memory: counted while they are inflated, and given up where no answer is that long."""

import zlib
from collections.abc import AsyncIterable, AsyncIterator

MOST_REFUSAL = 2**16
"""Bytes of an answer that says no: what is longer is not read to its end."""
ENCODINGS = "gzip, deflate"
"""What is asked for, and all that is read."""
PLAIN = ("", "identity")


class Unread(Exception):
    """An answer that is not read; the message goes on after the endpoint's name."""


async def read_body(pieces: AsyncIterable[bytes], *, ok: bool, encoding: str, most: int) -> bytes:
    """What `pieces` hold, inflated: at most `most` bytes, and of an answer that is not `ok` its beginning. Raises Unread."""
    body = bytearray()
    async for piece in inflated(pieces, ok=ok, encoding=encoding, most=most):
        body += piece
    return bytes(body)


async def inflated(pieces: AsyncIterable[bytes], *, ok: bool, encoding: str, most: int) -> AsyncIterator[bytes]:
    """The same piece by piece, as it comes."""
    encoding, left = encoding.strip().lower(), most if ok else MOST_REFUSAL
    if encoding not in (*PLAIN, "gzip", "x-gzip", "deflate"):
        raise Unread(f"answered in the encoding '{encoding[:40]}', which was not asked for")
    inflater = None
    async for piece in pieces:
        if encoding not in PLAIN:
            inflater = inflater or _inflater(piece)
            piece = _inflated(inflater, piece, left + 1)
        if len(piece) > left and ok:
            raise Unread(f"sent more than {most // 2**20} MB, which no answer is")
        yield piece[:left]
        left -= len(piece)
        if left < 0:
            return


def _inflater(begins: bytes) -> "zlib._Decompress":
    """Reads gzip and zlib's format, and bare deflate, which some servers take for the latter."""
    known = begins[:1] == b"\x1f" or (begins and begins[0] & 15 == 8)
    return zlib.decompressobj(wbits=47 if known else -15)


def _inflated(inflater: "zlib._Decompress", data: bytes, most: int) -> bytes:
    """At most so many bytes of what is inside. Raises Unread."""
    try:
        return inflater.decompress(inflater.unconsumed_tail + data, max(1, most))
    except zlib.error as error:
        raise Unread(f"sent something that can't be decompressed ({error})") from error
