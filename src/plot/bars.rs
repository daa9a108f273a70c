//! Horizontal bars, with intervals where they are known.

use super::axis::Scale;
use super::svg::{Canvas, Ink, LINE, TITLE, shorten, widest};

/// Width of the whole figure.
const WIDTH: f64 = 460.0;
/// Height of a bar with the gap to the next.
const ROW: f64 = 24.0;
/// Names of colours in one line.
const COLUMNS: usize = 3;
/// Most characters of a label.
const NAME: usize = 32;

/// Bars, one below the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// Stands above, and is what a screen reader says.
    pub title: String,
    /// What is measured, with the unit.
    pub label: String,
    /// How values are shown.
    pub shape: Shape,
    /// First and last value of the scale; without it, what the data ask for.
    pub range: Option<(f64, f64)>,
    /// From the top down.
    pub bars: Vec<Bar>,
    /// What the colours mean, below the bars; empty where it needs no telling.
    pub key: Vec<(String, Ink)>,
}

/// How values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// By length, from 0: for amounts.
    Bar,
    /// By place: for estimates, whose intervals matter more than their distance from 0.
    Dot,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it is of.
    pub label: String,
    /// Its length; none is drawn where it is absent or not finite.
    pub value: Option<f64>,
    /// Lower and upper bound.
    pub interval: Option<(f64, f64)>,
    /// The value as it is written at the right.
    pub text: String,
    /// Its colour.
    pub ink: Ink,
}

impl Bar {
    fn numbers(&self) -> impl Iterator<Item = f64> {
        let (low, high) = self.interval.unzip();
        [self.value, low, high].into_iter().flatten().filter(|value| value.is_finite())
    }
}

impl Bars {
    /// The figure. The same bars give the same bytes.
    pub fn svg(&self) -> String {
        let top = TITLE + if self.label.is_empty() { 0.0 } else { 16.0 };
        let left = 10.0
            + widest(
                self.bars.iter().map(|bar| shorten(&bar.label, NAME).0).collect::<Vec<_>>().iter().map(AsRef::as_ref),
            );
        let right = (WIDTH - 12.0 - widest(self.bars.iter().map(|bar| bar.text.as_str()))).max(left + 100.0);
        let below = if self.key.is_empty() { 0.0 } else { self.key.len().div_ceil(COLUMNS) as f64 * LINE + 8.0 };
        let mut canvas = Canvas::new(&self.title, WIDTH, top + self.bars.len().max(1) as f64 * ROW + 22.0 + below);
        canvas.text(0.0, TITLE + 6.0, "soft", &shorten(&self.label, 70).0);
        let zero = (self.shape == Shape::Bar).then_some(0.0);
        let scale = Scale::over(self.bars.iter().flat_map(Bar::numbers).chain(zero), self.range);
        let bottom = top + self.bars.len() as f64 * ROW;
        for (value, text) in scale.ticks() {
            let x = scale.place(value, left, right);
            canvas.line(if value == 0.0 { "axis" } else { "grid" }, (x, top), (x, bottom));
            canvas.text(x, bottom + 15.0, "soft small middle", &text);
        }
        if self.bars.is_empty() {
            canvas.text(0.0, top + 16.0, "soft", "no data");
        }
        for (index, bar) in self.bars.iter().enumerate() {
            let middle = top + (index as f64 + 0.5) * ROW;
            canvas.text(left - 10.0, middle + 4.0, "end", &shorten(&bar.label, NAME).0);
            canvas.text(WIDTH, middle + 4.0, "end", &bar.text);
            self.draw(&mut canvas, bar, middle, |value| scale.place(value, left, right));
        }
        for (index, (name, ink)) in self.key.iter().enumerate() {
            let x = (index % COLUMNS) as f64 * WIDTH / COLUMNS as f64;
            let y = bottom + 22.0 + (index / COLUMNS + 1) as f64 * LINE;
            canvas.rect(&format!("fill {}", ink.class()), (x, y - 10.0), (12.0, 12.0), 1.0, "");
            canvas.text(x + 18.0, y, "small", &shorten(name, 18).0);
        }
        canvas.finish()
    }

    fn draw(&self, canvas: &mut Canvas, bar: &Bar, middle: f64, place: impl Fn(f64) -> f64) {
        let class = bar.ink.class();
        let value = bar.value.filter(|value| value.is_finite());
        if let (Some(value), Shape::Bar) = (value, self.shape) {
            let (zero, end) = (place(0.0), place(value));
            let hint = format!("{}: {}", bar.label, bar.text);
            canvas.rect(
                &format!("fill {class}"),
                (zero.min(end), middle - 8.0),
                ((end - zero).abs(), 16.0),
                1.0,
                &hint,
            );
        }
        if let Some((low, high)) = bar.interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
            let class = if self.shape == Shape::Dot { format!("line {class}") } else { "line thin ink".into() };
            let (low, high) = (place(low), place(high));
            canvas.line(&class, (low, middle), (high, middle));
            for end in [low, high] {
                canvas.line(&class, (end, middle - 4.0), (end, middle + 4.0));
            }
        }
        if let (Some(value), Shape::Dot) = (value, self.shape) {
            canvas.dot(&format!("fill {class}"), (place(value), middle), 4.5);
        }
    }
}
