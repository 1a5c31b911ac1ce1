/* What both C programs share: the file of numbers, the winner tree, the draws, the records.
 *
 * All numbers come from a text file that benchmarks/world_file.py writes from a World: one line
 * "name value value ...". Nothing about a machine is compiled in but the sizes of two arrays.
 * Names of costs, categories and counters, and the constants of a World, are in table.h.
 * Time is in picoseconds.
 */
#ifndef COMMON_H
#define COMMON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "table.h" /* written from dessim's tables when this is built */

typedef int64_t ps_t;

static inline ps_t greater(ps_t a, ps_t b)
{
    return a > b ? a : b;
}

static void die(const char *what, const char *which)
{
    fprintf(stderr, "%s %s\n", what, which);
    exit(2);
}

/* --- the file of numbers ------------------------------------------------------------------- */

typedef struct {
    char name[48];
    int count;
    int64_t *values;
} Entry;

static Entry *entries;
static int n_entries;

static void read_numbers(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        die("cannot read", path);
    int capacity = 0;
    Entry e;
    while (fscanf(f, "%47s %d", e.name, &e.count) == 2) {
        e.values = malloc(sizeof(int64_t) * (e.count ? e.count : 1));
        for (int i = 0; i < e.count; i++)
            if (fscanf(f, "%ld", &e.values[i]) != 1)
                die("too few numbers for", e.name);
        if (n_entries == capacity)
            entries = realloc(entries, sizeof(Entry) * (capacity = 2 * capacity + 64));
        entries[n_entries++] = e;
    }
    fclose(f);
}

static int64_t *table(const char *name)
{
    for (int i = 0; i < n_entries; i++)
        if (!strcmp(entries[i].name, name))
            return entries[i].values;
    die("the file lacks", name);
    return NULL;
}

static int64_t number(const char *name)
{
    return table(name)[0];
}

/* --- the queue: a winner tree over tasks, one key each, time << bits | task ------------------ */

#define NEVER INT64_MAX

static int64_t *tree;
static unsigned leaves, key_bits;

static void new_tree(unsigned tasks)
{
    key_bits = 1;
    while ((1u << key_bits) < tasks)
        key_bits++;
    leaves = 1u << key_bits;
    free(tree);
    tree = aligned_alloc(64, sizeof(int64_t) * (2 * leaves < 8 ? 8 : 2 * leaves));
    for (unsigned i = 0; i < 2 * leaves; i++)
        tree[i] = NEVER;
}

static inline void set_key(unsigned task, int64_t key)
{
    unsigned node = leaves + task;
    tree[node] = key;
    while (node > 1) {
        int64_t other = tree[node ^ 1];
        key = other < key ? other : key;
        node >>= 1;
        tree[node] = key;
    }
}

static inline void post(unsigned task, ps_t at)
{
    set_key(task, at << key_bits | task);
}

/* --- draws: Philox2x32-10, and quantiles of a table of coarse and fine knots ------------------ */

static uint32_t draw_key;

static inline uint32_t philox(uint32_t low, uint32_t high)
{
    uint32_t key = draw_key;
    for (int i = 0; i < 10; i++) {
        uint64_t product = (uint64_t)0xD256D193u * low;
        low = (uint32_t)(product >> 32) ^ key ^ high;
        high = (uint32_t)product;
        key += 0x9E3779B9u;
    }
    return low;
}

static inline uint32_t draw_at(unsigned task, unsigned purpose, uint64_t index)
{
    return philox((uint32_t)index, (uint32_t)((index >> 32) << 20 | task << 4 | purpose));
}

static inline ps_t scaled(const int64_t *knots, uint32_t bits, ps_t mean)
{
    uint32_t knot = bits >> 20, rest = bits & 0xFFFFF;
    if (knot == QUANTILE_KNOTS - 2) {
        knots += QUANTILE_KNOTS;
        knot = rest >> 8;
        rest = (rest & 0xFF) << 12;
    }
    int64_t low = knots[knot];
    return (mean * (low + (((knots[knot + 1] - low) * rest) >> 20))) >> 16;
}

/* --- records: latencies in 128 buckets an octave, and what ended when ------------------------ */

/* Latencies that ended while all threads ran, and those that ended before or after. */
typedef struct {
    int64_t sum, max, count, histogram[HIST_BUCKETS];
} Latencies;

static Latencies latencies[2];
static ps_t all_run_from, all_run_to;
static int64_t series_faults[SERIES_BINS], series_pages[SERIES_BINS];
static int series_shift;

static void new_records(void)
{
    memset(latencies, 0, sizeof latencies);
    memset(series_faults, 0, sizeof series_faults);
    memset(series_pages, 0, sizeof series_pages);
    all_run_to = NEVER;
    series_shift = SERIES_FIRST_SHIFT;
}

static inline void record_latency(ps_t latency, ps_t ended)
{
    Latencies *all = &latencies[ended < all_run_from || ended > all_run_to];
    int64_t bucket = latency;
    if (latency >= 1 << HIST_SUB_BITS) {
        int shift = 63 - __builtin_clzll(latency) - HIST_SUB_BITS;
        bucket = ((int64_t)shift << HIST_SUB_BITS) + (latency >> shift);
        if (bucket >= HIST_BUCKETS)
            bucket = HIST_BUCKETS - 1;
    }
    all->histogram[bucket]++;
    all->count++;
    all->sum += latency;
    all->max = greater(all->max, latency);
}

static void halve(int64_t *row)
{
    for (int i = 0; i < SERIES_BINS / 2; i++)
        row[i] = row[2 * i] + row[2 * i + 1];
    memset(row + SERIES_BINS / 2, 0, sizeof(int64_t) * SERIES_BINS / 2);
}

static inline void record_in_series(ps_t now, int pages)
{
    while (__builtin_expect(now >> series_shift >= SERIES_BINS, 0)) {
        halve(series_faults);
        halve(series_pages);
        series_shift++;
    }
    series_faults[now >> series_shift]++;
    series_pages[now >> series_shift] += pages;
}

static void read_starts(void)
{
    const int64_t *at = table("task.start");
    all_run_from = 0;
    for (int64_t i = 0; i < number("TASKS"); i++)
        all_run_from = greater(all_run_from, at[i]);
}

static inline void note_finish(ps_t now)
{
    if (now < all_run_to)
        all_run_to = now;
}

static void print_row(const char *name, const int64_t *row, int n)
{
    printf("%s %d", name, n);
    for (int i = 0; i < n; i++)
        printf(" %ld", row[i]);
    printf("\n");
}

static void print_one(const char *name, int64_t value)
{
    print_row(name, &value, 1);
}

static void print_records(void)
{
    print_row("series_faults", series_faults, SERIES_BINS);
    print_row("series_pages", series_pages, SERIES_BINS);
    print_one("series_bin_ps", (int64_t)1 << series_shift);
    for (int i = 0; i < 2; i++) {
        print_row("histogram", latencies[i].histogram, HIST_BUCKETS);
        print_one("latency_sum_ps", latencies[i].sum);
        print_one("latency_max_ps", latencies[i].max);
        print_one("latency_count", latencies[i].count);
    }
}

/* --- time of this process -------------------------------------------------------------------- */

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

#endif
