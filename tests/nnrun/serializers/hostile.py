"""Mutants of files, and what loading each comes to: run as a program by `test_hostile`.

    python hostile.py FORMAT FOLDER

It takes no more than a gibibyte of address space beyond what it starts with, and prints a JSON
list of what was wrong; nothing is wrong with an error that names the file, or with a mutant
that loads as the whole file does (or, where the format has no checksums, with other numbers).
"""

from __future__ import annotations

import json
import pickle
import resource
import sys
import zipfile
from pathlib import Path

import numpy as np

import nnrun.links as L
from nnrun import Chain
from nnrun.datasets.idx import read_idx, write_idx
from nnrun.serializers import (
    load_hdf5,
    load_npz,
    load_safetensors,
    save_hdf5,
    save_npz,
    save_safetensors,
)

MUTANTS = 60
LOADERS = {"npz": load_npz, "hdf5": load_hdf5, "safetensors": load_safetensors}
SAVERS = {"npz": save_npz, "hdf5": save_hdf5, "safetensors": save_safetensors}


def model() -> Chain:
    chain = Chain(a=L.Linear(20, 10, initialW=0.25), b=L.Linear(None, 3))
    chain.add_persistent("count", 3)
    chain.add_persistent("text", "words")
    chain.add_persistent("nothing", None)
    return chain


def values(chain: Chain) -> list:
    arrays = [None if p.array is None else p.array.tolist() for p in chain.params()]
    return [*arrays, chain.count, chain.text]


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One of: cut, bits turned, a field made huge, bytes taken out or put in twice."""
    mutant = bytearray(data)
    kind = rng.integers(5)
    at = int(rng.integers(len(mutant)))
    if kind == 0:
        return bytes(mutant[:at])
    if kind == 1:
        for _ in range(int(rng.integers(1, 9))):
            mutant[int(rng.integers(len(mutant)))] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        mutant[at : at + 4] = [b"\xff\xff\xff\x7f", b"\xff" * 4, b"\0" * 4][int(rng.integers(3))]
    elif kind == 3:
        del mutant[at : at + int(rng.integers(1, 200))]
    else:
        mutant[at:at] = mutant[at : at + int(rng.integers(1, 200))]
    return bytes(mutant)


class Evil:
    """Leaves a trace if it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return Path.mkdir, (self.folder / "evil",)


