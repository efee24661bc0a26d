"""Arrays in the memory of a CUDA device, with NumPy's names and rules.

``import ndgpu as np`` runs a NumPy program on a GPU, or on the host device, a
GPU in software, where there is none.  Importing this touches no driver; the
first array does.

Examples
--------
>>> import ndgpu
>>> x = ndgpu.linspace(0, 1, 3)
>>> ndgpu.sqrt(x) + 1
array([1.        , 1.70710678, 2.        ])
"""

from __future__ import annotations

import importlib as _importlib
import sys as _sys
import types as _types
import typing as _typing

import numpy as _numpy
from numpy import False_ as False_
from numpy import ScalarType as ScalarType
from numpy import True_ as True_
from numpy import base_repr as base_repr
from numpy import binary_repr as binary_repr
from numpy import bool as bool
from numpy import bool_ as bool_
from numpy import broadcast_shapes as broadcast_shapes
from numpy import byte as byte
from numpy import cdouble as cdouble
from numpy import complex64 as complex64
from numpy import complex128 as complex128
from numpy import complexfloating as complexfloating
from numpy import csingle as csingle
from numpy import double as double
from numpy import dtype as dtype
from numpy import dtypes as dtypes
from numpy import e as e
from numpy import errstate as errstate
from numpy import euler_gamma as euler_gamma
from numpy import exceptions as exceptions
from numpy import finfo as finfo
from numpy import float16 as float16
from numpy import float32 as float32
from numpy import float64 as float64
from numpy import floating as floating
from numpy import format_float_positional as format_float_positional
from numpy import format_float_scientific as format_float_scientific
from numpy import generic as generic
from numpy import get_printoptions as get_printoptions
from numpy import geterr as geterr
from numpy import half as half
from numpy import iinfo as iinfo
from numpy import inexact as inexact
from numpy import inf as inf
from numpy import int8 as int8
from numpy import int16 as int16
from numpy import int32 as int32
from numpy import int64 as int64
from numpy import int_ as int_
from numpy import intc as intc
from numpy import integer as integer
from numpy import intp as intp
from numpy import isdtype as isdtype
from numpy import issubdtype as issubdtype
from numpy import iterable as iterable
from numpy import little_endian as little_endian
from numpy import long as long
from numpy import longlong as longlong
from numpy import min_scalar_type as min_scalar_type
from numpy import mintypecode as mintypecode
from numpy import nan as nan
from numpy import ndindex as ndindex
from numpy import newaxis as newaxis
from numpy import number as number
from numpy import pi as pi
from numpy import printoptions as printoptions
from numpy import promote_types as promote_types
from numpy import set_printoptions as set_printoptions
from numpy import seterr as seterr
from numpy import short as short
from numpy import signedinteger as signedinteger
from numpy import single as single
from numpy import typecodes as typecodes
from numpy import typename as typename
from numpy import ubyte as ubyte
from numpy import uint as uint
from numpy import uint8 as uint8
from numpy import uint16 as uint16
from numpy import uint32 as uint32
from numpy import uint64 as uint64
from numpy import uintc as uintc
from numpy import uintp as uintp
from numpy import ulong as ulong
from numpy import ulonglong as ulonglong
from numpy import unsignedinteger as unsignedinteger
from numpy import ushort as ushort

