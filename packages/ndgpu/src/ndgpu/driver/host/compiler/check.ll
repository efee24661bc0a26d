; The helpers that checked code calls: a template that `check._helper` fills in.
;
; `$$get_x` loads the header's number x as %x; `$$k_x` and `$$c_x` are the number of a kind of finding
; and the CUresult that it gives.  A record of a byte of shared memory has a word for its last write
; and one for its last reads: the epoch (barriers passed) in bits 32 to 63, the clock (barriers of the
; warp) in 12 to 31, the thread in 2 to 11, and two flags; then the lines of both in the PTX.

; Not `memset`: a call to a function outside the object code upsets how MCJIT finds constants.
define internal void @check.clear(ptr %p, i64 %size) $attributes {
entry:
  br label %test
test:
  %at = phi i64 [0, %entry], [%at.next, %more]
  %is.more = icmp ult i64 %at, %size
  br i1 %is.more, label %more, label %done
more:
  %q = getelementptr i8, ptr %p, i64 %at
  store <8 x i64> zeroinitializer, ptr %q, align 8
  %at.next = add i64 %at, 64
  br label %test
done:
  ret void
}

define internal i32 @check.report(ptr %h, i32 %kind, i32 %code, i32 %site, i32 %site2, i64 %t, i64 %t2, i64 %p, i32 %how) $attributes {
  $get_report
  $get_block
  %r = inttoptr i64 %report to ptr
  %pair = cmpxchg ptr %r, i32 0, i32 1 acq_rel monotonic
  %won = extractvalue {i32, i1} %pair, 1
  br i1 %won, label %fill, label %done
fill:
  %kind.p = getelementptr i8, ptr %r, i64 $r_kind
  store i32 %kind, ptr %kind.p
  %site.p = getelementptr i8, ptr %r, i64 $r_line
  store i32 %site, ptr %site.p
  %site2.p = getelementptr i8, ptr %r, i64 $r_other_line
  store i32 %site2, ptr %site2.p
  %t.32 = trunc i64 %t to i32
  %t.p = getelementptr i8, ptr %r, i64 $r_thread
  store i32 %t.32, ptr %t.p
  %t2.32 = trunc i64 %t2 to i32
  %t2.p = getelementptr i8, ptr %r, i64 $r_other
  store i32 %t2.32, ptr %t2.p
  %a.p = getelementptr i8, ptr %r, i64 $r_address
  store i64 %p, ptr %a.p
  %how.64 = zext i32 %how to i64
  %how.p = getelementptr i8, ptr %r, i64 $r_how
  store i64 %how.64, ptr %how.p
  %block.r = getelementptr i8, ptr %r, i64 $r_block
  store i64 %block, ptr %block.r
  $get_shared
  $get_shared_bytes
  $get_local
  $get_thread
  %s.r = getelementptr i8, ptr %r, i64 $r_shared
  store i64 %shared, ptr %s.r
  %sb.r = getelementptr i8, ptr %r, i64 $r_shared_bytes
  store i64 %shared.bytes, ptr %sb.r
  %lane = sub i64 %t, %thread
  %lane.local = mul i64 %lane, $stride
  %mine = add i64 %local, %lane.local
  %l.r = getelementptr i8, ptr %r, i64 $r_local
  store i64 %mine, ptr %l.r
  br label %done
done:
  ret i32 %code
}

