"""What each tool prints becomes the same faults, in all the forms that its options give it."""

import gzip
from pathlib import Path

import pytest

from dessim.errors import UserError
from dessim.files.lines import DamagedLineError
from dessim.measure.traces import bpftrace
from dessim.measure.traces.importing import read_trace
from dessim.measure.traces.recording import ANONYMOUS, EXEC, READ, WRITE, Mappings

SAMPLES = Path(__file__).parent / "samples"
EVENT = "exceptions:page_fault_user: address=0x7fb8d8ed3e06 ip=0x7fb8d8ebb7ad error_code=0x6"
FAULT = "page_fault_user: address=0x7fb8d8ed3e06 ip=0x7fb8d8ebb7ad error_code=0x6"
PAGE = 0x7FB8D8ED3


def read(tmp_path, text, **options):
    """Return the recording of a text."""
    path = tmp_path / "t.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(path, **options).recording


def only(recording):
    """Return task, time, page and access of the one fault of a recording."""
    assert len(recording.task) == 1
    task = recording.tasks[recording.task[0]]
    access = recording.kind[0] & 3
    return (task.comm, task.pid, task.tid), recording.time_ns[0], recording.page[0], access


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.txt")), ids=lambda path: path.stem)
def test_real_traces_are_recognised_and_read_without_loss(path):
    """Every line of a real trace is a fault, a header, or said to be something else."""
    trace = read_trace(path)
    text = path.read_text().splitlines()
    faults = sum(
        " address=" in line or "page-faults" in line or "fault [" in line or line[:1].isdigit()
        for line in text
    )
    assert len(trace.recording.task) == faults > 40
    assert trace.recording.counts.lines == len(text)


