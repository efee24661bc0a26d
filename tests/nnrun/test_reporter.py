"""Figures reach the observation under the right name, and their means are right."""

import threading

import numpy as np
import pytest

import nnrun
from nnrun.reporter import (
    DictSummary,
    Reporter,
    Summary,
    get_current_reporter,
    report,
    report_scope,
)
from nnrun.serializers import DictionarySerializer, NpzDeserializer


class Observer:
    pass


def test_report_without_a_reporter_does_nothing():
    report({"x": 1})


def test_no_current_reporter_is_an_error():
    with pytest.raises(RuntimeError, match="no reporter is current"):
        get_current_reporter()


def test_observers_names_become_prefixes():
    reporter, first, second = Reporter(), Observer(), Observer()
    reporter.add_observer("main", first)
    reporter.add_observers("main", [("/l1", second)])
    observation = {}
    with reporter.scope(observation):
        report({"loss": 1}, first)
        report({"norm": 2}, second)
        report({"bare": 3})
    assert observation == {"main/loss": 1, "main/l1/norm": 2, "bare": 3}
    assert reporter.observation == {}


def test_unknown_observer_is_named():
    reporter = Reporter()
    reporter.add_observer("main", Observer())
    with reporter, pytest.raises(KeyError, match=r"Observer object .* knows \['main'\]"):
        report({"x": 1}, Observer())


def test_scopes_nest_and_end_after_errors():
    reporter, outer, inner = Reporter(), {}, {}
    with reporter.scope(outer):
        with pytest.raises(ZeroDivisionError), report_scope(inner):
            report({"x": 1})
            1 / 0
        report({"y": 2})
    assert (outer, inner) == ({"y": 2}, {"x": 1})
    with pytest.raises(RuntimeError):
        get_current_reporter()


def test_each_thread_has_its_own_reporters():
    seen = []

    def other():
        try:
            get_current_reporter()
        except RuntimeError:
            seen.append("none")

    with Reporter():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == ["none"]


def test_reported_variables_leave_their_graph():
    x = nnrun.Variable(np.ones(3, np.float32))
    reporter = Reporter()
    with reporter:
        report({"kept": x * 2})
        with nnrun.using_config("keep_graph_on_report", True):
            report({"graph": x * 2})
    assert reporter.observation["kept"].creator is None
    assert reporter.observation["graph"].creator is not None
    np.testing.assert_array_equal(reporter.observation["kept"].array, [2, 2, 2])


def test_summary_is_weighted_mean_and_deviation():
    summary = Summary()
    summary.add(1.0, weight=3)
    summary.add(np.float32(5), weight=1)
    assert summary.compute_mean() == 2.0
    mean, deviation = summary.make_statistics()
    assert (mean, deviation) == (2.0, pytest.approx(np.std([1, 1, 1, 5])))


def test_empty_summary_has_no_mean():
    with pytest.raises(ValueError, match="nothing was added"):
        Summary().compute_mean()


def test_summary_of_arrays(xp):
    summary = Summary()
    for value in 1, 2, 6:
        summary.add(xp.asarray(value, dtype="float32"))
    assert float(summary.compute_mean()) == 3.0


def test_dict_summary_takes_scalars_and_variables_only():
    summary = DictSummary()
    summary.add(
        {
            "v": nnrun.Variable(np.array(2.0, np.float32)),
            "w": (4.0, 3.0),
            "text": "no",
            "vector": np.ones(3),
            "n": np.int64(7),
        }
    )
    summary.add({"w": (8.0, 1.0)})
    assert summary.compute_mean() == {"v": 2.0, "w": 5.0, "n": 7.0}
    assert summary.make_statistics()["n.std"] == 0.0


def test_dict_summary_goes_on_from_a_saved_state():
    whole, first, second, saved = DictSummary(), DictSummary(), DictSummary(), {}
    for summary in whole, first:
        summary.add({"a/b": 0.1, "c": 3})
    first.serialize(DictionarySerializer(saved))
    second.add({"stale": 1.0})
    second.serialize(NpzDeserializer(saved))
    for summary in whole, second:
        summary.add({"a/b": 0.7})
    assert second.make_statistics() == whole.make_statistics()
