"""Links of activations with parameters: `PReLU`, `Swish`, `Maxout`, `Highway`, `Bilinear`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nnrun import initializers
from nnrun.core import Chain, Link, Parameter, Variable, as_variable
from nnrun.functions import bilinear, broadcast_to, maxout, prelu, relu, reshape, sigmoid, swish
from nnrun.functions import simplified_dropconnect as dropconnect
from nnrun.links.linear import Linear

__all__ = ["Bilinear", "Highway", "Maxout", "PReLU", "SimplifiedDropconnect", "Swish"]


class PReLU(Link):
    """A relu with a learnt slope for negative input; see `prelu`.

    Parameters
    ----------
    shape : tuple of int
        Of the slopes; one for all by default.
    init : float
        Their first value.

    Attributes
    ----------
    W : Parameter
        The slopes.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.PReLU()(np.array([[-1.0, 2.0]], np.float32))
    variable([[-0.25,  2.  ]])
    """

    def __init__(self, shape: int | Sequence[int] = (), init: float = 0.25) -> None:
        super().__init__()
        with self.init_scope():
            self.W = Parameter(init, shape)

    def forward(self, x: Any) -> Variable:
        """Apply the activation to `x`, of shape (batch, ...)."""
        return prelu(x, self.W)


class Swish(Link):
    """``x * sigmoid(beta * x)`` with learnt `beta`.

    Parameters
    ----------
    beta_shape : tuple of int, optional
        Of beta: that of the first axes of the input after the batch; taken from the
        first input where missing.
    beta_init : float
        Its first value.

    Attributes
    ----------
    beta : Parameter

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Swish(())(np.array([[0.0, 100.0]], np.float32))
    variable([[  0., 100.]])
    """

    def __init__(self, beta_shape: Sequence[int] | None = None, beta_init: float = 1.0) -> None:
        super().__init__()
        with self.init_scope():
            self.beta = Parameter(beta_init)
        if beta_shape is not None:
            self.beta.initialize(tuple(beta_shape))

    def forward(self, x: Any) -> Variable:
        """Apply the activation to `x`, of shape (batch, ...)."""
        if not self.beta.is_initialized:
            self.beta.initialize(x.shape[1:])
        beta = self.beta
        spread = (1, *beta.shape, *[1] * (x.ndim - 1 - beta.ndim))
        return swish(as_variable(x), broadcast_to(reshape(beta, spread), x.shape))


class Maxout(Chain):
    """The largest of several affine maps for each result (Goodfellow et al., 2013).

    Parameters
    ----------
    in_size : int or None
        Values per row of the input; None to take it from the first input.
    out_size : int
        Values per row of the result.
    pool_size : int
        How many maps for each.
    initialW, initial_bias : initializer, array or number, optional
        `LeCunNormal` and 0 by default.

    Attributes
    ----------
    linear : Linear
        All maps.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Maxout(3, 2, 4)(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        in_size: int | None,
        out_size: int,
        pool_size: int,
        initialW: Any = None,
        initial_bias: Any = 0,
    ) -> None:
        super().__init__()
        self.out_size = out_size
        self.pool_size = pool_size
        with self.init_scope():
            self.linear = Linear(
                in_size, out_size * pool_size, initial_bias is None, initialW, initial_bias
            )

    def forward(self, x: Any) -> Variable:
        """Apply the layer to `x`, of shape (batch, in_size)."""
        return maxout(self.linear(x), self.pool_size)


