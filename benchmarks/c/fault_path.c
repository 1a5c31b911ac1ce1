/* Page faults under radix_walk_trylock (and no_fault_around) by hand.
 *
 *   fault_path NUMBERS REPEATS
 *
 * The model of dessim, written for one scheme: every thread maps the cached file for itself and
 * reads it in order. Control flow is a switch instead of a program, records are structs with one
 * cache line per page, and steps that nobody else can see run on after the shared step before them.
 * The costs, the queueing and arbitration of lines, the draws and all records are those of dessim:
 * the result must be equal to the last picosecond.
 */
#include "common.h"

#ifndef MASKS
#define MASKS 1 /* words of a sharer mask: 64 cores each */
#endif
#ifndef MAX_L3
#define MAX_L3 4
#endif

enum { UNCACHED, SHARED, MODIFIED };
enum { LOAD, STORE, RMW };
enum { SAME_CORE, SAME_L3, SAME_SOCKET, ONE_HOP, TWO_HOPS, SIBLING, N_DISTANCES };
enum { LOCKED = 1, UPTODATE = 2, OURS = 4, READAHEAD = 8 };
enum { DRAW_READ = 1, DRAW_ARBITRATE = 3 };
enum { ARBITER_SCAN = 16, TABLE_PAGES = 512, FLIGHT_SLOTS = 256, STREAM_LINES = 64 };
enum { SLOTS_SHIFT = 3, PARENT_SHIFT = 6 };
enum { ASLEEP = -1, ENDED = -2 };

#define COSTS(X)                                                                                   \
    X(exception_entry) X(exception_exit) X(find_vma) X(walk_page_table) X(alloc_page_table)        \
    X(fault_around_setup) X(slow_path) X(lookup_descent) X(lookup_slot) X(page_checks) X(rmap)     \
    X(set_pte) X(lock_local) X(unlock_page) X(teardown_per_pte) X(teardown_per_table)              \
    X(process_exit) X(page_lock_sleep) X(wakeup) X(wake_walk) X(context_switch) X(read_page_dram)  \
    X(read_page_l3) X(page_work) X(local_rmw) X(local_load) X(local_store)      \
    X(tlb_l2_hit) X(page_walk)
#define TIMES(X)                                                                                   \
    X(entry_exit) X(mmap_lock) X(ptl) X(page_lock) X(page_lines) X(lookup) X(map) X(page_table)    \
    X(user) X(memory_bandwidth) X(teardown) X(tlb)
#define COUNTERS(X)                                                                                \
    X(minor_faults) X(pages_mapped) X(trylock_lost) X(fault_retries) X(page_lock_waits) X(touches) \
    X(ptes_cleared) X(tables_freed) X(wake_ups) X(context_switches) X(tlb_misses)

/* What a thread does next: a step that others can see. */
enum {
    TOUCH, MMAP_LOOK, MMAP_LOCK, VMA_TEST, VMA_STORE, LOAD_PGD, TABLE_LOCK, TABLE_HANG_IN, TABLE_UNLOCK, GET, TEST, TRYLOCK, TEST_AGAIN,
    MAPCOUNT, UNLOCK, UNLOCK_AND_PUT, PUT, SLOW_GET, SLOW_TRYLOCK, SLOW_TEST, SLOW_MAPCOUNT,
    SLOW_UNLOCK, RETRY_MMAP_UNLOCK, RETRY_WAIT, RETRY_PUT, MMAP_UNLOCK, FINISH, TEAR_DOWN, STOP
};
/* After these it soon uses the same page's line again, and its core tries to keep it. */
static const int COMING_BACK[] = {
    GET, TEST, TRYLOCK, TEST_AGAIN, MAPCOUNT, UNLOCK_AND_PUT, SLOW_GET, SLOW_TRYLOCK, SLOW_TEST,
    SLOW_MAPCOUNT, RETRY_WAIT
};

#define MEMBER(name) ps_t name;
#define ENUM(name) T_##name,
typedef struct { COSTS(MEMBER) } Costs;
typedef struct { COUNTERS(MEMBER) } Counters;
enum { TIMES(ENUM) N_TIMES };

typedef struct {
    ps_t free, arrive;
    uint64_t sharers[MASKS];
    int16_t own;         /* core << 2 | state */
    uint16_t head, tail; /* waiting tasks + 1 */
    uint8_t home;
} Line;

