"""`Link`: parameters with the code that uses them.

A link owns parameters and *persistent* values (arrays or numbers that are saved
but not learnt, such as running means), can be moved, copied and saved as a
whole, and is called like a function.  `nnrun.core.chain` builds trees of links.
"""

from __future__ import annotations

import contextlib
import copy as _copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnrun.backend import get_device, is_array
from nnrun.core.device_resident import DeviceResident, DeviceResidentsVisitor
from nnrun.core.function_hook import with_hook, without_hook
from nnrun.core.link_hook import LinkHook, LinkHookArgs
from nnrun.core.link_hook import thread as watched
from nnrun.core.parameter import Parameter
from nnrun.core.variable import Variable

if TYPE_CHECKING:
    from nnrun.core.chain import Sequential

__all__ = ["Link"]

Array = Any


class Link(DeviceResident):
    """A function with parameters.

    Parameters
    ----------
    **params : tuple of int
        Names and shapes of parameters to add, in the style of the first versions.

    Attributes
    ----------
    name : str or None
        Its name within the chain that holds it.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> import nnrun.functions as F
    >>> class FullyConnected(nnrun.Link):
    ...     def __init__(self, n_in, n_out):
    ...         super().__init__()
    ...         with self.init_scope():
    ...             self.W = nnrun.Parameter(nnrun.initializers.LeCunNormal(), (n_out, n_in))
    ...             self.b = nnrun.Parameter(0, (n_out,))
    ...     def forward(self, x):
    ...         return F.linear(x, self.W, self.b)
    >>> link = FullyConnected(3, 2)
    >>> link(np.zeros((1, 3), np.float32))
    variable([[0., 0.]])
    >>> [name for name, _ in link.namedparams()]
    ['/W', '/b']
    """

    _params: set[str]
    _persistent: set[str]
    _within_init_scope: bool
    _hooks: dict[str, LinkHook] | None = None

    def __init__(self, **params: Any) -> None:
        self._params = set()
        self._persistent = set()
        self._within_init_scope = False
        self._device = get_device("numpy")
        self.name: str | None = None
        for name, shape in params.items():
            # Either a shape, or (shape, dtype).
            if isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[0], tuple):
                self.add_param(name, shape[0], dtype=shape[1])
            else:
                self.add_param(name, shape)

    # -- parameters ----------------------------------------------------------

    @property
    def within_init_scope(self) -> bool:
        """Whether assignments register parameters just now."""
        return getattr(self, "_within_init_scope", False)

    @contextlib.contextmanager
    def init_scope(self) -> Iterator[None]:
        """Within the block, a `Parameter` (or child link) set as attribute is registered.

        Raises
        ------
        RuntimeError
            If the link's ``__init__`` did not call ``super().__init__()``.
        """
        if not hasattr(self, "_params"):
            raise RuntimeError(
                f"{type(self).__name__}: call super().__init__() before init_scope()"
            )
        before = self._within_init_scope
        self._within_init_scope = True
        try:
            yield
        finally:
            self._within_init_scope = before

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter) and self.within_init_scope:
            value.name = name
            value.to_device(self._device)
            self._params.add(name)
            self._persistent.discard(name)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._params.discard(name)
        self._persistent.discard(name)
        object.__delattr__(self, name)

    def add_param(
        self,
        name: str,
        shape: int | Sequence[int] | None = None,
        dtype: Any = None,
        initializer: Any = None,
    ) -> None:
        """Register a parameter under a name.

        Parameters
        ----------
        name : str
            It becomes an attribute of that name.
        shape : int or tuple of int, optional
            Uninitialised where missing.
        dtype : dtype, optional
            Of the parameter.
        initializer : callable, array or number, optional
            NaN where missing, so that a forgotten initial value shows.

        Raises
        ------
        AttributeError
            If the link has an attribute of that name.
        """
        self._check_new(name)
        if dtype is not None and not is_array(initializer):
            initializer = _Typed(np.nan if initializer is None else initializer, dtype)
        with self.init_scope():
            setattr(self, name, Parameter(initializer, shape))

    def add_persistent(self, name: str, value: Any) -> None:
        """Register a value that is saved and moved with the link but not learnt.

        Parameters
        ----------
        name : str
            It becomes an attribute of that name.
        value : array, number or string
            The value.

        Raises
        ------
        AttributeError
            If the link has an attribute of that name.
        """
        self._check_new(name)
        setattr(self, name, value)
        self.register_persistent(name)

    def register_persistent(self, name: str) -> None:
        """Make the attribute `name` persistent.

        Raises
        ------
        AttributeError
            If there is no such attribute.
        """
        if not hasattr(self, name):
            raise AttributeError(
                f"{type(self).__name__}.register_persistent: no attribute {name!r}"
            )
        self._persistent.add(name)
        self._params.discard(name)
        value = getattr(self, name)
        if is_array(value):
            object.__setattr__(self, name, self._device.send(value))

    def _check_new(self, name: str) -> None:
        if name in self.__dict__:
            raise AttributeError(f"{type(self).__name__} already has an attribute {name!r}")

    def params(self, include_uninit: bool = True) -> Iterator[Parameter]:
        """Go through all parameters, sorted by name, those of children after the own ones.

        Parameters
        ----------
        include_uninit : bool
            Whether to go through uninitialised ones too.

        Yields
        ------
        Parameter
        """
        for _, param in self.namedparams(include_uninit):
            yield param

    def namedparams(self, include_uninit: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Go through pairs of path and parameter, such as ``('/l1/W', W)``."""
        for name in sorted(self._params):
            param = self.__dict__[name]
            if include_uninit or param.is_initialized:
                yield "/" + name, param

    def links(self, skipself: bool = False) -> Iterator[Link]:
        """Go through this link and all links below it."""
        for _, link in self.namedlinks(skipself):
            yield link

    def namedlinks(self, skipself: bool = False) -> Iterator[tuple[str, Link]]:
        """Go through pairs of path and link, this one first as ``'/'``."""
        if not skipself:
            yield "/", self

    def children(self) -> Iterator[Link]:
        """Go through the links directly below."""
        return iter(())

    def count_params(self) -> int:
        """Return the number of values in all initialised parameters."""
        return sum(p.size for p in self.params(include_uninit=False))

    # -- gradients -------------------------------------------------------------

    def cleargrads(self) -> None:
        """Drop the gradients of all parameters; to be done before each backward."""
        for p in self.params():
            p.cleargrad()

    def zerograds(self) -> None:
        """Set the gradients of all initialised parameters to zeros."""
        for p in self.params(include_uninit=False):
            p.zerograd()

    def copyparams(self, link: Link, copy_persistent: bool = True) -> None:
        """Copy all parameters' values from a link of the same make-up.

        Parameters
        ----------
        link : Link
            Where to copy from, on any device.
        copy_persistent : bool
            Copy persistent values too.
        """
        source = dict(link.namedparams())
        for path, param in self.namedparams():
            if path not in source:
                raise ValueError(f"copyparams: `link` has no parameter {path}")
            param.copydata(source[path])
        if copy_persistent:
            others = dict(link.namedlinks())
            for path, mine in self.namedlinks():
                for name in mine._persistent:
                    value = getattr(others[path], name)
                    setattr(
                        mine,
                        name,
                        mine._device.send(value.copy()) if is_array(value) else _copy.copy(value),
                    )

    def addgrads(self, link: Link) -> None:
        """Add the gradients of a link of the same make-up to this one's."""
        source = dict(link.namedparams())
        for path, param in self.namedparams():
            param.addgrad(source[path])

    def enable_update(self) -> None:
        """Let optimizers update the parameters below again."""
        for param in self.params():
            if param.update_rule is not None:
                param.update_rule.enabled = True

    def disable_update(self) -> None:
        """Keep optimizers from updating the parameters below."""
        for param in self.params():
            if param.update_rule is not None:
                param.update_rule.enabled = False

    @property
    def update_enabled(self) -> bool:
        """Whether some parameter below is updated by an optimizer."""
        return any(p.update_rule is not None and p.update_rule.enabled for p in self.params())

    # -- devices -----------------------------------------------------------------

    def device_resident_accept(self, visitor: DeviceResidentsVisitor) -> None:
        """Show the link, its parameters and persistent arrays, and all below, to a visitor."""
        for link in self.links():
            visitor.visit_device_resident(link)
            link._show_own(visitor)

    def _show_own(self, visitor: DeviceResidentsVisitor) -> None:
        """Show what this link holds itself; links that hold more add to it."""
        values = self.__dict__
        for name in self._params:
            visitor.visit_variable(values[name])
        for name in self._persistent:
            value = values[name]
            if isinstance(value, Variable):
                visitor.visit_variable(value)
            elif is_array(value):
                values[name] = visitor.visit_array(value)

    # -- copies --------------------------------------------------------------------

    def copy(self, mode: str = "share") -> Link:
        """Return a copy.

        Parameters
        ----------
        mode : {'share', 'copy', 'init'}
            ``share``: the copy uses the same arrays, with gradients of its own.
            ``copy``: it has copies of the arrays.  ``init``: it has new initial values.

        Returns
        -------
        Link

        Raises
        ------
        ValueError
            If `mode` is none of these.
        """
        if mode not in ("share", "copy", "init"):
            raise ValueError(f"copy: `mode` must be 'share', 'copy' or 'init', not {mode!r}")
        if mode == "copy":
            return _copy.deepcopy(self)
        copied = _copy.copy(self)
        copied._params = set(self._params)
        copied._persistent = set(self._persistent)
        copied._hooks = dict(self._hooks) if self._hooks else None
        copied.name = None
        values = copied.__dict__
        for name in copied._params:
            param = values[name] = _copy.copy(values[name])
            if mode == "init" and param.is_initialized:
                param.initialize(param.shape)
        if mode == "init":
            for name in copied._persistent:
                values[name] = _copy.deepcopy(values[name])
        return copied

    def repeat(self, n_repeat: int, mode: str = "init") -> Sequential:
        """Return a `Sequential` of `n_repeat` copies of this link (see `copy` for `mode`)."""
        from nnrun.core.chain import Sequential  # chains are links

        return Sequential(*[self.copy(mode) for _ in range(n_repeat)])

    # -- saving and calling ------------------------------------------------------------

    def serialize(self, serializer: Any) -> None:
        """Save to, or load from, a serializer: each parameter and persistent value by name."""
        values = self.__dict__
        for name in sorted(self._params):
            param = values[name]
            data = serializer(name, param.array)
            if param.array is None and data is not None:
                param.array = param.device.send(np.asarray(data))
        for name in sorted(self._persistent):
            value = serializer(name, values[name])
            if values[name] is None and is_array(value):  # what was not there yet
                value = self._device.send(value)
            values[name] = value

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the link's function; to be defined by subclasses."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward`."""
        if not hasattr(self, "_params"):
            raise RuntimeError(
                f"{type(self).__name__}: its __init__ did not call super().__init__()"
            )
        if not (self._hooks or watched.hooks):
            return self.forward(*args, **kwargs)
        hooks = (*(watched.hooks or {}).values(), *(self._hooks or {}).values())
        told = LinkHookArgs(self, "forward", args, kwargs)
        before = []
        try:
            for hook in hooks:
                hook.forward_preprocess(told)
                before.append(hook)
            told.out = self.forward(*args, **kwargs)
        finally:
            # Also where the forward failed: a hook that changed the link must change it back.
            for hook in before:
                hook.forward_postprocess(told)
        return told.out

    # -- hooks -------------------------------------------------------------------------

    def add_hook(self, hook: LinkHook, name: str | None = None) -> Link:
        """Have a hook watch, or change, this link's calls.

        Parameters
        ----------
        hook : LinkHook
        name : str, optional
            Its own name by default.

        Returns
        -------
        Link
            The link itself.

        Raises
        ------
        TypeError
            If it is no hook.
        KeyError
            If there is one of that name.
        """
        hooks = with_hook(self._hooks, hook, name, type(self).__name__)
        hook.added(self)
        self._hooks = hooks
        return self

    def delete_hook(self, name: str) -> None:
        """Have the hook of that name watch the link no more.

        Raises
        ------
        KeyError
            If there is none.
        """
        without_hook(self._hooks, name, type(self).__name__).deleted(self)

    @property
    def local_link_hooks(self) -> dict[str, LinkHook]:
        """The hooks of this link alone, by name."""
        return {} if self._hooks is None else self._hooks

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """Pairs of name and value that `repr` shows."""
        return iter(())

    def __repr__(self) -> str:
        specs = ", ".join(f"{name}={value!r}" for name, value in self.printable_specs)
        return f"{type(self).__name__}({specs})"


class _Typed:
    """An initializer with a dtype put on it."""

    def __init__(self, initializer: Any, dtype: Any) -> None:
        self._initializer = initializer
        self.dtype = np.dtype(dtype)

    def __call__(self, array: Array) -> None:
        if callable(self._initializer):
            self._initializer(array)
        else:
            array.fill(self._initializer)
