"""The visits of scripts/browser.sh.

    browser.py VISIT CHROMIUM URL FILE FOLDER

URL is the server's and FILE a picture; of the visit to a report, URL is the report's own and FILE the JSON of the same
evaluation. In each of them, an error on the page's console or a request to another host is a failure.
"""

import contextlib
import json
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect, sync_playwright

WINDOW = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}

visit, chromium, url, file, folder = sys.argv[1:]


class Visit:
    """A page, with what it asked for and what it complained of."""

    def __init__(self, page):
        self.page = page
        self.requests, self.complaints = [], []
        page.on("request", lambda request: self.requests.append((request.method, request.url)))
        page.on("console", lambda message: message.type in ("error", "warning") and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"{request.url}: {request.failure}"))

    def posts(self):
        return [address for method, address in self.requests if method == "POST"]

    def screenshot(self, name, **options):
        self.page.screenshot(path=Path(folder) / f"{name}.png", **options)
        print(f"{name}.png")

    def finish(self):
        # Data and blobs never leave the page.
        others = {address for _, address in self.requests if urlsplit(address).scheme not in ("data", "blob")}
        others = {address for address in others if urlsplit(address).netloc != urlsplit(url).netloc}
        assert not others, f"asked another host: {others}"
        assert not self.complaints, f"complained: {self.complaints}"
        print(f"{len(self.requests)} requests, none to others; no complaint")


@contextlib.contextmanager
def open_page(path, **options):
    with sync_playwright() as playwright:
        # Root may not run Chromium's sandbox; the pages are ours.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        made = Visit(browser.new_context(**{"viewport": WINDOW, **options}).new_page())
        made.page.goto(url + path)
        yield made
        made.finish()
        browser.close()