typedef struct {
    Line line;
    uint8_t flags;
    int32_t mapcount, refcount;
    uint32_t seen[MAX_L3];
} Page;

typedef struct {
    Line line;
    int32_t held, waiters;
    uint16_t head, tail;
} Lock;

typedef struct {
    ps_t clock, at, grant, fault_at, fault_end, finish;
    Line *queued; /* waiting for this line; &riding: with the sibling's request */
    const Costs *cost;
    uint32_t *pte;
    uint8_t *populated;
    int64_t draws;
    int state, wait, page, cursor, stop, last, stream, slots, slots_from, mapped;
    int wait_page;
    int16_t core, l3, socket, next, rider, sibling;
    uint8_t line_op;
} Task;

static Costs costs[2];
static Counters n;
static ps_t times[N_TIMES], line_cost[3][3][N_DISTANCES];
static int64_t steps;
static ps_t completion;
static Task *tasks;
static Page *pages;
static Line mmap_lock; /* everybody reads under it: nobody waits for the lock, only for its line */
static Line vma_cache; /* the line of the mm with the mapping found last */
static int vma_found;  /* whose mapping that is, + 1 */
static Lock page_table_lock;
static struct { int page; ps_t arrives; } (*flights)[FLIGHT_SLOTS]; /* of each L3; page + 1 */
static Line riding;
static int n_tasks, n_pages, n_tables, n_sockets, order, live;
static ps_t hold_ps, evict_ps, l3_hit_ps, node_page_ps, ticket_waiter_ps;
static int64_t share, hidden_ppm, train, l3_pages, mcs_ppm;
static int coalesce, interleave, mcs;
static int64_t *core_l3, *core_socket, *hops, *read_quantiles;
static ps_t *node_busy;
static int64_t *far_read; /* time of a read from 0, 1, 2 hops away, ppm of a local one */
static uint8_t comes_back[STOP + 1];
static uint32_t *l3_reads;
static int16_t *queues;
static uint64_t n_queues;
static uint64_t *tlb;
static int tlb_words, tlb_sets[2], tlb_ways[2];

/* --- cache lines ----------------------------------------------------------------------------- */

static inline void wake(int task, ps_t at)
{
    post(task, at);
}

static inline int socket_distance(int a, int b)
{
    return SAME_SOCKET + hops[a * n_sockets + b];
}

static inline int core_distance(const Task *t, int core)
{
    if (core == t->core)
        return SAME_CORE;
    if (core_l3[core] == t->l3)
        return SAME_L3;
    return socket_distance(t->socket, core_socket[core]);
}

static inline ps_t local_cost(const Task *t, int op)
{
    return op == RMW ? t->cost->local_rmw : op == STORE ? t->cost->local_store : t->cost->local_load;
}

static int farthest_sharer(const Task *t, const Line *line)
{
    int farthest = SAME_CORE;
    for (int word = 0; word < MASKS; word++)
        for (uint64_t mask = line->sharers[word]; mask; mask &= mask - 1) {
            int distance = core_distance(t, word * 64 + __builtin_ctzll(mask));
            if (distance > farthest)
                farthest = distance;
        }
    return farthest;
}

static inline ps_t transfer(const Task *t, const Line *line, int op, ps_t now)
{
    int owner = line->own >> 2, state = line->own & 3;
    if (state != UNCACHED && now - line->free > evict_ps) {
        if (core_l3[owner] == t->l3)
            return l3_hit_ps;
        state = UNCACHED;
    }
    if (state == UNCACHED)
        return line_cost[op][UNCACHED][socket_distance(t->socket, line->home)];
    if (state == MODIFIED || op == LOAD)
        return line_cost[op][state][core_distance(t, owner)];
    return line_cost[op][SHARED][farthest_sharer(t, line)];
}

static inline void take(const Task *t, Line *line, int op)
{
    if (op != LOAD) {
        line->own = t->core << 2 | MODIFIED;
        return;
    }
    int state = line->own & 3, old = line->own >> 2;
    if (state == UNCACHED || line->own == (t->core << 2 | MODIFIED)) {
        line->own = t->core << 2 | MODIFIED; /* exclusive costs the same */
        return;
    }
    if (state != SHARED) {
        memset(line->sharers, 0, sizeof line->sharers);
        line->sharers[old / 64] |= 1ull << (old % 64);
    }
    line->sharers[t->core / 64] |= 1ull << (t->core % 64);
    line->own = t->core << 2 | SHARED;
}

