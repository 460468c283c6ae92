"""The page in headless Chromium: offline, without an error, and in use."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from builders.esci import BUILDER
from tests.report.conftest import INJECTED, WRITTEN

WIDE, PHONE = (1280, 900), (390, 844)
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--force-prefers-reduced-motion",  # a click waits for no scrolling
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no name leads anywhere
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if None in found:
        pytest.skip("chromium and chromedriver are not on PATH: tools/browser.sh installs them")
    options = Options()
    options.binary_location = str(found[0])
    for flag in FLAGS:
        options.add_argument(flag)
    if os.getuid() == 0:  # Chromium's sandbox refuses root
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(found[1]))
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    yield driver
    driver.quit()


@pytest.fixture
def view(chromium: Chrome, page: Path) -> Iterator[Chrome]:
    """The page as just opened; no test leaves an error in the console."""
    _open(chromium, page)
    yield chromium
    assert _log(chromium, "browser") == []


def _open(driver: Chrome, page: Path, fragment: str = "", size: tuple[int, int] = WIDE) -> None:
    width, height = size
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    driver.get("about:blank")  # else another fragment would not load the page anew
    _log(driver, "performance")
    driver.get(page.as_uri() + fragment)
    ready = "return document.body.dataset.ready === 'true'"
    WebDriverWait(driver, 20).until(lambda one: one.execute_script(ready))


def _log(driver: Chrome, kind: str) -> list[dict[str, Any]]:
    """What has come to a log of the browser since it was last asked for."""
    return list(driver.get_log(kind))  # type: ignore[no-untyped-call]


def _all(driver: Chrome, selector: str) -> list[WebElement]:
    return driver.find_elements(By.CSS_SELECTOR, selector)


def _one(driver: Chrome, selector: str) -> WebElement:
    return driver.find_element(By.CSS_SELECTOR, selector)


def _choose(driver: Chrome, name: str, value: str) -> None:
    Select(_one(driver, f"#filters [name={name}]")).select_by_value(value)


def _found(driver: Chrome) -> str:
    return _one(driver, "#count").text


def _run(driver: Chrome, script: str, *given: Any) -> Any:
    return driver.execute_script(f"return {script}", *given)


def test_it_asks_for_nothing_but_itself(view: Chrome, page: Path) -> None:
    events = [json.loads(one["message"])["message"] for one in _log(view, "performance")]
    asked = [
        one["params"]["request"]["url"]
        for one in events
        if one["method"] == "Network.requestWillBeSent"
    ]
    assert asked == [page.as_uri()]


def test_charts_are_drawn(view: Chrome) -> None:
    heights = _run(
        view,
        "[...document.querySelectorAll('.histogram')].map((chart) =>"
        " [...chart.children].map((bar) => bar.getBoundingClientRect().height))",
    )
    assert len(heights) == 4  # whole samples, and three types
    for bars in heights:
        assert max(bars) > 50
    places = _run(
        view,
        "[...document.querySelectorAll('.places i')].map((bar) =>"
        " bar.getBoundingClientRect().height)",
    )
    assert len(places) == 4
    assert min(places) > 50  # of four equal places
    dots = [dot.rect for dot in _all(view, ".guessers .strip i")]
    track = _one(view, ".guessers .strip div").rect
    assert dots[0]["x"] + dots[0]["width"] / 2 == pytest.approx(
        track["x"] + track["width"] * 0.25, abs=1.5
    )
    for bar in _all(view, "#composition .bars tbody th"):
        assert "linear-gradient" in bar.value_of_css_property("background-image")


def test_filters_narrow_the_list(view: Chrome) -> None:
    assert _found(view) == "114 of 114 samples"
    assert len(_all(view, "#list li")) == 50
    _choose(view, "language", "es")
    assert _found(view) == "8 of 114 samples"
    assert {one.text for one in _all(view, "#list .of")} == {
        "esci.rank_products_for_query · es · train"
    }
    _choose(view, "split", "validation")
    assert "No sample on this page has all of these" in _found(view)
    assert _all(view, "#list li") == []
    _one(view, "#filters [type=reset]").click()
    WebDriverWait(view, 5).until(lambda driver: _found(driver) == "114 of 114 samples")
    _choose(view, "split", "validation")
    assert _found(view) == "5 of 114 samples"


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("set", "esci.product_for_query", 105),
        ("type", "ranking", 8),
        ("source", "amazon_m2", 1),
        ("generator", "openai:gpt-4.1-mini", 1),
        ("generator", "none", 113),
    ],
)
def test_every_filter(view: Chrome, name: str, value: str, count: int) -> None:
    _choose(view, name, value)
    assert _found(view) == f"{count} of 114 samples"


def test_search_finds_words_ids_and_keys(view: Chrome) -> None:
    search = _one(view, "#search")
    search.send_keys("LÁMPARA 303")
    assert _found(view) == "1 of 114 samples"
    assert _one(view, "#sample h3").text == "esci.rank_products_for_query"
    search.clear()
    search.send_keys(f"{7:032x}")
    assert _found(view) == "1 of 114 samples"
    search.clear()
    search.send_keys("product:B12")
    assert _found(view) == "1 of 114 samples"


def test_the_rest_of_the_list_is_shown_on_demand(view: Chrome) -> None:
    _one(view, "#more").click()
    assert len(_all(view, "#list li")) == 100
    _one(view, "#more").click()
    assert len(_all(view, "#list li")) == 114
    assert not _one(view, "#more").is_displayed()


def test_a_sample_opens_with_reasons_and_lineage(view: Chrome) -> None:
    _one(view, "#search").send_keys("303")
    _one(view, "#list button").click()
    assert _run(view, "location.hash") == f"#sample-{303:032x}"
    sample = _one(view, "#sample")
    assert "Ordena los productos." in sample.text
    options = [one.text for one in _all(view, "#sample .options li")]
    assert options[0].endswith(f"weight 0.1: {BUILDER.reasons['judged_S']}")
    assert options[1].endswith("weight 1")
    assert not _one(view, "#sample dl").is_displayed()
    _one(view, "#sample .lineage summary").click()
    told = _one(view, "#sample dl").text
    for words in (
        "abc123",
        "queries:303",
        "products:us:B303",
        "query:lamp 303",
        "esci/rank_products_for_query/terse.j2@0badcafe",
        "Apache-2.0",
    ):
        assert words in told
    _one(view, "#filters [type=reset]").click()
    WebDriverWait(view, 5).until(lambda driver: _found(driver) == "114 of 114 samples")
    _all(view, "#list button")[3].click()
    assert _one(view, "#sample dl").is_displayed()  # it stays open from sample to sample


def test_a_script_in_a_sample_stays_text(view: Chrome) -> None:
    title = view.title
    _choose(view, "type", "generation")
    assert _one(view, "#sample .answer").text == INJECTED
    _one(view, "#sample .lineage summary").click()
    assert f"product:{INJECTED}" in _one(view, "#sample dl").text
    assert view.title == title == "small · shopmix report"
    assert _all(view, "img") == []
    assert len(_all(view, "script")) == 2


def test_pairs_stand_side_by_side(view: Chrome) -> None:
    exact, near = sorted(_all(view, "#duplicate-pairs .pair"), key=lambda one: one.text)
    assert "The text is not at hand." in exact.text
    left, right = near.find_elements(By.CSS_SELECTOR, "pre")
    assert left.text.startswith("Which product fits the query?\nQuery: lamp 3")
    assert left.find_element(By.TAG_NAME, "mark").text == "3"
    assert left.rect["y"] == right.rect["y"]
    leak, _ = _all(view, "#leak-pairs .pair")
    assert "which lamp is it that" in leak.text
    marks = [one.text for one in leak.find_elements(By.TAG_NAME, "mark")]
    assert marks == ["shines?", "BURNS?"]  # case makes no difference


def test_a_link_leads_to_a_sample(chromium: Chrome, page: Path) -> None:
    _open(chromium, page, f"#sample-{WRITTEN['id']}")
    assert _one(chromium, "#sample h3").text == "amazon_m2.explain_product_type"
    assert _log(chromium, "browser") == []


def test_keys_alone_are_enough(view: Chrome) -> None:
    body = _one(view, "body")
    body.send_keys("/")
    assert _run(view, "document.activeElement.id") == "search"
    first = _one(view, "#list button")
    view.execute_script("arguments[0].focus()", first)
    first.send_keys(Keys.ARROW_DOWN)
    second = _all(view, "#list button")[1]
    assert view.switch_to.active_element == second
    assert second.get_attribute("aria-current") == "true"
    assert str(second.get_attribute("data-id")) in _one(view, "#sample").text
    second.send_keys(Keys.ENTER)
    assert _run(view, "document.activeElement.id") == "sample"
    for element in _all(view, "#filters select, #filters input"):
        assert element.accessible_name


def test_on_a_phone_nothing_is_wider_than_the_screen(chromium: Chrome, page: Path) -> None:
    _open(chromium, page, size=PHONE)
    assert _run(chromium, "document.documentElement.scrollWidth") == PHONE[0]
    assert not _one(chromium, "#sample").is_displayed()
    item = _all(chromium, "#list button")[1]
    item.click()
    sample = _one(chromium, "#sample")
    assert sample.is_displayed()
    assert sample.rect["width"] == PHONE[0]
    _one(chromium, "#sample .back").click()
    assert not sample.is_displayed()
    assert chromium.switch_to.active_element == item
    assert _log(chromium, "browser") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(view: Chrome, scheme: str) -> None:
    """WCAG 2.2 asks for a contrast of 4.5 (https://www.w3.org/TR/WCAG22/#contrast-minimum)."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    view.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    colours = {
        name: _luminance(_run(view, _COLOUR, f"--{name}"))
        for name in "ground card ink soft link good warn good-soft warn-soft bar-soft mark".split()
    }
    assert (colours["ground"] > 0.5) == (scheme == "light")
    pairs = [(text, on) for text in ("ink", "soft", "link", "warn") for on in ("ground", "card")]
    pairs += [("ink", "bar-soft"), ("ink", "mark"), ("ink", "good-soft"), ("soft", "good-soft")]
    for text, on in [*pairs, ("good", "good-soft"), ("warn", "warn-soft")]:
        light, dark = sorted((colours[text], colours[on]), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, f"{text} on {on}"


_COLOUR = "getComputedStyle(document.documentElement).getPropertyValue(arguments[0])"


def _luminance(colour: str) -> float:
    """Of a #rrggbb, as WCAG defines it."""
    channels = [int(colour.strip()[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
