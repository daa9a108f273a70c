//! Curves over two axes.

use super::axis::{Axis, Scale};
use super::svg::{Canvas, Ink, LINE, TITLE, escape, number, shorten, text_width, widest};

/// Width of the whole figure.
const WIDTH: f64 = 460.0;
/// Height between the axes' ends.
const HEIGHT: f64 = 270.0;
/// Most characters of a series' name.
const NAME: usize = 24;

/// Several curves in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// Stands above, and is what a screen reader says.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The curves; later ones lie over earlier ones, and faint ones under all.
    pub series: Vec<Series>,
    /// Points to be told of.
    pub markers: Vec<Marker>,
    /// How one learns which curve is which.
    pub key: Key,
}

/// One curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name.
    pub label: String,
    /// x and y, in the order in which they are joined. A point that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
    /// Its colour.
    pub ink: Ink,
    /// Broken line: a second mark beside colour.
    pub dashed: bool,
    /// A dot on each point.
    pub dots: bool,
}

impl Series {
    /// A solid line without dots.
    pub fn new(label: impl Into<String>, points: Vec<(f64, f64)>, ink: Ink) -> Self {
        Self { label: label.into(), points, ink, dashed: false, dots: false }
    }

    fn line_class(&self) -> String {
        format!("line {}{}", self.ink.class(), if self.dashed { " dashed" } else { "" })
    }
}

/// A point on a curve, with a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Marker {
    /// Where: x and y. Nothing is drawn unless both are finite.
    pub point: (f64, f64),
    /// What is said of it; nothing for a dot alone. With a text, a hair line goes down to the axis.
    pub label: String,
    /// Its colour.
    pub ink: Ink,
}

/// How one learns which curve is which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Names at the curves' right ends: for curves that end apart.
    AtEnds,
    /// A list below, column by column.
    Below,
}

/// The inner frame in user units, and the scales of its sides.
struct Frame {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    x: Scale,
    y: Scale,
}

impl Frame {
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.place(x, self.left, self.right), self.y.place(y, self.bottom, self.top))
    }
}

impl Curves {
    /// The figure. The same curves give the same bytes.
    pub fn svg(&self) -> String {
        let named: Vec<&Series> = self.series.iter().filter(|series| series.ink != Ink::Faint).collect();
        let rows = named.len().div_ceil(2);
        let below = if self.key == Key::Below { rows as f64 * LINE + 8.0 } else { 0.0 };
        let frame = self.frame(&named);
        let mut canvas = Canvas::new(&self.title, WIDTH, frame.bottom + 2.0 * LINE + 6.0 + below);
        self.draw_axes(&mut canvas, &frame);
        let faint = self.series.iter().filter(|series| series.ink == Ink::Faint);
        let mut drawn = false;
        for series in faint.chain(named.iter().copied()) {
            drawn |= draw_series(&mut canvas, &frame, series);
        }
        if !drawn {
            let middle = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
            canvas.text(middle.0, middle.1, "soft middle", "no data");
        }
        self.draw_markers(&mut canvas, &frame);
        match self.key {
            Key::AtEnds => draw_names_at_ends(&mut canvas, &frame, &named),
            Key::Below => draw_names_below(&mut canvas, frame.bottom + 2.0 * LINE + 18.0, &named, rows),
        }
        canvas.finish()
    }

    fn frame(&self, named: &[&Series]) -> Frame {
        let points = || self.series.iter().flat_map(|series| &series.points).filter(|point| is_finite(point));
        let x = Scale::over(points().map(|point| point.0), self.x.range);
        let y = Scale::over(points().map(|point| point.1), self.y.range);
        let left = 10.0 + widest(y.ticks().iter().map(|(_, text)| text.as_str()));
        let names: Vec<_> = named.iter().map(|series| shorten(&series.label, NAME).0).collect();
        let right = match self.key {
            Key::AtEnds => 22.0 + widest(names.iter().map(AsRef::as_ref)),
            Key::Below => 12.0,
        };
        let top = TITLE + LINE;
        Frame { left, top, right: (WIDTH - right).max(left + 100.0), bottom: top + HEIGHT, x, y }
    }

    /// The vertical axis is named above it, where one reads without turning the head.
    fn draw_axes(&self, canvas: &mut Canvas, frame: &Frame) {
        canvas.text(0.0, TITLE + 6.0, "soft", &shorten(&self.y.label, 60).0);
        for (value, text) in frame.y.ticks() {
            let y = frame.y.place(value, frame.bottom, frame.top);
            canvas.line("grid", (frame.left, y), (frame.right, y));
            canvas.text(frame.left - 8.0, y + 4.0, "soft end", &text);
        }
        for (value, text) in frame.x.ticks() {
            let x = frame.x.place(value, frame.left, frame.right);
            canvas.line("axis", (x, frame.bottom), (x, frame.bottom + 4.0));
            canvas.text(x, frame.bottom + 17.0, "soft middle", &text);
        }
        canvas.line("axis", (frame.left, frame.bottom), (frame.right, frame.bottom));
        let middle = (frame.left + frame.right) / 2.0;
        canvas.text(middle, frame.bottom + 17.0 + LINE, "soft middle", &shorten(&self.x.label, 60).0);
    }