static inline ps_t serve(Task *t, Line *line, int op, ps_t now, int prefetched)
{
    ps_t cost = transfer(t, line, op, now);
    if (prefetched) {
        cost -= cost * hidden_ppm / 1000000;
        ps_t local = local_cost(t, op);
        if (cost < local)
            cost = local;
    }
    take(t, line, op);
    ps_t end = now + cost;
    for (int follower = t->rider; follower;) {
        Task *f = &tasks[follower - 1];
        take(f, line, f->line_op);
        end += line_cost[f->line_op][MODIFIED][SIBLING];
        f->grant = end - now;
        f->queued = NULL;
        wake(follower - 1, now);
        follower = f->rider;
        f->rider = 0;
    }
    t->rider = 0;
    line->arrive = now + cost;
    line->free = end + (comes_back[t->state] ? hold_ps : 0);
    return cost;
}

static ps_t enqueue(Task *t, Line *line)
{
    int task = t - tasks;
    if (t->sibling && coalesce && tasks[t->sibling - 1].queued == line) {
        Task *other = &tasks[t->sibling - 1];
        t->rider = other->rider;
        other->rider = task + 1;
        t->queued = &riding;
        return ASLEEP;
    }
    t->queued = line;
    t->next = 0;
    if (!line->head) {
        line->head = line->tail = task + 1;
        return line->free;
    }
    tasks[line->tail - 1].next = task + 1;
    line->tail = task + 1;
    return ASLEEP;
}

static int nearest_waiter(const Line *line)
{
    int owner = line->own >> 2, best = SIBLING, best_before = 0, before = 0;
    int follower = line->head;
    for (int i = 0; i < ARBITER_SCAN && follower; i++) {
        const Task *f = &tasks[follower - 1];
        int distance = core_distance(f, owner);
        if (distance < best) {
            best = distance;
            best_before = before;
        }
        before = follower;
        follower = f->next;
    }
    return best >= ONE_HOP ? 0 : best_before;
}

static ps_t arbitrate(Task *t, Line *line, ps_t now)
{
    int task = t - tasks, before = 0, winner;
    if (share && draw_at(task, DRAW_ARBITRATE, t->draws++) < share)
        before = nearest_waiter(line);
    if (before) {
        Task *b = &tasks[before - 1];
        winner = b->next;
        b->next = tasks[winner - 1].next;
        if (winner == line->tail)
            line->tail = before;
    } else {
        winner = line->head;
        line->head = tasks[winner - 1].next;
    }
    Task *g = &tasks[winner - 1];
    g->queued = NULL;
    ps_t cost = serve(g, line, g->line_op, now, 0);
    if (g == t) {
        if (line->head)
            wake(line->head - 1, line->free);
        return cost;
    }
    g->grant = cost;
    wake(winner - 1, now);
    t->at = line->free;
    return ASLEEP;
}

static ps_t waited_for(Task *t, Line *line, ps_t now)
{
    if (t->grant >= 0) {
        ps_t granted = t->grant;
        t->grant = -1;
        return granted;
    }
    if (line->free > now) {
        t->at = line->free;
        return ASLEEP;
    }
    return arbitrate(t, line, now);
}

static inline ps_t use(Task *t, Line *line, int op, ps_t now, int prefetched)
{
    if (__builtin_expect(t->grant >= 0 || t->queued, 0))
        return waited_for(t, line, now);
    int mine = line->own == (t->core << 2 | MODIFIED)
        || (op == LOAD && (line->own & 3) == SHARED
            && line->sharers[t->core / 64] >> (t->core % 64) & 1);
    if (mine && (line->free > now || !line->head)) {
        ps_t cost = local_cost(t, op);
        if (line->arrive > now && line->own >> 2 == t->core) /* the sibling's, still on its way */
            cost += line->arrive - now;
        else if (now - line->free > evict_ps && cost < l3_hit_ps)
            cost = l3_hit_ps;
        if (now + cost > line->free)
            line->free = now + cost;
        return cost;
    }
    if (line->free > now || line->head) {
        t->line_op = op;
        t->at = enqueue(t, line);
        return ASLEEP;
    }
    return serve(t, line, op, now, prefetched);
}