from ndgpu import cuda as cuda
from ndgpu import fft as fft
from ndgpu import linalg as linalg
from ndgpu import profiler as profiler
from ndgpu import random as random
from ndgpu.about import show_config as show_config
from ndgpu.core import ufunc_methods as _ufunc_methods
from ndgpu.core import ufuncs as _ufuncs
from ndgpu.core.fusion import FusionWarning as FusionWarning
from ndgpu.core.fusion import fuse as fuse
from ndgpu.core.indexing import repeat as repeat
from ndgpu.core.indexing import take as take
from ndgpu.core.memo import clear_memo as clear_memo
from ndgpu.core.memo import memoize as memoize
from ndgpu.core.moments import mean as mean
from ndgpu.core.moments import std as std
from ndgpu.core.moments import var as var
from ndgpu.core.ndarray import ndarray as ndarray
from ndgpu.core.reductions import all as all
from ndgpu.core.reductions import any as any
from ndgpu.core.reductions import argmax as argmax
from ndgpu.core.reductions import argmin as argmin
from ndgpu.core.reductions import count_nonzero as count_nonzero
from ndgpu.core.reductions import max as amax
from ndgpu.core.reductions import max as max
from ndgpu.core.reductions import min as amin
from ndgpu.core.reductions import min as min
from ndgpu.core.reductions import prod as prod
from ndgpu.core.reductions import ptp as ptp
from ndgpu.core.reductions import sum as sum
from ndgpu.core.scans import cumprod as cumprod
from ndgpu.core.scans import cumsum as cumsum
from ndgpu.core.scans import nancumprod as nancumprod
from ndgpu.core.scans import nancumsum as nancumsum
from ndgpu.core.sorting import argpartition as argpartition
from ndgpu.core.sorting import argsort as argsort
from ndgpu.core.sorting import lexsort as lexsort
from ndgpu.core.sorting import partition as partition
from ndgpu.core.sorting import sort as sort
from ndgpu.core.transfer import array as array
from ndgpu.core.transfer import asarray as asarray
from ndgpu.core.transfer import asnumpy as asnumpy
from ndgpu.core.ufunc import ufunc as ufunc
from ndgpu.interop import cuda_interface as _cuda_interface
from ndgpu.interop import dask as _dask
from ndgpu.interop import left_out as _left_out
from ndgpu.interop import numpy_functions as _numpy_functions
from ndgpu.interop.array_api import VERSION as __array_api_version__
from ndgpu.interop.array_api import namespace_info as __array_namespace_info__
from ndgpu.interop.dlpack import from_dlpack as from_dlpack
from ndgpu.interop.dlpack import fromDlpack as fromDlpack
from ndgpu.kernels import ElementwiseKernel as ElementwiseKernel
from ndgpu.kernels import RawKernel as RawKernel
from ndgpu.kernels import RawModule as RawModule
from ndgpu.kernels import ReductionKernel as ReductionKernel
from ndgpu.lib.array_utils import byte_bounds as byte_bounds
from ndgpu.linalg.product import dot as dot
from ndgpu.linalg.product import inner as inner
from ndgpu.linalg.product import matmul as matmul
from ndgpu.linalg.product import outer as outer
from ndgpu.linalg.product import tensordot as tensordot
from ndgpu.linalg.product import vdot as vdot
from ndgpu.linalg.product import vecdot as vecdot
from ndgpu.routines import emath as emath
from ndgpu.routines.correlation import corrcoef as corrcoef
from ndgpu.routines.correlation import cov as cov
from ndgpu.routines.creation import arange as arange
from ndgpu.routines.creation import asanyarray as asanyarray
from ndgpu.routines.creation import ascontiguousarray as ascontiguousarray
from ndgpu.routines.creation import asfortranarray as asfortranarray
from ndgpu.routines.creation import copy as copy
from ndgpu.routines.creation import diag as diag
from ndgpu.routines.creation import empty as empty
from ndgpu.routines.creation import empty_like as empty_like
from ndgpu.routines.creation import eye as eye
from ndgpu.routines.creation import full as full
from ndgpu.routines.creation import full_like as full_like
from ndgpu.routines.creation import identity as identity
from ndgpu.routines.creation import linspace as linspace
from ndgpu.routines.creation import meshgrid as meshgrid
from ndgpu.routines.creation import ones as ones
from ndgpu.routines.creation import ones_like as ones_like
from ndgpu.routines.creation import tri as tri
from ndgpu.routines.creation import tril as tril
from ndgpu.routines.creation import triu as triu
from ndgpu.routines.creation import zeros as zeros
from ndgpu.routines.creation import zeros_like as zeros_like
from ndgpu.routines.differences import cumulative_prod as cumulative_prod
from ndgpu.routines.differences import cumulative_sum as cumulative_sum
from ndgpu.routines.differences import diff as diff
from ndgpu.routines.differences import ediff1d as ediff1d
from ndgpu.routines.differences import gradient as gradient
from ndgpu.routines.differences import trapezoid as trapezoid
from ndgpu.routines.differences import unwrap as unwrap
from ndgpu.routines.functional import apply_along_axis as apply_along_axis
from ndgpu.routines.functional import apply_over_axes as apply_over_axes
from ndgpu.routines.functional import broadcast as broadcast
from ndgpu.routines.functional import vectorize as vectorize
from ndgpu.routines.grids import c_ as c_
from ndgpu.routines.grids import diag_indices as diag_indices
from ndgpu.routines.grids import diag_indices_from as diag_indices_from
from ndgpu.routines.grids import diagflat as diagflat
from ndgpu.routines.grids import diagonal as diagonal
from ndgpu.routines.grids import fill_diagonal as fill_diagonal
from ndgpu.routines.grids import fromfunction as fromfunction
from ndgpu.routines.grids import geomspace as geomspace
from ndgpu.routines.grids import index_exp as index_exp
from ndgpu.routines.grids import indices as indices
from ndgpu.routines.grids import ix_ as ix_
from ndgpu.routines.grids import logspace as logspace
from ndgpu.routines.grids import mask_indices as mask_indices
from ndgpu.routines.grids import mgrid as mgrid
from ndgpu.routines.grids import ndenumerate as ndenumerate
from ndgpu.routines.grids import ogrid as ogrid
from ndgpu.routines.grids import r_ as r_
from ndgpu.routines.grids import ravel_multi_index as ravel_multi_index
from ndgpu.routines.grids import s_ as s_
from ndgpu.routines.grids import tril_indices as tril_indices
from ndgpu.routines.grids import tril_indices_from as tril_indices_from
from ndgpu.routines.grids import triu_indices as triu_indices
from ndgpu.routines.grids import triu_indices_from as triu_indices_from
from ndgpu.routines.grids import unravel_index as unravel_index
from ndgpu.routines.grids import vander as vander
from ndgpu.routines.histograms import bincount as bincount
from ndgpu.routines.histograms import histogram as histogram
from ndgpu.routines.histograms import histogram2d as histogram2d
from ndgpu.routines.histograms import histogram_bin_edges as histogram_bin_edges
from ndgpu.routines.histograms import histogramdd as histogramdd
from ndgpu.routines.io import array2string as array2string
from ndgpu.routines.io import array_repr as array_repr
from ndgpu.routines.io import array_str as array_str
from ndgpu.routines.io import frombuffer as frombuffer
from ndgpu.routines.io import fromfile as fromfile
from ndgpu.routines.io import fromiter as fromiter
from ndgpu.routines.io import fromregex as fromregex
from ndgpu.routines.io import fromstring as fromstring
from ndgpu.routines.io import genfromtxt as genfromtxt
from ndgpu.routines.io import load as load
from ndgpu.routines.io import loadtxt as loadtxt
from ndgpu.routines.io import save as save
from ndgpu.routines.io import savetxt as savetxt
from ndgpu.routines.io import savez as savez
from ndgpu.routines.io import savez_compressed as savez_compressed
from ndgpu.routines.joining import append as append
from ndgpu.routines.joining import column_stack as column_stack
from ndgpu.routines.joining import concatenate as concatenate
from ndgpu.routines.joining import dstack as dstack
from ndgpu.routines.joining import hstack as hstack
from ndgpu.routines.joining import stack as stack
from ndgpu.routines.joining import vstack as vstack
from ndgpu.routines.logic import allclose as allclose
from ndgpu.routines.logic import array_equal as array_equal
from ndgpu.routines.logic import array_equiv as array_equiv
from ndgpu.routines.logic import can_cast as can_cast
from ndgpu.routines.logic import common_type as common_type
from ndgpu.routines.logic import isclose as isclose
from ndgpu.routines.logic import iscomplexobj as iscomplexobj
from ndgpu.routines.logic import isfortran as isfortran
from ndgpu.routines.logic import isrealobj as isrealobj
from ndgpu.routines.logic import isscalar as isscalar
from ndgpu.routines.logic import may_share_memory as may_share_memory
from ndgpu.routines.logic import ndim as ndim
from ndgpu.routines.logic import result_type as result_type
from ndgpu.routines.logic import shape as shape
from ndgpu.routines.logic import shares_memory as shares_memory
from ndgpu.routines.logic import size as size
from ndgpu.routines.manipulation import atleast_1d as atleast_1d
from ndgpu.routines.manipulation import atleast_2d as atleast_2d
from ndgpu.routines.manipulation import atleast_3d as atleast_3d
from ndgpu.routines.manipulation import broadcast_arrays as broadcast_arrays
from ndgpu.routines.manipulation import broadcast_to as broadcast_to
from ndgpu.routines.manipulation import copyto as copyto
from ndgpu.routines.manipulation import expand_dims as expand_dims
from ndgpu.routines.manipulation import flip as flip
from ndgpu.routines.manipulation import fliplr as fliplr
from ndgpu.routines.manipulation import flipud as flipud
from ndgpu.routines.manipulation import matrix_transpose as matrix_transpose
from ndgpu.routines.manipulation import moveaxis as moveaxis
from ndgpu.routines.manipulation import ravel as ravel
from ndgpu.routines.manipulation import reshape as reshape
from ndgpu.routines.manipulation import roll as roll
from ndgpu.routines.manipulation import rollaxis as rollaxis
from ndgpu.routines.manipulation import rot90 as rot90
from ndgpu.routines.manipulation import squeeze as squeeze
from ndgpu.routines.manipulation import swapaxes as swapaxes
from ndgpu.routines.manipulation import tile as tile
from ndgpu.routines.manipulation import transpose as transpose
from ndgpu.routines.mathematics import angle as angle
from ndgpu.routines.mathematics import around as around
from ndgpu.routines.mathematics import average as average
from ndgpu.routines.mathematics import clip as clip
from ndgpu.routines.mathematics import fix as fix
from ndgpu.routines.mathematics import imag as imag
from ndgpu.routines.mathematics import nan_to_num as nan_to_num
from ndgpu.routines.mathematics import real as real
from ndgpu.routines.mathematics import trace as trace
from ndgpu.routines.nan_statistics import nanargmax as nanargmax
from ndgpu.routines.nan_statistics import nanargmin as nanargmin
from ndgpu.routines.nan_statistics import nanmax as nanmax
from ndgpu.routines.nan_statistics import nanmean as nanmean
from ndgpu.routines.nan_statistics import nanmin as nanmin
from ndgpu.routines.nan_statistics import nanprod as nanprod
from ndgpu.routines.nan_statistics import nanstd as nanstd
from ndgpu.routines.nan_statistics import nansum as nansum
from ndgpu.routines.nan_statistics import nanvar as nanvar
from ndgpu.routines.polynomials import poly as poly
from ndgpu.routines.polynomials import poly1d as poly1d
from ndgpu.routines.polynomials import polyadd as polyadd
from ndgpu.routines.polynomials import polyder as polyder
from ndgpu.routines.polynomials import polydiv as polydiv
from ndgpu.routines.polynomials import polyfit as polyfit
from ndgpu.routines.polynomials import polyint as polyint
from ndgpu.routines.polynomials import polymul as polymul
from ndgpu.routines.polynomials import polysub as polysub
from ndgpu.routines.polynomials import polyval as polyval
from ndgpu.routines.polynomials import roots as roots
from ndgpu.routines.predicates import asarray_chkfinite as asarray_chkfinite
from ndgpu.routines.predicates import astype as astype
from ndgpu.routines.predicates import iscomplex as iscomplex
from ndgpu.routines.predicates import isneginf as isneginf
from ndgpu.routines.predicates import isposinf as isposinf
from ndgpu.routines.predicates import isreal as isreal
from ndgpu.routines.predicates import msort as msort
from ndgpu.routines.predicates import packbits as packbits
from ndgpu.routines.predicates import real_if_close as real_if_close
from ndgpu.routines.predicates import require as require
from ndgpu.routines.predicates import sort_complex as sort_complex
from ndgpu.routines.predicates import unpackbits as unpackbits
from ndgpu.routines.products import cross as cross
from ndgpu.routines.products import einsum as einsum
from ndgpu.routines.products import einsum_path as einsum_path
from ndgpu.routines.products import kron as kron
from ndgpu.routines.products import matvec as matvec
from ndgpu.routines.products import vecmat as vecmat
from ndgpu.routines.quantiles import median as median
from ndgpu.routines.quantiles import nanmedian as nanmedian
from ndgpu.routines.quantiles import nanpercentile as nanpercentile
from ndgpu.routines.quantiles import nanquantile as nanquantile
from ndgpu.routines.quantiles import percentile as percentile
from ndgpu.routines.quantiles import quantile as quantile
from ndgpu.routines.rearranging import block as block
from ndgpu.routines.rearranging import delete as delete
from ndgpu.routines.rearranging import insert as insert
from ndgpu.routines.rearranging import pad as pad
from ndgpu.routines.rearranging import resize as resize
from ndgpu.routines.rearranging import trim_zeros as trim_zeros
from ndgpu.routines.rearranging import unstack as unstack
from ndgpu.routines.sampling import convolve as convolve
from ndgpu.routines.sampling import correlate as correlate
from ndgpu.routines.sampling import digitize as digitize
from ndgpu.routines.sampling import interp as interp
from ndgpu.routines.sampling import searchsorted as searchsorted
from ndgpu.routines.scattering import rsqrt as rsqrt
from ndgpu.routines.scattering import scatter_add as scatter_add
from ndgpu.routines.scattering import scatter_max as scatter_max
from ndgpu.routines.scattering import scatter_min as scatter_min
from ndgpu.routines.searching import argwhere as argwhere
from ndgpu.routines.searching import flatnonzero as flatnonzero
from ndgpu.routines.searching import nonzero as nonzero
from ndgpu.routines.searching import where as where
from ndgpu.routines.selecting import choose as choose
from ndgpu.routines.selecting import compress as compress
from ndgpu.routines.selecting import extract as extract
from ndgpu.routines.selecting import piecewise as piecewise
from ndgpu.routines.selecting import place as place
from ndgpu.routines.selecting import put as put
from ndgpu.routines.selecting import put_along_axis as put_along_axis
from ndgpu.routines.selecting import putmask as putmask
from ndgpu.routines.selecting import select as select
from ndgpu.routines.selecting import take_along_axis as take_along_axis
from ndgpu.routines.sets import in1d as in1d
from ndgpu.routines.sets import intersect1d as intersect1d
from ndgpu.routines.sets import isin as isin
from ndgpu.routines.sets import setdiff1d as setdiff1d
from ndgpu.routines.sets import setxor1d as setxor1d
from ndgpu.routines.sets import union1d as union1d
from ndgpu.routines.sets import unique as unique
from ndgpu.routines.sets import unique_all as unique_all
from ndgpu.routines.sets import unique_counts as unique_counts
from ndgpu.routines.sets import unique_inverse as unique_inverse
from ndgpu.routines.sets import unique_values as unique_values
from ndgpu.routines.splitting import array_split as array_split
from ndgpu.routines.splitting import dsplit as dsplit
from ndgpu.routines.splitting import hsplit as hsplit
from ndgpu.routines.splitting import split as split
from ndgpu.routines.splitting import vsplit as vsplit
from ndgpu.routines.windows import bartlett as bartlett
from ndgpu.routines.windows import blackman as blackman
from ndgpu.routines.windows import hamming as hamming
from ndgpu.routines.windows import hanning as hanning
from ndgpu.routines.windows import i0 as i0
from ndgpu.routines.windows import kaiser as kaiser
from ndgpu.routines.windows import sinc as sinc
from ndgpu.runtime import empty_like_pinned as empty_like_pinned
from ndgpu.runtime import empty_pinned as empty_pinned
from ndgpu.runtime import get_default_memory_pool as get_default_memory_pool
from ndgpu.runtime import get_default_pinned_memory_pool as get_default_pinned_memory_pool
from ndgpu.runtime import is_available as is_available
from ndgpu.runtime import zeros_like_pinned as zeros_like_pinned
from ndgpu.runtime import zeros_pinned as zeros_pinned

