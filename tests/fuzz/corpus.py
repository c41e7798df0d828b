"""A corpus as one file: each input behind its length, 4 bytes, little-endian.

python tests/fuzz/corpus.py pack DIRECTORY FILE      at most 100 kB
python tests/fuzz/corpus.py unpack FILE DIRECTORY    one file for each input
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

MOST = 100_000


def read(file: Path) -> list[bytes]:
    """The inputs of a corpus."""
    data, at, inputs = file.read_bytes(), 0, []
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if end > len(data):
            raise ValueError(f"{file}: the input at byte {at} is cut off")
        inputs.append(data[at + 4 : end])
        at = end
    return inputs


def pack(directory: Path, file: Path) -> None:
    """Write the inputs in `directory` to one file: if they are too many, some of every size."""
    inputs = sorted((path.read_bytes() for path in directory.iterdir()), key=lambda d: (len(d), d))
    step = 1
    while sum(4 + len(data) for data in inputs[step - 1 :: step]) > MOST:
        step += 1
    kept = inputs[step - 1 :: step]
    file.write_bytes(b"".join(len(data).to_bytes(4, "little") + data for data in kept))
    print(f"{file}: {len(kept)} of {len(inputs)} inputs, {file.stat().st_size} bytes")


def unpack(file: Path, directory: Path) -> None:
    """Write each input to a file that is named after it."""
    directory.mkdir(parents=True, exist_ok=True)
    for data in read(file) if file.exists() else []:
        (directory / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    {"pack": pack, "unpack": unpack}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