def ask(confidence):
    """The rows that the API's own answer would make."""
    body = Path(file).read_bytes()
    request = urllib.request.Request(f"{url}/api/v1/detect?confidence={confidence}", body, {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request) as answer:
        detections = json.load(answer)["detections"]
    rows = []
    for found in detections:
        x, y, width, height = (round(found["box"][side]) for side in ("x", "y", "width", "height"))
        rows.append([found["label"], f"{x}, {y} · {width} × {height}", f"{round(found['confidence'] * 100)} %"])
    return rows


def rows(page):
    return [row.locator("td").all_inner_texts() for row in page.get_by_test_id("result-row").all()]


def upload(made, path=file):
    made.page.get_by_test_id("picture-input").set_input_files(path)
    made.page.get_by_test_id("result-row").first.wait_for()


def expect_rows(made, confidence):
    wanted = ask(confidence)
    expect(made.page.get_by_test_id("result-row")).to_have_count(len(wanted))
    assert rows(made.page) == wanted, f"the page shows {rows(made.page)}, the API says {wanted}"
    print(f"confidence {confidence}: {len(wanted)} rows, those of the API")


def playground():
    with open_page("/") as made:
        expect(made.page.get_by_test_id("drop-zone")).to_be_visible()
        made.screenshot("playground-start")
        upload(made)
        expect_rows(made, 0.25)
        expect(made.page.get_by_test_id("error-banner")).to_be_hidden()
        expect(made.page.get_by_test_id("timings")).to_be_visible()
        # The pictures in the program are for another model.
        expect(made.page.get_by_test_id("samples")).to_be_hidden()
        made.screenshot("playground-light")


def slider():
    with open_page("/") as made:
        upload(made)
        expect_rows(made, 0.25)
        for confidence in (0.05, 0.6, 0.9):
            made.page.get_by_test_id("confidence").fill(str(confidence))
            expect_rows(made, confidence)
        assert len(made.posts()) == 1, f"{len(made.posts())} uploads"
        print("one upload")


def refusal():
    with open_page("/") as made:
        made.page.get_by_test_id("picture-input").set_input_files(
            {"name": "letter.jpg", "mimeType": "image/jpeg", "buffer": b"Dear Ocelli"}
        )
        expect(made.page.get_by_test_id("error-title")).to_have_text("This picture format is not read (415)")
        made.screenshot("playground-refusal")
        # A picture afterwards is welcome.
        upload(made)
        expect(made.page.get_by_test_id("error-banner")).to_be_hidden()
        expect_rows(made, 0.25)
        # Chromium itself complains of any status above 399.
        made.complaints = [text for text in made.complaints if "status of 415" not in text]


def looks():
    with open_page("/", color_scheme="dark") as made:
        upload(made)
        made.page.wait_for_load_state("networkidle")
        made.screenshot("playground-dark")
    with open_page("/", viewport=PHONE, device_scale_factor=2, has_touch=True, is_mobile=True) as made:
        made.screenshot("phone-start")
        upload(made)
        made.page.wait_for_load_state("networkidle")
        wide = made.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"the page is {wide} pixels wide on a phone of {PHONE['width']}"
        made.screenshot("phone", full_page=True)


def choice():
    with open_page("/") as made:
        model, samples = made.page.get_by_test_id("model"), made.page.get_by_test_id("samples")
        expect(model.locator("option")).to_have_count(2)
        expect(samples).to_be_hidden()
        upload(made)
        # Another choice would call the request off, and Chromium complains of that.
        with made.page.expect_request_finished(lambda request: "model=ocelli-bccd" in request.url):
            model.select_option("ocelli-bccd")
        expect(samples).to_be_visible()
        model.select_option(index=0)
        expect(samples).to_be_hidden()
        made.page.wait_for_load_state("networkidle")


def samples():
    name = Path(file).name
    looks = {
        "light": {},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": PHONE, "device_scale_factor": 2, "has_touch": True, "is_mobile": True},
    }
    for look, options in looks.items():
        with open_page("/", **options) as made:
            buttons = made.page.get_by_test_id("sample")
            expect(buttons).to_have_count(3)
            for image in buttons.locator("img").all():
                image.evaluate("image => image.decode()")
            made.screenshot(f"samples-start-{look}")
            made.page.get_by_role("button", name=f"Sample {name}").click()
            made.page.get_by_test_id("result-row").first.wait_for()
            expect_rows(made, 0.25)
            expect(made.page.locator("#caption")).to_contain_text(name)
            wide = made.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide[0] <= wide[1], f"the page is {wide[0]} pixels wide in a window of {wide[1]}"
            made.screenshot(f"samples-{look}", full_page=True)
    with open_page("/") as made:
        # Without a pointer: from button to button, which keep the focus when they move beside the picture.
        made.page.get_by_test_id("sample").first.focus()
        made.page.keyboard.press("Enter")
        made.page.get_by_test_id("result-row").first.wait_for()
        made.page.keyboard.press("Tab")
        made.page.keyboard.press("Enter")
        second = made.page.get_by_test_id("sample").nth(1)
        expect(second).to_be_focused()
        expect(made.page.locator("#caption")).to_contain_text(second.get_attribute("title"))
        made.page.wait_for_load_state("networkidle")


def documentation():
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    wanted = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    with open_page("/docs/") as made:
        made.page.locator(".opblock").first.wait_for()
        shown = {
            (block.locator(".opblock-summary-method").inner_text(), block.locator(".opblock-summary-path").get_attribute("data-path"))
            for block in made.page.locator(".opblock").all()
        }
        assert shown == wanted, f"shown are {shown}, specified are {wanted}"
        print(f"{len(shown)} operations")
        made.screenshot("docs", full_page=True)
        made.page.locator(".opblock-summary-path[data-path='/api/v1/detect']").click()
        made.page.locator(".opblock.is-open table.parameters").wait_for()
        made.screenshot("docs-detect", full_page=True)


def figure(value):
    """As the report writes it."""
    return "–" if value is None else f"{value:.3f}"


def short(value):
    """As Rust writes a number: without the point that Python gives to whole ones."""
    return repr(value).removesuffix(".0")


def expect_figures(page, figures):
    """The same numbers wherever they stand, and they are those of the JSON."""
    point, confusion = figures["operating_point"], figures["confusion"]
    for name in ("AP", "AP50", "AP75"):
        shown = page.locator(".headline div").filter(has=page.get_by_text(name, exact=True)).locator("dd").first
        expect(shown).to_have_text(figure(figures["coco"][name]))
    precision, recall, f1 = (figure(point[name]) for name in ("precision", "recall", "f1"))
    above = f"above confidence {short(point['confidence'])}"
    head = page.locator(".headline div").last
    expect(head.locator("dt")).to_have_text(f"F1 {above}")
    expect(head.locator("dd")).to_have_text([f1, f"precision {precision}, recall {recall}"])
    section = page.locator("#operating-point")
    expect(section.locator("p").first).to_contain_text(f"{above}, all classes together")
    expect(section.locator("p").first).to_contain_text(f"Precision {precision}, recall {recall}, F1 {f1}")
    expect(section.locator("figcaption")).to_contain_text(
        f"Above confidence {short(confusion['confidence'])}, from IoU {short(confusion['iou'])}"
    )
    assert confusion["confidence"] == point["confidence"], "the matrix is that of another confidence"
    expect(page.locator("#curves")).to_contain_text(f"F1 {f1} above {short(point['confidence'])}")
    print(f"AP50 {figure(figures['coco']['AP50'])}; {above}: precision {precision}, recall {recall}, F1 {f1}")


def expect_sorting(page):
    table = page.locator("table.sortable")
    for column in (3, 1, 0):
        for falling in (column > 0, column == 0):
            table.locator("thead button").nth(column).click()
            shown = table.locator(f"tbody tr > :nth-child({column + 1})").all_inner_texts()
            known = [text for text in shown if text != "–"]
            assert shown[: len(known)] == known, f"figures that do not exist do not come last: {shown}"
            wanted = sorted(known, key=(lambda text: float(text.replace(",", ""))) if column else None, reverse=falling)
            assert known == wanted, f"not in order: {known}"
    print(f"{len(shown)} classes in order")


def expect_pictures(page, figures):
    pictures = page.locator("#worst svg.picture image")
    expect(pictures).to_have_count(min(figures["data"]["images"], 12))
    decode = "async (image) => { const copy = new Image(); copy.src = image.href.baseVal; await copy.decode(); }"
    for picture in pictures.all():
        picture.evaluate(decode)
    print(f"{pictures.count()} pictures")


def report():
    size = Path(urlsplit(url).path).stat().st_size
    assert size < 2_000_000, f"the report has {size} bytes"
    print(f"{size} bytes")
    figures = json.loads(Path(file).read_text())
    looks = {
        "light": {},
        "dark": {"color_scheme": "dark"},
        "phone": {"viewport": PHONE, "device_scale_factor": 2, "has_touch": True, "is_mobile": True},
    }
    for name, options in looks.items():
        with open_page("", **options) as made:
            made.screenshot(f"report-{name}", full_page=True)
            expect_figures(made.page, figures)
            expect_sorting(made.page)
            expect_pictures(made.page, figures)
            for details in made.page.locator("details").all():
                details.locator("summary").click()
            wide = made.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide[0] <= wide[1], f"the page is {wide[0]} pixels wide in a window of {wide[1]}"
            others = {address for _, address in made.requests if urlsplit(address).scheme != "data"} - {url}
            assert not others, f"asked for more than itself: {others}"


visits = [playground, slider, refusal, looks, choice, samples, documentation, report]
{function.__name__: function for function in visits}[visit]()
