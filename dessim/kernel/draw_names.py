"""Random draws: their purposes, and the tables of what is drawn."""

# purposes of random draws
DRAW_START, DRAW_READ, DRAW_ACCESS, DRAW_THINK, DRAW_HOLD = 0, 1, 2, 4, 5
DRAW_ARBITRATE = 3  # at a line: whom an arbiter serves, who joins the request of its SMT sibling
DRAW_ACTOR = 6  # an actor's rounds, the device's latency, a test-and-set lock's winner
DRAWN_AHEAD = 16  # draws of a purpose that a task makes at once: a power of 2
N_COUNTED_DRAWS = 7  # a task counts its draws for each purpose up to here
DRAW_CACHED = 7  # by page: whether it is in the page cache at first
DRAW_WORK = 8  # by access: where a task's factors of own work begin
DRAW_PAGE_WORK = 9  # by access: the factor of the user's work on the page

QUANTILE_KNOTS = 4097  # coarse knots, then as many fine ones for the last coarse interval
QUANTILE_WORDS = 2 * QUANTILE_KNOTS
QUANTILE_ONE = 1 << 16  # a quantile table holds multiples of the mean in 1/65536
QUANTILE_SHIFT = 16
WORK_FACTORS = 256  # equally likely
WORK_SHIFT = 24  # of 32 bits: what is left chooses the factor
QUANTILES_READ, QUANTILES_EXPONENTIAL, QUANTILES_DEVICE = 0, 1, 2
N_QUANTILES = 3
