/* Page faults under radix_walk_trylock (and no_fault_around) by hand.
 *
 *   fault_path NUMBERS REPEATS
 *
 * The model of dessim, written for one scheme: every thread maps the cached file for itself and
 * reads it in order. Control flow is a switch instead of a program, records are structs with one
 * cache line per page, and steps that nobody else can see run on after the shared step before them.
 * Names, constants and costs come from dessim's tables. The result must be equal to the last ps.
 */
#include "machine.h"

/* What a thread does next: a step that others can see. */
enum {
    TOUCH, MMAP_LOOK, MMAP_LOCK, VMA_TEST, VMA_STORE, LOAD_PGD, TABLE_LOCK, TABLE_HANG_IN,
    TABLE_COUNT, TABLE_UNLOCK, GET, TEST, TRYLOCK, TEST_AGAIN, MAPCOUNT, UNLOCK, UNLOCK_AND_PUT,
    PUT, SLOW_GET, SLOW_TRYLOCK, SLOW_LOCK, SLOW_TEST, SLOW_MAPCOUNT, SLOW_UNLOCK,
    RETRY_MMAP_UNLOCK, RETRY_WAIT, RETRY_PUT, MMAP_UNLOCK, FINISH, TEAR_DOWN, STOP
};
/* After these it soon uses the same page's line again, and its core tries to keep it. */
static const uint64_t COMING_BACK = 1ull << GET | 1ull << TEST | 1ull << TRYLOCK
    | 1ull << TEST_AGAIN | 1ull << MAPCOUNT | 1ull << UNLOCK_AND_PUT | 1ull << SLOW_GET
    | 1ull << SLOW_TRYLOCK | 1ull << SLOW_LOCK | 1ull << SLOW_TEST | 1ull << SLOW_MAPCOUNT
    | 1ull << RETRY_WAIT;

static int64_t steps;
static ps_t completion;
static Line mmap_lock; /* everybody reads under it: nobody waits for the lock, only for its line */
static Line vma_cache; /* the line of the mm with the mapping found last */
static int vma_found;  /* whose mapping that is, + 1 */
static struct {        /* under which new page tables go in: those of PMD pages, or the mm's */
    Line line;
    int32_t held, waiters;
    uint16_t head, tail;
} *table_locks;
static int64_t *pmd, *pmd_first; /* lock of a task's first PMD page, and its first table in there */
static int own_pmds;             /* nobody else wants these locks */
static int vma_cache_of_mm;      /* up to Linux 3.14; after that a thread has its own */
static int n_tasks, n_pages, live;
#define RACING (PAGE_HAND_OVER == HAND_OVER_RACING) /* for page locks: before Linux 5.9 */
static int16_t *queues; /* hashed wait queues of pages: first task + 1 */

/* --- the lock under which a page table goes in ------------------------------------------------ */

static inline typeof(table_locks) table_lock_of(const Task *t)
{
    int64_t i = t - tasks, number = pmd_first[i] + t->cursor / TABLE_PAGES;
    return &table_locks[SPLIT_PMD ? pmd[i] + number / TABLE_PAGES : 0];
}

static int take_table_lock(Task *t)
{
    typeof(table_locks) lock = table_lock_of(t);
    if (!lock->held && !lock->head)
        return lock->held = 1;
    append(t, &lock->head, &lock->tail);
    lock->waiters++;
    return 0;
}

static void drop_table_lock(const Task *t, ps_t now)
{
    typeof(table_locks) lock = table_lock_of(t);
    int next = lock->head - 1;
    lock->held = next >= 0;
    if (next < 0)
        return;
    Task *f = &tasks[next];
    ps_t cost = line_cost[LINE_RMW][MODIFIED][core_distance(f, t->core)];
    cost = PTL_KIND == LOCK_MCS ? cost * MCS_PPM / 1000000
                                : cost + TICKET_WAITER * (lock->waiters - 1);
    lock->head = f->next;
    lock->waiters--;
    ps_t at = greater(now + cost, f->clock);
    lock->line.own = f->core << 2 | MODIFIED;
    lock->line.free = greater(lock->line.free, at);
    post(next, at);
}

