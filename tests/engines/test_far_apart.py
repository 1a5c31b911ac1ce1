"""Machine code is loaded whole, wherever the system has room left for its sections."""

import subprocess
import sys

import pytest

FAR_APART = """
import mmap

from dessim.engines import objects

HOLES = 4_000, 16 << 10  # pieces of address space, each with room for a small section only
BETWEEN = 2, 3 << 30  # and more between them and where a large one fits than 32 bits can span

CODE = '''
@table = internal constant [4 x i64] [i64 7, i64 9, i64 11, i64 13]
define i64 @sum(i64 %n) {
  %masked = and i64 %n, 3
  %place = getelementptr [4 x i64], [4 x i64]* @table, i64 0, i64 %masked
  %value = load i64, i64* %place
  ret i64 %value
}
''' + "".join(
    f'''
define i64 @more{i}(i64 %a) {{
  %b = mul i64 %a, {i + 3}
  %c = xor i64 %b, %a
  %d = sdiv i64 %c, 7
  ret i64 %d
}}
''' for i in range(1_500)
)


def mapped(number, size):
    how = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
    return [mmap.mmap(-1, size, flags=how) for _ in range(number)]


code = objects.emit(CODE, 0)
holes = mapped(*HOLES)
between = mapped(*BETWEEN)
rest = mapped(*HOLES)  # of what alignment left above them
for hole in holes[::2]:
    hole.close()
loaded = [objects.Loaded(code, {"sum": (False,)}) for _ in range(3)]
assert [each.functions["sum"](n) for each in loaded for n in range(4)] == [7, 9, 11, 13] * 3
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mmap with flags of Linux")
def test_sections_that_would_not_fit_next_to_each_other() -> None:
    """A process with little room near the top: LLVM's own memory manager would end it."""
    done = subprocess.run(
        [sys.executable, "-c", FAR_APART], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
