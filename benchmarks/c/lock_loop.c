/* The closed lock loop by hand: think, take the lock, hold it, give it back.
 *
 *   lock_loop NUMBERS REPEATS
 *
 * Same draws, same order of events, same records as dessim's lock_loop on a machine whose lines
 * cost nothing; the hand-over does in one event what dessim does in two. With -DBARE it keeps only
 * the mean wait and draws from xoshiro256++ and log(), as one would who needs nothing else.
 */
#include <math.h>

#include "common.h"

enum { THINK, HOLD, LOCK, N_TIMES };

typedef struct {
    ps_t asked, finish;
    int64_t iterations;
    int next; /* in the queue for the lock, or -1 */
    int holds;
} Task;

static Task *tasks;
static int64_t n_tasks, iterations;
static ps_t mean_think, mean_hold;
static const int64_t *exponential;
static int head, tail, held;
static int64_t events, times[N_TIMES], completion, wait_sum, waits;

#ifdef BARE
static uint64_t s[4];

static inline uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static inline ps_t exponential_ps(unsigned task, unsigned purpose, uint64_t index, ps_t mean)
{
    (void)task, (void)purpose, (void)index;
    uint64_t result = rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3], s[2] ^= t, s[3] = rotl(s[3], 45);
    return (ps_t)(-log((double)((result >> 11) + 1) * 0x1p-53) * (double)mean);
}

static void seed(void)
{
    uint64_t x = draw_key;
    for (int i = 0; i < 4; i++) { /* splitmix64 */
        uint64_t z = x += 0x9E3779B97F4A7C15u;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        s[i] = z ^ z >> 31;
    }
}
#else
static inline ps_t exponential_ps(unsigned task, unsigned purpose, uint64_t index, ps_t mean)
{
    return scaled(exponential, draw_at(task, purpose, index), mean);
}

static void seed(void)
{
}
#endif

static inline void think(unsigned i, ps_t now)
{
    ps_t ps = exponential_ps(i, DRAW_THINK, tasks[i].iterations, mean_think);
    tasks[i].holds = 0;
    times[THINK] += ps;
    post(i, now + ps);
}

static inline void hold(unsigned i, ps_t now)
{
    Task *t = &tasks[i];
    ps_t wait = now - t->asked;
    ps_t ps = exponential_ps(i, DRAW_HOLD, t->iterations, mean_hold);
    t->holds = 1;
#ifdef BARE
    wait_sum += wait;
    waits++;
#else
    times[LOCK] += wait;
    times[HOLD] += ps;
    record_latency(wait, now);
    record_in_series(now, 0);
#endif
    post(i, now + ps);
}

static void start(void)
{
    draw_key = (uint32_t)number("KEY");
    seed();
    new_tree((unsigned)n_tasks);
    new_records();
    read_starts();
    memset(times, 0, sizeof times);
    head = tail = -1;
    held = 0;
    events = completion = wait_sum = waits = 0;
    memset(tasks, 0, sizeof(Task) * n_tasks);
}

static inline void unlock(unsigned i, ps_t now)
{
    Task *t = &tasks[i];
    if (head < 0) {
        held = 0;
    } else {
        unsigned next = head;
        head = tasks[next].next;
        hold(next, now);
    }
    events += 4;
    if (++t->iterations < iterations) {
        think(i, now);
        return;
    }
    t->finish = now;
    note_finish(now);
    if (now > completion)
        completion = now;
    events += 3; /* begin, finish, stop */
    set_key(i, NEVER);
}

static void run(void)
{
    const int64_t *at = table("task.start");
    unsigned mask = leaves - 1;
    for (int i = 0; i < n_tasks; i++)
        think(i, at[i]);
    for (int64_t key; (key = tree[1]) != NEVER;) {
        unsigned i = key & mask;
        ps_t now = key >> key_bits;
        Task *t = &tasks[i];
        if (t->holds) {
            unlock(i, now);
            continue;
        }
        t->asked = now;
        if (!held) {
            held = 1;
            hold(i, now);
            continue;
        }
        t->next = -1;
        if (head < 0)
            head = i;
        else
            tasks[tail].next = i;
        tail = i;
        set_key(i, NEVER);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage:", "lock_loop NUMBERS REPEATS");
    read_numbers(argv[1]);
    n_tasks = number("TASKS");
    iterations = number("ACCESSES");
    mean_think = table("cost.think")[0];
    mean_hold = table("cost.hold")[0];
    exponential = table("quantiles.exponential");
    tasks = malloc(sizeof(Task) * n_tasks);
    int64_t ns = 0;
    for (int repeat = 0; repeat < atoi(argv[2]); repeat++) {
        start();
        int64_t before = cpu_ns();
        run();
        ns += cpu_ns() - before;
    }
    print_one("cpu_ns", ns);
    print_one("completion_ps", completion);
    print_one("events", events);
    print_row("times", times, N_TIMES);
    print_one("wait_sum", wait_sum);
    print_one("waits", waits);
    for (int i = 0; i < n_tasks; i++)
        print_one("finish", tasks[i].finish);
    print_records();
    return 0;
}