/* --- sleeping on a page ----------------------------------------------------------------------- */

static inline int16_t *queue_of(int page)
{
    return &queues[(uint32_t)page * 0x9E3779B1u * (uint64_t)BUCKETS >> 32];
}

/* What an unlock pays to read the keys of waiters and to wake those up to the first who wants the
 * lock. */
static inline ps_t walk_of_waiters(Task *t)
{
    ps_t ps = 0;
    for (int f = *queue_of(t->cursor); f; f = tasks[f - 1].page_next) {
        int own = tasks[f - 1].wait_page == t->cursor + 1;
        ps += t->cost->wake_read + own * t->cost->wake_walk;
        if (own && tasks[f - 1].wants)
            break;
    }
    return ps;
}

/* From Linux 5.9 on the waker says what a sleeper has got. */
static void wake_with(Task *f)
{
    if (RACING)
        return;
    if (!f->wants)
        f->state = RETRY_PUT;
    else if (++f->tries > PAGE_RETRIES || PAGE_HAND_OVER == HAND_OVER_FAIR) {
        pages[f->cursor].flags |= FLAG_LOCKED;
        f->tries = 0;
        f->state = SLOW_TEST;
        n.hand_offs++;
    }
}

static void wake_waiters(Task *t, ps_t walk, ps_t done)
{
    /* the walk is paid: each is woken when it comes to him */
    ps_t ready = done - walk + t->cost->wakeup;
    for (int16_t *place = queue_of(t->cursor); *place;) {
        ready += t->cost->wake_read;
        int task = *place - 1;
        Task *f = &tasks[task];
        if (f->wait_page != t->cursor + 1) {
            place = &f->page_next;
            continue;
        }
        ready += t->cost->wake_walk;
        *place = f->page_next;
        f->wait_page = 0;
        if (f->asleep) {
            f->asleep = 0;
            wake_with(f);
            n.wake_ups++;
            n.context_switches++;
            post(task, greater(ready, f->clock) + f->cost->context_switch);
        }
        if (f->wants)
            break;
    }
}

static void join_queue(Task *t, int wants)
{
    int16_t *place = queue_of(t->cursor);
    while (*place && (wants || !SHARED_FIRST))
        place = &tasks[*place - 1].page_next;
    t->wait_page = t->cursor + 1;
    t->wants = wants;
    t->page_next = *place;
    *place = t - tasks + 1;
}

static void leave_queue(Task *t)
{
    int16_t *place = queue_of(t->cursor);
    while (*place != t - tasks + 1)
        place = &tasks[*place - 1].page_next;
    *place = t->page_next;
    t->wait_page = 0;
}

/* --- the end: one CPU unmaps everything ------------------------------------------------------- */

/* Struct pages of 4 KiB that no prefetch hides: of each run what the prefetcher has to see. */
static int missed(const uint32_t *pte)
{
    uint64_t bits = pte[0] | (uint64_t)pte[1] << 32, hidden = bits;
    for (int i = 1; i <= TRAIN + 1; i++)
        hidden &= i < 64 ? bits << i : 0;
    return __builtin_popcountll(bits) - __builtin_popcountll(hidden);
}

static ps_t struct_page(const Task *t, int ptes)
{
    int64_t touched = FILE_TABLES * (ptes + 64), kept = L3_PAGES * 64;
    if (touched <= kept)
        return L3_HIT;
    int homes = INTERLEAVE ? sockets : 1;
    ps_t memory = 0;
    for (int home = 0; home < homes; home++)
        memory += line_cost[LINE_LOAD][UNCACHED][socket_distance(t->socket, home)];
    memory /= homes;
    return memory - (memory - L3_HIT) * kept / touched;
}

