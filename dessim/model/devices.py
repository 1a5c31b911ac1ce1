"""Devices that machines and experiments name: rows of numbers with their sources.

A device serves commands. Each takes a latency of its own, drawn; only so many are in work at a
time; and two ceilings of the whole device, commands a second and bytes a second, let the next
command through no sooner. The least of the three decides.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class DeviceRow(NamedTuple):
    """A device.

    Attributes
    ----------
    source : str
        Where its numbers come from.
    fields : dict
        Keys of section `device` of a machine profile, as they are written there.
    """

    source: str
    fields: dict[str, Any]


PROFILES = {
    "nvme_pm1733": DeviceRow(
        "A. Crotty, V. Leis, A. Pavlo, Are You Sure You Want to Use MMAP in Your DBMS?, CIDR 2022,"
        " data of viktorleis/mmapbench at 8f66321: fio with O_DIRECT, 3.6e6 KiB/s in reads of 4 KiB"
        " (900,000 a second) and 6.83e6 KiB/s in reads of 1 MiB. Latency: 20 threads that each wait"
        " for one page at a time read 262,000 pages a second, 76 us each, less about 6 us of the"
        " fault. Depth: assumed, more than those threads can fill. Writes: the maker's sheet of a"
        " drive of 3.84 TB, recalled: 135,000 a second, 3.8 GB/s",
        {
            "read_latency": "70us",
            "read_latency_cv": "25%",
            "queue_depth": 1024,
            "read_iops": 900_000,
            "read_bandwidth": "6.99GB/s",
            "write_latency": "20us",
            "write_iops": 135_000,
            "write_bandwidth": "3.8GB/s",
        },
    ),
    "cloud_volume": DeviceRow(
        "Network volume of a public cloud as the question poses it: 334 us a read, 20,000 commands"
        " a second at most; 1 GB/s at most and both directions alike: assumed",
        {
            "read_latency": "334us",
            "read_latency_cv": "25%",
            "queue_depth": 256,
            "read_iops": 20_000,
            "read_bandwidth": "1GB/s",
            "write_latency": "334us",
            "write_iops": 20_000,
            "write_bandwidth": "1GB/s",
        },
    ),
    "disk": DeviceRow(
        "A rotating disk of 7,200 turns a minute: 4.2 ms for half a turn and about 4 ms of seek;"
        " one head, so depth 1; 150 MB/s off the platter. By the physics, not measured",
        {
            "read_latency": "8.2ms",
            "read_latency_cv": "40%",
            "queue_depth": 1,
            "read_iops": 0,
            "read_bandwidth": "150MB/s",
            "write_latency": "8.2ms",
            "write_iops": 0,
            "write_bandwidth": "150MB/s",
        },
    ),
}
"""Name of a device -> its numbers."""
