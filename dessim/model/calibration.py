"""What a calibrated machine profile says about its calibration."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from dessim.model.fields import Model, Text, refuse


class LeftOut(Model):
    """How far a workload's error drifted from the threads that were kept to more threads."""

    workload: Text
    largest: Annotated[int, Field(ge=1)]
    """Largest number of threads kept."""
    threads: Annotated[int, Field(gt=1)]
    """Number of threads of the predicted cells."""
    cells: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Mean square over cells of the logarithmic error of seconds less that at the most threads that
    were kept."""
    faults: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """The same of minor faults."""

    @model_validator(mode="after")
    def _check(self) -> LeftOut:
        if self.threads <= self.largest:
            text = f"{self.threads} threads are not more than the {self.largest} that were kept"
            raise refuse([(("threads",), text)])
        return self


class Calibration(Model):
    """Which measurements a profile was fitted to, and how certain its fitted numbers are."""

    data: Annotated[Text, Field(min_length=1)]
    """Name of the measured table."""
    cells: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Fitted cells, chosen before the fit: `workload:threads:order`. All others are unseen."""
    parameters: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Fitted numbers by their dotted path."""
    covariance: tuple[tuple[float, ...], ...]
    """Covariance of the logarithms of the parameters, in their order; 0 for one held at its bound.
    """
    unseen: dict[Text, float] = Field(default_factory=dict)
    """Root mean square of the logarithmic error of seconds by workload, over cells whose number of
    threads was left out of the fit (cross-validation)."""
    left_out: tuple[LeftOut, ...] | None = None
    """Errors, at more threads, of fits to few threads: they widen predictions beyond the measured
    threads. Empty in profiles fitted without cross-validation."""

    @model_validator(mode="after")
    def _check(self) -> Calibration:
        n = len(self.parameters)
        if len(self.covariance) != n or any(len(row) != n for row in self.covariance):
            text = f"the covariance of {n} parameters must be a matrix of {n} x {n}"
            raise refuse([(("covariance",), text)])
        return self
