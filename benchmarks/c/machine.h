/* What the machine of the fault path does: cache lines, translations, memory.
 *
 * The rules are those of docs/machine.md. A line is one struct, and a core one bit of its sharers.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "common.h"

#ifndef MASKS
#define MASKS 1 /* words of a sharer mask: 64 cores each */
#endif
#ifndef MAX_L3
#define MAX_L3 4
#endif

#define MEMBER(name) ps_t name;
#define PLACE(name) T_##name,
#define WORD(name) static int64_t name __attribute__((unused));
typedef struct { COSTS(MEMBER) } Costs;
typedef struct { COUNTERS(MEMBER) } Counters;
enum { CATEGORIES(PLACE) N_CATEGORIES };
SCALARS(WORD) /* words of the header of a World */

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
    ps_t clock, at, grant, fault_at, fault_end, finish;
    Line *queued; /* waiting for this line; &riding: with the sibling's request */
    const Costs *cost;
    uint32_t *pte;
    uint8_t *populated;
    int64_t draws;
    int state, wait, page, cursor, stop, last, stream, slots, slots_from, mapped;
    int wait_page; /* page + 1 in whose wait queue it stands */
    int looks_again, asleep, wants, tried, tries;
    int16_t core, l3, socket, next, page_next, rider, sibling;
    uint8_t line_op;
} Task;

static Costs costs[2]; /* SMT sibling idle, busy */
static ps_t times[N_CATEGORIES], line_cost[3][3][N_DISTANCES];
static Counters n;
static Task *tasks;
static Page *pages;
static Line riding;
static struct { int page; ps_t arrives; } (*flights)[FLIGHT_SLOTS]; /* of each L3; page + 1 */
static int64_t *core_l3, *core_socket, *hops, *read_quantiles, *far_read, *walk_miss;
static ps_t *node_busy, *walkers;
static uint32_t *l3_reads;
static uint64_t coming_back; /* by state: the same line is soon used again, keep it for a while */
static uint64_t *tlb;
static int sockets, tlb_words;

/* --- cache lines ----------------------------------------------------------------------------- */

static inline int socket_distance(int a, int b)
{
    return SAME_SOCKET + hops[a * sockets + b];
}

static inline int core_distance(const Task *t, int core)
{
    if (core == t->core)
        return SAME_CORE;
    return core_l3[core] == t->l3 ? SAME_L3 : socket_distance(t->socket, core_socket[core]);
}

static inline ps_t local_cost(const Task *t, int op)
{
    const Costs *c = t->cost;
    return op == LINE_RMW ? c->local_rmw : op == LINE_STORE ? c->local_store : c->local_load;
}

static int farthest_sharer(const Task *t, const Line *line)
{
    int farthest = SAME_CORE;
    for (int word = 0; word < MASKS; word++)
        for (uint64_t mask = line->sharers[word]; mask; mask &= mask - 1) {
            int distance = core_distance(t, word * 64 + __builtin_ctzll(mask));
            farthest = greater(farthest, distance);
        }
    return farthest;
}

static inline ps_t transfer(const Task *t, const Line *line, int op, ps_t now)
{
    int owner = line->own >> 2, state = line->own & 3;
    if (state != UNCACHED && now - line->free > EVICT) {
        if (core_l3[owner] == t->l3)
            return L3_HIT;
        state = UNCACHED;
    }
    if (state == UNCACHED)
        return line_cost[op][UNCACHED][socket_distance(t->socket, line->home)];
    if (state == MODIFIED || op == LINE_LOAD)
        return line_cost[op][state][core_distance(t, owner)];
    return line_cost[op][SHARED][farthest_sharer(t, line)];
}

static inline void take(const Task *t, Line *line, int op)
{
    int state = line->own & 3, old = line->own >> 2, mine = t->core << 2 | MODIFIED;
    if (op != LINE_LOAD || state == UNCACHED || line->own == mine) {
        line->own = mine; /* exclusive costs the same as modified */
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
        cost -= cost * HIDDEN_PPM / 1000000;
        cost = greater(cost, local_cost(t, op));
    }
    take(t, line, op);
    ps_t end = now + cost;
    for (int follower = t->rider; follower;) {
        Task *f = &tasks[follower - 1];
        take(f, line, f->line_op);
        end += line_cost[f->line_op][MODIFIED][SIBLING];
        f->grant = end - now;
        f->queued = NULL;
        post(follower - 1, now);
        follower = f->rider;
        f->rider = 0;
    }
    t->rider = 0;
    line->arrive = now + cost;
    line->free = end + (coming_back >> t->state & 1 ? HOLD : 0);
    return cost;
}

