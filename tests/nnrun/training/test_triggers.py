"""Triggers fire when they should, and go on from a saved state."""

import math
from types import SimpleNamespace

import pytest

from nnrun.training import get_trigger, triggers


def trainer(iteration=0, epoch_detail=0.0, observation=None, elapsed_time=0.0):
    updater = SimpleNamespace(
        iteration=iteration, epoch_detail=epoch_detail, epoch=int(epoch_detail)
    )
    return SimpleNamespace(
        updater=updater, observation=observation or {}, elapsed_time=elapsed_time
    )


def run(trigger, n, per_epoch=4, start=0):
    """The iterations at which a trigger fires."""
    return [i for i in range(start + 1, start + n + 1) if trigger(trainer(i, i / per_epoch))]


@pytest.mark.parametrize(
    ("spec", "fired"),
    [
        ((3, "iteration"), [3, 6, 9, 12]),
        ((1, "iteration"), list(range(1, 13))),
        ((1, "epoch"), [4, 8, 12]),
        ((2, "epoch"), [8]),
        ((0.5, "epoch"), [2, 4, 6, 8, 10, 12]),
    ],
)
def test_intervals(spec, fired):
    assert run(get_trigger(spec), 12) == fired


def test_interval_that_is_passed_within_an_iteration():
    # 5 iterations are 3 epochs: some end in the middle of a batch.
    assert run(get_trigger((1, "epoch")), 10, per_epoch=5 / 3) == [2, 4, 5, 7, 9, 10]


def test_interval_asked_twice_fires_once():
    trigger = get_trigger((2, "iteration"))
    assert [trigger(trainer(i)) for i in (1, 2, 2, 3, 4, 4)] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]


def test_no_trigger_and_callables():
    assert run(get_trigger(None), 5) == []
    assert run(get_trigger(lambda trainer: trainer.updater.iteration == 2), 5) == [2]


@pytest.mark.parametrize("spec", [3, "epoch", (1, 2, 3)])
def test_what_is_no_trigger(spec):
    with pytest.raises(TypeError, match="a trigger is"):
        get_trigger(spec)


@pytest.mark.parametrize("spec", [(1, "hour"), (0, "epoch"), (-1, "iteration")])
def test_wrong_intervals(spec):
    with pytest.raises(ValueError, match="IntervalTrigger: "):
        get_trigger(spec)


def test_manual_schedule():
    trigger = triggers.ManualScheduleTrigger([2, 5, 6], "iteration")
    assert run(trigger, 5) == [2, 5] and not trigger.finished
    assert run(trigger, 3, start=5) == [6] and trigger.finished
    assert run(triggers.ManualScheduleTrigger(1.5, "epoch"), 12) == [6]
    with pytest.raises(ValueError, match="'iteration' or 'epoch', not 'hour'"):
        triggers.ManualScheduleTrigger([1], "hour")


def test_time():
    trigger = triggers.TimeTrigger(10)
    fired = [trigger(trainer(elapsed_time=t)) for t in (5, 10, 15, 47, 49, 50, 61)]
    assert fired == [False, True, False, True, False, True, True]
    with pytest.raises(ValueError, match="positive"):
        triggers.TimeTrigger(0)


def best(trigger, values, name="x"):
    return [
        trigger(trainer(i + 1, i + 1.0, {name: value} if value is not None else {}))
        for i, value in enumerate(values)
    ]


def test_best_values():
    values = [3.0, 4.0, 2.0, 2.0, 5.0]
    assert best(triggers.MaxValueTrigger("x"), values) == [True, True, False, False, True]
    assert best(triggers.MinValueTrigger("x"), values) == [True, False, True, False, False]


def test_best_value_is_of_the_interval_mean():
    trigger = triggers.MinValueTrigger("x", trigger=(2, "epoch"))
    assert best(trigger, [1, 9, 3, 3, 0, 6.5]) == [False, True, False, True, False, False]


def test_best_value_that_is_never_reported_is_named():
    with pytest.raises(KeyError, match="'x' was not reported in this interval"):
        best(triggers.MaxValueTrigger("x"), [None])


def test_early_stopping(capsys):
    trigger = triggers.EarlyStoppingTrigger(
        monitor="loss", patience=2, max_trigger=(50, "epoch"), verbose=True
    )
    assert best(trigger, [5, 3, 4, 2, 3, 2, 1], "loss") == [False] * 5 + [True, False]
    assert "loss has not improved on 2 for 2 checks" in capsys.readouterr().out


def test_early_stopping_knows_that_accuracies_grow():
    trigger = triggers.EarlyStoppingTrigger(monitor="main/accuracy", patience=1)
    assert best(trigger, [0.5, 0.6, 0.55], "main/accuracy") == [False, False, True]


def test_early_stopping_stops_at_the_latest():
    trigger = triggers.EarlyStoppingTrigger(monitor="loss", max_trigger=(3, "epoch"))
    assert best(trigger, [5, 4, 3], "loss") == [False, False, True]
    assert best(triggers.EarlyStoppingTrigger(max_trigger=(2, "epoch")), [1, 1]) == [False, True]
    with pytest.raises(ValueError, match="mode is auto, max or min, not 'best'"):
        triggers.EarlyStoppingTrigger(mode="best")


MAKERS = {
    "interval": lambda: get_trigger((3, "iteration")),
    "epoch": lambda: get_trigger((0.7, "epoch")),
    "manual": lambda: triggers.ManualScheduleTrigger([2, 7, 8], "iteration"),
    "once": triggers.OnceTrigger,
    "time": lambda: triggers.TimeTrigger(4),
    "max": lambda: triggers.MaxValueTrigger("x", trigger=(2, "iteration")),
    "min": lambda: triggers.MinValueTrigger("x", trigger=(3, "iteration")),
    "early": lambda: triggers.EarlyStoppingTrigger((2, "iteration"), "x", patience=2),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("steps", [0, 1, 4, 7])
def test_triggers_go_on_from_a_saved_state(name, steps, save_and_load):
    values = [i * math.sin(i) for i in range(30)]  # new bests on both sides until the end

    def ask(trigger, i):
        return trigger(trainer(i + 1, (i + 1) / 4, {"x": values[i]}, elapsed_time=i * 1.5))

    whole, other = MAKERS[name](), MAKERS[name]()
    for i in range(steps):
        ask(whole, i)
    save_and_load(whole, other)
    expected = [ask(whole, i) for i in range(steps, 30)]
    assert [ask(other, i) for i in range(steps, 30)] == expected
    assert True in expected or name == "once"


def test_once_can_fire_again_after_resuming(save_and_load):
    first, second = triggers.OnceTrigger(), triggers.OnceTrigger(call_on_resume=True)
    first(None)
    save_and_load(first, second)
    assert second(None) and not second(None) and first.finished
