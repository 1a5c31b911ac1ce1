import pytest
from rich.console import Console

from dessim.report.text.explain import rounded_percentages
from dessim.report.text.sensitivity import print_sensitivity


def test_percentages_add_up_and_are_off_by_less_than_a_tenth() -> None:
    """Largest remainders: the sum is what the shares round to, each within one unit."""
    shares = [1 / 3, 1 / 3, 1 / 3]
    assert rounded_percentages(shares) == ["33.4%", "33.3%", "33.3%"]
    many = [0.12345, 0.00049, 0.5, 0.37606]
    shown = [float(text.rstrip("%")) for text in rounded_percentages(many)]
    assert sum(shown) == pytest.approx(100)
    assert all(abs(a - 100 * b) < 0.1 for a, b in zip(shown, many, strict=True))
    assert rounded_percentages([]) == []


def an_effect(name: str, mu_star: float, mu: float) -> dict[str, object]:
    """Return an effect as results hold it."""
    return {
        "parameter": name,
        "mu_star": mu_star,
        "mu_star_ci95": [mu_star, mu_star],
        "mu": mu,
        "sigma": 0.1,
    }


def test_what_falls_is_a_percentage_of_what_was(capsys) -> None:
    """A fall by log 2 is 50 %, a rise by log 2 is 100 %, and mixed signs say so."""
    log_2 = 0.6931471805599453
    origin = {"value": "2ns", "low": "1ns", "high": "3ns", "tag": "assumed", "source": None}
    effects = [
        an_effect("falls", log_2, -log_2),
        an_effect("rises", log_2, log_2),
        an_effect("mixed", 0.1, 0.01),
        an_effect("nothing", 0.0, 0.0),
    ]
    response = {
        "response": "b / a",
        "ratio": True,
        "least": 0.9,
        "greatest": 2.0,
        "share_above_1": 0.75,
        "machines": 8,
        "chance": 0.02,
        "effects": effects,
    }
    document = {
        "metric": "completion_s",
        "threads": 2,
        "fault_around_order": 4,
        "workload": "w",
        "machine": "m",
        "replications": 3,
        "trajectories": 2,
        "samples": 0,
        "parameters": [{"parameter": e["parameter"], **origin} for e in effects],
        "responses": [response],
    }
    print_sensitivity(Console(width=200), {"sensitivity": document})
    text = capsys.readouterr().out
    assert "-50.0% [50.0%, 50.0%]" in text
    assert "+100.0% [100.0%, 100.0%]" in text
    assert "±10.5%" in text
    assert "above 1 on 75 % of them" in text
    assert "1 others matter less or not at all; below about 2.0% an effect may be chance" in text
    assert "nothing " not in text
