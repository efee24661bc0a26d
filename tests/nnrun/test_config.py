"""Settings: shared, per thread, and for a part of a program."""

import io
import threading

import numpy as np
import pytest

import nnrun


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_a_setting_of_one_thread_is_not_seen_by_another():
    with nnrun.using_config("train", False):
        assert not nnrun.config.train
        assert in_thread(lambda: nnrun.config.train)
    assert "train" not in nnrun.config.__dict__


def test_shared_settings_reach_all_threads_but_those_with_their_own():
    with nnrun.using_config("train", False, nnrun.global_config):
        assert not nnrun.config.train
        assert not in_thread(lambda: nnrun.config.train)
        with nnrun.using_config("train", True):
            assert nnrun.config.train
    assert nnrun.config.train
    assert nnrun.global_config.train


def test_the_old_value_returns_after_an_error():
    nnrun.config.debug = False
    try:
        with pytest.raises(ZeroDivisionError), nnrun.using_config("debug", True):
            assert nnrun.is_debug()
            raise ZeroDivisionError
        assert nnrun.config.debug is False
    finally:
        del nnrun.config.debug


def test_settings_of_ones_own():
    with pytest.raises(AttributeError):
        nnrun.config.mine
    with nnrun.using_config("mine", 1):
        assert nnrun.config.mine == 1
    with nnrun.using_config("mine", 2, nnrun.global_config):
        assert nnrun.config.mine == 2
    with pytest.raises(AttributeError, match=r"no setting 'mine'; known: \[.*'debug', 'dtype'"):
        nnrun.global_config.mine
    with pytest.raises(AttributeError):
        del nnrun.global_config.mine
    with pytest.raises(AttributeError, match="cannot be the name"):
        nnrun.global_config.show = 1


def test_show():
    out = io.StringIO()
    with nnrun.using_config("train", False):
        nnrun.config.show(out)
        nnrun.global_config.show(out)
    lines = out.getvalue().splitlines()
    assert "train                 False" in lines
    assert "train                 True" in lines
    assert "dtype                 float32" in lines


def test_the_dtype_of_parameters():
    assert nnrun.get_dtype("f2") == np.float16
    with nnrun.using_config("dtype", np.float64):
        assert nnrun.links.Linear(2, 2).W.dtype == np.float64


def test_debug_mode():
    nnrun.set_debug(True)
    try:
        assert nnrun.is_debug()
    finally:
        del nnrun.config.debug
