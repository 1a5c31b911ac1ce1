; Loops that measure. Words in capitals are put in by native.py.
declare i32 @clock_gettime(i32, ptr)
declare i64 @syscall(i64, ...)

define internal i64 @now() noinline {
  %t = alloca [2 x i64]
  %r = call i32 @clock_gettime(i32 1, ptr %t)
  %s = load i64, ptr %t
  %p = getelementptr i64, ptr %t, i64 1
  %n = load i64, ptr %p
  %m = mul i64 %s, 1000000000
  %a = add i64 %m, %n
  ret i64 %a
}

define i64 @clock() {
  %a = call i64 @now()
  ret i64 %a
}

; n times eight dependent steps: multiply, exclusive or
define i64 @chain(i64 %n, i64 %out) {
entry:
  %a = call i64 @now()
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%j, %loop]
  %x = phi i64 [%a, %entry], [%y8, %loop]
STEPS
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %loop, label %done
done:
  %o = inttoptr i64 %out to ptr
  store volatile i64 %y8, ptr %o
  %b = call i64 @now()
  %d = sub i64 %b, %a
  ret i64 %d
}

define i64 @rmw(i64 %at, i64 %n) {
entry:
  %p = inttoptr i64 %at to ptr
  %a = call i64 @now()
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%j, %loop]
  %r = atomicrmw add ptr %p, i64 1 seq_cst
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %loop, label %done
done:
  %b = call i64 @now()
  %d = sub i64 %b, %a
  ret i64 %d
}

; follow pointers from where *place points, and note there how far it came
define i64 @chase(i64 %place, i64 %n) {
entry:
  %o = inttoptr i64 %place to ptr
  %at = load volatile i64, ptr %o
  %a = call i64 @now()
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%j, %loop]
  %x = phi i64 [%at, %entry], [%y, %loop]
  %p = inttoptr i64 %x to ptr
  %y = load volatile i64, ptr %p
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %loop, label %done
done:
  store volatile i64 %y, ptr %o
  %b = call i64 @now()
  %d = sub i64 %b, %a
  ret i64 %d
}

; read (write 0) or store (1) a word every `stride` bytes
define i64 @touch(i64 %at, i64 %n, i64 %stride, i64 %write) {
entry:
  %w = icmp ne i64 %write, 0
  %a = call i64 @now()
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%j, %next]
  %x = phi i64 [%at, %entry], [%y, %next]
  %p = inttoptr i64 %x to ptr
  br i1 %w, label %put, label %get
put:
  store volatile i64 %i, ptr %p
  br label %next
get:
  %v = load volatile i64, ptr %p
  br label %next
next:
  %y = add i64 %x, %stride
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %loop, label %done
done:
  %b = call i64 @now()
  %d = sub i64 %b, %a
  ret i64 %d
}

; read words of a region in an order of its own: a full-period generator modulo a power of two
define i64 @random(i64 %at, i64 %mask, i64 %n, i64 %seed) {
entry:
  %a = call i64 @now()
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%j, %loop]
  %x = phi i64 [%seed, %entry], [%y, %loop]
  %m = mul i64 %x, 6364136223846793005
  %y = add i64 %m, 1442695040888963407
  %h = lshr i64 %y, 30
  %k = and i64 %h, %mask
  %s = shl i64 %k, 3
  %z = add i64 %at, %s
  %p = inttoptr i64 %z to ptr
  %v = load volatile i64, ptr %p
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %loop, label %done
done:
  %b = call i64 @now()
  %d = sub i64 %b, %a
  ret i64 %d
}