static ps_t tear_down(const Task *t, ps_t now)
{
    const Costs *c = t->cost;
    for (int i = 0; i < n_tasks; i++)
        for (int table = 0; table < TABLES; table++) {
            steps++;
            if (!tasks[i].populated[table])
                continue;
            n.tables_freed++;
            int ptes = 0, misses = 0;
            const uint32_t *pte = &tasks[i].pte[table * (TABLE_PAGES / 32)];
            for (int word = 0; word < TABLE_PAGES / 32; word++) {
                uint32_t bits = pte[word];
                misses += word % 2 ? 0 : missed(&pte[word]);
                for (; bits; bits &= bits - 1, ptes++) {
                    Page *p = &pages[table * TABLE_PAGES + word * 32 + __builtin_ctz(bits)];
                    p->mapcount--;
                    p->refcount--;
                }
            }
            n.ptes_cleared += ptes;
            now += ptes * c->teardown_per_pte + c->teardown_per_table;
            now += misses * struct_page(t, ptes);
        }
    steps++;
    return now + c->process_exit;
}

/* --- a thread's life: one event ------------------------------------------------------------------
 * Each state is a step that other threads can see. What follows it up to the next such step is
 * private and happens at once, on this thread's own clock.
 */

#define PRIVATE(cost, time)                                                                        \
    do {                                                                                           \
        ps_t ps_ = (cost);                                                                         \
        done += ps_;                                                                               \
        times[T_##time] += ps_;                                                                    \
        steps++;                                                                                   \
    } while (0)
#define FREE_STEPS(count) (steps += (count))
#define GO(next_state)                                                                             \
    do {                                                                                           \
        t->state = (next_state);                                                                   \
        return t->clock = done;                                                                    \
    } while (0)
/* Ask for the line, or come back; then the step lasts the transfer and its own work. */
#define USE(ask, time, work, work_time)                                                            \
    do {                                                                                           \
        t->wait = T_##time;                                                                        \
        ps_t ps_ = (ask);                                                                          \
        if (ps_ < 0)                                                                               \
            return t->at;                                                                          \
        times[T_##time] += ps_;                                                                    \
        times[T_##work_time] += (work);                                                            \
        done = now + ps_ + (work);                                                                 \
        steps++;                                                                                   \
    } while (0)
#define USE_PAGE(op, work, work_time) USE(use_page(t, op, now), page_lines, work, work_time)
#define USE_LINE(line, op, work, time) USE(use(t, line, op, now, 0), time, work, time)

static inline int present(const Task *t, int page)
{
    return t->pte[page / 32] >> (page % 32) & 1;
}

static inline ps_t event(Task *t, ps_t now)
{
    const Costs *c = t->cost;
    Page *p = &pages[t->cursor];
    const ps_t lock_own = c->local_rmw + c->lock_local, unlock_own = c->local_store + c->lock_local;
    ps_t done = now, walk;
    int wants, again;
    if (now > t->clock) {
        times[t->wait] += now - t->clock;
        t->clock = now;
    }
    switch (t->state) {
    case TOUCH:
        t->wait = T_user;
        if (t->fault_end) {
            record_latency(t->fault_end - t->fault_at, t->fault_end);
            t->fault_end = 0;
        }
        if (present(t, t->page)) {
            walk = translate(t, now);
            times[T_tlb] += walk;
            done += walk;
            PRIVATE(c->page_work + read_page(t, now), user);
            n.touches++;
            if (++t->page < n_pages) {
                t->cursor = t->page;
                GO(TOUCH);
            }
            FREE_STEPS(1);
            GO(FINISH);
        }
        t->fault_at = now;
        t->mapped = t->tried = 0;
        n.minor_faults++;
        FREE_STEPS(1);
        PRIVATE(c->exception_entry, entry_exit);
        GO(MMAP_LOOK);

    case MMAP_LOOK:
        USE_LINE(&mmap_lock, LINE_LOAD, 0, mmap_lock);
        GO(MMAP_LOCK);
    case MMAP_LOCK:
        USE_LINE(&mmap_lock, LINE_RMW, c->lock_local, mmap_lock);
        PRIVATE(c->find_vma, entry_exit);
        GO(vma_cache_of_mm ? VMA_TEST : LOAD_PGD);
    case VMA_TEST:
        USE_LINE(&vma_cache, LINE_LOAD, 0, mmap_lock);
        GO(vma_found == t - tasks + 1 ? LOAD_PGD : VMA_STORE);
    case VMA_STORE:
        USE_LINE(&vma_cache, LINE_STORE, 0, mmap_lock);
        vma_found = t - tasks + 1;
        GO(LOAD_PGD);
    case LOAD_PGD:
        USE_LINE(&mmap_lock, LINE_LOAD, 0, mmap_lock);
        PRIVATE(c->walk_page_table, entry_exit);
        if (t->populated[t->cursor / TABLE_PAGES])
            goto fault_around;
        PRIVATE(c->alloc_page_table, page_table);
        if (!own_pmds)
            GO(TABLE_LOCK);
        PRIVATE(lock_own, page_table);
        FREE_STEPS(1); /* is it still missing? */
        GO(TABLE_COUNT);

    case TABLE_LOCK:
        USE_LINE(&table_lock_of(t)->line, LINE_RMW, c->lock_local, page_table);
        if (!take_table_lock(t)) {
            t->state = TABLE_HANG_IN;
            t->clock = done;
            return ASLEEP;
        } /* fall through */
    case TABLE_HANG_IN:
        FREE_STEPS(1);
        if (SPLIT_PMD)
            GO(TABLE_COUNT);
        goto populate;
    case TABLE_COUNT: /* nr_ptes */
        USE_LINE(&mmap_lock, LINE_RMW, 0, page_table);
    populate:
        t->populated[t->cursor / TABLE_PAGES] = 1;
        FREE_STEPS(1);
        if (!own_pmds)
            GO(TABLE_UNLOCK);
        PRIVATE(unlock_own, page_table);
        goto fault_around;
    case TABLE_UNLOCK:
        USE_LINE(&table_lock_of(t)->line, LINE_STORE, c->lock_local, page_table);
        drop_table_lock(t, done);
    fault_around:
        if (ORDER == 0)
            goto target;
        PRIVATE(c->fault_around_setup, lookup);
        PRIVATE(lock_own, ptl);
        PRIVATE(c->local_load, lookup); /* is any pte none? */
        int first = t->page & ~((1 << ORDER) - 1);
        t->stop = first + (1 << ORDER) < n_pages ? first + (1 << ORDER) : n_pages;
        while (first < t->stop && present(t, first))
            first++;
        if (first == t->stop)
            goto window_done;
        PRIVATE(c->lookup_descent, lookup);
        PRIVATE(read_slots(t, 1), lookup);
        FREE_STEPS(1);
        t->cursor = first;
        GO(GET);

    /* A page of the window; SLOW_: the target, without the others. */
    case GET:
    case SLOW_GET:
        USE_PAGE(LINE_RMW, t->state == GET ? c->lookup_slot : c->lookup_descent, lookup);
        p->refcount++;
        GO(t->state == GET ? TEST : SLOW_TRYLOCK);
    case TEST:
        USE_PAGE(LINE_LOAD, 0, page_lines);
        GO((p->flags & (FLAG_UPTODATE | FLAG_READAHEAD)) == FLAG_UPTODATE ? TRYLOCK : PUT);
    case TRYLOCK:
    case SLOW_TRYLOCK:
        USE_PAGE(LINE_RMW, 0, page_lines);
        if (!(p->flags & FLAG_LOCKED)) {
            p->flags |= FLAG_LOCKED;
            GO(t->state == TRYLOCK ? TEST_AGAIN : SLOW_TEST);
        }
        FREE_STEPS(1);
        if (t->state == TRYLOCK) {
            n.trylock_lost++;
            GO(PUT);
        }
        if (t->tried)
            GO(SLOW_LOCK);
        FREE_STEPS(1);
        n.fault_retries++;
        GO(RETRY_MMAP_UNLOCK);
    case TEST_AGAIN:
        USE_PAGE(LINE_LOAD, c->page_checks, map);
        if ((p->flags & (FLAG_OURS | FLAG_UPTODATE)) != (FLAG_OURS | FLAG_UPTODATE))
            GO(UNLOCK_AND_PUT);
        PRIVATE(c->local_load, map); /* is the pte none? */
        GO(present(t, t->cursor) ? UNLOCK_AND_PUT : MAPCOUNT);
    case SLOW_TEST: /* pages stay in the file, and one's own pte is still none: no other branch */
        USE_PAGE(LINE_LOAD, c->page_checks, map);
        PRIVATE(lock_own, ptl);
        PRIVATE(c->local_load, map);
        GO(SLOW_MAPCOUNT);
    case MAPCOUNT:
    case SLOW_MAPCOUNT:
        USE_PAGE(LINE_RMW, c->rmap, map);
        p->mapcount++;
        t->pte[t->cursor / 32] |= 1u << (t->cursor % 32);
        t->mapped++;
        n.pages_mapped++;
        PRIVATE(c->local_store + c->set_pte, map);
        if (t->state == MAPCOUNT)
            GO(UNLOCK);
        PRIVATE(unlock_own, ptl);
        GO(SLOW_UNLOCK);
    case UNLOCK_AND_PUT:
    case UNLOCK:
    case SLOW_UNLOCK:
        USE_PAGE(LINE_RMW, c->unlock_page, page_lines);
        p->flags &= ~FLAG_LOCKED;
        if (*queue_of(t->cursor)) {
            walk = walk_of_waiters(t);
            times[T_page_lines] += walk;
            done += walk;
            wake_waiters(t, walk, done);
        }
        if (t->state != UNLOCK)
            GO(t->state == SLOW_UNLOCK ? MMAP_UNLOCK : PUT);
        goto next_page;
    case PUT:
    case RETRY_PUT:
        USE_PAGE(LINE_RMW, 0, page_lines);
        p->refcount--;
        if (t->state == RETRY_PUT) {
            FREE_STEPS(1);
            t->tried = 1;
            GO(MMAP_LOCK);
        }
    next_page:
        FREE_STEPS(1);
        if (++t->cursor < t->stop)
            GO(GET);
        t->cursor = t->page;
    window_done:
        PRIVATE(unlock_own, ptl);
    target:
        PRIVATE(c->local_load, map); /* is the pte none? */
        if (present(t, t->cursor))
            GO(MMAP_UNLOCK);
        PRIVATE(c->slow_path, lookup);
        PRIVATE(read_slots(t, 0), lookup);
        GO(SLOW_GET);

    case RETRY_WAIT: /* look, queue, look again, sleep; the second attempt wants the lock itself */
    case SLOW_LOCK:
        wants = t->state == SLOW_LOCK;
        again = t->looks_again;
        USE(use_page(t, wants && !(again && RACING) ? LINE_RMW : LINE_LOAD, now), page_lock, 0,
            page_lock);
        t->looks_again = 0;
        if (!(p->flags & FLAG_LOCKED)) {
            if (wants && again && RACING)
                GO(SLOW_LOCK);
            p->flags |= wants ? FLAG_LOCKED : 0;
            t->tries = 0;
            if (t->wait_page) {
                done += c->page_lock_leave;
                times[T_page_lock] += c->page_lock_leave;
                leave_queue(t);
            }
            GO(wants ? SLOW_TEST : RETRY_PUT);
        }
        if (!again) {
            t->looks_again = 1;
            done += c->page_lock_sleep;
            times[T_page_lock] += c->page_lock_sleep;
            if (!t->wait_page && RACING)
                join_queue(t, wants);
        }
        if (!again || (!t->wait_page && RACING))
            GO(t->state);
        if (!RACING)
            join_queue(t, wants);
        n.page_lock_waits++;
        t->asleep = 1;
        t->clock = done;
        return ASLEEP;
    case MMAP_UNLOCK:
    case RETRY_MMAP_UNLOCK:
        USE_LINE(&mmap_lock, LINE_RMW, c->lock_local, mmap_lock);
        if (t->state == RETRY_MMAP_UNLOCK)
            GO(RETRY_WAIT);
        PRIVATE(c->exception_exit, entry_exit);
        t->fault_end = done; /* recorded once it is known whether all threads ran */
        record_in_series(done, t->mapped);
        GO(TOUCH);

    case FINISH:
        FREE_STEPS(1);
        t->finish = now;
        note_finish(now);
        GO(--live ? STOP : TEAR_DOWN);
    case TEAR_DOWN:
        done = tear_down(t, now);
        times[T_teardown] += done - now;
        GO(STOP);
    }
    FREE_STEPS(1); /* STOP */
    completion = greater(completion, now);
    return ENDED;
}

static void run(void)
{
    const unsigned mask = leaves - 1;
    for (int64_t key; (key = tree[1]) != NEVER;) {
        unsigned task = key & mask;
        ps_t at = event(&tasks[task], key >> key_bits);
        set_key(task, at >= 0 ? at << key_bits | task : NEVER);
    }
}

/* --- building the world ----------------------------------------------------------------------- */

static void build(void)
{
    int64_t *core = table("task.core"), *l3 = table("task.l3"), *socket = table("task.socket");
    int64_t *smt = table("task.smt"), *sibling = table("task.sibling"), *at = table("task.start");
    int table_pages = TABLES * TABLE_PAGES;
    n_tasks = live = TASKS, n_pages = PAGES;
    new_machine(n_tasks, table_pages);
    /* without a window the retry gets the page again */
    coming_back = COMING_BACK | (uint64_t)(ORDER == 0) << RETRY_PUT;
    queues = calloc(BUCKETS, sizeof *queues);
    mmap_lock = vma_cache = (Line){0};
    table_locks = calloc(number("TABLE_LOCKS"), sizeof *table_locks);
    pmd = table("task.pmd"), pmd_first = table("task.pmd_first"), own_pmds = number("OWN_PMDS");
    vma_cache_of_mm = number("VMA_CACHE_OF_MM");
    vma_found = steps = completion = 0;
    n = (Counters){0};
    new_tree(n_tasks);
    new_records();
    read_starts();
    for (int i = 0; i < table_pages; i++) {
        pages[i] = (Page){.flags = FLAG_UPTODATE | FLAG_OURS, .refcount = 1};
        pages[i].line.home = INTERLEAVE ? i % sockets : 0;
    }
    for (int i = 0; i < n_tasks; i++) {
        tasks[i] = (Task){
            .cost = &costs[smt[i]], .grant = -1, .last = -2, .slots = -2,
            .core = core[i], .l3 = l3[i], .socket = socket[i], .sibling = sibling[i],
            .clock = at[i],
            .pte = calloc(table_pages / 32, 4), .populated = calloc(TABLES, 1)};
        steps += 2; /* begin, and the first next_access */
        post(i, at[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage:", "fault_path NUMBERS REPEATS");
    read_machine(argv[1]);
    int64_t ns = 0;
    for (int repeat = 0; repeat < atoi(argv[2]); repeat++) {
        build();
        int64_t before = cpu_ns();
        run();
        ns += cpu_ns() - before;
    }
    for (int i = 0; i < n_pages; i++)
        if (pages[i].mapcount || pages[i].refcount != 1 || pages[i].flags & FLAG_LOCKED)
            die("a page is not at rest", "");
    print_one("cpu_ns", ns);
    print_one("completion_ps", completion);
    print_one("events", steps);
    for (int i = 0; i < n_tasks; i++)
        print_one("finish", tasks[i].finish);
#define PRINT_COUNTER(name) print_one("count." #name, n.name);
#define PRINT_TIME(name) print_one("time." #name, times[T_##name]);
    COUNTERS(PRINT_COUNTER)
    CATEGORIES(PRINT_TIME)
    print_records();
    return 0;
}
