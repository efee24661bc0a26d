; Barriers of some of a block's threads: a template that `barriers.helpers` fills in.
;
; `%w` is where the block's barriers are: for each, the threads that have come, the threads that are
; wanted (0: all of the block that have not exited), those that voted for it, and those that voted.
; `%f` is a warp's frame.  A warp comes to a barrier when all of its lanes that have not exited have.

define internal void @barrier.release(ptr %w, ptr %frames, i64 %warps, i64 %id) $attributes {
entry:
  %b.off = mul i64 %id, 16
  %b = getelementptr i8, ptr %w, i64 %b.off
  %came = load i32, ptr %b
  %wanted.p = getelementptr i8, ptr %b, i64 4
  %wanted = load i32, ptr %wanted.p
  %alive.p = getelementptr i8, ptr %w, i64 $alive
  %alive = load i32, ptr %alive.p
  %alive.threads = shl i32 %alive, 5
  %whole = icmp eq i32 %wanted, 0
  %target = select i1 %whole, i32 %alive.threads, i32 %wanted
  %some = icmp ne i32 %came, 0
  %enough = icmp uge i32 %came, %target
  %go = and i1 %some, %enough
  br i1 %go, label %start, label %done
start:
  %moved.p = getelementptr i8, ptr %w, i64 $moved
  store i32 1, ptr %moved.p
  %votes.p = getelementptr i8, ptr %b, i64 8
  %votes = load i32, ptr %votes.p
  %voters.p = getelementptr i8, ptr %b, i64 12
  %voters = load i32, ptr %voters.p
  br label %test
test:
  %i = phi i64 [0, %start], [%i.next, %each.end]
  %more = icmp ult i64 %i, %warps
  br i1 %more, label %each, label %clear
each:
  %off = mul i64 %i, $frame
  %f = getelementptr i8, ptr %frames, i64 %off
  %waiting.a = getelementptr i8, ptr %f, i64 $waiting
  %waiting.p = getelementptr i32, ptr %waiting.a, i64 %id
  %m = load i32, ptr %waiting.p
  %nobody = icmp eq i32 %m, 0
  br i1 %nobody, label %each.end, label %freed
freed:
  store i32 0, ptr %waiting.p
  %released.p = getelementptr i8, ptr %f, i64 $released
  %before = load i32, ptr %released.p
  %after = or i32 %before, %m
  store i32 %after, ptr %released.p
  %f.votes.a = getelementptr i8, ptr %f, i64 $votes
  %f.votes.p = getelementptr i32, ptr %f.votes.a, i64 %id
  store i32 %votes, ptr %f.votes.p
  %f.voters.a = getelementptr i8, ptr %f, i64 $voters
  %f.voters.p = getelementptr i32, ptr %f.voters.a, i64 %id
  store i32 %voters, ptr %f.voters.p
  br label %each.end
each.end:
  %i.next = add i64 %i, 1
  br label %test
clear:
  store <4 x i32> zeroinitializer, ptr %b, align 16
  br label %done
done:
  ret void
}

; A warp has come to a barrier.
define internal i32 @barrier.come(ptr %w, ptr %frames, i64 %warps, ptr %f, i64 %id) $attributes {
entry:
  %arrived.a = getelementptr i8, ptr %f, i64 $arrived
  %arrived.p = getelementptr i32, ptr %arrived.a, i64 %id
  store i32 0, ptr %arrived.p
  %count.a = getelementptr i8, ptr %f, i64 $counts
  %count.p = getelementptr i32, ptr %count.a, i64 %id
  %count = load i32, ptr %count.p
  %b.off = mul i64 %id, 16
  %b = getelementptr i8, ptr %w, i64 %b.off
  %came = load i32, ptr %b
  %wanted.p = getelementptr i8, ptr %b, i64 4
  %first = icmp eq i32 %came, 0
  br i1 %first, label %begin, label %again
begin:
  store i32 %count, ptr %wanted.p
  br label %well
again:
  %wanted = load i32, ptr %wanted.p
  %agree = icmp eq i32 %wanted, %count
  br i1 %agree, label %well, label %wrong
well:
  %more = add i32 %came, 32
  store i32 %more, ptr %b
  call void @barrier.release(ptr %w, ptr %frames, i64 %warps, i64 %id)
  ret i32 0
wrong:
  ret i32 $disagree
}

