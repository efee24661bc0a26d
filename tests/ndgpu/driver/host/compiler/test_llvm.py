"""Objects loaded beside one another."""

import ctypes

from ndgpu.driver.host.compiler import llvm

_CALLS = """
declare ptr @malloc(i64)
declare void @free(ptr)
define i64 @calls() {
  %p = call ptr @malloc(i64 8)
  %there = icmp ne ptr %p, null
  call void @free(ptr %p)
  %x = zext i1 %there to i64
  ret i64 %x
}
"""
_CONSTANTS = """
@table = private constant [4 x i64] [i64 3, i64 5, i64 7, i64 NUMBER]
define i64 @constants(i64 %i) {
  %p = getelementptr i64, ptr @table, i64 %i
  %x = load i64, ptr %p
  ret i64 %x
}
"""


def _load(text: str, name: str):
    address = llvm.load_object(llvm.object_code(text), name)
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)


def test_an_object_that_names_a_function_of_the_process_leaves_others_their_constants():
    """The loader found the constants of all objects by the first table of addresses."""
    for number in (11, 12, 13):
        assert _load(_CALLS.replace("@calls", f"@calls{number}"), f"calls{number}")(0) == 1
        text = _CONSTANTS.replace("NUMBER", str(number)).replace("@constants", f"@c{number}")
        constants = _load(text, f"c{number}")
        assert [constants(i) for i in range(4)] == [3, 5, 7, number]