define internal i32 @check.access(<$width x i64> %a, <$width x i64> %v, $mask %m, ptr %h, i32 %site, i32 %how) $attributes {
entry:
  %as = alloca <$width x i64>
  %vs = alloca <$width x i64>
  store <$width x i64> %a, ptr %as
  store <$width x i64> %v, ptr %vs
  $get_thread
  $get_shared
  $get_shared_bytes
  $get_local
  %size.32 = and i32 %how, 255
  %size = zext i32 %size.32 to i64
  %align.up = lshr i32 %how, 8
  %align.32 = and i32 %align.up, 255
  %align = zext i32 %align.32 to i64
  %align.less = sub i64 %align, 1
  %space.up = lshr i32 %how, 20
  %space = and i32 %space.up, 3
  %reads.bit = and i32 %how, 65536
  %reads = icmp ne i32 %reads.bit, 0
  %writes.bit = and i32 %how, 131072
  %writes = icmp ne i32 %writes.bit, 0
  %generic = icmp eq i32 %space, 0
  %is.shared = icmp eq i32 %space, 2
  %is.local = icmp eq i32 %space, 3
  br label %test
test:
  %left = phi $mask [%m, %entry], [%rest, %next]
  %none = icmp eq $mask %left, 0
  br i1 %none, label %right, label %one
one:
  %n = call $mask @llvm.cttz.$mask($mask %left, i1 true)
  %lane = zext $mask %n to i64
  %less = sub $mask %left, 1
  %rest = and $mask %left, %less
  %t = add i64 %thread, %lane
  %as.p = getelementptr i64, ptr %as, i64 %lane
  %p = load i64, ptr %as.p
  %odd = and i64 %p, %align.less
  %misaligned = icmp ne i64 %odd, 0
  br i1 %misaligned, label %wrong.align, label %which
which:
  %in.shared = sub i64 %p, %shared
  %near.shared = icmp ult i64 %in.shared, %shared.bytes
  %g.shared = and i1 %generic, %near.shared
  %go.shared = or i1 %is.shared, %g.shared
  br i1 %go.shared, label %at.shared, label %not.shared
not.shared:
  %in.locals = sub i64 %p, %local
  %near.local = icmp ult i64 %in.locals, $local_all
  %g.local = and i1 %generic, %near.local
  %go.local = or i1 %is.local, %g.local
  br i1 %go.local, label %at.local, label %at.global
next:
  br label %test
right:
  ret i32 0

wrong.align:
  %code.align = call i32 @check.report(ptr %h, i32 $k_misaligned, i32 $c_misaligned, i32 %site, i32 0, i64 %t, i64 0, i64 %p, i32 %how)
  ret i32 %code.align

at.global:
  br i1 $addressed, label %global, label %next
global:
  $get_arena
  $get_arena_bytes
  $get_arena_shadow
  %off = sub i64 %p, %arena
  %outside = icmp uge i64 %off, %arena.bytes
  br i1 %outside, label %global.param, label %global.size
global.param:
  ; A pointer may lead to a parameter of the kernel.
$in_params
  br i1 %param.in, label %next, label %wrong.global
global.size:
  %plain.bits = and i32 %how, 786432
  %plain = icmp eq i32 %plain.bits, 0
  %plain.write = and i1 %plain, %writes
  %words = lshr i64 %size, 2
  %counts = icmp ult i64 %words, 3
  %watch.a = and i1 %plain.write, %counts
  %watch = and i1 %watch.a, $blocks
  br i1 %watch, label %blocks.start, label %global.look
blocks.start:
  ; For each four bytes: the launch in the high half, in the low one the block that wrote them.
  $get_blocks_shadow
  $get_launch
  $get_block
  %bvs.p = getelementptr i64, ptr %vs, i64 %lane
  %b.value = load i64, ptr %bvs.p
  %b.launch = shl i64 %launch, 32
  %b.low = and i64 %block, 4294967295
  %b.mine = or i64 %b.launch, %b.low
  %b.twice = mul i64 %off, 2
  %b.first = add i64 %blocks.shadow, %b.twice
  br label %blocks.test
blocks.test:
  %bj = phi i64 [0, %blocks.start], [%bj.next, %blocks.kept]
  %bj.more = icmp ult i64 %bj, %words
  br i1 %bj.more, label %blocks.word, label %global.look
blocks.word:
  %bj.8 = mul i64 %bj, 8
  %b.at = add i64 %b.first, %bj.8
  %b.p = inttoptr i64 %b.at to ptr
  %b.old = load i64, ptr %b.p
  %b.old.launch = lshr i64 %b.old, 32
  %b.now = icmp eq i64 %b.old.launch, %launch
  %b.same = icmp eq i64 %b.old, %b.mine
  %b.elsewhere = xor i1 %b.same, true
  %b.clash = and i1 %b.now, %b.elsewhere
  br i1 %b.clash, label %blocks.clash, label %blocks.kept
blocks.clash:
  %bj.32 = mul i64 %bj, 32
  %b.up = lshr i64 %b.value, %bj.32
  %b.new = trunc i64 %b.up to i32
  %bj.4 = mul i64 %bj, 4
  %b.there.at = add i64 %p, %bj.4
  %b.there.p = inttoptr i64 %b.there.at to ptr
  %b.there = load i32, ptr %b.there.p
  %b.equal = icmp eq i32 %b.there, %b.new
  br i1 %b.equal, label %blocks.kept, label %wrong.blocks
blocks.kept:
  store i64 %b.mine, ptr %b.p
  %bj.next = add i64 %bj, 1
  br label %blocks.test
wrong.blocks:
  %b.other = and i64 %b.old, 4294967295
  %code.blocks = call i32 @check.report(ptr %h, i32 $k_two_blocks, i32 $c_two_blocks, i32 %site, i32 0, i64 %t, i64 %b.other, i64 %p, i32 %how)
  ret i32 %code.blocks
global.look:
  ; Four or eight bytes that were all written, as they mostly are, are looked at together.
  %whole.at = add i64 %arena.shadow, %off
  %whole.p = inttoptr i64 %whole.at to ptr
  switch i64 %size, label %global.start [i64 4, label %global.4 i64 8, label %global.8]
global.4:
  %whole.4 = load i32, ptr %whole.p, align 1
  %fine.4 = icmp eq i32 %whole.4, 33686018
  br i1 %fine.4, label %next, label %global.start
global.8:
  %whole.8 = load i64, ptr %whole.p, align 1
  %fine.8 = icmp eq i64 %whole.8, 144680345676153346
  br i1 %fine.8, label %next, label %global.start
global.start:
  br label %global.test
global.test:
  %j = phi i64 [0, %global.start], [%j.next, %global.kept]
  %j.more = icmp ult i64 %j, %size
  br i1 %j.more, label %global.byte, label %next
global.byte:
  %s.off = add i64 %off, %j
  %s.at = add i64 %arena.shadow, %s.off
  %s.p = inttoptr i64 %s.at to ptr
  %s = load i8, ptr %s.p
  %s.none = icmp eq i8 %s, 0
  br i1 %s.none, label %wrong.global, label %global.there
global.there:
  %s.fresh = icmp eq i8 %s, 1
  %s.bad = and i1 %s.fresh, %reads
  br i1 %s.bad, label %wrong.init, label %global.ok
global.ok:
  br i1 %writes, label %global.write, label %global.kept
global.write:
  br i1 %s.fresh, label %global.mark, label %global.kept
global.mark:
  store i8 2, ptr %s.p
  br label %global.kept
global.kept:
  %j.next = add i64 %j, 1
  br label %global.test
wrong.global:
  %code.global = call i32 @check.report(ptr %h, i32 $k_global, i32 $c_global, i32 %site, i32 0, i64 %t, i64 0, i64 %p, i32 %how)
  ret i32 %code.global
wrong.init:
  %code.init = call i32 @check.report(ptr %h, i32 $k_uninitialised, i32 $c_uninitialised, i32 %site, i32 0, i64 %t, i64 0, i64 %p, i32 %how)
  ret i32 %code.init

at.local:
  $get_serial
  $get_locals
  $get_local_shadow
  %l.base = mul i64 %lane, $stride
  %l.off = sub i64 %in.locals, %l.base
  %l.end = add i64 %l.off, %size
  %l.in = icmp ult i64 %l.off, $local_used
  %l.fits = icmp ule i64 %l.end, $local_used
  %l.good = and i1 %l.in, %l.fits
  br i1 %l.good, label %local.start, label %wrong.local
local.start:
  %l.all = sub i64 %p, %locals
  %l.four = mul i64 %l.all, 4
  %l.shadow = add i64 %local.shadow, %l.four
  %serial.32 = trunc i64 %serial to i32
  br label %local.test
local.test:
  %lj = phi i64 [0, %local.start], [%lj.next, %local.kept]
  %lj.more = icmp ult i64 %lj, %size
  br i1 %lj.more, label %local.byte, label %next
local.byte:
  %lj.four = mul i64 %lj, 4
  %ls.at = add i64 %l.shadow, %lj.four
  %ls.p = inttoptr i64 %ls.at to ptr
  %ls = load i32, ptr %ls.p
  %ls.stale = icmp ne i32 %ls, %serial.32
  %ls.read = and i1 %ls.stale, %reads
  %ls.bad = and i1 %ls.read, $init
  br i1 %ls.bad, label %wrong.init, label %local.ok
local.ok:
  br i1 %writes, label %local.write, label %local.kept
local.write:
  store i32 %serial.32, ptr %ls.p
  br label %local.kept
local.kept:
  %lj.next = add i64 %lj, 1
  br label %local.test
wrong.local:
  %code.local = call i32 @check.report(ptr %h, i32 $k_local, i32 $c_local, i32 %site, i32 0, i64 %t, i64 0, i64 %p, i32 %how)
  ret i32 %code.local

at.shared:
  $get_epoch
  $get_first
  $get_clock
  $get_shared_shadow
  %sh.end = add i64 %in.shared, %size
  %sh.fits = icmp ule i64 %sh.end, %shared.bytes
  %sh.good = and i1 %near.shared, %sh.fits
  br i1 %sh.good, label %shared.in, label %wrong.shared
shared.in:
  br i1 $recorded, label %shared.start, label %next
wrong.shared:
  %code.shared = call i32 @check.report(ptr %h, i32 $k_shared, i32 $c_shared, i32 %site, i32 0, i64 %t, i64 0, i64 %p, i32 %how)
  ret i32 %code.shared
shared.start:
  ; a record: epoch in bits 32 to 63, clock 12 to 31, thread 2 to 11, two flags
  %clock.20 = and i64 %clock, 1048575
  %stamp.epoch = shl i64 %epoch, 32
  %stamp.clock = shl i64 %clock.20, 12
  %stamp.thread = shl i64 %t, 2
  %stamp.a = or i64 %stamp.epoch, %stamp.clock
  %stamp = or i64 %stamp.a, %stamp.thread
  %flags.up = lshr i32 %how, 18
  %flags.32 = and i32 %flags.up, 3
  %flags = zext i32 %flags.32 to i64
  %atomic.bit = and i64 %flags, 1
  %atomic = icmp ne i64 %atomic.bit, 0
  %volatile.bit = and i64 %flags, 2
  %volatile = icmp ne i64 %volatile.bit, 0
  %warp = lshr i64 %t, 5
  %vs.p = getelementptr i64, ptr %vs, i64 %lane
  %value = load i64, ptr %vs.p
  br label %shared.test
shared.test:
  %k = phi i64 [0, %shared.start], [%k.next, %shared.kept]
  %k.more = icmp ult i64 %k, %size
  br i1 %k.more, label %shared.byte, label %next
shared.byte:
  %k.off = add i64 %in.shared, %k
  %k.rec = mul i64 %k.off, $record
  %w.at = add i64 %shared.shadow, %k.rec
  %w.p = inttoptr i64 %w.at to ptr
  %r.p = getelementptr i8, ptr %w.p, i64 8
  %ws.p = getelementptr i8, ptr %w.p, i64 16
  %rs.p = getelementptr i8, ptr %w.p, i64 20
  %w = load i64, ptr %w.p
  %r = load i64, ptr %r.p
  %w.epoch = lshr i64 %w, 32
  %w.stale = icmp ult i64 %w.epoch, %first
  %w.unwritten = and i1 %w.stale, %reads
  %w.bad = and i1 %w.unwritten, $init
  br i1 %w.bad, label %shared.unwritten, label %shared.race
shared.unwritten:
  ; Another thread may write it before the next barrier: then the race is what is wrong.
  br i1 $races, label %shared.later, label %wrong.init
shared.later:
  $get_pending
  %pending.there = icmp ne i64 %pending, 0
  br i1 %pending.there, label %shared.race, label %shared.wait
shared.wait:
  %pending.site = zext i32 %site to i64
  %pending.up = shl i64 %pending.site, 32
  %pending.how = zext i32 %how to i64
  %pending.new = or i64 %pending.up, %pending.how
  store i64 %pending.new, ptr %pending.p
  $get_pending_thread
  store i64 %t, ptr %pending.thread.p
  $get_pending_address
  store i64 %p, ptr %pending.address.p
  br label %shared.race
shared.race:
  %w.now = icmp eq i64 %w.epoch, %epoch
  %w.thread.up = lshr i64 %w, 2
  %w.thread = and i64 %w.thread.up, 1023
  %w.other = icmp ne i64 %w.thread, %t
  %w.warp = lshr i64 %w.thread, 5
  %w.away = icmp ne i64 %w.warp, %warp
  %w.clock.up = lshr i64 %w, 12
  %w.clock = and i64 %w.clock.up, 1048575
  %w.same = icmp eq i64 %w.clock, %clock.20
  %w.unordered = or i1 %w.away, %w.same
  %w.a = and i64 %w, 1
  %w.atomic = icmp ne i64 %w.a, 0
  %w.both = and i1 %w.atomic, %atomic
  %w.v = and i64 %w, 2
  %w.volatile = icmp ne i64 %w.v, 0
  %w.vv = and i1 %w.volatile, %volatile
  %w.near = xor i1 %w.away, true
  %w.kept = and i1 %w.vv, %w.near
  %w.excused = or i1 %w.both, %w.kept
  %w.blamed = xor i1 %w.excused, true
  %w.c1 = and i1 %w.now, %w.other
  %w.c2 = and i1 %w.c1, %w.unordered
  %w.c3 = and i1 %w.c2, %w.blamed
  %w.clash = and i1 %w.c3, $races
  br i1 %w.clash, label %shared.clash, label %shared.reads
shared.clash:
  %ws = load i32, ptr %ws.p
  br i1 %writes, label %shared.waw, label %wrong.raw
shared.waw:
  ; equal bytes may be written by any number of threads
  br i1 %atomic, label %wrong.waw, label %shared.bytes.equal
shared.bytes.equal:
  %k.bits = mul i64 %k, 8
  %mine = lshr i64 %value, %k.bits
  %mine.8 = trunc i64 %mine to i8
  %here = icmp eq i32 %ws, %site
  %peer.a = and i1 %here, %w.same
  %peer = and i1 %peer.a, %w.near
  br i1 %peer, label %shared.peer, label %shared.stored
shared.peer:
  %peer.lane = sub i64 %w.thread, %thread
  %peer.in = icmp ult i64 %peer.lane, $width
  %peer.safe = select i1 %peer.in, i64 %peer.lane, i64 0
  %peer.p = getelementptr i64, ptr %vs, i64 %peer.safe
  %peer.value = load i64, ptr %peer.p
  %peer.up = lshr i64 %peer.value, %k.bits
  %peer.8 = trunc i64 %peer.up to i8
  %peer.equal = icmp eq i8 %peer.8, %mine.8
  br i1 %peer.equal, label %shared.reads, label %wrong.waw
shared.stored:
  %old.at = add i64 %p, %k
  %old.p = inttoptr i64 %old.at to ptr
  %old = load i8, ptr %old.p
  %old.equal = icmp eq i8 %old, %mine.8
  br i1 %old.equal, label %shared.reads, label %wrong.waw
wrong.waw:
  %code.waw = call i32 @check.report(ptr %h, i32 $k_write_after_write, i32 $c_write_after_write, i32 %site, i32 %ws, i64 %t, i64 %w.thread, i64 %p, i32 %how)
  ret i32 %code.waw
wrong.raw:
  %code.raw = call i32 @check.report(ptr %h, i32 $k_read_after_write, i32 $c_read_after_write, i32 %site, i32 %ws, i64 %t, i64 %w.thread, i64 %p, i32 %how)
  ret i32 %code.raw

shared.reads:
  ; of reads, flag 1 tells of several lanes of a warp, flag 2 of several warps
  %r.epoch = lshr i64 %r, 32
  %r.now = icmp eq i64 %r.epoch, %epoch
  %r.thread.up = lshr i64 %r, 2
  %r.thread = and i64 %r.thread.up, 1023
  %r.warp = lshr i64 %r.thread, 5
  %r.away = icmp ne i64 %r.warp, %warp
  %r.clock.up = lshr i64 %r, 12
  %r.clock = and i64 %r.clock.up, 1048575
  %r.same = icmp eq i64 %r.clock, %clock.20
  %r.m = and i64 %r, 1
  %r.several = icmp ne i64 %r.m, 0
  %r.c = and i64 %r, 2
  %r.cross = icmp ne i64 %r.c, 0
  %r.other = icmp ne i64 %r.thread, %t
  br i1 %writes, label %shared.war, label %shared.read
shared.war:
  %r.lanes = or i1 %r.several, %r.other
  %r.near = and i1 %r.lanes, %r.same
  %r.near.counts = select i1 %volatile, i1 false, i1 %r.near
  %r.far = or i1 %r.away, %r.cross
  %r.any = or i1 %r.far, %r.near.counts
  %r.race = and i1 %r.any, %r.now
  %r.clash = and i1 %r.race, $races
  br i1 %r.clash, label %wrong.war, label %shared.write
wrong.war:
  %rs = load i32, ptr %rs.p
  %code.war = call i32 @check.report(ptr %h, i32 $k_write_after_read, i32 $c_write_after_read, i32 %site, i32 %rs, i64 %t, i64 %r.thread, i64 %p, i32 %how)
  ret i32 %code.war
shared.write:
  %w.new = or i64 %stamp, %flags
  store i64 %w.new, ptr %w.p
  store i32 %site, ptr %ws.p
  br label %shared.kept
shared.read:
  %n.cross.a = select i1 %r.away, i64 2, i64 %r.c
  %n.multi.same = select i1 %r.other, i64 1, i64 %r.m
  %n.multi.near = select i1 %r.same, i64 %n.multi.same, i64 0
  %n.multi = select i1 %r.away, i64 0, i64 %n.multi.near
  %n.both = or i64 %n.cross.a, %n.multi
  %n.flags = select i1 %r.now, i64 %n.both, i64 0
  %r.new = or i64 %stamp, %n.flags
  store i64 %r.new, ptr %r.p
  store i32 %site, ptr %rs.p
  br label %shared.kept
shared.kept:
  %k.next = add i64 %k, 1
  br label %shared.test
}

