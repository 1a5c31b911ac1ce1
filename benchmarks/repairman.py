"""The exact answer for the closed lock loop: the machine-repairman model M/M/1//N."""


def mean_wait_ns(cpus: int, think_ns: float, hold_ns: float) -> float:
    """Return the mean wait for the lock, from asking to getting it.

    Parameters
    ----------
    cpus : int
    think_ns, hold_ns : float, ns
        Means of exponential think and hold times.

    Source
    ------
    Mean value analysis, one queue and a delay: R(n) = hold (1 + Q(n-1)), X(n) = n / (think + R(n)),
    Q(n) = X(n) R(n). Reiser and Lavenberg, JACM 27(2), 1980.
    """
    queue = 0.0
    response = hold_ns
    for n in range(1, cpus + 1):
        response = hold_ns * (1 + queue)
        queue = n * response / (think_ns + response)
    return response - hold_ns