static inline ps_t use_page(Task *t, int op, ps_t now)
{
    Line *line = &pages[t->cursor].line;
    if (t->cursor == t->last)
        return use(t, line, op, now, 0);
    int next = t->cursor == t->last + 1 && t->cursor % STREAM_LINES;
    int stream = next ? t->stream + 1 : 0;
    ps_t ps = use(t, line, op, now, stream > train);
    if (ps >= 0) {
        t->last = t->cursor;
        t->stream = stream;
    }
    return ps;
}

/* The radix-tree slots of the window, or of the target alone: nobody writes them. */
static ps_t read_slots(Task *t, int window)
{
    int size = 1 << order, before = t->slots;
    int first = (window ? t->page & ~(size - 1) : t->cursor) >> SLOTS_SHIFT;
    int last = window ? (t->page | (size - 1)) >> SLOTS_SHIFT : first;
    if (t->slots_from <= first && last <= before)
        return 0;
    t->slots = last;
    int home = interleave ? first % n_sockets : 0;
    ps_t miss = line_cost[LOAD][UNCACHED][socket_distance(t->socket, home)];
    ps_t hidden = miss - miss * hidden_ppm / 1000000;
    if (first == before || first == before + 1) {
        int oldest = last - ((size - 1) >> SLOTS_SHIFT); /* a window of them is at hand */
        t->slots_from = t->slots_from > oldest ? t->slots_from : oldest;
        return (last - before) * hidden;
    }
    t->slots_from = first;
    int more = last - first, missed = more < train ? more : train;
    int parent = first >> PARENT_SHIFT != before >> PARENT_SHIFT;
    return (1 + parent + missed) * miss + (more - missed) * hidden;
}

/* --- locks ----------------------------------------------------------------------------------- */

static int take_lock(Task *t, Lock *lock)
{
    if (!lock->held && !lock->head)
        return lock->held = 1;
    int task = t - tasks;
    t->next = 0;
    if (!lock->head)
        lock->head = task + 1;
    else
        tasks[lock->tail - 1].next = task + 1;
    lock->tail = task + 1;
    lock->waiters++;
    return 0;
}

static void drop_lock(Task *t, Lock *lock, ps_t now)
{
    lock->held = lock->head != 0;
    if (!lock->head)
        return;
    int next = lock->head - 1;
    Task *f = &tasks[next];
    ps_t cost = line_cost[RMW][MODIFIED][core_distance(f, t->core)];
    cost = mcs ? cost * mcs_ppm / 1000000 : cost + ticket_waiter_ps * (lock->waiters - 1);
    lock->head = f->next;
    lock->waiters--;
    ps_t at = now + cost > f->clock ? now + cost : f->clock;
    lock->line.own = f->core << 2 | MODIFIED;
    if (at > lock->line.free)
        lock->line.free = at;
    wake(next, at);
}

/* --- translation: two levels of sets a core, first in, first out ------------------------------ */

static inline int found(uint64_t *set, int ways, uint64_t tag)
{
    for (int way = 1; way <= ways; way++)
        if (set[way] == tag)
            return 1;
    set[1 + set[0]] = tag;
    set[0] = (int)set[0] + 1 == ways ? 0 : set[0] + 1;
    return 0;
}

static inline ps_t translate(const Task *t)
{
    if (!tlb)
        return 0;
    uint64_t tag = (uint64_t)(t - tasks + 1) << 32 | (uint32_t)t->page;
    uint64_t *first = tlb + (size_t)t->core * tlb_words;
    uint64_t *second = first + tlb_sets[0] * (tlb_ways[0] + 1);
    if (found(first + t->page % tlb_sets[0] * (tlb_ways[0] + 1), tlb_ways[0], tag))
        return 0;
    if (found(second + t->page % tlb_sets[1] * (tlb_ways[1] + 1), tlb_ways[1], tag))
        return t->cost->tlb_l2_hit;
    n.tlb_misses++;
    return t->cost->page_walk;
}

/* --- reading a page, sleeping on a page, the end --------------------------------------------- */

