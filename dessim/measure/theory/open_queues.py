"""Open queues with one server: Poisson arrivals, first come first served.

Source
------
L. Kleinrock, *Queueing Systems*, vol. I, 1975; D. Gross, J. Shortle, J. Thompson, C. Harris,
*Fundamentals of Queueing Theory*, 4th ed., 2008.
"""

import math


def utilisation(arrival: float, service: float) -> float:
    """Share of time that the server is busy.

    Parameters
    ----------
    arrival : float, 1/time, > 0
        Arrivals per unit of time.
    service : float, time, > 0
        Mean service.

    Raises
    ------
    ValueError
        If a value is not positive, or the utilisation is 1 or more: no steady state.
    """
    if arrival <= 0 or service <= 0:
        raise ValueError("rates and times must be positive")
    rho = arrival * service
    if rho >= 1:
        raise ValueError(f"no steady state: utilisation {rho:.3g} is not below 1")
    return rho


def mg1_mean_wait(arrival: float, service: float, service_cv: float) -> float:
    """Mean wait before service in an M/G/1 queue.

    Parameters
    ----------
    arrival : float, 1/time
    service : float, time
        Mean service.
    service_cv : float, >= 0
        Coefficient of variation of the service.

    Returns
    -------
    float, time

    Source
    ------
    The Pollaczek-Khinchine formula: Kleinrock I, eq. (5.70).
    """
    rho = utilisation(arrival, service)
    return rho * service * (1 + service_cv**2) / (2 * (1 - rho))


def md1_mean_wait(arrival: float, service: float) -> float:
    """Mean wait before a fixed service in an M/D/1 queue.

    Source
    ------
    Kleinrock I, eq. (5.75): half the wait of M/M/1.
    """
    return mg1_mean_wait(arrival, service, 0.0)


def mm1_mean_wait(arrival: float, service: float) -> float:
    """Mean wait before an exponential service in an M/M/1 queue.

    Source
    ------
    Kleinrock I, eq. (5.74).
    """
    return mg1_mean_wait(arrival, service, 1.0)


def mm1_mean_sojourn(arrival: float, service: float) -> float:
    """Mean time from arrival to the end of service in an M/M/1 queue.

    Source
    ------
    Kleinrock I, eq. (3.26).
    """
    return service / (1 - utilisation(arrival, service))


def mm1_sojourn_quantile(arrival: float, service: float, share: float) -> float:
    """Time within which a share of the customers of an M/M/1 queue has left.

    Parameters
    ----------
    arrival, service : float
    share : float, 0..1
        0.99 for p99.

    Returns
    -------
    float, time

    Source
    ------
    The sojourn is exponential: Kleinrock I, eq. (5.119).
    """
    return -math.log1p(-share) * mm1_mean_sojourn(arrival, service)


def mm1_wait_quantile(arrival: float, service: float, share: float) -> float:
    """Wait that a share of the customers of an M/M/1 queue does not exceed.

    Source
    ------
    P(W > t) = rho exp(-(mu - lambda) t): Kleinrock I, eq. (5.123).
    """
    rho = utilisation(arrival, service)
    if 1 - share >= rho:
        return 0.0
    return math.log(rho / (1 - share)) * service / (1 - rho)