define internal i32 @check.arrive(ptr %h, i32 %m, i32 %line, i32 %mark) $attributes {
  $get_thread
  $get_arrived
  $get_site
  %site.64 = zext i32 %mark to i64
  %line.64 = zext i32 %line to i64
  %line.high = shl i64 %line.64, 32
  %both = or i64 %line.high, %site.64
  %first = icmp eq i64 %site, 0
  br i1 %first, label %begin, label %again
begin:
  store i64 %both, ptr %site.p
  br label %count
again:
  %old.site = and i64 %site, 4294967295
  %equal = icmp eq i64 %old.site, %site.64
  br i1 %equal, label %count, label %wrong
count:
  %ones = call i32 @llvm.ctpop.i32(i32 %m)
  %ones.64 = zext i32 %ones to i64
  %sum = add i64 %arrived, %ones.64
  store i64 %sum, ptr %arrived.p
  %word = lshr i64 %thread, 5
  %lanes.p = getelementptr i8, ptr %h, i64 $lanes
  %word.p = getelementptr i32, ptr %lanes.p, i64 %word
  %before = load i32, ptr %word.p
  %after = or i32 %before, %m
  store i32 %after, ptr %word.p
  ret i32 0
wrong:
  %low = call i32 @llvm.cttz.i32(i32 %m, i1 true)
  %low.64 = zext i32 %low to i64
  %t = add i64 %thread, %low.64
  %line2.64 = lshr i64 %site, 32
  %line2 = trunc i64 %line2.64 to i32
  %lanes2.p = getelementptr i8, ptr %h, i64 $lanes
  br label %look
look:
  %w = phi i64 [0, %wrong], [%w.next, %look]
  %w.p = getelementptr i32, ptr %lanes2.p, i64 %w
  %w.m = load i32, ptr %w.p
  %w.next = add i64 %w, 1
  %w.none = icmp eq i32 %w.m, 0
  br i1 %w.none, label %look, label %found
found:
  %o.low = call i32 @llvm.cttz.i32(i32 %w.m, i1 true)
  %o.low.64 = zext i32 %o.low to i64
  %o.base = shl i64 %w, 5
  %o = add i64 %o.base, %o.low.64
  %code = call i32 @check.report(ptr %h, i32 $k_other_barrier, i32 $c_other_barrier, i32 %line, i32 %line2, i64 %t, i64 %o, i64 0, i32 0)
  ret i32 %code
}