; Lanes arrive at the barriers `%ids`, and wait there if `%waits`.
define internal i32 @barrier.arrive(ptr %w, ptr %frames, i64 %warps, ptr %f, <32 x i32> %ids, <32 x i32> %counts, i32 %lanes, i32 %yes, i1 %waits, i32 %line) $attributes {
entry:
  %ids.s = alloca <32 x i32>
  %counts.s = alloca <32 x i32>
  store <32 x i32> %ids, ptr %ids.s
  store <32 x i32> %counts, ptr %counts.s
  %dead.p = getelementptr i8, ptr %f, i64 $dead
  %dead = load i32, ptr %dead.p
  br label %test
test:
  %left = phi i32 [%lanes, %entry], [%rest, %next]
  %none = icmp eq i32 %left, 0
  br i1 %none, label %well, label %one
one:
  %n = call i32 @llvm.cttz.i32(i32 %left, i1 true)
  %lane = zext i32 %n to i64
  %id.p = getelementptr i32, ptr %ids.s, i64 %lane
  %id.32 = load i32, ptr %id.p
  %count.p = getelementptr i32, ptr %counts.s, i64 %lane
  %count = load i32, ptr %count.p
  %id.bad = icmp ugt i32 %id.32, 15
  %odd = and i32 %count, 31
  %count.bad = icmp ne i32 %odd, 0
  %bad = or i1 %id.bad, %count.bad
  br i1 %bad, label %wrong, label %group
group:
  %id = zext i32 %id.32 to i64
  %id.v = insertelement <32 x i32> poison, i32 %id.32, i64 0
  %id.all = shufflevector <32 x i32> %id.v, <32 x i32> poison, <32 x i32> zeroinitializer
  %count.v = insertelement <32 x i32> poison, i32 %count, i64 0
  %count.all = shufflevector <32 x i32> %count.v, <32 x i32> poison, <32 x i32> zeroinitializer
  %same.id = icmp eq <32 x i32> %ids, %id.all
  %same.count = icmp eq <32 x i32> %counts, %count.all
  %same = and <32 x i1> %same.id, %same.count
  %same.m = bitcast <32 x i1> %same to i32
  %same.left = and i32 %same.m, %left
  %itself = shl i32 1, %n
  %now = or i32 %same.left, %itself
  %others = xor i32 %now, -1
  %rest = and i32 %left, %others
  %b.off = mul i64 %id, 16
  %b = getelementptr i8, ptr %w, i64 %b.off
  %votes.p = getelementptr i8, ptr %b, i64 8
  %votes = load i32, ptr %votes.p
  %for = and i32 %now, %yes
  %for.n = call i32 @llvm.ctpop.i32(i32 %for)
  %votes.new = add i32 %votes, %for.n
  store i32 %votes.new, ptr %votes.p
  %voters.p = getelementptr i8, ptr %b, i64 12
  %voters = load i32, ptr %voters.p
  %now.n = call i32 @llvm.ctpop.i32(i32 %now)
  %voters.new = add i32 %voters, %now.n
  store i32 %voters.new, ptr %voters.p
  %f.count.a = getelementptr i8, ptr %f, i64 $counts
  %f.count.p = getelementptr i32, ptr %f.count.a, i64 %id
  store i32 %count, ptr %f.count.p
  %arrived.a = getelementptr i8, ptr %f, i64 $arrived
  %arrived.p = getelementptr i32, ptr %arrived.a, i64 %id
  %arrived = load i32, ptr %arrived.p
  %arrived.new = or i32 %arrived, %now
  store i32 %arrived.new, ptr %arrived.p
  br i1 %waits, label %wait, label %came
wait:
  %waiting.a = getelementptr i8, ptr %f, i64 $waiting
  %waiting.p = getelementptr i32, ptr %waiting.a, i64 %id
  %waiting = load i32, ptr %waiting.p
  %waiting.new = or i32 %waiting, %now
  store i32 %waiting.new, ptr %waiting.p
  %line.a = getelementptr i8, ptr %f, i64 $lines
  %line.p = getelementptr i32, ptr %line.a, i64 %id
  store i32 %line, ptr %line.p
  br label %came
came:
  %there = or i32 %arrived.new, %dead
  %whole = icmp eq i32 %there, -1
  br i1 %whole, label %warp, label %next
warp:
  %code = call i32 @barrier.come(ptr %w, ptr %frames, i64 %warps, ptr %f, i64 %id)
  %fine = icmp eq i32 %code, 0
  br i1 %fine, label %next, label %fail
fail:
  ret i32 %code
next:
  br label %test
well:
  ret i32 0
wrong:
  ret i32 $illegal
}

; Lanes have exited: what waits for their warp, or for all of the block, waits for them no more.
define internal i32 @barrier.leave(ptr %w, ptr %frames, i64 %warps, ptr %f, i32 %lanes) $attributes {
entry:
  %dead.p = getelementptr i8, ptr %f, i64 $dead
  %dead = load i32, ptr %dead.p
  %dead.new = or i32 %dead, %lanes
  store i32 %dead.new, ptr %dead.p
  %moved.p = getelementptr i8, ptr %w, i64 $moved
  store i32 1, ptr %moved.p
  %before = icmp ne i32 %dead, -1
  %after = icmp eq i32 %dead.new, -1
  %last = and i1 %before, %after
  %last.32 = zext i1 %last to i32
  %alive.p = getelementptr i8, ptr %w, i64 $alive
  %alive = load i32, ptr %alive.p
  %alive.new = sub i32 %alive, %last.32
  store i32 %alive.new, ptr %alive.p
  %arrived.a = getelementptr i8, ptr %f, i64 $arrived
  br label %test
test:
  %id = phi i64 [0, %entry], [%id.next, %next]
  %more = icmp ult i64 %id, 16
  br i1 %more, label %one, label %well
one:
  %arrived.p = getelementptr i32, ptr %arrived.a, i64 %id
  %arrived = load i32, ptr %arrived.p
  %some = icmp ne i32 %arrived, 0
  %there = or i32 %arrived, %dead.new
  %whole = icmp eq i32 %there, -1
  %comes = and i1 %some, %whole
  br i1 %comes, label %warp, label %look
warp:
  %code = call i32 @barrier.come(ptr %w, ptr %frames, i64 %warps, ptr %f, i64 %id)
  %fine = icmp eq i32 %code, 0
  br i1 %fine, label %next, label %fail
fail:
  ret i32 %code
look:
  call void @barrier.release(ptr %w, ptr %frames, i64 %warps, i64 %id)
  br label %next
next:
  %id.next = add i64 %id, 1
  br label %test
well:
  ret i32 0
}