TIME = 695_022_344_267
WHO = ("pf", 12311, 12314)
PERF = {
    f"pf 12311/12314 [000]   695.022344267: {EVENT}": (WHO, TIME),
    f"   pf 12314 [000] 695.022344: {EVENT}": (("pf", -1, 12314), TIME // 1000 * 1000),
    f"pf 12314 695.022344: {EVENT}": (("pf", -1, 12314), TIME // 1000 * 1000),
    f"12311/12314 695.022344267: {EVENT}": (("", 12311, 12314), TIME),
    f"Web Content 12311/12314 [000] 695.022344267: {EVENT}": (("Web Content", 12311, 12314), TIME),
    f"a [b] 7 12311/12314 [000] 695.022344267: {EVENT}": (("a [b] 7", 12311, 12314), TIME),
    f"pf\t12311/12314\t[000]\t695.022344267:\t{EVENT}": (WHO, TIME),
    f"pf 12311/12314 [000] d..2. 695.022344267: {EVENT}": (WHO, TIME),
    f"pf 12311/12314 [000] 695.022344267:          1 {EVENT}": (WHO, TIME),
    f"pf 12311/12314 [000] 695.022344267: {EVENT[26:]}": (WHO, TIME),
    f"pf 12311/12314 [000] 695.022344267: {EVENT}\r": (WHO, TIME),
    f":-1 -1/-1 [000] 695.022344267: {EVENT}": ((":-1", -1, -1), TIME),
}


@pytest.mark.parametrize("line", PERF)
def test_perf_script_is_read_with_any_selection_of_fields(tmp_path, line):
    """Names with spaces and brackets, with and without pid, CPU, flags, period, ns and tabs."""
    who, time_ns = PERF[line]
    assert only(read(tmp_path, line + "\n", form="perf-script")) == (who, time_ns, PAGE, WRITE)


ADDRESS, INSIDE = "7fb8d8ed3e06", "7fb8d8ebb7ad memset+0x1d (/usr/lib/libc.so.6)"
SOFTWARE = (
    f"page-faults:     {ADDRESS}     7fb8d8ebb7ad",
    f"page-faults:u:     {ADDRESS} {INSIDE}",
    f"1 minor-faults:ppp:     {ADDRESS} [unknown] ([heap]) {INSIDE}",
    f"page-faults: {ADDRESS} table+0x40 (/opt/a program) {INSIDE}",
    f"1 page-faults: {ADDRESS}\n\t    {INSIDE}\n\t    55d0c0 main+0x10 (/opt/pf)\n",
)


@pytest.mark.parametrize("event", SOFTWARE)
def test_software_events_are_read_with_symbols_and_callchains(tmp_path, event):
    """The address is the first number, whatever perf script prints behind it."""
    text = f"pf 12311/12314 [000] 695.022344267: {event}\n"
    (who, time, page, _) = only(read(tmp_path, text))
    assert (who, time, page) == (WHO, TIME, PAGE)


FTRACE = {
    f"   pf-12314   [001] d....   695.022344: {FAULT}": ("pf", -1, 12314),
    f"   pf-12314   [001] 695.022344: {FAULT}": ("pf", -1, 12314),
    f"   pf-12314   (12311) [001] d...1 695.022344: {FAULT}": ("pf", 12311, 12314),
    f"   pf-12314   (  12311) [001] .... 695.022344: {FAULT}": ("pf", 12311, 12314),
    f"   pf-12314   (-----) [001] .... 695.022344: {FAULT}": ("pf", -1, 12314),
    f"   a-b c-12314 [001] d....   695.022344: {FAULT}": ("a-b c", -1, 12314),
    f"   <...>-12314 [001] d....   695.022344: {FAULT}": ("<...>", -1, 12314),
    f"      pf-12314   1d.... 695022344us : {FAULT}": ("pf", -1, 12314),
    f"      pf-12314   1..... 695022344us+: {FAULT}": ("pf", -1, 12314),
}


@pytest.mark.parametrize("line", FTRACE)
def test_ftrace_is_read_in_both_of_its_formats(tmp_path, line):
    """With and without flags and tgid, and in the latency format, whose times are in µs."""
    found = only(read(tmp_path, line + "\n"))
    assert found == (FTRACE[line], 695_022_344_000, PAGE, WRITE)


BPF = {
    "2473 1 12311 12314 pf 0x7fb8d8ed3e06 0x1 0x6": {},
    "2473,1,12311,12314,pf,0x7fb8d8ed3e06,0x1,0x6": {},
    "2473 | 1 | 12311 | 12314 | pf | 7fb8d8ed3e06 | 1 | 6": {},
    f"2473\t1\t12311\t12314\tpf\t{0x7FB8D8ED3E06}\t0x1\t6": {},
    "nsecs=2473 pid=12311 tid=12314 comm=pf addr=0x7fb8d8ed3e06 err=0x6": {"form": "bpftrace"},
    '{"type": "printf", "data": "2473 1 12311 12314 pf 0x7fb8d8ed3e06 0x1 0x6\\n"}': {},
    "0x7fb8d8ed3e06;12314;12311;2.473;pf;x;0x6": {
        "fields": bpftrace.fields_of("address tid pid time_us comm - err")
    },
}


@pytest.mark.parametrize("line", BPF)
def test_bpftrace_is_read_with_any_separator_and_any_fields(tmp_path, line):
    """The documented order, named fields, JSON, and an order of the person's own."""
    found = only(read(tmp_path, f"Attaching 1 probe...\n{line}\n\n", **BPF[line]))
    assert found == (WHO, 2473, PAGE, WRITE)


def test_names_with_separators_are_joined_again(tmp_path):
    """What is too much belongs to the only field that can hold it."""
    text = "2473 1 12311 12314 Web Content 2 0x7fb8d8ed3e06 0x1 0x14\n"
    found = only(read(tmp_path, text, form="bpftrace"))
    assert found == (("Web Content 2", 12311, 12314), 2473, PAGE, EXEC)


def test_perf_trace_says_which_file(tmp_path):
    """Offsets in files, anonymous memory, symbols, addresses of nothing; syscalls among them."""
    head = "     4.{} ( 0.000 ms): pf/2977 {}fault [w+0x36] => "
    text = (
        head.format("001", "min")
        + "/lib/x y.so@0x2ab70 (d.)\n"
        + head.format("002", "maj")
        + "//anon@0x7f7aeb990000 (d.)\n"
        + head.format("003", "min")
        + "/opt/pf@done.0+0x0 (d.)\n"
        + head.format("004", "min")
        + "0x563da1b0b030 (?k)\n"
        + "     4.005 ( 0.004 ms): pf/2977 brk() = 0x55d0\nLOST 7 events!\n"
    )
    found = read(tmp_path, text)
    assert list(found.time_ns) == [4_001_000, 4_002_000, 4_003_000, 4_004_000]
    assert list(found.file) == [0, ANONYMOUS, 1, -2]
    assert (found.page[0], found.page[1], found.page[3]) == (0x2A, 0x7F7AEB990, 0x563DA1B0B)
    assert found.files == ["/lib/x y.so", "/opt/pf"]
    assert [kind >> 4 for kind in found.kind] == [0, 1, 0, 0]
    assert (found.counts.lost, found.counts.other_events) == (7, 1)


def test_records_of_mappings_say_what_an_address_is(tmp_path):
    """MMAP2 turns addresses into pages of files; FORK hands mappings on; LOST is counted."""
    who = "pf 12311/12314 [000]   695.02234426{}: "
    text = (
        who.format(0)
        + "PERF_RECORD_MMAP2 12311/12311: [0x7fb8d8ed0000(0x8000) @ 0x2000 fe:00 7 0]:"
        " r--p /lib/l.so\n"
        + who.format(1)
        + "PERF_RECORD_FORK(12400:12400):(12311:12311)\n"
        + who.format(2)
        + "PERF_RECORD_LOST lost 5\n"
        + who.format(3)
        + EVENT
        + "\n"
        + f"q 12400/12400 [001] 695.022344264: {EVENT}\n"
        + who.format(5)
        + "PERF_RECORD_MMAP2 12311/12311: [0x7fb8d8ed3000(0x1000) @ 0 00:00 0 0]:"
        " rw-p //anon\n" + who.format(6) + EVENT + "\n"
    )
    found = read(tmp_path, text)
    assert list(found.file) == [0, 0, ANONYMOUS]
    assert list(found.page) == [5, 5, PAGE]
    assert found.counts.lost == 5


def test_mappings_hide_what_was_there():
    """As a page by page list of what was mapped last."""
    mappings, plain = Mappings(), {}
    for start, length, offset, file in (
        (10, 20, 100, 1),
        (15, 5, 0, 2),
        (5, 7, 50, 3),
        (0, 12, 7, 4),
        (29, 9, 1, 5),
        (15, 1, 9, 6),
        (15, 15, 40, 7),
        (15, 2, 3, 8),
    ):
        mappings.put(start, length, offset, file)
        plain |= {start + i: (file, offset + i) for i in range(length)}
        assert [mappings.find(i) for i in range(60)] == [plain.get(i) for i in range(60)]


def test_several_events_in_one_file_are_told_apart(tmp_path):
    """Comments, call chains, other events, software events, and addresses of the kernel."""
    text = (
        "# captured on: Mon\n#\n"
        f"pf 12311/12314 [000] 695.1: {EVENT}\n\t    7fb8d8ebb7ad _start+0x0 (/lib/ld.so)\n\n"
        "pf 12311/12314 [000] 695.200001: sched:sched_switch: prev_comm=pf address=0x1\n"
        "pf 12311/12314 [000] 695.300001: page-faults:u:     7f3f041cce06     7f3f041b47ad\n"
        "pf 12311/12314 [000] 695.400001: page-faults: 7f3f041b47ad _start+0x0 (/lib/ld.so)\n"
        f"pf 12311/12314 [000] 695.500001: {EVENT.replace('0x7fb8d8ed3e06', '_end+0x3f', 1)}\n"
    ).replace("695.1:", "695.100001:")
    found = read(tmp_path, text)
    assert [kind >> 2 & 3 for kind in found.kind] == [0, 1]
    counts = found.counts
    assert (counts.other_events, counts.kernel_addresses, counts.without_address) == (1, 1, 1)


DAMAGED = {
    f"pf 12311/12314 [000] 695.000001: {EVENT}\npf 12311/123": ":2: no line of perf script",
    f"pf 12311/12314 [000] 695.000001: {EVENT}\npf 1/2 [0] 5.000001: {EVENT[:40]}": ":2: page_",
    f"pf 12311/12314 [000] 695.000001: {EVENT}\npf [0] 5.000001: {EVENT}": "-F comm,pid,tid",
    f"   pf-1 [001] d.... 5.000001: {FAULT}\n   pf [001] d.... 6.000001: {FAULT}": ":2: no task",
    "2473 1 1 2 pf 0x7fb8d8ed3e06 0x1 0x6\n2473 1 1 2 pf": ":2: 5 fields, not 8",
    "2473 1 1 2 pf 0x7fb8d8ed3e06 0x1 0x6\nx 1 1 2 pf 0x1 0x1 0x6": ":2: the time is not a number",
    "1000 0 7 7 a 0x7f_00 0x1 0x6": ":1: the address is not a number",
    "1000 0 7 7 a 7f_00 0x1 0x6": "--fields",
    "1000 0 7 7 a 0x7f00 0x1 -1": ":1: error_code is not a number",
    "1000 0 7 7 a 0x7f00 0x1 0xffffffffffff": ":1: an impossible error_code",
    "1000 0 7 7 a 0x7f00 0x1 \u0666": ":1: error_code is not a number",
    "1000 0 7 7 a 0x7f00 0x1 6\n1_0 0 7 7 a 0x7f00 0x1 6": ":2: the time is not a number",
    "1000 0 7 7 a 0x7f00 0x1 6\n1.\u0663 0 7 7 a 0x7f00 0x1 6": ":2: the time is not a number",
    f"pf 1/2 [000] 5.000001: {EVENT.replace('0x6', '-1')}": ":1: error_code is not a number",
    f"pf 1/2 [000] 5.000001: {EVENT.replace('0x7fb8', '0x7fb_8')}": ":1: the address is not a",
    f"pf 1/\u0662 [000] 5.000001: {EVENT}": "unknown trace format",
    " 4.1 ( 0.000 ms): pf/2 minfault": "unknown trace format",
    " 4.100 ( 0.000 ms): pf/2 minfault [w+0x36] => /x@0": ":1: a fault without",
    f"pf 1/2 [000] 5.000001: {EVENT}\n" + "x" * 70_000: "longer than 64 KiB",
    "": "no line of a trace in it; there are perf-script",
    "\x00\x01\x02": "unknown trace format",
    "pf 1/2 [0] 5.000001: sched:sched_switch: a\n": "no page fault, but 1 other event of perf",
    "pf 1/2 [0] 5.000001: page-faults: 7f3f041b47ad _start (/lib/ld.so)\n": "perf record -e page-f",
}


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_traces_are_refused_with_line_and_remedy(tmp_path, text):
    """One message that says which line, what is wrong, and what to do."""
    with pytest.raises(UserError) as refusal:
        read(tmp_path, text)
    message = str(refusal.value)
    assert DAMAGED[text] in message
    assert "\n" not in message


def test_damaged_lines_can_be_left_out(tmp_path):
    """They are counted."""
    found = read(tmp_path, f"pf 1/2 [0] 5.000001: {EVENT}\nwhat?\n", skip_damaged=True)
    assert (len(found.task), found.counts.damaged) == (1, 1)


def test_packed_traces_are_read_and_cut_ones_refused(tmp_path):
    """A gzip file that ends too early is one that was not copied whole."""
    packed = gzip.compress(f"pf 1/2 [0] 5.000001: {EVENT}\n".encode() * 500)
    assert len(read(tmp_path, packed).task) == 500
    with pytest.raises(DamagedLineError, match="compressed data"):
        read(tmp_path, packed[:-20])


def test_fields_are_checked_before_anything_is_read():
    """Unknown fields, two of a kind, and what makes no fault."""
    for text, part in {
        "tid addr": "time_ns is missing: print and name it",
        "ns us tid addr": "give each once",
        "ns tid adr": "unknown field 'adr'",
        "": "time_ns, tid, address are missing: print and name them",
    }.items():
        with pytest.raises(UserError, match=part):
            bpftrace.fields_of(text)


def test_kind_of_access_is_that_of_the_error_code(tmp_path):
    """Bit 1 is a write, bit 4 an instruction fetch (trap_pf.h)."""
    codes = {"0x4": READ, "0x6": WRITE, "0x7": WRITE, "0x14": EXEC, "0x15": EXEC}
    text = "".join(f"1 1 1 2 pf 0x1000 0x1 {code}\n" for code in codes)
    found = read(tmp_path, text, form="bpftrace")
    assert [kind & 3 for kind in found.kind] == list(codes.values())