define internal i32 @check.phase(ptr %h, i32 %threads) $attributes {
entry:
  $get_pending
  %waits = icmp ne i64 %pending, 0
  br i1 %waits, label %unwritten, label %count
unwritten:
  $get_pending_thread
  $get_pending_address
  %u.how = trunc i64 %pending to i32
  %u.up = lshr i64 %pending, 32
  %u.site = trunc i64 %u.up to i32
  %u.code = call i32 @check.report(ptr %h, i32 $k_uninitialised, i32 $c_uninitialised, i32 %u.site, i32 0, i64 %pending.thread, i64 0, i64 %pending.address, i32 %u.how)
  ret i32 %u.code
count:
  $get_arrived
  $get_site
  %lanes.p = getelementptr i8, ptr %h, i64 $lanes
  %threads.64 = zext i32 %threads to i64
  %nobody = icmp eq i64 %arrived, 0
  %all = icmp eq i64 %arrived, %threads.64
  %fine = or i1 %nobody, %all
  br i1 %fine, label %clear, label %look
clear:
  store i64 0, ptr %arrived.p
  store i64 0, ptr %site.p
  store <32 x i32> zeroinitializer, ptr %lanes.p, align 4
  ret i32 0
look:
  %t = phi i64 [0, %count], [%t.next, %look]
  %word = lshr i64 %t, 5
  %word.p = getelementptr i32, ptr %lanes.p, i64 %word
  %m = load i32, ptr %word.p
  %bit.64 = and i64 %t, 31
  %bit = trunc i64 %bit.64 to i32
  %up = lshr i32 %m, %bit
  %low = and i32 %up, 1
  %t.next = add i64 %t, 1
  %there = icmp ne i32 %low, 0
  br i1 %there, label %look, label %found
found:
  %line.64 = lshr i64 %site, 32
  %line = trunc i64 %line.64 to i32
  %code = call i32 @check.report(ptr %h, i32 $k_missing_threads, i32 $c_missing_threads, i32 %line, i32 0, i64 %t, i64 %arrived, i64 0, i32 0)
  ret i32 %code
}

