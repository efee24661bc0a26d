"""A define-by-run neural-network framework on NumPy and ndgpu.

A network is an ordinary program: functions on `Variable` record what they did,
and `Variable.backward` walks back through it.  Chainer's public names are those
of this package, so a Chainer program runs with ``import nnrun as chainer``.

Examples
--------
>>> import numpy as np, nnrun
>>> import nnrun.functions as F
>>> x = nnrun.Variable(np.array([1.0, 2.0, 3.0], np.float32))
>>> y = F.sum(x * x)
>>> y.backward()
>>> x.grad
array([2., 4., 6.], dtype=float32)
"""

# isort: off
from typing import TYPE_CHECKING

from nnrun import backend as backend
from nnrun import backends as backends
from nnrun import core as core
from nnrun import cuda as cuda
from nnrun import functions as functions
from nnrun import initializers as initializers
from nnrun import links as links
from nnrun import optimizer_hooks as optimizer_hooks
from nnrun import optimizers as optimizers
from nnrun import serializers as serializers
from nnrun import utils as utils

if TYPE_CHECKING:
    # Imported when first named (see `_LATER`): a program that only computes does without them.
    from nnrun import computational_graph as computational_graph
    from nnrun import dataset as dataset
    from nnrun import datasets as datasets
    from nnrun import distributions as distributions
    from nnrun import function_hooks as function_hooks
    from nnrun import gradient_check as gradient_check
    from nnrun import iterators as iterators
    from nnrun import link_hooks as link_hooks
    from nnrun import models as models
    from nnrun import testing as testing
    from nnrun import training as training
    from nnrun.distribution import (
        Distribution as Distribution,
        cross_entropy as cross_entropy,
        kl_divergence as kl_divergence,
        register_kl as register_kl,
    )
    from nnrun.functions.elementwise import elementwise_function as elementwise_function
    from nnrun.runtime_info import print_runtime_info as print_runtime_info

# isort: on
from nnrun.backend import (
    get_array_module,
    get_array_types,
    get_cpu_array_types,
    get_device,
    is_arrays_compatible,
    using_device,
)
from nnrun.config import (
    DebugMode,
    config,
    force_backprop_mode,
    get_dtype,
    global_config,
    is_debug,
    mixed16,
    no_backprop_mode,
    set_debug,
    should_use_cudnn,
    using_config,
)
from nnrun.core import (
    Chain,
    ChainList,
    DeviceResident,
    Function,
    FunctionAdapter,
    FunctionHook,
    FunctionNode,
    Link,
    LinkHook,
    Parameter,
    Sequential,
    Variable,
    VariableNode,
    as_array,
    as_variable,
    backward,
    get_function_hooks,
    grad,
)
from nnrun.cuda import should_use_cudnn_tensor_core
from nnrun.initializers import Initializer
from nnrun.optimizer import GradientMethod, Optimizer, UpdateRule
from nnrun.reporter import (
    DictSummary,
    Reporter,
    Summary,
    get_current_reporter,
    report,
    report_scope,
)
from nnrun.serializer import AbstractSerializer, Deserializer, Serializer

__version__ = "0.1.0"

_LATER = (
    "computational_graph",
    "dataset",
    "datasets",
    "distributions",
    "function_hooks",
    "gradient_check",
    "iterators",
    "link_hooks",
    "models",
    "testing",
    "training",
)
_LATER_NAMES = {
    "Distribution": "nnrun.distribution",
    "cross_entropy": "nnrun.distribution",
    "elementwise_function": "nnrun.functions.elementwise",
    "kl_divergence": "nnrun.distribution",
    "print_runtime_info": "nnrun.runtime_info",
    "register_kl": "nnrun.distribution",
}


def __getattr__(name: str) -> object:
    import importlib

    if name in _LATER:
        return importlib.import_module(f"nnrun.{name}")
    if name in _LATER_NAMES:
        return getattr(importlib.import_module(_LATER_NAMES[name]), name)
    raise AttributeError(f"module 'nnrun' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_LATER_NAMES})