; read a region by vectors: what a core can draw from memory
define i64 @stream(i64 %at, i64 %bytes, i64 %out) {
entry:
  %end = add i64 %at, %bytes
  %a = call i64 @now()
  br label %loop
loop:
  %x = phi i64 [%at, %entry], [%y, %loop]
  %s = phi <8 x i64> [zeroinitializer, %entry], [%s4, %loop]
  %p0 = inttoptr i64 %x to ptr
  %p1 = getelementptr i8, ptr %p0, i64 64
  %p2 = getelementptr i8, ptr %p0, i64 128
  %p3 = getelementptr i8, ptr %p0, i64 192
  %v0 = load <8 x i64>, ptr %p0, align 64
  %v1 = load <8 x i64>, ptr %p1, align 64
  %v2 = load <8 x i64>, ptr %p2, align 64
  %v3 = load <8 x i64>, ptr %p3, align 64
  %s1 = add <8 x i64> %s, %v0
  %s2 = add <8 x i64> %s1, %v1
  %s3 = add <8 x i64> %s2, %v2
  %s4 = add <8 x i64> %s3, %v3
  %y = add i64 %x, 256
  %c = icmp slt i64 %y, %end
  br i1 %c, label %loop, label %done
done:
  %o = inttoptr i64 %out to ptr
  store volatile <8 x i64> %s4, ptr %o, align 64
  %b = call i64 @now()
  %d = sub i64 %b, %a
  ret i64 %d
}

; wait until n threads are here, or the deadline: 1 or 0
define i64 @meet(i64 %at, i64 %n, i64 %deadline) {
entry:
  %p = inttoptr i64 %at to ptr
  %r = atomicrmw add ptr %p, i64 1 seq_cst
  br label %loop
loop:
  %v = load atomic i64, ptr %p acquire, align 8
  %c = icmp sge i64 %v, %n
  br i1 %c, label %yes, label %late
late:
  %t = call i64 @now()
  %l = icmp sgt i64 %t, %deadline
  br i1 %l, label %no, label %loop
yes:
  ret i64 1
no:
  ret i64 0
}

; how often the kernel took the CPU away from this thread (ru_nivcsw, byte 136 of struct rusage)
define internal i64 @lost() noinline {
  %u = alloca [18 x i64]
  %r = call i64 (i64, ...) @syscall(i64 GETRUSAGE, i64 1, ptr %u)
  %p = getelementptr i64, ptr %u, i64 17
  %n = load i64, ptr %p
  ret i64 %n
}

; meet, then touch (and unmap, if asked), between two times that are written to out; third: 1, or 2 if
; all met and the CPU was not taken away. Nothing of Python's is between meeting and trial: a thread
; that had to wait for its lock would sleep.
define i64 @trial(i64 %at, i64 %n, i64 %deadline, i64 %region, i64 %pages, i64 %kind, i64 %out) {
entry:
  %m = call i64 @meet(i64 %at, i64 %n, i64 %deadline)
  %l0 = call i64 @lost()
  %a = call i64 @now()
  %o = inttoptr i64 %out to ptr
  %o1 = getelementptr i64, ptr %o, i64 1
  store volatile i64 %a, ptr %o
  switch i64 %kind, label %words [i64 1, label %write  i64 2, label %few  i64 3, label %any]
words:
  %w = mul i64 %pages, 512
  %d0 = call i64 @touch(i64 %region, i64 %w, i64 8, i64 0)
  br label %done
write:
  %d1 = call i64 @touch(i64 %region, i64 %pages, i64 4096, i64 1)
  %bytes = mul i64 %pages, 4096
  %u = call i64 (i64, ...) @syscall(i64 MUNMAP, i64 %region, i64 %bytes)
  br label %done
few:
  %d2 = call i64 @touch(i64 %region, i64 %pages, i64 2097152, i64 0)
  br label %done
any:
  %wm = mul i64 %pages, 512
  %mask = sub i64 %wm, 1
  %k = mul i64 %pages, 4
  %d3 = call i64 @random(i64 %region, i64 %mask, i64 %k, i64 %a)
  br label %done
done:
  %b = call i64 @now()
  store volatile i64 %b, ptr %o1
  %l1 = call i64 @lost()
  %kept = icmp eq i64 %l0, %l1
  %k1 = zext i1 %kept to i64
  %good = mul i64 %m, %k1
  %state = add i64 %good, 1
  %o2 = getelementptr i64, ptr %o, i64 2
  store volatile i64 %state, ptr %o2
  ret i64 %m
}