; An arrival at a barrier gave an error, or 0.
define internal i32 @check.barrier(ptr %h, i32 %code, i32 %lanes, i32 %line) $attributes {
  %fine = icmp eq i32 %code, 0
  br i1 %fine, label %right, label %wrong
right:
  ret i32 0
wrong:
  $get_thread
  %low = call i32 @llvm.cttz.i32(i32 %lanes, i1 true)
  %low.64 = zext i32 %low to i64
  %t = add i64 %thread, %low.64
  %none = icmp eq i32 %code, $c_no_barrier
  %kind = select i1 %none, i32 $k_no_barrier, i32 $k_other_count
  %again = call i32 @check.report(ptr %h, i32 %kind, i32 %code, i32 %line, i32 0, i64 %t, i64 0, i64 0, i32 0)
  ret i32 %again
}

; Nobody can go on: the first thread that waits is told, at which barrier, who came, who is wanted.
define internal i32 @check.deadlock(ptr %h, ptr %w, ptr %frames, i64 %warps) $attributes {
entry:
  br label %test
test:
  %i = phi i64 [0, %entry], [%i.next, %warp.next]
  %more = icmp ult i64 %i, %warps
  br i1 %more, label %warp, label %nobody
warp:
  %off = mul i64 %i, $frame
  %f = getelementptr i8, ptr %frames, i64 %off
  %waiting = getelementptr i8, ptr %f, i64 $waiting
  br label %each
each:
  %id = phi i64 [0, %warp], [%id.next, %other]
  %m.p = getelementptr i32, ptr %waiting, i64 %id
  %m = load i32, ptr %m.p
  %some = icmp ne i32 %m, 0
  br i1 %some, label %found, label %other
other:
  %id.next = add i64 %id, 1
  %id.more = icmp ult i64 %id.next, 16
  br i1 %id.more, label %each, label %warp.next
warp.next:
  %i.next = add i64 %i, 1
  br label %test
nobody:
  ret i32 0
found:
  %lines = getelementptr i8, ptr %f, i64 $lines
  %line.p = getelementptr i32, ptr %lines, i64 %id
  %line = load i32, ptr %line.p
  %low = call i32 @llvm.cttz.i32(i32 %m, i1 true)
  %low.64 = zext i32 %low to i64
  %base = shl i64 %i, 5
  %t = add i64 %base, %low.64
  %b.off = mul i64 %id, 16
  %b = getelementptr i8, ptr %w, i64 %b.off
  %came = load i32, ptr %b
  %came.64 = zext i32 %came to i64
  %counts = getelementptr i8, ptr %f, i64 $counts
  %wanted.p = getelementptr i32, ptr %counts, i64 %id
  %wanted = load i32, ptr %wanted.p
  %code = call i32 @check.report(ptr %h, i32 $k_deadlock, i32 $c_deadlock, i32 %line, i32 0, i64 %t, i64 %came.64, i64 %id, i32 %wanted)
  ret i32 %code
}
