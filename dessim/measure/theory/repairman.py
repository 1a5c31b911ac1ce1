"""The machine repairman: N customers think, queue for one server, are served, think again.

Also called M/M/1//N, finite-source queue or terminal system. A lock that N threads take in a loop,
with exponential think and hold times, is this model exactly.

Source
------
L. Kleinrock, *Queueing Systems*, vol. I, 1975, section 3.8; S. Lavenberg, M. Reiser, *Stationary
state probabilities at arrival instants for closed queueing networks*, J. Appl. Prob. 17, 1980.
"""

import math


def state_probabilities(customers: int, think: float, service: float) -> list[float]:
    """Probability of 0, 1, ... customers at the server.

    Parameters
    ----------
    customers : int, >= 0
    think, service : float, time, > 0
        Means; both exponential.

    Returns
    -------
    list of float, length customers + 1

    Source
    ------
    Kleinrock I, eqs. (3.41) and (3.42): p_k proportional to N! / (N - k)! (service / think)^k.
    """
    if think <= 0 or service <= 0:
        raise ValueError("times must be positive")
    ratio = math.log(service / think)
    logs = [
        math.lgamma(customers + 1) - math.lgamma(customers - k + 1) + k * ratio
        for k in range(customers + 1)
    ]
    top = max(logs)
    weights = [math.exp(x - top) for x in logs]
    total = math.fsum(weights)
    return [x / total for x in weights]


def throughput(customers: int, think: float, service: float) -> float:
    """Services per unit of time: how often the server is busy, over the service.

    Source
    ------
    X = (1 - p_0) / service.
    """
    return (1 - state_probabilities(customers, think, service)[0]) / service


def mean_wait(customers: int, think: float, service: float) -> float:
    """Mean time from asking for the server to the start of service.

    Source
    ------
    Little's law around the whole loop: N = X (think + wait + service).
    """
    return customers / throughput(customers, think, service) - think - service


def wait_beyond(customers: int, think: float, service: float, wait: float) -> float:
    """Probability that a wait is longer than some time.

    Source
    ------
    Who arrives sees the steady state of one customer less (Lavenberg and Reiser 1980), and waits
    for as many exponential services: P(W > t) = sum_k p_k(N - 1) P(Poisson(t / service) < k).
    """
    from scipy.special import gammaincc  # here: it takes long to import

    seen = state_probabilities(customers - 1, think, service)
    return math.fsum(p * float(gammaincc(k, wait / service)) for k, p in enumerate(seen) if k > 0)


def wait_quantile(customers: int, think: float, service: float, share: float) -> float:
    """Wait that a share of the requests does not exceed.

    Parameters
    ----------
    customers : int, >= 1
    think, service : float, time
    share : float, 0..1
        0.99 for p99.
    """
    from scipy.optimize import brentq

    if wait_beyond(customers, think, service, 0.0) <= 1 - share:
        return 0.0
    most = service * (customers + 10 * math.sqrt(customers) - 20 * math.log(1 - share))
    return float(
        brentq(lambda t: wait_beyond(customers, think, service, t) - (1 - share), 0.0, most)
    )
