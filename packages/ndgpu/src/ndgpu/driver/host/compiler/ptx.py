"""PTX text read into functions, variables and instructions.

Guarantees: every statement of the text is either understood or refused with
`PtxError` and its line; each instruction carries its line and its text; names
declared inside braces (as inline assembly does) are made unique in their
function, so that later stages never see a scope.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace

from .errors import PtxError
from .syntax import (
    SIZES,
    Address,
    Function,
    Immediate,
    Instruction,
    Module,
    Operand,
    Param,
    Register,
    Symbol,
    Variable,
    Vector,
    rename,
)

__all__ = ["parse"]

_BLANK = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.S)
_STATEMENT = re.compile(
    r"\s*(?:"
    r"(?P<line>\.(?:loc|file|version|target|address_size)\b[^\n]*)"
    r"|(?P<label>[A-Za-z_$%][\w$]*)\s*:"
    r"|(?P<open>\{)|(?P<close>\})"
    r"|(?P<body>[^;{}]*(?:\{[^{}]*\}[^;{}]*)*);)"
)
# Opcodes that are never run, and why.
_NOT_HERE = {
    **dict.fromkeys(
        ("tex", "tld4", "txq", "suld", "sust", "sured", "suq", "istypep"),
        "a host device has no textures and surfaces",
    ),
    **dict.fromkeys(
        ("griddepcontrol", "getctarank", "mapa", "setmaxnreg", "multimem", "stmatrix", "elect",
         "wgmma", "clusterlaunchcontrol"),
        "an instruction of compute capability 9.0 and later; a host device has 8.0",
    ),
}  # fmt: skip
_HEADER = re.compile(r"[^{};]*")
_INSTRUCTION = re.compile(r"(?:@(!?)\s*([\w$%]+)\s+)?([a-z_]\w*)((?:[.:]+\w+)*)\s*(.*)", re.S)
_OPERAND = re.compile(r"\s*(\{[^}]*\}|\[[^\]]*\]|\((?:[^()]*)\)|[^,\s{}\[\]()]+)\s*(,|$)")
_NUMBER = re.compile(
    r"(-?)(?:(0[fF])([0-9a-fA-F]{8})|(0[dD])([0-9a-fA-F]{16})|(0[xX][0-9a-fA-F]+|0[bB][01]+)U?"
    r"|(\d+\.\d*(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)|(\d+)U?)$"
)
_NAME = re.compile(r"[A-Za-z_$%][\w$%.]*$")
_OFFSET = re.compile(r"\s*([A-Za-z_$%][\w$%.]*)?\s*(?:\+?\s*(-?\s*(?:0[xX][0-9a-fA-F]+|\d+)))?\s*$")
_REG = re.compile(r"\.reg\s*(?:\.v[24]\s+)?\.(\w+)\s+(.*)", re.S)
_RANGE = re.compile(r"([\w$%]+)<(\d+)>$")
_VARIABLE = re.compile(
    r"(?P<lead>(?:\.(?:visible|extern|weak|common)\s+)*)\.(?P<space>global|const|shared|local|param)"
    r"\s*(?P<attributes>(?:\.(?:align\s+\d+|ptr|attribute\s*\([^)]*\)|v[24])\s*)*)\.(?P<type>\w+)\s+"
    r"(?:\.ptr\s*(?:\.\w+\s*)*?(?:\.align\s+\d+\s*)?)?"
    r"(?P<name>[\w$%]+)\s*(?P<dims>(?:\[[^\]]*\]\s*)*)(?:=\s*(?P<value>.*))?$",
    re.S,
)
_ALIGN = re.compile(r"\.align\s+(\d+)")
_FUNCTION = re.compile(
    r"(?P<lead>(?:\.(?:visible|extern|weak|common)\s+)*)\.(?P<kind>entry|func)\b\s*"
    r"(?:\((?P<results>[^()]*)\)\s*)?(?P<name>[\w$%]+)\s*(?:\((?P<params>[^()]*)\))?"
    r"(?P<directives>.*)$",
    re.S,
)


def parse(text: str) -> Module:
    """Read PTX.

    Parameters
    ----------
    text : str
        A whole PTX module.

    Returns
    -------
    Module
        Its functions and variables.

    Raises
    ------
    PtxError
        With the line of what could not be read.

    Examples
    --------
    >>> module = parse('''.version 8.0
    ... .target sm_80
    ... .entry k(.param .u64 k_param_0) { .reg .b32 %r<2>; mov.u32 %r1, %tid.x; ret; }''')
    >>> [ins.name for ins in module.functions["k"].instructions]
    ['mov.u32', 'ret']
    """
    return _Parser(text).module()


def _blank(match: re.Match[str]) -> str:
    found = match[0]
    return found if found[0] == '"' else "\n" * found.count("\n")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = _BLANK.sub(_blank, text)
        self.position = 0
        self._counted = 0
        self._line = 1
        self.result = Module()
        self.function = ""

    # -- places ------------------------------------------------------------------------

    def line_at(self, position: int) -> int:
        """Line of a position not before the last one asked for."""
        self._line += self.text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def error(self, message: str, position: int | None = None) -> PtxError:
        line = self.line_at(max(self._counted, self.position if position is None else position))
        return PtxError(message, line=line, kernel=self.function)

    # -- module scope ------------------------------------------------------------------

    def module(self) -> Module:
        text, end = self.text, len(self.text)
        while True:
            while self.position < end and text[self.position] in " \t\r\n;":
                self.position += 1
            if self.position >= end:
                return self.result
            head = _STATEMENT.match(text, self.position)
            if head and head["line"] is not None:
                self._remember_file(head["line"])
                self.position = head.end()
            elif text.startswith(".section", self.position):
                self.position = text.index("}", self.position) + 1
            elif text.startswith(".pragma", self.position):
                self.position = text.index(";", self.position) + 1
            else:
                self._definition()

    def _remember_file(self, line: str) -> None:
        match = re.match(r'\.file\s+(\d+)\s+"([^"]*)"', line)
        if match:
            self.result.files[int(match[1])] = match[2]

    def _definition(self) -> None:
        start = self.position
        header = _HEADER.match(self.text, start)
        stop = header.end() if header else start
        declared = self.text[start:stop].strip()
        match = _FUNCTION.match(declared)
        if match:
            self._function(match, start, stop)
            return
        head = _STATEMENT.match(self.text, start)
        body = head["body"] if head else None
        if body is None:
            raise self.error(f"expected a variable or a function, got {declared[:60]!r}")
        variable = self._variable(body.strip(), start)
        known = self.result.variables.get(variable.name)
        if known is None or not variable.external:
            self.result.variables[variable.name] = variable
        self.position = head.end() if head else stop

    def _variable(self, body: str, start: int) -> Variable:
        match = _VARIABLE.match(body)
        if match is None or match["type"] not in SIZES:
            raise self.error(f"cannot read the declaration {body[:80]!r}", start)
        size = SIZES[match["type"]]
        vector = re.search(r"\.v([24])", match["attributes"])
        unit = size
        size *= int(vector[1]) if vector else 1
        stated = _ALIGN.search(match["attributes"])
        align = int(stated[1]) if stated else size
        value = match["value"]
        dims = re.findall(r"\[\s*(\d*)\s*\]", match["dims"])
        for dim in dims:
            size *= int(dim) if dim else 0
        external = ".extern" in match["lead"]
        data: bytes = b""
        relocations: tuple[tuple[int, str, int], ...] = ()
        if value is not None:
            data, relocations = self._initialiser(value, unit, match["type"], start)
            size = max(size, len(data))
        return Variable(match["name"], match["space"], size, align, data, relocations, external)

    def _initialiser(
        self, value: str, unit: int, type: str, start: int
    ) -> tuple[bytes, tuple[tuple[int, str, int], ...]]:
        data = bytearray()
        relocations = []
        for item in re.sub(r"[{}]", " ", value).split(","):
            item = item.strip()
            if not item:
                continue
            number = _number(item)
            if number is not None:
                data += (
                    _convert(number, unit * 8 if type in ("f32", "f64") else 0)
                    & (1 << 8 * unit) - 1
                ).to_bytes(unit, "little")
                continue
            match = re.match(
                r"(?:(0x[0-9A-Fa-f]+)\()?(?:generic\()?([\w$%]+)\)*(?:\s*\+\s*(\d+))?\)*$", item
            )
            if match is None or match[1] or unit != 8:
                raise self.error(f"cannot read the initial value {item!r}", start)
            relocations.append((len(data), match[2], int(match[3] or 0)))
            data += bytes(8)
        return bytes(data), tuple(relocations)

    # -- functions ---------------------------------------------------------------------

    def _function(self, head: re.Match[str], start: int, stop: int) -> None:
        name = head["name"]
        self.function = name
        function = Function(name, head["kind"] == "entry", self.line_at(start))
        function.params = self._params(head["params"] or "", start)
        function.results = self._params(head["results"] or "", start)
        directives = head["directives"]
        for directive in re.finditer(r"\.(maxntid|reqntid)\s+([\d\s,]+)", directives):
            limit = 1
            for number in directive[2].split(","):
                limit *= int(number)
            function.max_threads = min(limit, 1024)
        if self.text[stop : stop + 1] == ";":
            function.defined = False
            self.position = stop + 1
            self.result.functions.setdefault(name, function)
        else:
            self.position = stop + 1
            self._body(function)
            self.result.functions[name] = function
        self.function = ""

    def _params(self, text: str, start: int) -> list[Param]:
        params = []
        offset = 0
        for item in text.split(","):
            item = item.strip()
            if not item or item == "_":
                continue
            variable = self._variable(item, start)
            offset = -(-offset // variable.align) * variable.align
            params.append(Param(variable.name, offset, variable.size, variable.align))
            offset += variable.size
        return params

    def _body(self, function: Function) -> None:
        text = self.text
        scopes: list[dict[str, str]] = [{}]
        labels: dict[str, str] = {}
        operands: dict[str, tuple[Operand, ...]] = {}
        source: tuple[int, int] | None = None
        renamed = False
        # Labels of inner scopes are renamed where they clash; branches are then put right.
        pending: list[tuple[int, list[dict[str, str]]]] = []
        while True:
            match = _STATEMENT.match(text, self.position)
            if match is None:
                raise self.error(
                    f"cannot read {text[self.position : self.position + 60].strip()!r}"
                )
            kind = match.lastgroup or ""
            start = match.start(kind)
            if kind == "body":
                body = match["body"]
                if body[0] == ".":
                    renamed |= self._directive(function, body, start, scopes)
                else:
                    line = self.line_at(start)
                    ins = self._instruction(body, line, operands, source)
                    if renamed or len(scopes) > 1:
                        pending.append((len(function.instructions), list(scopes)))
                    function.instructions.append(ins)
            elif kind == "line":
                found = re.match(r"\.loc\s+(\d+)\s+(\d+)", match["line"])
                if found and found[2] != "0":  # line 0 is code that belongs to no line
                    source = (int(found[1]), int(found[2]))
            elif kind == "label":
                self._label(function, match, scopes, labels)
            elif kind == "open":
                scopes.append({})
            elif len(scopes) == 1:
                self.position = match.end()
                break
            else:
                scopes.pop()
            self.position = match.end()
        for index, chain in pending:
            names: dict[str, str] = {}
            for scope in chain:
                names.update(scope)
            if names:
                function.instructions[index] = rename(function.instructions[index], names)

    def _label(
        self,
        function: Function,
        match: re.Match[str],
        scopes: list[dict[str, str]],
        labels: dict[str, str],
    ) -> None:
        name = match["label"]
        rest = _STATEMENT.match(self.text, match.end())
        body = (rest["body"] or "").strip() if rest else ""
        if body.startswith((".branchtargets", ".calltargets")):
            function.tables[name] = tuple(t.strip() for t in body.split(None, 1)[1].split(","))
            return
        if body.startswith(".callprototype"):
            return
        unique = name
        if len(scopes) > 1 and name in function.labels:
            unique = f"{name}${len(function.instructions)}"
        elif name in function.labels:
            raise self.error(f"label {name} is defined twice", match.start("label"))
        scopes[-1][name] = unique
        function.labels[unique] = len(function.instructions)

    def _directive(
        self, function: Function, body: str, start: int, scopes: list[dict[str, str]]
    ) -> bool:
        """Read a declaration; tell whether a name had to be changed."""
        match = _REG.match(body)
        changed = False
        if match:
            type = match[1]
            if type not in SIZES:
                raise self.error(f"registers of unknown type .{type}", start)
            for item in match[2].split(","):
                item = item.strip()
                ranged = _RANGE.match(item)
                names = [f"{ranged[1]}{i}" for i in range(int(ranged[2]))] if ranged else [item]
                for name in names:
                    unique = name
                    if (name in function.registers and function.registers[name] != type) or (
                        len(scopes) > 1 and name in function.registers
                    ):
                        unique = f"{name}${start}"
                        changed = True
                    if len(scopes) > 1 or changed:
                        scopes[-1][name] = unique
                    function.registers[unique] = type
            return changed
        if body.startswith((".pragma", ".branchtargets", ".calltargets", ".callprototype")):
            return False
        variable = self._variable(body.strip(), start)
        name = variable.name
        if name in function.variables:
            unique = f"{name}${start}"
            scopes[-1][name] = unique
            variable = replace(variable, name=unique)
            changed = True
        function.variables[variable.name] = variable
        return changed

    def _instruction(
        self,
        body: str,
        line: int,
        known: dict[str, tuple[Operand, ...]],
        source: tuple[int, int] | None,
    ) -> Instruction:
        match = _INSTRUCTION.match(body)
        if match is None:
            raise PtxError(f"cannot read the instruction {body.strip()!r}", line, self.function)
        negated, guard, opcode, modifiers, rest = match.groups()
        if opcode in _NOT_HERE:
            raise PtxError(_NOT_HERE[opcode], line, self.function, opcode + modifiers)
        operands = known.get(rest)
        if operands is None:
            try:
                operands = _operands(rest)
            except ValueError as error:
                raise PtxError(
                    f"{error} in {body.strip()!r}", line, self.function, opcode + modifiers
                ) from None
            known[rest] = operands
        return Instruction(
            opcode,
            tuple(modifiers.replace("::", ".").split(".")[1:]) if modifiers else (),
            operands,
            Register(guard, bool(negated)) if guard else None,
            line,
            body.strip(),
            source,
        )


# -- operands ------------------------------------------------------------------------------


def _operands(text: str) -> tuple[Operand, ...]:
    found = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _OPERAND.match(text, position)
        if match is None:
            raise ValueError(f"cannot read the operands {text[position:].strip()!r}")
        found.append(_operand(match[1]))
        position = match.end()
    return tuple(found)


def _operand(text: str) -> Operand:
    first = text[0]
    if first == "[":
        return _address(text[1:-1])
    if first in "{(":
        inside = text[1:-1].strip()
        return Vector(tuple(_operand(item.strip()) for item in inside.split(",")) if inside else ())
    if first == "!":
        return Register(text[1:].strip(), True)
    if "|" in text:
        return Vector(tuple(_operand(item.strip()) for item in text.split("|")))
    if first == "%" or text == "_":
        if "+" in text:
            return _address(text)
        return Register(text)
    number = _number(text)
    if number is not None:
        return number
    if _NAME.match(text):
        return Symbol(text)
    match = _OFFSET.match(text)
    if match and match[1]:
        return Symbol(match[1], _integer(match[2]))
    raise ValueError(f"cannot read the operand {text!r}")


def _address(text: str) -> Address:
    match = _OFFSET.match(text)
    if match is None:
        raise ValueError(f"cannot read the address [{text}]")
    name = match[1]
    base: Register | Symbol | None = None
    if name:
        # Registers of inline assembly need not begin with a percent sign; `resolve` in the
        # code generator tells them from variables by looking at what was declared.
        base = Register(name) if name[0] == "%" else Symbol(name)
    return Address(base, _integer(match[2]))


def _integer(text: str | None) -> int:
    return int(text.replace(" ", ""), 0) if text else 0


def _number(text: str) -> Immediate | None:
    match = _NUMBER.match(text)
    if match is None:
        return None
    sign, f, single, d, double, hexadecimal, decimal, integer = match.groups()
    if f or d:
        bits, real = int(single or double, 16), 32 if f else 64
        return Immediate(bits ^ (1 << real - 1) if sign else bits, real)
    if decimal:
        return Immediate(struct.unpack("<Q", struct.pack("<d", float(sign + decimal)))[0], 64)
    if hexadecimal:
        value = int(hexadecimal, 0)
    else:
        value = int(integer, 8) if len(integer) > 1 and integer[0] == "0" else int(integer)
    return Immediate(-value if sign else value)


def _convert(number: Immediate, real: int) -> int:
    """Bits of the number as a float of `real` bits; as they are if `real` is 0 or alike."""
    if not real or not number.real or number.real == real:
        return number.bits
    if real == 32:
        value = struct.unpack("<d", struct.pack("<Q", number.bits))[0]
        return struct.unpack("<I", struct.pack("<f", value))[0]
    value = struct.unpack("<f", struct.pack("<I", number.bits))[0]
    return struct.unpack("<Q", struct.pack("<d", value))[0]
