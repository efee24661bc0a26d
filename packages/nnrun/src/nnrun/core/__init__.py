"""The graph: variables, functions, the backward walk, parameters and links."""

from nnrun.core.chain import Chain, ChainList, Sequential
from nnrun.core.device_resident import DeviceResident, DeviceResidentsVisitor
from nnrun.core.function import Function, FunctionAdapter
from nnrun.core.function_hook import FunctionHook, get_function_hooks
from nnrun.core.function_node import FunctionNode
from nnrun.core.link import Link
from nnrun.core.link_hook import LinkHook
from nnrun.core.node import VariableNode
from nnrun.core.parameter import Parameter, generate_array
from nnrun.core.variable import Variable, as_array, as_variable
from nnrun.core.walk import backward, grad

__all__ = [
    "Chain",
    "ChainList",
    "DeviceResident",
    "DeviceResidentsVisitor",
    "Function",
    "FunctionAdapter",
    "FunctionHook",
    "FunctionNode",
    "Link",
    "LinkHook",
    "Parameter",
    "Sequential",
    "Variable",
    "VariableNode",
    "as_array",
    "as_variable",
    "backward",
    "generate_array",
    "get_function_hooks",
    "grad",
]
