"""The report in headless Chromium: it renders, sorts, toggles, asks nobody and prints."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import browser, poison

from dessim.report.page.render import write_report, write_sides

playwright = pytest.importorskip("playwright.sync_api", reason="pip install 'dessim[browser]'")
if browser() is None:
    pytest.skip("no browser: install chromium or set DESSIM_BROWSER", allow_module_level=True)
SWITCHES = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless browser."""
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=browser(), args=list(SWITCHES))
        yield running
        running.close()


@pytest.fixture
def seen(chromium: Any, reported: Path) -> Iterator[Any]:
    """The page at 1200 px, with all it said and asked for as `said` and `asked`."""
    yield from opened(chromium, write_report(reported), 1200)


def opened(chromium: Any, path: Path, width: int) -> Iterator[Any]:
    """Open a page; when the test is done, it must have said nothing and asked for nothing."""
    page = chromium.new_page(viewport={"width": width, "height": 800})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    yield page
    page.close()
    assert said == []
    assert asked == [path.as_uri()]


def column(page: Any, name: str) -> list[str]:
    """Cells of a column of the table of results."""
    table = page.locator("#results table").first
    heads = table.locator("thead th").all_text_contents()
    rows: list[str] = table.locator(
        f"tbody td:nth-child({heads.index(name) + 1})"
    ).all_text_contents()
    return rows


def test_it_renders(seen: Any) -> None:
    """Title, question, figures with something in them."""
    assert seen.title() == "small-report – dessim"  # noqa: RUF001 - a dash
    assert seen.locator(".question").is_visible()
    charts = seen.locator("svg.chart")
    assert charts.count() == 2 + 2 * 3 + 2
    for i in range(charts.count()):
        box = charts.nth(i).bounding_box()
        assert box["width"] > 200
        assert box["height"] > 120


def test_tables_are_sorted_by_number_both_ways_with_the_keyboard_too(seen: Any) -> None:
    """By threads up, and down again; by a rate, as a number and not as a word."""
    button = seen.locator("#results table").first.get_by_role("button", name="threads")
    button.click()
    threads = [int(cell) for cell in column(seen, "threads")]
    assert threads == sorted(threads)
    button.focus()
    seen.keyboard.press("Enter")
    threads = [int(cell) for cell in column(seen, "threads")]
    assert threads == sorted(threads, reverse=True)
    assert seen.locator("th[aria-sort=descending]").count() == 1
    seen.locator("#results table").first.get_by_role("button", name="pages/s").click()
    rates = (
        seen.locator("#results table")
        .first.locator("tbody tr")
        .evaluate_all("rows => rows.map(row => Number(row.cells[5].dataset.order))")
    )
    assert rates == sorted(rates)
    assert len(rates) == 16


def test_what_is_not_known_stands_last(seen: Any) -> None:
    """Dashes are at the end whichever way a column is sorted."""
    for _ in range(2):
        seen.locator("#results table").first.get_by_role("button", name="p99.9").click()
        cells = column(seen, "p99.9")
        known = [not cell.startswith("–") for cell in cells]  # noqa: RUF001 - a dash
        assert known == sorted(known, reverse=True)


def test_series_are_switched_off_and_on(seen: Any) -> None:
    """A box hides the lines of its scheme in its figure, and nowhere else."""
    box = seen.locator("#figure-throughput input").first
    mine = seen.locator("#figure-throughput .series[data-series='0']")
    other = seen.locator("#figure-throughput .series[data-series='1']")
    elsewhere = seen.locator("#figure-latency .series[data-series='0']")
    box.uncheck()
    assert not any(mine.nth(i).is_visible() for i in range(mine.count()))
    assert other.first.is_visible()
    assert elsewhere.first.is_visible()
    box.check()
    assert mine.first.is_visible()


def test_a_chart_is_enlarged_and_made_small_again(seen: Any) -> None:
    """By a button, by Escape; its lines stay as thin as they are."""
    picture = seen.locator("#figure-throughput .picture").first
    before = picture.bounding_box()["width"]
    button = picture.get_by_role("button", name="enlarge")
    button.click()
    assert picture.bounding_box()["width"] > 2 * before
    thin = "one => getComputedStyle(one).vectorEffect"
    assert picture.locator("polyline").first.evaluate(thin) == "non-scaling-stroke"
    picture.get_by_role("button", name="make small").press("Escape")
    assert picture.bounding_box()["width"] == before


@pytest.mark.parametrize("width", [400, 1200])
def test_several_results_are_on_one_page(
    chromium: Any, reported: Path, tmp_path: Path, width: int
) -> None:
    """Charts have lines, tables are sorted and filtered; it fits."""
    other = shutil.copytree(reported, tmp_path / "other")
    path = write_sides([reported, other], tmp_path / "both.html")
    for page in opened(chromium, path, width):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in ("whole", "history", "curves"):
            assert page.locator(f"#figure-{name} svg.chart polyline").count() > 1
        table = page.locator("#moves table")
        rows = table.locator("tbody tr")
        table.get_by_role("button", name="A to B").click()
        page.locator("#moves .filter").fill("gang 6")
        shown = [row for row in rows.all() if row.is_visible()]
        assert 0 < len(shown) < rows.count()
        assert all("the same" in (row.text_content() or "") for row in shown)


def test_it_is_readable_at_400_px(chromium: Any, reported: Path) -> None:
    """Nothing sticks out of the page sideways, and no text of a chart is below 9 px."""
    for page in opened(chromium, write_report(reported), 400):
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        box = page.locator("svg.chart").first.bounding_box()
        assert 11 * box["width"] / 380 >= 9
        assert page.locator("#results .scroll").first.bounding_box()["width"] <= 400


def test_it_is_readable_on_paper(seen: Any) -> None:
    """No buttons, everything open, no table wider than the sheet; more than a page comes out."""
    seen.emulate_media(media="print")
    seen.set_viewport_size({"width": 700, "height": 1000})
    assert not seen.locator("nav").is_visible()
    seen.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert seen.locator("details:not([open])").count() == 0
    assert seen.evaluate("document.documentElement.scrollWidth") <= 700
    widest = seen.locator("table").evaluate_all("all => Math.max(...all.map(t => t.offsetWidth))")
    assert widest <= 700
    seen.evaluate("dispatchEvent(new Event('afterprint'))")
    assert seen.locator("details[open]").count() == 0
    assert seen.pdf(format="A4").count(b"/Type /Page") > 3


def test_hostile_names_do_nothing(chromium: Any, reported: Path, tmp_path: Path) -> None:
    """No script of theirs runs, nothing is loaded, and the page still works."""
    for page in opened(chromium, write_report(poison(reported, tmp_path / "bad")), 1200):
        assert page.evaluate("window.hurt") is None
        page.locator("#results table").first.get_by_role("button", name="threads").click()
        page.locator("#results td").first.hover()
        assert page.evaluate("window.hurt") is None


def test_the_policy_holds_even_against_the_page(chromium: Any, reported: Path) -> None:
    """Were something injected after all, the browser would not run it."""
    page = chromium.new_page()
    page.goto(write_report(reported).as_uri())
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.hurt = 1';"
        " document.body.append(s); const i = new Image(); i.src = 'http://127.0.0.1:9/x';"
        " document.body.append(i); }"
    )
    assert page.evaluate("window.hurt") is None
    page.close()