static inline ps_t read_page(Task *t, ps_t now)
{
    uint32_t *seen = &pages[t->page].seen[t->l3], *reads = &l3_reads[t->l3];
    uint32_t bits = draw_at(t - tasks, DRAW_READ, t->page);
    typeof(&flights[0][0]) flight = &flights[t->l3][t->page % FLIGHT_SLOTS];
    ps_t near = scaled(read_quantiles, bits, t->cost->read_page_l3);
    if (*seen && *reads - *seen < l3_pages)
        return flight->page == t->page + 1 && flight->arrives > now + near
            ? flight->arrives - now : near; /* not before the leader's data is there */
    *seen = ++*reads;
    ps_t ps = scaled(read_quantiles, bits, t->cost->read_page_dram);
    int home = interleave ? t->page % n_sockets : 0;
    if (ps > near)
        ps = near + (ps - near) * far_read[hops[t->socket * n_sockets + home]] / 1000000;
    ps_t *busy = &node_busy[home];
    *busy = (*busy > now ? *busy : now) + node_page_ps;
    ps_t late = *busy - (now + ps);
    if (late > 0) {
        times[T_memory_bandwidth] += late;
        times[T_user] -= late;
        ps += late;
    }
    flight->page = t->page + 1;
    flight->arrives = now + ps;
    return ps;
}

static inline int16_t *queue_of(int page)
{
    return &queues[(uint32_t)page * 0x9E3779B1u * n_queues >> 32];
}

/* How many waiters an unlock has to look at: all of the hashed queue. */
static int waiters_beside(int page)
{
    int count = 0;
    for (int f = *queue_of(page); f; f = tasks[f - 1].next)
        count++;
    return count;
}

static void unlock_page(Task *t, ps_t done)
{
    int page = t->cursor;
    pages[page].flags &= ~LOCKED;
    if (!*queue_of(page))
        return;
    /* the walk is paid: each is woken when it comes to him */
    ps_t ready = done - t->cost->wake_walk * waiters_beside(page) + t->cost->wakeup;
    for (int16_t *place = queue_of(page); *place;) {
        ready += t->cost->wake_walk;
        int task = *place - 1;
        Task *f = &tasks[task];
        if (f->wait_page != page) {
            place = &f->next;
            continue;
        }
        *place = f->next;
        f->wait_page = -1;
        n.wake_ups++;
        n.context_switches++;
        wake(task, (ready > f->clock ? ready : f->clock) + f->cost->context_switch);
    }
}

static void sleep_on_page(Task *t)
{
    n.page_lock_waits++;
    t->wait_page = t->cursor;
    t->next = 0;
    int16_t *place = queue_of(t->cursor);
    while (*place)
        place = &tasks[*place - 1].next;
    *place = t - tasks + 1;
}