__version__ = "0.1.0"

# A row in the table of ufuncs is a public name.
globals().update(_ufuncs.TABLE)

round = around
concat = concatenate
row_stack = vstack
permute_dims = transpose
# A name of NumPy 1 that programs for GPUs still use, as `in1d` is.
trapz = trapezoid


def get_array_module(*args: object) -> _types.ModuleType:
    """Return `ndgpu` if an argument is a device array, else `numpy`.

    Examples
    --------
    >>> import ndgpu, numpy
    >>> ndgpu.get_array_module(ndgpu.ones(2)) is ndgpu
    True
    >>> ndgpu.get_array_module(numpy.ones(2)) is numpy
    True
    """
    for arg in args:
        if isinstance(arg, ndarray):
            return _sys.modules[__name__]
    return _numpy


def __getattr__(name: str) -> _typing.Any:
    if name == "bfloat16":
        # ml_dtypes is imported only where it is asked for.
        return _importlib.import_module("ml_dtypes").bfloat16
    if name in ("cudnn", "polynomial", "scipy", "special", "testing", "typing"):
        return _importlib.import_module(f"ndgpu.{name}")
    if name == "jit":
        return _importlib.import_module("ndgpu.jit")  # few programs need the translator
    reason = _left_out.LEFT_OUT.get(name) or _left_out.PLANNED.get(name)
    text = f": {reason}" if reason else ""
    raise AttributeError(f"module 'ndgpu' has no attribute {name!r}{text}")


_numpy_functions.register(globals())
_numpy_functions.register(vars(linalg), _numpy.linalg)
_numpy_functions.register(vars(fft), _numpy.fft)
