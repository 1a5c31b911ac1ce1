"""The end of a thread, and of its mm with the last of them: page tables are torn down."""

from dessim.kernel.accounting import count
from dessim.kernel.addressing import head_of, page_at, table_pages
from dessim.kernel.commands import stop_slots
from dessim.kernel.layout import *
from dessim.kernel.pages import stop_devices


def finish(w: World, task: int, now: int, target: int) -> None:
    """End of the last access: the last task of the mm goes on to tear it down, the others stop."""
    t = w[H_TASK] + task * T_WORDS
    w[t + T_FINISH] = now
    if now < w[H_STEADY_TO]:
        w[H_STEADY_TO] = now
    w[H_LIVE] -= 1
    if w[H_LIVE] == 0:
        stop_devices(w, now)
        if w[H_PAGING]:
            stop_slots(w, now)
    mm = w[t + T_MM]
    w[mm + MM_LIVE] -= 1
    if w[mm + MM_LIVE]:
        w[t + T_PC] = target
        return
    w[t + T_VISITED] = w[mm + MM_FIRST]
    w[t + T_CURSOR] = 0


def teardown_table(w: World, t: int, target: int) -> None:
    """Unmap all pages of a page table and free it; jump back while tables or mappings are left."""
    mapping = w[t + T_VISITED]
    table = w[t + T_CURSOR] >> w[H_TABLE_SHIFT]
    words = table_pages(w) >> PTE_SHIFT
    record = w[mapping + M_TABLE] + table * w[H_TABLE_WORDS] + w[H_LINE_WORDS]
    if w[record + D_POPULATED]:
        w[record + D_POPULATED] = 0
        count(w, N_TABLES_FREED, 1)
        base = w[mapping + M_PTE] + table * words
        for word in range(words):
            bits = w[base + word]
            w[base + word] = 0
            place = page_at(w, (table << w[H_TABLE_SHIFT]) + (word << PTE_SHIFT))
            while bits:
                if bits & 1:
                    w[place + P_MAPCOUNT] -= 1
                    w[head_of(w, place) + P_REFCOUNT] -= 1
                    count(w, N_PTES_CLEARED, 1)
                bits >>= 1
                place += w[H_PAGE_WORDS]
    w[t + T_CURSOR] += table_pages(w)
    if w[t + T_CURSOR] >> w[H_TABLE_SHIFT] >= w[H_TABLES]:
        w[t + T_CURSOR] = 0
        w[t + T_VISITED] += M_WORDS
    mm = w[t + T_MM]
    if w[t + T_VISITED] < w[mm + MM_FIRST] + w[mm + MM_MAPPINGS] * M_WORDS:
        w[t + T_PC] = target
