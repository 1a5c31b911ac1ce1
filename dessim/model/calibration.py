"""What a calibrated machine profile says about its calibration."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from dessim.model.fields import Model, Text, refuse


class Calibration(Model):
    """Which measurements a profile was fitted to, and how sure its fitted numbers are."""

    data: Annotated[Text, Field(min_length=1)]
    """Name of the measured table."""
    cells: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Fitted cells, chosen before the fit: `workload:threads:order`. All others are unseen."""
    parameters: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Fitted numbers by their dotted path."""
    covariance: tuple[tuple[float, ...], ...]
    """Of the logarithms of the parameters, in their order; 0 for one held at its bound."""
    unseen: dict[Text, float] = Field(default_factory=dict)
    """Root mean square of the logarithmic error of seconds by workload, over cells whose number of
    threads was left out of the fit (cross-validation)."""

    @model_validator(mode="after")
    def _check(self) -> Calibration:
        n = len(self.parameters)
        if len(self.covariance) != n or any(len(row) != n for row in self.covariance):
            text = f"the covariance of {n} parameters must be a matrix of {n} x {n}"
            raise refuse([(("covariance",), text)])
        return self