def header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def crafted_npz(folder: Path) -> list[bytes]:
    """Archives that are whole zip files, and lie."""
    huge = "(1000000000000,)"
    members = {
        "a/W": [header(huge), header("(-1, 10)"), header("(10, 20)", "'|O'"), b"", b"\x93NUMPY"],
        "b/W": [
            header("(1000000, 1000000)"),
            header("(3, 4)") + b"\0" * 10,
            header("()", "'<U99'"),
        ],
        "count": [header("(3,)", "'<i8'") + b"\0" * 24, header("()", "[('x', '<f4')]") + b"\0" * 4],
    }
    files = []
    for name, contents in members.items():
        for content in contents:
            path = folder / "crafted"
            chain = model()
            chain.b.W.initialize((3, 4))
            save_npz(path, chain)
            with zipfile.ZipFile(path) as old:
                parts = {i.filename: old.read(i) for i in old.infolist()}
            parts[name + ".npy"] = content
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
                for filename, data in parts.items():
                    new.writestr(filename, data)
            files.append(path.read_bytes())
    # Zeros that deflate to a thousandth, for an array of no known shape.
    parts["count.npy"] = header("()", "'<i8'") + bytes(8)
    with zipfile.ZipFile(folder / "crafted", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
        for filename, data in parts.items():
            if filename != "b/W.npy":
                bomb.writestr(filename, data)
        with bomb.open("b/W.npy", "w", force_zip64=True) as member:
            member.write(header(f"({300 << 18}, 1)"))
            for _ in range(300):
                member.write(bytes(1 << 20))
    files.append((folder / "crafted").read_bytes())
    np.savez(folder / "crafted.npz", **{"a/W": np.array([Evil(folder)], object)})
    files.append((folder / "crafted.npz").read_bytes())
    files.append(pickle.dumps(Evil(folder)))
    return files


def crafted_hdf5(folder: Path) -> list[bytes]:
    """Files that are whole, and lead elsewhere or promise too much."""
    import h5py

    def link(h5):
        h5["a"]["W"] = h5py.ExternalLink("elsewhere.h5", "/x")

    def soft(h5):
        h5["a"]["W"] = h5py.SoftLink("/count")

    def external(h5):
        h5["a"].create_dataset("W", (10, 20), "f4", external=[("/etc/passwd", 0, 800)])

    def huge(h5):
        h5["a"].create_dataset("W", (1 << 40,), "f4", chunks=(1024,))

    def huge_of_no_shape(h5):
        h5["a"].create_dataset("W", (10, 20), "f4")
        del h5["b/W"]
        h5["b"].create_dataset("W", (1 << 30, 1), "f4", chunks=(1024, 1), compression=9)

    def kind(h5):
        h5["a"].create_dataset("W", (10, 20), h5py.vlen_dtype(np.int32))

    def group(h5):
        h5["a"].create_group("W")

    files = []
    for change in (link, soft, external, huge, huge_of_no_shape, kind, group):
        path = folder / "crafted"
        chain = model()
        chain.b.W.initialize((3, 4))
        save_hdf5(path, chain)
        with h5py.File(path, "r+") as h5:
            del h5["a/W"]
            change(h5)
        files.append(path.read_bytes())
    return files


def crafted_safetensors(folder: Path) -> list[bytes]:
    """Headers that promise too much."""
    files = []
    for text in (
        '{"a/W":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}',
        '{"a/W":{"dtype":"F32","shape":[10,20],"data_offsets":[0,4]}}',
        '{"a/W":{"dtype":"F99","shape":[],"data_offsets":[0,0]}}',
        '{"__metadata__":{"nnrun:text":"{"}}',
        "[" * 5000,
    ):
        files.append(len(text).to_bytes(8, "little") + text.encode() + bytes(800))
    files.append((1 << 62).to_bytes(8, "little") + b"{}")
    return files


def crafted_idx(folder: Path) -> list[bytes]:
    return [
        b"\0\0\x08\x03" + b"\xff" * 12,
        b"\0\0\x08\x03" + (1 << 20).to_bytes(4, "big") * 3,
        b"\0\0\x08\xff" + b"\0" * 1020,
        b"\x1f\x8b" + b"\0" * 30,
    ]


def check(fmt: str, folder: Path) -> list[str]:
    path = folder / "file"
    if fmt == "idx":
        write_idx(path, np.arange(2400).astype(np.uint8).reshape(10, 12, 20))
        expected = read_idx(path, 3).tolist()
    else:
        SAVERS[fmt](path, model())
        expected = values(model())
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    mutants = [mutate(whole, rng) for _ in range(MUTANTS)]
    crafted = globals()[f"crafted_{fmt}"](folder)
    wrong, rejected = [], 0
    limit_memory(1 << 30)
    for i, data in enumerate(mutants + crafted):
        path.write_bytes(data)
        what = f"mutant {i}" if i < MUTANTS else f"crafted {i - MUTANTS}"
        try:
            if fmt == "idx":
                found = read_idx(path, 3).tolist()
            else:
                chain = model()
                LOADERS[fmt](path, chain)
                found = values(chain)
        except (ValueError, KeyError) as error:
            rejected += 1
            if str(path) not in str(error):
                wrong.append(f"{what}: {type(error).__name__} without the file's name: {error}")
        except BaseException as error:
            wrong.append(f"{what}: {type(error).__name__}: {error}")
        else:
            if i >= MUTANTS:
                wrong.append(f"{what}: was loaded")
            elif found != expected and fmt in ("npz", "hdf5"):  # the others have no checksums
                wrong.append(f"{what}: was loaded as something else")
    if rejected < len(crafted) + MUTANTS // 3:
        wrong.append(f"only {rejected} were rejected")
    if (folder / "evil").exists():
        wrong.append("code of a file ran")
    return wrong


def limit_memory(more: int) -> None:
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))


if __name__ == "__main__":
    print(json.dumps(check(sys.argv[1], Path(sys.argv[2]))))
