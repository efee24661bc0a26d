"""A seed is one stream: on every device, in draws of any size; states travel."""

import pickle

import numpy as np
import pytest

import ndgpu
from ndgpu.random.rows import ROWS


def philox(key, block, step=0):
    """Philox 4x32-10 in Python's integers, from the paper."""
    c = [block & 0xFFFFFFFF, block >> 32, step, 0]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_the_papers_known_answer():
    # The published test vector for a counter and key of zeros.
    assert philox(0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_numbers_are_philoxs_words():
    rng = ndgpu.random.default_rng(1)
    key = rng.bit_generator.state["state"]["key"]
    words = [w for block in range(3) for w in philox(key, block)]
    assert rng.random(10, "f4").tolist() == [(w >> 8) / 2**24 for w in words[:10]]
    # The next draw goes on after the last block that was begun.
    words = [w for block in (3, 4) for w in philox(key, block)]
    wide = [low | high << 32 for low, high in zip(words[::2], words[1::2], strict=True)]
    assert rng.random(3).tolist() == [(w >> 11) / 2**53 for w in wide[:3]]
    # Each raw number has a block of its own.
    expected = [philox(key, block)[0] | philox(key, block)[1] << 32 for block in (5, 6)]
    assert rng.bit_generator.random_raw(2).tolist() == expected
    assert ndgpu.random.default_rng(1).bytes(9) == b"".join(
        (philox(key, b)[0] | philox(key, b)[1] << 32).to_bytes(8, "little") for b in (0, 1)
    )[:9]  # fmt: skip


PARAMS = {
    "binomial": (50, 0.4), "hypergeometric": (30, 40, 20), "triangular": (0.0, 1.0, 2.0),
    "geometric": (0.5,), "logseries": (0.5,), "negative_binomial": (3, 0.5), "zipf": (2.0,),
    "poisson": (20.0,), "beta": (2.0, 3.0),
}  # fmt: skip
METHODS = sorted(set(ROWS) - {"uniform_any"})


def draws(rng):
    """A few numbers of everything that is drawn."""
    result = {
        name: getattr(rng, name)(
            *PARAMS.get(name, (1.0,) * len(ROWS[name].params)), size=4
        ).tolist()
        for name in METHODS
        if name != "uniform"
    }
    result["random"] = rng.random(5).tolist()
    result["normal32"] = rng.standard_normal((2, 3), "f4").tolist()
    result["integers"] = rng.integers(9, size=4).tolist()
    result["permutation"] = rng.permutation(20).tolist()
    result["choice"] = rng.choice(10, 4, p=[0.1] * 10).tolist()
    result["multinomial"] = rng.multinomial(20, [0.2, 0.3, 0.5], size=2).tolist()
    return result


def test_streams_are_equal_on_two_devices():
    assert ndgpu.cuda.device_count() > 1
    results = []
    for device in (0, 1):
        with ndgpu.cuda.Device(device):
            results.append(draws(ndgpu.random.default_rng(42)))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", METHODS)
def test_a_draw_may_come_in_parts(name):
    params = PARAMS.get(name, (1.0,) * len(ROWS[name].params))
    params = (0.0, 5.0) if name == "uniform" else params
    whole, parts = (getattr(ndgpu.random.default_rng(3), name) for _ in range(2))
    expected = whole(*params, size=(3, 8)).tolist()
    assert [parts(*params, size=8).tolist() for _ in range(3)] == expected


def test_large_counters():
    bits = ndgpu.random.Philox4x3210(key=5, counter=2**64 - 1)
    one, two = bits.random_raw(1).item(), bits.random_raw(1).item()
    words = philox(5, 2**64 - 1)
    assert one == words[0] | words[1] << 32
    # The element of the next place counts from 0 again, in a stream of its own.
    assert two != ndgpu.random.Philox4x3210(key=5).random_raw(1).item()
    assert bits.state["state"]["counter"] == 2**64 + 1
    jumped = ndgpu.random.Philox4x3210(key=5).jumped()
    assert jumped.random_raw(1).item() == two


def test_bit_generators():
    bits = ndgpu.random.Philox4x3210(7)
    assert ndgpu.random.Philox is ndgpu.random.Philox4x3210
    state = bits.state
    first = bits.random_raw((2, 2)).ravel().tolist()
    bits.state = state
    assert bits.random_raw((2, 2)).ravel().tolist() == first
    assert bits.advance(-4).random_raw(4).tolist() == first
    assert bits.random_raw(2, output=False) is None and bits.random_raw().shape == ()
    with bits.lock:
        assert bits.seed_seq.entropy == 7
    children = bits.spawn(2)
    assert children[0].random_raw().item() != children[1].random_raw().item()
    for bad, error in (
        (lambda: setattr(bits, "state", 3), TypeError),
        (lambda: setattr(bits, "state", {"bit_generator": "PCG64"}), ValueError),
        (lambda: ndgpu.random.Philox4x3210(1, key=2), ValueError),
        (lambda: ndgpu.random.Philox4x3210(counter=-1), ValueError),
        (lambda: ndgpu.random.Philox4x3210(key=2**64), ValueError),
        (ndgpu.random.BitGenerator, NotImplementedError),
    ):
        with pytest.raises(error):
            bad()


def test_a_generator_of_numpys_gives_a_key():
    for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64):
        one, two = (ndgpu.random.Generator(kind(3)).random(3).tolist() for _ in range(2))
        assert one == two
    bits = np.random.PCG64(3)
    assert (
        ndgpu.random.Generator(bits).random(3).tolist()
        != ndgpu.random.Generator(bits).random(3).tolist()
    )
    assert ndgpu.random.PCG64 is np.random.PCG64
    with pytest.raises(TypeError, match="expected a bit generator"):
        ndgpu.random.Generator(3)
    with pytest.raises(AttributeError, match="Philox4x3210"):
        ndgpu.random.XORWOW