static ps_t tear_down(Task *t, ps_t now)
{
    const Costs *c = t->cost;
    for (int i = 0; i < n_tasks; i++)
        for (int table = 0; table < n_tables; table++) {
            steps++;
            if (!tasks[i].populated[table])
                continue;
            tasks[i].populated[table] = 0;
            n.tables_freed++;
            int ptes = 0;
            for (int word = 0; word < TABLE_PAGES / 32; word++) {
                uint32_t *bits = &tasks[i].pte[table * (TABLE_PAGES / 32) + word];
                for (; *bits; *bits &= *bits - 1, ptes++) {
                    Page *p = &pages[table * TABLE_PAGES + word * 32 + __builtin_ctz(*bits)];
                    p->mapcount--;
                    p->refcount--;
                }
            }
            n.ptes_cleared += ptes;
            now += ptes * c->teardown_per_pte + c->teardown_per_table;
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

static inline int present(const Task *t, int page)
{
    return t->pte[page / 32] >> (page % 32) & 1;
}

static inline ps_t map_page(Task *t, const Costs *c)
{
    t->pte[t->cursor / 32] |= 1u << (t->cursor % 32);
    t->mapped++;
    n.pages_mapped++;
    ps_t ps = c->local_store + c->set_pte;
    times[T_map] += ps;
    steps++;
    return ps;
}

static inline ps_t event(Task *t, ps_t now)
{
    const Costs *c = t->cost;
    Page *p = &pages[t->cursor];
    ps_t done = now;
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
            ps_t walk = translate(t);
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
        t->mapped = 0;
        n.minor_faults++;
        FREE_STEPS(1);
        PRIVATE(c->exception_entry, entry_exit);
        GO(MMAP_LOOK);

    case MMAP_LOOK:
        USE(use(t, &mmap_lock, LOAD, now, 0), mmap_lock, 0, mmap_lock);
        GO(MMAP_LOCK);

    case MMAP_LOCK:
        USE(use(t, &mmap_lock, RMW, now, 0), mmap_lock, c->lock_local, mmap_lock);
        PRIVATE(c->find_vma, entry_exit);
        GO(VMA_TEST);
    case VMA_TEST:
        USE(use(t, &vma_cache, LOAD, now, 0), mmap_lock, 0, mmap_lock);
        GO(vma_found == t - tasks + 1 ? LOAD_PGD : VMA_STORE);
    case VMA_STORE:
        USE(use(t, &vma_cache, STORE, now, 0), mmap_lock, 0, mmap_lock);
        vma_found = t - tasks + 1;
        GO(LOAD_PGD);
    case LOAD_PGD:
        USE(use(t, &mmap_lock, LOAD, now, 0), mmap_lock, 0, mmap_lock);
        PRIVATE(c->walk_page_table, entry_exit);
        if (t->populated[t->cursor / TABLE_PAGES])
            goto fault_around;
        PRIVATE(c->alloc_page_table, page_table);
        GO(TABLE_LOCK);

    case TABLE_LOCK:
        USE(use(t, &page_table_lock.line, RMW, now, 0), page_table, c->lock_local, page_table);
        if (!take_lock(t, &page_table_lock)) {
            t->state = TABLE_HANG_IN;
            t->clock = done;
            return ASLEEP;
        }
        goto hang_in;
    case TABLE_HANG_IN:
    hang_in:
        t->populated[t->cursor / TABLE_PAGES] = 1;
        FREE_STEPS(2);
        GO(TABLE_UNLOCK);
    case TABLE_UNLOCK:
        USE(use(t, &page_table_lock.line, STORE, now, 0), page_table, c->lock_local, page_table);
        drop_lock(t, &page_table_lock, done);
    fault_around:
        if (order == 0)
            goto target;
        PRIVATE(c->fault_around_setup, lookup);
        PRIVATE(c->local_rmw + c->lock_local, ptl);
        PRIVATE(c->local_load, lookup); /* is any pte none? */
        int first = t->page & ~((1 << order) - 1);
        t->stop = first + (1 << order) < n_pages ? first + (1 << order) : n_pages;
        while (first < t->stop && present(t, first))
            first++;
        if (first == t->stop)
            goto window_done;
        PRIVATE(c->lookup_descent, lookup);
        PRIVATE(read_slots(t, 1), lookup);
        FREE_STEPS(1);
        t->cursor = first;
        GO(GET);

    case GET:
        USE_PAGE(RMW, c->lookup_slot, lookup);
        p->refcount++;
        GO(TEST);
    case TEST:
        USE_PAGE(LOAD, 0, page_lines);
        GO((p->flags & (UPTODATE | READAHEAD)) == UPTODATE ? TRYLOCK : PUT);
    case TRYLOCK:
        USE_PAGE(RMW, 0, page_lines);
        if (p->flags & LOCKED) {
            n.trylock_lost++;
            FREE_STEPS(1);
            GO(PUT);
        }
        p->flags |= LOCKED;
        GO(TEST_AGAIN);
    case TEST_AGAIN:
        USE_PAGE(LOAD, c->page_checks, map);
        if ((p->flags & (OURS | UPTODATE)) != (OURS | UPTODATE))
            GO(UNLOCK_AND_PUT);
        PRIVATE(c->local_load, map); /* is the pte none? */
        if (present(t, t->cursor))
            GO(UNLOCK_AND_PUT);
        GO(MAPCOUNT);
    case MAPCOUNT:
        USE_PAGE(RMW, c->rmap, map);
        p->mapcount++;
        done += map_page(t, c);
        GO(UNLOCK);
    case UNLOCK_AND_PUT:
    case UNLOCK:
        USE(use_page(t, RMW, now), page_lines, c->unlock_page, page_lines);
        if (*queue_of(t->cursor)) {
            ps_t walk = c->wake_walk * waiters_beside(t->cursor);
            times[T_page_lines] += walk;
            done += walk;
        }
        unlock_page(t, done);
        if (t->state == UNLOCK_AND_PUT)
            GO(PUT);
        goto next_page;
    case PUT:
        USE_PAGE(RMW, 0, page_lines);
        p->refcount--;
    next_page:
        FREE_STEPS(1);
        if (++t->cursor < t->stop)
            GO(GET);
        t->cursor = t->page;
    window_done:
        PRIVATE(c->local_store + c->lock_local, ptl);
    target:
        PRIVATE(c->local_load, map); /* is the pte none? */
        if (present(t, t->cursor))
            GO(MMAP_UNLOCK);
        PRIVATE(c->slow_path, lookup);
        PRIVATE(read_slots(t, 0), lookup);
        GO(SLOW_GET);

    case SLOW_GET:
        USE_PAGE(RMW, c->lookup_descent, lookup);
        p->refcount++;
        GO(SLOW_TRYLOCK);
    case SLOW_TRYLOCK:
        USE_PAGE(RMW, 0, page_lines);
        if (p->flags & LOCKED) {
            n.fault_retries++;
            FREE_STEPS(1);
            GO(RETRY_MMAP_UNLOCK);
        }
        p->flags |= LOCKED;
        GO(SLOW_TEST);
    case SLOW_TEST: /* pages stay in the file, and one's own pte is still none: no other branch */
        USE_PAGE(LOAD, c->page_checks, map);
        PRIVATE(c->local_rmw + c->lock_local, ptl);
        PRIVATE(c->local_load, map);
        GO(SLOW_MAPCOUNT);
    case SLOW_MAPCOUNT:
        USE_PAGE(RMW, c->rmap, map);
        p->mapcount++;
        done += map_page(t, c);
        PRIVATE(c->local_store + c->lock_local, ptl);
        GO(SLOW_UNLOCK);
    case SLOW_UNLOCK:
        USE(use_page(t, RMW, now), page_lines, c->unlock_page, page_lines);
        if (*queue_of(t->cursor)) {
            ps_t walk = c->wake_walk * waiters_beside(t->cursor);
            times[T_page_lines] += walk;
            done += walk;
        }
        unlock_page(t, done);
        GO(MMAP_UNLOCK);

    case RETRY_MMAP_UNLOCK:
        USE(use(t, &mmap_lock, RMW, now, 0), mmap_lock, c->lock_local, mmap_lock);
        GO(RETRY_WAIT);
    case RETRY_WAIT:
        USE(use_page(t, LOAD, now), page_lock, 0, page_lock);
        if (!(p->flags & LOCKED))
            GO(RETRY_PUT);
        times[T_page_lock] += c->page_lock_sleep;
        t->clock = done + c->page_lock_sleep;
        t->state = RETRY_PUT;
        sleep_on_page(t);
        return ASLEEP;
    case RETRY_PUT:
        USE_PAGE(RMW, 0, page_lines);
        p->refcount--;
        GO(MMAP_LOCK);

    case MMAP_UNLOCK:
        USE(use(t, &mmap_lock, RMW, now, 0), mmap_lock, c->lock_local, mmap_lock);
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
    case STOP:
        FREE_STEPS(1);
        if (now > completion)
            completion = now;
        return ENDED;
    }
    die("no such state", "");
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

/* --- reading the numbers, building the world ------------------------------------------------- */

static void read_costs(void)
{
#define READ(name) costs[0].name = table("cost." #name)[0], costs[1].name = table("cost." #name)[1];
    COSTS(READ)
    int64_t *lines = table("line_cost");
    memcpy(line_cost, lines, sizeof line_cost);
    n_tasks = number("TASKS");
    n_pages = number("PAGES");
    n_tables = number("TABLES");
    n_sockets = number("SOCKETS");
    order = number("ORDER");
    hold_ps = number("HOLD");
    evict_ps = number("EVICT");
    l3_hit_ps = number("L3_HIT");
    node_page_ps = number("NODE_PAGE");
    ticket_waiter_ps = number("TICKET_WAITER");
    share = number("SHARE");
    hidden_ppm = number("HIDDEN_PPM");
    train = number("TRAIN");
    l3_pages = number("L3_PAGES");
    mcs_ppm = number("MCS_PPM");
    coalesce = number("COALESCE");
    interleave = number("INTERLEAVE");
    mcs = number("PTL_KIND");
    n_queues = number("BUCKETS");
    draw_key = (uint32_t)number("KEY");
    core_l3 = table("core.l3");
    core_socket = table("core.socket");
    hops = table("hops");
    far_read = table("far_read");
    for (unsigned i = 0; i < sizeof COMING_BACK / sizeof *COMING_BACK; i++)
        comes_back[COMING_BACK[i]] = 1;
    comes_back[RETRY_PUT] = order == 0; /* without a window the retry gets the page again */
    read_quantiles = table("quantiles.read");
    if (number("TLB")) {
        tlb_sets[0] = number("TLB_L1_SETS"), tlb_ways[0] = number("TLB_L1_WAYS");
        tlb_sets[1] = number("TLB_L2_SETS"), tlb_ways[1] = number("TLB_L2_WAYS");
        tlb_words = tlb_sets[0] * (tlb_ways[0] + 1) + tlb_sets[1] * (tlb_ways[1] + 1);
    }
    if (number("L3S") > MAX_L3 || number("CORES") > 64 * MASKS)
        die("built for a smaller machine:", "raise MAX_L3 or MASKS");
}

static void build(void)
{
    int table_pages = n_tables * TABLE_PAGES;
    int64_t *core = table("task.core"), *l3 = table("task.l3"), *socket = table("task.socket");
    int64_t *smt = table("task.smt"), *sibling = table("task.sibling"), *at = table("task.start");
    for (int i = 0; i < n_tasks && tasks; i++) {
        free(tasks[i].pte);
        free(tasks[i].populated);
    }
    free(pages), free(tasks), free(node_busy), free(l3_reads), free(queues), free(tlb);
    free(flights);
    pages = aligned_alloc(64, sizeof(Page) * table_pages);
    tasks = aligned_alloc(64, (sizeof(Task) * n_tasks + 63) / 64 * 64);
    node_busy = calloc(n_sockets, sizeof *node_busy);
    l3_reads = calloc(MAX_L3, sizeof *l3_reads);
    for (int i = 0; i < table_pages; i++) {
        pages[i] = (Page){.flags = UPTODATE | OURS, .refcount = 1};
        pages[i].line.home = interleave ? i % n_sockets : 0;
    }
    flights = calloc(MAX_L3, sizeof *flights);
    mmap_lock = vma_cache = (Line){0};
    vma_found = 0;
    page_table_lock = (Lock){0};
    queues = calloc(n_queues, sizeof *queues);
    tlb = tlb_words ? calloc((size_t)number("CORES") * tlb_words, sizeof *tlb) : NULL;
    memset(times, 0, sizeof times);
    n = (Counters){0};
    steps = completion = 0;
    live = n_tasks;
    new_tree(n_tasks);
    new_records();
    read_starts();
    for (int i = 0; i < n_tasks; i++) {
        tasks[i] = (Task){
            .cost = &costs[smt[i]], .grant = -1, .last = -2, .slots = -2, .wait_page = -1, .core = core[i],
            .l3 = l3[i], .socket = socket[i], .sibling = sibling[i], .clock = at[i],
            .pte = calloc(table_pages / 32, 4), .populated = calloc(n_tables, 1)};
        steps += 2; /* begin, and the first next_access */
        post(i, at[i]);
    }
}

#define PRINT_COUNTER(name) print_one("count." #name, n.name);
#define PRINT_TIME(name) print_one("time." #name, times[T_##name]);

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage:", "fault_path NUMBERS REPEATS");
    read_numbers(argv[1]);
    read_costs();
    int64_t ns = 0;
    for (int repeat = 0; repeat < atoi(argv[2]); repeat++) {
        build();
        int64_t before = cpu_ns();
        run();
        ns += cpu_ns() - before;
    }
    for (int i = 0; i < n_pages; i++)
        if (pages[i].mapcount || pages[i].refcount != 1 || pages[i].flags & LOCKED)
            die("a page is not at rest", "");
    print_one("cpu_ns", ns);
    print_one("completion_ps", completion);
    print_one("events", steps);
    for (int i = 0; i < n_tasks; i++)
        print_one("finish", tasks[i].finish);
    COUNTERS(PRINT_COUNTER)
    TIMES(PRINT_TIME)
    print_records();
    return 0;
}