; a compare-and-swap to and fro: times of batches go to out, if that is not 0
define i64 @swap(i64 %at, i64 %out, i64 %me, i64 %batches, i64 %each, i64 %deadline) {
entry:
  %p = inttoptr i64 %at to ptr
  %other = sub i64 1, %me
  br label %batch
batch:
  %k = phi i64 [0, %entry], [%k1, %stored]
  %a = call i64 @now()
  br label %loop
loop:
  %i = phi i64 [0, %batch], [%i1, %won]
  br label %try
try:
  %n = phi i64 [0, %loop], [%n1, %again]
  %r = cmpxchg ptr %p, i64 %me, i64 %other seq_cst seq_cst
  %ok = extractvalue {i64, i1} %r, 1
  br i1 %ok, label %won, label %lost
lost:
  %n1 = add i64 %n, 1
  %low = and i64 %n1, 255
  %look = icmp eq i64 %low, 0
  br i1 %look, label %late, label %again
late:
  %t = call i64 @now()
  %l = icmp sgt i64 %t, %deadline
  br i1 %l, label %gone, label %again
again:
  br label %try
won:
  %i1 = add i64 %i, 1
  %c = icmp slt i64 %i1, %each
  br i1 %c, label %loop, label %timed
timed:
  %b = call i64 @now()
  %d = sub i64 %b, %a
  %has = icmp ne i64 %out, 0
  br i1 %has, label %put, label %stored
put:
  %o = inttoptr i64 %out to ptr
  %q = getelementptr i64, ptr %o, i64 %k
  store i64 %d, ptr %q
  br label %stored
stored:
  %k1 = add i64 %k, 1
  %more = icmp slt i64 %k1, %batches
  br i1 %more, label %batch, label %gone
gone:
  %f = phi i64 [%k, %late], [%k1, %stored]
  ret i64 %f
}

; the same with a load until it is our turn, then a store
define i64 @hand(i64 %at, i64 %out, i64 %me, i64 %batches, i64 %each, i64 %deadline) {
entry:
  %p = inttoptr i64 %at to ptr
  %other = sub i64 1, %me
  br label %batch
batch:
  %k = phi i64 [0, %entry], [%k1, %stored]
  %a = call i64 @now()
  br label %loop
loop:
  %i = phi i64 [0, %batch], [%i1, %won]
  br label %try
try:
  %n = phi i64 [0, %loop], [%n1, %again]
  %v = load atomic i64, ptr %p acquire, align 8
  %ok = icmp eq i64 %v, %me
  br i1 %ok, label %won, label %lost
lost:
  %n1 = add i64 %n, 1
  %low = and i64 %n1, 1023
  %look = icmp eq i64 %low, 0
  br i1 %look, label %late, label %again
late:
  %t = call i64 @now()
  %l = icmp sgt i64 %t, %deadline
  br i1 %l, label %gone, label %again
again:
  br label %try
won:
  store atomic i64 %other, ptr %p release, align 8
  %i1 = add i64 %i, 1
  %c = icmp slt i64 %i1, %each
  br i1 %c, label %loop, label %timed
timed:
  %b = call i64 @now()
  %d = sub i64 %b, %a
  %has = icmp ne i64 %out, 0
  br i1 %has, label %put, label %stored
put:
  %o = inttoptr i64 %out to ptr
  %q = getelementptr i64, ptr %o, i64 %k
  store i64 %d, ptr %q
  br label %stored
stored:
  %k1 = add i64 %k, 1
  %more = icmp slt i64 %k1, %batches
  br i1 %more, label %batch, label %gone
gone:
  %f = phi i64 [%k, %late], [%k1, %stored]
  ret i64 %f
}

; hand over by futex: sleep until it is our turn; `time` is a timespec, so that nobody sleeps for ever
define i64 @futex(i64 %at, i64 %out, i64 %me, i64 %n, i64 %deadline, i64 %time) {
entry:
  %p = inttoptr i64 %at to ptr
  %other = sub i64 1, %me
  %other32 = trunc i64 %other to i32
  %me32 = trunc i64 %me to i32
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%i1, %stored]
  %a = call i64 @now()
  br label %try