/* Put a task at the end of a queue; head and tail are tasks + 1. */
static inline void append(Task *t, uint16_t *head, uint16_t *tail)
{
    t->next = 0;
    if (*head)
        tasks[*tail - 1].next = t - tasks + 1;
    else
        *head = t - tasks + 1;
    *tail = t - tasks + 1;
}

static ps_t enqueue(Task *t, Line *line)
{
    Task *other = t->sibling ? &tasks[t->sibling - 1] : t;
    if (COALESCE && other->queued == line /* one's own is NULL */
        && (COALESCE >> 32 || draw_at(t - tasks, DRAW_ARBITRATE, t->draws++) < COALESCE)) {
        t->rider = other->rider;
        other->rider = t - tasks + 1;
        t->queued = &riding;
        return ASLEEP;
    }
    int first = !line->head;
    t->queued = line;
    append(t, &line->head, &line->tail);
    return first ? line->free : ASLEEP;
}

/* Who stands before the waiter nearest to the owner, if that is on the owner's socket. */
static int before_nearest(const Line *line)
{
    int best = SIBLING, best_before = 0, before = 0, follower = line->head;
    for (int i = 0; i < ARBITER_SCAN && follower; i++) {
        const Task *f = &tasks[follower - 1];
        int distance = core_distance(f, line->own >> 2);
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
    int before = 0;
    if (SHARE && draw_at(t - tasks, DRAW_ARBITRATE, t->draws++) < SHARE)
        before = before_nearest(line);
    int winner = before ? tasks[before - 1].next : line->head;
    Task *g = &tasks[winner - 1];
    if (!before) {
        line->head = g->next;
    } else {
        tasks[before - 1].next = g->next;
        line->tail = winner == line->tail ? before : line->tail;
    }
    g->queued = NULL;
    ps_t cost = serve(g, line, g->line_op, now, 0);
    if (g == t) {
        if (line->head)
            post(line->head - 1, line->free);
        return cost;
    }
    g->grant = cost;
    post(winner - 1, now);
    t->at = line->free;
    return ASLEEP;
}

static ps_t waited_for(Task *t, Line *line, ps_t now)
{
    ps_t granted = t->grant;
    if (granted < 0 && line->free <= now)
        return arbitrate(t, line, now);
    t->at = line->free; /* asked again then, unless it is granted */
    t->grant = -1;
    return granted >= 0 ? granted : ASLEEP;
}

/* Time of an operation on a line, or ASLEEP: then it is asked again at t->at, or when woken. */
static inline ps_t use(Task *t, Line *line, int op, ps_t now, int prefetched)
{
    if (__builtin_expect(t->grant >= 0 || t->queued, 0))
        return waited_for(t, line, now);
    int mine = line->own == (t->core << 2 | MODIFIED)
        || (op == LINE_LOAD && (line->own & 3) == SHARED
            && line->sharers[t->core / 64] >> (t->core % 64) & 1);
    if (mine && (line->free > now || !line->head)) {
        ps_t cost = local_cost(t, op);
        if (line->arrive > now && line->own >> 2 == t->core) /* the sibling's, still on its way */
            cost += line->arrive - now;
        else if (now - line->free > EVICT)
            cost = greater(cost, L3_HIT);
        line->free = greater(line->free, now + cost);
        return cost;
    }
    if (line->free > now || line->head) {
        t->line_op = op;
        t->at = enqueue(t, line);
        return ASLEEP;
    }
    return serve(t, line, op, now, prefetched);
}

/* The same for the struct page at the cursor: sequential ones are prefetched. */
static inline ps_t use_page(Task *t, int op, ps_t now)
{
    Line *line = &pages[t->cursor].line;
    if (t->cursor == t->last)
        return use(t, line, op, now, 0);
    int stream = t->cursor == t->last + 1 && t->cursor % STREAM_LINES ? t->stream + 1 : 0;
    ps_t ps = use(t, line, op, now, stream > TRAIN);
    if (ps >= 0) {
        t->last = t->cursor;
        t->stream = stream;
    }
    return ps;
}

/* The radix-tree slots of the window, or of the target alone: nobody writes them. */
static ps_t read_slots(Task *t, int window)
{
    int size = 1 << ORDER, before = t->slots;
    int first = (window ? t->page & ~(size - 1) : t->cursor) >> SLOTS_SHIFT;
    int last = window ? (t->page | (size - 1)) >> SLOTS_SHIFT : first;
    if (t->slots_from <= first && last <= before)
        return 0;
    t->slots = last;
    int home = INTERLEAVE ? first % sockets : 0;
    ps_t miss = line_cost[LINE_LOAD][UNCACHED][socket_distance(t->socket, home)];
    ps_t hidden = miss - miss * HIDDEN_PPM / 1000000;
    if (first == before || first == before + 1) {
        int oldest = last - ((size - 1) >> SLOTS_SHIFT); /* a window of them is at hand */
        t->slots_from = greater(t->slots_from, oldest);
        return (last - before) * hidden;
    }
    t->slots_from = first;
    int more = last - first, missed = more < TRAIN ? more : TRAIN;
    int parent = first >> PARENT_SHIFT != before >> PARENT_SHIFT;
    return (1 + parent + missed) * miss + (more - missed) * hidden;
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

/* SMT siblings take turns at what walks page tables on their core. */
static ps_t walk(const Task *t, ps_t now)
{
    ps_t ps = t->cost->page_walk + walk_miss[t->l3];
    if (!WALKERS)
        return ps;
    ps_t *busy = walkers + t->core * WALKERS;
    for (int i = 1; i < WALKERS; i++)
        if (walkers[t->core * WALKERS + i] < *busy)
            busy = &walkers[t->core * WALKERS + i];
    *busy = greater(*busy, now) + ps;
    return *busy - now;
}

static inline ps_t translate(const Task *t, ps_t now)
{
    if (!tlb)
        return 0;
    uint64_t tag = (uint64_t)(t - tasks + 1) << 32 | (uint32_t)t->page;
    uint64_t *first = tlb + (size_t)t->core * tlb_words;
    int ways = TLB_L1_WAYS, more = TLB_L2_WAYS;
    if (found(first + t->page % (int)TLB_L1_SETS * (ways + 1), ways, tag))
        return 0;
    uint64_t *second = first + TLB_L1_SETS * (ways + 1);
    if (found(second + t->page % (int)TLB_L2_SETS * (more + 1), more, tag))
        return t->cost->tlb_l2_hit;
    n.tlb_misses++;
    return walk(t, now);
}

/* --- memory: reading a page ------------------------------------------------------------------- */

static inline ps_t read_page(Task *t, ps_t now)
{
    uint32_t *seen = &pages[t->page].seen[t->l3], *reads = &l3_reads[t->l3];
    uint32_t bits = draw_at(t - tasks, DRAW_READ, t->page);
    typeof(&flights[0][0]) flight = &flights[t->l3][t->page % FLIGHT_SLOTS];
    ps_t near = scaled(read_quantiles, bits, t->cost->read_page_l3);
    if (*seen && *reads - *seen < L3_PAGES)
        return flight->page == t->page + 1 /* not before the leader's data is there */
            ? greater(near, flight->arrives - now) : near;
    *seen = ++*reads;
    ps_t ps = scaled(read_quantiles, bits, t->cost->read_page_dram);
    int home = INTERLEAVE ? t->page % sockets : 0;
    if (ps > near)
        ps = near + (ps - near) * far_read[hops[t->socket * sockets + home]] / 1000000;
    ps_t *busy = &node_busy[home];
    *busy = greater(*busy, now) + NODE_PAGE;
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

/* --- reading the numbers, building ------------------------------------------------------------ */

static void read_machine(const char *path)
{
    read_numbers(path);
#define READ_COST(name)                                                                            \
    for (int busy = 0; busy < 2; busy++)                                                           \
        costs[busy].name = table("cost." #name)[busy];
#define READ_WORD(name) name = number(#name);
    COSTS(READ_COST)
    SCALARS(READ_WORD)
    memcpy(line_cost, table("line_cost"), sizeof line_cost);
    core_l3 = table("core.l3"), core_socket = table("core.socket"), hops = table("hops");
    walk_miss = table("walk_miss"), far_read = table("far_read");
    read_quantiles = table("quantiles.read");
    draw_key = KEY, sockets = SOCKETS;
    if (number("L3S") > MAX_L3 || number("CORES") > 64 * MASKS)
        die("built for a smaller machine:", "raise MAX_L3 or MASKS");
}

/* Nothing is given back: a process runs a few times and ends. */
static void *on_lines(size_t bytes)
{
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void new_machine(int n_tasks, int n_pages)
{
    tlb_words = TLB_L1_SETS * (TLB_L1_WAYS + 1) + TLB_L2_SETS * (TLB_L2_WAYS + 1);
    tlb = TLB ? calloc(number("CORES") * tlb_words, sizeof *tlb) : NULL;
    tasks = on_lines(sizeof *tasks * n_tasks);
    pages = on_lines(sizeof *pages * n_pages);
    walkers = calloc(number("CORES") * WALKERS + 1, sizeof *walkers);
    node_busy = calloc(sockets, sizeof *node_busy);
    l3_reads = calloc(MAX_L3, sizeof *l3_reads);
    flights = calloc(MAX_L3, sizeof *flights);
    memset(times, 0, sizeof times);
}

#endif
