; `malloc` and `free` of kernels, from the C library's and within a limit.
;
; A heap has five words of 64 bits: the bytes that are allocated, those that may be, whether anything
; ever was, and the addresses of the two functions.  Sixteen bytes before what is given out hold its
; size.

define ptr @ndgpu.heap.malloc(i64 %size, ptr %heap) nounwind {
entry:
  %begun.p = getelementptr i64, ptr %heap, i64 2
  store atomic i64 1, ptr %begun.p monotonic, align 8
  %absurd = icmp ugt i64 %size, 1099511627776
  br i1 %absurd, label %none, label %count
count:
  %up = add i64 %size, 31
  %total = and i64 %up, -16
  %before = atomicrmw add ptr %heap, i64 %total monotonic
  %used = add i64 %before, %total
  %limit.p = getelementptr i64, ptr %heap, i64 1
  %limit = load atomic i64, ptr %limit.p monotonic, align 8
  %full = icmp ugt i64 %used, %limit
  br i1 %full, label %back, label %take
take:
  %malloc.p = getelementptr i64, ptr %heap, i64 3
  %malloc = load ptr, ptr %malloc.p
  %block = call ptr %malloc(i64 %total)
  %failed = icmp eq ptr %block, null
  br i1 %failed, label %back, label %give
give:
  store i64 %total, ptr %block
  %given = getelementptr i8, ptr %block, i64 16
  ret ptr %given
back:
  %undone = atomicrmw sub ptr %heap, i64 %total monotonic
  br label %none
none:
  ret ptr null
}

define void @ndgpu.heap.free(ptr %given, ptr %heap) nounwind {
entry:
  %nothing = icmp eq ptr %given, null
  br i1 %nothing, label %done, label %some
some:
  %block = getelementptr i8, ptr %given, i64 -16
  %total = load i64, ptr %block
  %before = atomicrmw sub ptr %heap, i64 %total monotonic
  %free.p = getelementptr i64, ptr %heap, i64 4
  %free = load ptr, ptr %free.p
  call void %free(ptr %block)
  br label %done
done:
  ret void
}