def test_states_travel():
    rng = ndgpu.random.default_rng(1)
    rng.random(3)
    copy = pickle.loads(pickle.dumps(rng))
    assert copy.random(3).tolist() == rng.random(3).tolist()
    state = ndgpu.random.RandomState(4)
    twin = pickle.loads(pickle.dumps(state))
    assert twin.rand(2).tolist() == state.rand(2).tolist()
    one, two = rng.spawn(2)
    assert one.random(3).tolist() != two.random(3).tolist()
    assert ndgpu.random.default_rng(rng) is rng
    assert ndgpu.random.default_rng(rng.bit_generator).bit_generator is rng.bit_generator
    assert ndgpu.random.default_rng(state).bit_generator is state.bit_generator
    assert repr(rng).startswith("Generator(Philox4x3210) at 0x")
    assert ndgpu.random.default_rng(4).random(8).tolist() != copy.random(8).tolist()
    unseeded = {ndgpu.random.default_rng().random().item() for _ in range(3)}
    assert len(unseeded) == 3
    sequence = np.random.SeedSequence(11)
    assert ndgpu.random.default_rng(sequence).random().item() == (
        ndgpu.random.default_rng(11).random().item()
    )


def test_the_older_state():
    state = ndgpu.random.RandomState(3)
    first = state.rand(2, 3).tolist()
    state.seed(3)
    assert state.rand(2, 3).tolist() == first
    saved = state.get_state()
    second = state.randn(3).tolist()
    state.set_state(saved)
    assert state.randn(3).tolist() == second
    for bad, error in ((-1, ValueError), (2**32, ValueError), (2.5, TypeError), ("a", TypeError)):
        with pytest.raises(error):
            ndgpu.random.RandomState(bad)
    assert ndgpu.random.RandomState([1, 2]).rand().item() != state.rand().item()


def test_the_modules_state():
    random = ndgpu.random
    random.seed(0)
    one = [random.rand(2).tolist(), random.normal(0, 1, 2).tolist()]
    random.seed(0)
    assert one == [random.rand(2).tolist(), random.normal(0, 1, 2).tolist()]
    assert random.get_random_state().bit_generator is random.get_bit_generator()
    mine = random.RandomState(5)
    random.set_random_state(mine)
    alone = random.RandomState(5)
    expected = [alone.rand().item(), alone.rand().item()]
    assert [random.rand().item(), mine.rand().item()] == expected
    random.set_bit_generator(random.Philox4x3210(6))
    assert random.rand().item() == random.RandomState(random.Philox4x3210(6)).rand().item()
    with pytest.raises(TypeError, match="expected a RandomState"):
        random.set_random_state(3)
    random.seed()
