"""Masks whatever is piped through it, so that a log can be shared."""

from __future__ import annotations

import base64
import binascii
import codecs
import json
import os
import select
import sys
from argparse import ArgumentParser
from typing import Any, BinaryIO

from secrets_vault.commands import BAD_INPUT, KeylodgeCommand
from secrets_vault.masking import Masker, bodies
from secrets_vault.masking.stream import StreamMasker

BLOCK = 512 * 1024
IDLE_S = 0.2


class Command(KeylodgeCommand):
    """`mask`: text on stdin, masked text on stdout. It needs no home, no vault and no database."""

    help = "Mask secrets in text: cat app.log | keylodge mask. Nothing is stored, nothing is sent."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--jsonl", action="store_true", help="read one JSON object a line, answer one a line")

    def run(self, **options: Any) -> None:
        """Mask stdin until it ends."""
        source, target = sys.stdin.buffer, sys.stdout.buffer
        try:
            if options["jsonl"]:
                self._lines(source, target)
            else:
                self._stream(source, target)
        except BrokenPipeError:  # the reader has seen enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), target.fileno())

    def _lines(self, source: BinaryIO, target: BinaryIO) -> None:
        for number, line in enumerate(source, 1):
            if not line.strip():
                continue
            try:
                answer = {"output": masked_line(json.loads(line))}
            except (ValueError, TypeError, KeyError, RecursionError):
                self.say(f"Line {number} is not an object with input, input_b64 or chunks.")
                answer = {"error": f"line {number}: not an object with input, input_b64 or chunks"}
                self.exit_code = BAD_INPUT
            target.write(json.dumps(answer).encode() + b"\n")
            target.flush()

    def _stream(self, source: BinaryIO, target: BinaryIO) -> None:
        block, is_idle = _read(source)
        if block.startswith(b"\x1f\x8b"):
            self.say("This is gzip, not text. Pipe it through `zcat` first.")
            self.exit_code = BAD_INPUT
            return
        decoder, charset = _decoder(block)
        stream = StreamMasker(Masker(cpu_limit_s=None))
        while block:
            _write(target, stream.feed(decoder.decode(block), is_idle=is_idle), charset)
            block, is_idle = _read(source)
        _write(target, stream.feed(decoder.decode(b"", True)) + stream.finish(), charset)


def masked_line(request: dict[str, Any]) -> str:
    """Return the masked text of one --jsonl line."""
    known = [str(value) for value in request.get("known") or ()]
    media = request.get("media")
    if "input_b64" in request:
        try:
            text = bodies.to_text(base64.b64decode(request["input_b64"]), media=media)
        except binascii.Error as error:
            raise ValueError("input_b64") from error
    elif "chunks" in request:
        text = "".join(request["chunks"])
    else:
        text = request["input"]
    if not isinstance(text, str):
        raise TypeError("input")
    return str(Masker(known, cpu_limit_s=None).mask(text, media=media)).encode("utf-8", "replace").decode()


def _read(source: BinaryIO) -> tuple[bytes, bool]:
    """Return the next bytes, gathered until there are many or nothing comes for a moment; empty at the end."""
    handle, size = source.fileno(), 0
    parts: list[bytes] = []
    while size < BLOCK:
        if parts and not select.select([handle], [], [], IDLE_S)[0]:
            return b"".join(parts), True
        part = os.read(handle, BLOCK)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts), False


def _decoder(block: bytes) -> tuple[codecs.IncrementalDecoder, str]:
    """Return a decoder that loses nothing: UTF-16 by its mark, else UTF-8 with other bytes kept as they are."""
    for mark, charset in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if block.startswith(mark):
            return codecs.getincrementaldecoder(charset)("surrogatepass"), charset
    return codecs.getincrementaldecoder("utf-8")("surrogateescape"), "utf-8"


def _write(target: BinaryIO, text: str, charset: str) -> None:
    if text:
        target.write(text.encode(charset, "surrogateescape" if charset == "utf-8" else "surrogatepass"))
        target.flush()