    fn draw_markers(&self, canvas: &mut Canvas, frame: &Frame) {
        for marker in self.markers.iter().filter(|marker| is_finite(&marker.point)) {
            let (x, y) = frame.place(marker.point);
            if !marker.label.is_empty() {
                canvas.line(&format!("line thin dashed {}", marker.ink.class()), (x, y), (x, frame.bottom));
                let to_the_left = x + 10.0 + text_width(&marker.label) > frame.right;
                let (x, class) = if to_the_left { (x - 8.0, "halo end") } else { (x + 8.0, "halo") };
                canvas.text(x, (y - 8.0).max(frame.top + 8.0), class, &marker.label);
            }
            canvas.dot(
                &format!("fill {}", marker.ink.class()),
                (x, y),
                if marker.label.is_empty() { 3.0 } else { 4.5 },
            );
        }
    }
}

fn is_finite(point: &(f64, f64)) -> bool {
    point.0.is_finite() && point.1.is_finite()
}

/// Draws the curve; whether there was anything to draw.
fn draw_series(canvas: &mut Canvas, frame: &Frame, series: &Series) -> bool {
    let mut path = String::new();
    let mut dots = Vec::new();
    for run in series.points.split(|point| !is_finite(point)).filter(|run| !run.is_empty()) {
        let placed: Vec<(f64, f64)> = run.iter().map(|point| frame.place(*point)).collect();
        // A run of one point has no length: a dot shows it.
        if series.dots || placed.len() == 1 {
            dots.extend(placed.iter().copied());
        }
        let mut word = "M";
        for (x, y) in thin(&placed) {
            path.push_str(&format!("{word}{} {}", number(x), number(y)));
            word = "L";
        }
    }
    if path.is_empty() {
        return false;
    }
    let (class, label) = (series.line_class(), escape(&series.label));
    canvas.raw(&format!(r#"<path class="{class}" d="{path}"><title>{label}</title></path>"#));
    for dot in dots {
        canvas.dot(&format!("fill {}", series.ink.class()), dot, 3.5);
    }
    true
}

/// What an eye can tell of a curve: of the points in a row within one unit of x, the first, the lowest, the highest and
/// the last. A curve of 100,000 points would else be megabytes.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let extremes = [column.iter().min_by(by_height), column.iter().max_by(by_height)].into_iter().flatten();
        let chosen: Vec<&(f64, f64)> = column.iter().take(1).chain(extremes).chain(column.last()).collect();
        // In the order of the curve: a reference into the slice tells its place.
        kept.extend(column.iter().filter(|point| chosen.iter().any(|other| std::ptr::eq(*point, *other))));
    }
    kept
}

/// Names beside the last points, pushed apart where they would lie on one another.
fn draw_names_at_ends(canvas: &mut Canvas, frame: &Frame, named: &[&Series]) {
    let end = |series: &&Series| series.points.iter().rev().find(|point| is_finite(point)).map(|end| frame.place(*end));
    let mut ends: Vec<(&Series, (f64, f64))> =
        named.iter().filter_map(|series| Some((*series, end(series)?))).collect();
    ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
    const GAP: f64 = 15.0;
    let mut heights: Vec<f64> = Vec::new();
    for (_, (_, y)) in &ends {
        heights.push(heights.last().map_or(*y, |last| y.max(last + GAP)));
    }
    let overflow = heights.last().map_or(0.0, |last| (last - frame.bottom).max(0.0));
    for ((series, (x, y)), height) in ends.iter().zip(heights) {
        let height = if overflow > 0.0 { height - overflow } else { height };
        if (height - y).abs() > 2.0 || frame.right - x > 2.0 {
            canvas.line("grid", (*x, *y), (frame.right + 8.0, height));
        }
        canvas.dot(&format!("fill {}", series.ink.class()), (*x, *y), 3.0);
        canvas.text(frame.right + 11.0, height + 4.0, "halo", &shorten(&series.label, NAME).0);
    }
}

/// Samples of the lines with their names, in two columns.
fn draw_names_below(canvas: &mut Canvas, top: f64, named: &[&Series], rows: usize) {
    for (index, series) in named.iter().enumerate() {
        let (column, row) = (index / rows.max(1), index % rows.max(1));
        let (x, y) = (column as f64 * WIDTH / 2.0, top + row as f64 * LINE);
        canvas.line(&series.line_class(), (x + 2.0, y - 4.0), (x + 26.0, y - 4.0));
        if series.dots {
            canvas.dot(&format!("fill {}", series.ink.class()), (x + 14.0, y - 4.0), 3.5);
        }
        canvas.text(x + 34.0, y, "", &shorten(&series.label, NAME + 4).0);
    }
}