try:
  %v = load atomic i32, ptr %p acquire, align 4
  %ok = icmp eq i32 %v, %me32
  br i1 %ok, label %won, label %sleep
sleep:
  %s = call i64 (i64, ...) @syscall(i64 FUTEX, i64 %at, i64 128, i64 %other, i64 %time, i64 0, i64 0)
  %t = call i64 @now()
  %l = icmp sgt i64 %t, %deadline
  br i1 %l, label %gone, label %try
won:
  store atomic i32 %other32, ptr %p release, align 4
  %w = call i64 (i64, ...) @syscall(i64 FUTEX, i64 %at, i64 129, i64 1, i64 0, i64 0, i64 0)
  %b = call i64 @now()
  %d = sub i64 %b, %a
  %has = icmp ne i64 %out, 0
  br i1 %has, label %put, label %stored
put:
  %o = inttoptr i64 %out to ptr
  %q = getelementptr i64, ptr %o, i64 %i
  store i64 %d, ptr %q
  br label %stored
stored:
  %i1 = add i64 %i, 1
  %c = icmp slt i64 %i1, %n
  br i1 %c, label %loop, label %gone
gone:
  %f = phi i64 [%i, %sleep], [%i1, %stored]
  ret i64 %f
}

; run until the flag is set or the deadline: gaps between two looks at the clock of 0.4 to 100 us are
; counted in out[0] and summed in out[1]
define i64 @spin(i64 %flag, i64 %out, i64 %deadline) {
entry:
  %p = inttoptr i64 %flag to ptr
  %o = inttoptr i64 %out to ptr
  %o1 = getelementptr i64, ptr %o, i64 1
  %first = call i64 @now()
  br label %loop
loop:
  %last = phi i64 [%first, %entry], [%t, %counted], [%t, %look]
  %t = call i64 @now()
  %l = icmp sgt i64 %t, %deadline
  br i1 %l, label %gone, label %look0
look0:
  %v = load atomic i64, ptr %p acquire, align 8
  %set = icmp ne i64 %v, 0
  br i1 %set, label %gone, label %look
look:
  %d = sub i64 %t, %last
  %long = icmp sgt i64 %d, 400
  %short = icmp slt i64 %d, 100000
  %both = and i1 %long, %short
  br i1 %both, label %counted, label %loop
counted:
  %n = load i64, ptr %o
  %n1 = add i64 %n, 1
  store i64 %n1, ptr %o
  %s = load i64, ptr %o1
  %s1 = add i64 %s, %d
  store i64 %s1, ptr %o1
  br label %loop
gone:
  ret i64 0
}

; one system call and its time
define i64 @timed(i64 %number, i64 %a, i64 %b, i64 %c) {
  %t = call i64 @now()
  %r = call i64 (i64, ...) @syscall(i64 %number, i64 %a, i64 %b, i64 %c)
  %u = call i64 @now()
  %d = sub i64 %u, %t
  ret i64 %d
}

; as touch, with the time of each touch in out
define i64 @each(i64 %at, i64 %n, i64 %stride, i64 %write, i64 %out) {
entry:
  %w = icmp ne i64 %write, 0
  %first = call i64 @now()
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%j, %next]
  %x = phi i64 [%at, %entry], [%y, %next]
  %o = phi i64 [%out, %entry], [%o1, %next]
  %last = phi i64 [%first, %entry], [%t, %next]
  %p = inttoptr i64 %x to ptr
  br i1 %w, label %put, label %get
put:
  store volatile i64 %i, ptr %p
  br label %next
get:
  %v = load volatile i64, ptr %p
  br label %next
next:
  %t = call i64 @now()
  %d = sub i64 %t, %last
  %q = inttoptr i64 %o to ptr
  store volatile i64 %d, ptr %q
  %o1 = add i64 %o, 8
  %y = add i64 %x, %stride
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %loop, label %done
done:
  ret i64 0
}
