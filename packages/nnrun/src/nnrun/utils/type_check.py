"""Expressions that state what a function's inputs must be; see `nnrun.core.type_check`."""

from nnrun.core.type_check import (
    BoolExpr,
    Constant,
    Expr,
    InvalidType,
    TypeInfo,
    TypeInfoTuple,
    Variable,
    eval,
    expect,
    expect_broadcast_shapes,
    function_check_context,
    get_function_check_context,
    get_types,
    make_variable,
    prod,
    same_types,
)

__all__ = [
    "BoolExpr",
    "Constant",
    "Expr",
    "InvalidType",
    "TypeInfo",
    "TypeInfoTuple",
    "Variable",
    "eval",
    "expect",
    "expect_broadcast_shapes",
    "function_check_context",
    "get_function_check_context",
    "get_types",
    "make_variable",
    "prod",
    "same_types",
]