class Highway(Chain):
    """``t * activate(plain(x)) + (1 - t) * x`` with the gate ``t = sigmoid(transform(x))``.

    Of Srivastava, Greff and Schmidhuber, 2015.

    Parameters
    ----------
    in_out_size : int
        Values per row of the input and of the result.
    nobias : bool
        Leave out the biases.
    activate : callable
        The activation.
    init_Wh, init_Wt, init_bh, init_bt : initializer, array or number, optional
        Of the weights and biases of both maps; the gate starts nearly closed.

    Attributes
    ----------
    plain, transform : Linear
        See the formula.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Highway(3)(np.ones((5, 3), np.float32)).shape
    (5, 3)
    """

    def __init__(
        self,
        in_out_size: int,
        nobias: bool = False,
        activate: Callable[[Any], Variable] = relu,
        init_Wh: Any = None,
        init_Wt: Any = None,
        init_bh: Any = None,
        init_bt: Any = -1,
    ) -> None:
        super().__init__()
        self.activate = activate
        with self.init_scope():
            self.plain = Linear(in_out_size, in_out_size, nobias, init_Wh, init_bh)
            self.transform = Linear(in_out_size, in_out_size, nobias, init_Wt, init_bt)

    def forward(self, x: Any) -> Variable:
        """Apply the layer to `x`, of shape (batch, in_out_size)."""
        t = sigmoid(self.transform(x))
        return t * (self.activate(self.plain(x)) - x) + x


class Bilinear(Link):
    """A bilinear map of pairs of rows; see `bilinear`.

    Parameters
    ----------
    left_size, right_size, out_size : int
        Values per row of both inputs and of the result.
    nobias : bool
        Leave out the affine part.
    initialW, initial_bias : initializer or array, optional
        Of W; of V1, V2 and b, as a tuple.

    Attributes
    ----------
    W : Parameter, shape (left_size, right_size, out_size)
    V1, V2, b : Parameter or None
        Of the affine part.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Bilinear(3, 2, 4)(np.ones((5, 3), np.float32), np.ones((5, 2), np.float32)).shape
    (5, 4)
    """

    def __init__(
        self,
        left_size: int,
        right_size: int,
        out_size: int,
        nobias: bool = False,
        initialW: Any = None,
        initial_bias: Any = None,
    ) -> None:
        super().__init__()
        normal = initializers.LeCunNormal()
        v1, v2, bias = (normal, normal, 0) if initial_bias is None else initial_bias
        self.V1: Parameter | None = None
        self.V2: Parameter | None = None
        self.b: Parameter | None = None
        with self.init_scope():
            self.W = Parameter(
                normal if initialW is None else initialW, (left_size, right_size, out_size)
            )
            if not nobias:
                self.V1 = Parameter(v1, (left_size, out_size))
                self.V2 = Parameter(v2, (right_size, out_size))
                self.b = Parameter(bias, (out_size,))

    def forward(self, e1: Any, e2: Any) -> Variable:
        """Apply the layer to `e1`, (batch, left_size), and `e2`, (batch, right_size)."""
        return bilinear(e1, e2, self.W, self.V1, self.V2, self.b)


class SimplifiedDropconnect(Linear):
    """A fully connected layer that drops weights while training; see `simplified_dropconnect`.

    Parameters
    ----------
    in_size : int or None
        Values per row of the input; None to take it from the first input.
    out_size : int
        Values per row of the result.
    ratio : float
        The probability of dropping.
    nobias, initialW, initial_bias
        As for `Linear`.

    Attributes
    ----------
    W, b : Parameter
        As those of `Linear`.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.SimplifiedDropconnect(3, 2)(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        in_size: int | None,
        out_size: int,
        ratio: float = 0.5,
        nobias: bool = False,
        initialW: Any = None,
        initial_bias: Any = None,
    ) -> None:
        super().__init__(in_size, out_size, nobias, initialW, initial_bias)
        self.ratio = ratio

    def forward(  # type: ignore[override]
        self, x: Any, train: bool | None = None, mask: Any = None, use_batchwise_mask: bool = True
    ) -> Variable:
        """Apply the layer; the arguments are those of the function."""
        if not self.W.is_initialized:
            self.in_size = x.shape[1]
            self.W.initialize((self.out_size, self.in_size))
        return dropconnect(
            x, self.W, self.b, self.ratio, train=train, mask=mask,
            use_batchwise_mask=use_batchwise_mask,
        )  # fmt: skip
