"""The names that CuPy's reference manual (docs.cupy.dev, versions 11 to 13) lists as supported.

Facts: the public names of the tables "Routines (NumPy)", "Low-level CUDA support", "Kernels" and
of the class `ndarray`, by the module they are in.
"""

CUPY: dict[str, str] = {
    "": """
        abs absolute add all allclose amax amin angle any append apply_along_axis arange arccos
        arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argpartition argsort argwhere
        around array array2string array_equal array_equiv array_repr array_split array_str
        asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray atleast_1d
        atleast_2d atleast_3d average bartlett base_repr binary_repr bincount bitwise_and
        bitwise_not bitwise_or bitwise_xor blackman block broadcast broadcast_arrays broadcast_to
        byte_bounds c_ can_cast cbrt ceil choose clip column_stack common_type complex128 complex64
        compress concatenate conj conjugate convolve copy copysign copyto corrcoef correlate cos
        cosh count_nonzero cov cross cumprod cumsum deg2rad degrees delete diag diag_indices
        diag_indices_from diagflat diagonal diff digitize divide divmod dot dsplit dstack dtype
        ediff1d einsum empty empty_like equal exp exp2 expand_dims expm1 extract eye fabs
        fill_diagonal finfo fix flatnonzero flip fliplr flipud float16 float32 float64 float_power
        floor floor_divide fmax fmin fmod format_float_positional format_float_scientific frexp
        from_dlpack frombuffer fromfile fromfunction fromiter fromstring full full_like gcd
        genfromtxt get_array_module asnumpy get_default_memory_pool
        get_default_pinned_memory_pool gradient greater greater_equal hamming hanning heaviside
        histogram histogram2d histogramdd hsplit hstack hypot i0 identity iinfo imag in1d indices
        inner int16 int32 int64 int8 interp intersect1d invert isclose iscomplex iscomplexobj
        isfinite isfortran isin isinf isnan isneginf isposinf isreal isrealobj isscalar issubdtype
        ix_ kaiser kron lcm ldexp left_shift less less_equal lexsort linspace load loadtxt log
        log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor
        logspace mask_indices matmul max maximum may_share_memory mean median memoize
        meshgrid mgrid min min_scalar_type minimum mintypecode mod modf moveaxis msort multiply
        nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanprod
        nanstd nansum nanvar ndarray ndim negative nextafter nonzero not_equal ogrid ones ones_like
        outer packbits pad partition percentile piecewise place poly1d polyadd polyfit polymul
        polysub polyval positive power prod promote_types ptp put putmask quantile r_ rad2deg
        radians ravel ravel_multi_index real real_if_close reciprocal remainder repeat require
        reshape resize result_type right_shift rint roll rollaxis roots rot90 round row_stack s_
        save savetxt savez savez_compressed searchsorted select set_printoptions setdiff1d setxor1d
        shape shares_memory show_config sign signbit sin sinc sinh size sort sort_complex split
        sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh
        tensordot tile trace transpose trapz tri tril tril_indices tril_indices_from trim_zeros
        triu triu_indices triu_indices_from true_divide trunc typename ufunc uint16 uint32 uint64
        uint8 union1d unique unpackbits unravel_index unwrap vander var vdot vectorize vsplit
        vstack where zeros zeros_like clear_memo is_available fuse ElementwiseKernel
        ReductionKernel RawKernel RawModule newaxis pi e inf nan isdtype concat permute_dims
        matrix_transpose pow acos acosh asin asinh atan atan2 atanh bitwise_invert
        bitwise_left_shift bitwise_right_shift astype unique_all unique_counts unique_inverse
        unique_values vecdot cumulative_sum cumulative_prod trapezoid bitwise_count unstack
        cuda random linalg fft testing lib polynomial
    """,
    "fft": """
        fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft fftfreq
        rfftfreq fftshift ifftshift
    """,
    "linalg": """
        cholesky qr svd eigh eigvalsh norm det matrix_rank slogdet solve tensorsolve lstsq inv pinv
        tensorinv matrix_power eig eigvals cond LinAlgError
    """,
    "random": """
        beta binomial bytes chisquare choice default_rng dirichlet exponential f gamma geometric
        gumbel hypergeometric laplace logistic lognormal logseries multinomial multivariate_normal
        negative_binomial noncentral_chisquare noncentral_f normal pareto permutation poisson power
        rand randint randn random random_integers random_sample ranf rayleigh sample seed shuffle
        standard_cauchy standard_exponential standard_gamma standard_normal standard_t triangular
        uniform vonmises wald weibull zipf Generator RandomState BitGenerator
    """,
    "random.Generator": """
        random integers beta binomial chisquare dirichlet exponential f gamma geometric
        hypergeometric logseries normal poisson power standard_exponential standard_gamma
        standard_normal uniform
    """,
    "polynomial.polynomial": "polyvander polycompanion polyval polyvalfromroots",
    "lib.stride_tricks": "as_strided sliding_window_view",
    "testing": """
        assert_array_equal assert_allclose assert_array_almost_equal assert_array_less
        assert_array_almost_equal_nulp assert_array_max_ulp
    """,
    "ndarray": """
        T all any argmax argmin argpartition argsort astype base choose clip compress conj
        conjugate copy cumprod cumsum data device diagonal dot dtype dump dumps fill flags flat
        flatten get imag item itemsize max mean min nbytes ndim nonzero partition prod ptp put
        ravel real repeat reshape round searchsorted set shape size sort squeeze std strides sum
        swapaxes take toDlpack tobytes tofile tolist trace transpose var view
        scatter_add scatter_max scatter_min
        __cuda_array_interface__ __dlpack__ __array_function__ __array_ufunc__
    """,
    "cuda": """
        Device Stream ExternalStream Event MemoryPool MemoryPointer PinnedMemoryPool Memory
        PinnedMemory UnownedMemory alloc alloc_pinned_memory get_current_stream get_elapsed_time
        set_allocator set_pinned_memory_allocator malloc_managed ManagedMemory using_allocator
        MemoryAsyncPool MemoryHook PythonFunctionAllocator runtime Graph get_allocator
    """,
}

LACKING: dict[str, str] = {}
