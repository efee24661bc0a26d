"""Arguments lie where the table of pointers says, as the device reads them."""

import ctypes
import threading

import numpy as np
import pytest

from ndgpu.compile.args import Packer, classify


def read(slot, k, size):
    table = (ctypes.c_uint64 * (k + 1)).from_address(slot[1])
    return ctypes.string_at(table[k], size)


def test_each_argument_is_found_at_its_pointer():
    packer = Packer(["?", "Q", "e", "d", "8s", "i", "16s"])
    slot = packer.take()
    values = [True, 1 << 40, 1.5, 2.5, b"abcdefgh", -7, bytes(range(16))]
    packer.pack_into(slot[0], 0, *values)
    assert read(slot, 0, 1) == b"\1"
    assert np.frombuffer(read(slot, 1, 8), "u8")[0] == 1 << 40
    assert np.frombuffer(read(slot, 2, 2), "f2")[0] == 1.5
    assert np.frombuffer(read(slot, 3, 8), "f8")[0] == 2.5
    assert read(slot, 4, 8) == b"abcdefgh"
    assert np.frombuffer(read(slot, 5, 4), "i4")[0] == -7
    assert read(slot, 6, 16) == bytes(range(16))


@pytest.mark.parametrize("codes", [["B", "d"], ["?", "16s"], ["H", "i", "B", "q"], ["24s", "i"]])
def test_arguments_are_aligned_to_their_size(codes):
    packer = Packer(codes)
    slot = packer.take()
    table = (ctypes.c_uint64 * len(codes)).from_address(slot[1])
    sizes = {"B": 1, "?": 1, "H": 2, "i": 4, "d": 8, "q": 8, "16s": 16, "24s": 8}
    assert [address % sizes[code] for address, code in zip(table, codes, strict=True)] == [0] * len(
        codes
    )


def test_no_arguments():
    packer = Packer([])
    slot = packer.take()
    packer.pack_into(slot[0], 0)


def test_buffers_in_use_at_once_are_different():
    packer = Packer(["i"])
    taken, lock = [], threading.Lock()

    def take():
        slot = packer.take()
        with lock:
            taken.append(slot)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({slot[1] for slot in taken}) == 8
    packer.free.extend(taken)
    assert packer.take() is taken[-1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, ("q", 3)),
        (2.5, ("d", 2.5)),
        (True, ("?", True)),
        (1 + 2j, ("16s", np.complex128(1 + 2j).tobytes())),
        (np.float32(1.5), ("f", 1.5)),
        (np.uint8(200), ("B", 200)),
        (np.complex64(1j), ("8s", np.complex64(1j).tobytes())),
        (None, ("Q", 0)),
        (b"12345", ("5s", b"12345")),
    ],
)
def test_types_of_raw_arguments(value, expected):
    code, convert = classify(value, 0)
    assert (code, value if convert is None else convert(value)) == expected


def test_structured_scalars_go_by_value():
    value = np.array((1, 2.0), dtype=[("a", "i4"), ("b", "f8")])[()]
    code, convert = classify(value, 0)
    assert code == "12s"
    assert convert(value) == value.tobytes()


def test_structures_of_several_sizes_are_told_apart():
    small, large = np.zeros((), "V3")[()], np.zeros((), "V5")[()]
    assert [classify(v, 0)[0] for v in (small, large, b"1", b"12")] == ["3s", "5s", "1s", "2s"]


def test_whatever_has_a_ptr_is_a_pointer():
    class Pointer:
        ptr = 0x1234

    code, convert = classify(Pointer(), 0)
    assert (code, convert(Pointer())) == ("Q", 0x1234)


@pytest.mark.parametrize("value", [np.zeros(3), "text", [1, 2], object()])
def test_other_types_are_refused_with_their_position(value):
    with pytest.raises(TypeError, match="argument 2 of a raw kernel"):
        classify(value, 2)
