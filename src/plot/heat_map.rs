//! A square of counts: which is taken for which.

use super::axis::thousands;
use super::svg::{Canvas, TITLE, escape, number, shorten, text_width};

/// Most characters of a label.
const NAME: usize = 16;
/// Most kinds that are shown; of more, those with the most counts beside the diagonal.
const MOST: usize = 24;

/// A square of counts, where the diagonal is right and everything else is a mistake.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap<'a> {
    /// Stands above, and is what a screen reader says.
    pub title: String,
    /// What the rows are.
    pub rows: String,
    /// What the columns are.
    pub columns: String,
    /// Names of the kinds.
    pub labels: &'a [String],
    /// Name of the last row and column: no kind at all.
    pub rest: String,
    /// `counts[row][column]`, one more of each than labels; what is missing counts 0.
    pub counts: &'a [Vec<usize>],
}

impl HeatMap<'_> {
    /// The figure. Shades are shares of a row; the diagonal has one colour, mistakes have another, and numbers say it too.
    ///
    /// Of more than 24 kinds, those are shown that are most often mixed up with others, and a line says so. The same
    /// counts give the same bytes.
    pub fn svg(&self) -> String {
        let shown = self.shown();
        let mut names: Vec<&str> =
            shown.iter().filter_map(|index| self.labels.get(*index)).map(String::as_str).collect();
        names.push(&self.rest);
        let indices: Vec<usize> = shown.iter().copied().chain([self.labels.len()]).collect();
        let widest = names.iter().map(|name| text_width(&shorten(name, NAME).0)).fold(40.0, f64::max);
        let margin = widest + 10.0;
        let cell = match names.len() {
            ..=5 => (widest + 8.0).min(84.0),
            6..=8 => 48.0,
            9..=14 => 34.0,
            _ => 23.0,
        };
        // Names of columns are upright where they do not fit side by side.
        let upright = widest > cell;
        let head = if upright { margin } else { 22.0 };
        let top = TITLE + 18.0 + head;
        let side = cell * names.len() as f64;
        let mut canvas = Canvas::new(&self.title, (margin + side + 12.0).max(300.0), top + side + 10.0);
        canvas.text(0.0, TITLE + 6.0, "soft", &self.note(shown.len()));
        for (place, name) in names.iter().enumerate() {
            let middle = (place as f64 + 0.5) * cell;
            let (name, _) = shorten(name, NAME);
            canvas.text(margin - 8.0, top + middle + 4.0, "end", &name);
            draw_column_name(&mut canvas, (margin + middle, top - 8.0), upright, &name);
        }
        for (y, row) in indices.iter().enumerate() {
            let corner = (margin, top + y as f64 * cell);
            self.draw_row(&mut canvas, *row, &indices, corner, cell);
        }
        let rest = side - cell;
        canvas.line("axis", (margin, top + rest), (margin + side, top + rest));
        canvas.line("axis", (margin + rest, top), (margin + rest, top + side));
        canvas.finish()
    }

    fn note(&self, shown: usize) -> String {
        let (rows, columns, all) = (&self.rows, &self.columns, self.labels.len());
        if shown == all {
            return format!("rows: {rows}; columns: {columns}");
        }
        format!("rows: {rows}; columns: {columns}; the {shown} of {all} most often mixed up")
    }

    fn count(&self, row: usize, column: usize) -> usize {
        self.counts.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0)
    }

    /// Indices of the kinds that are shown, in their own order.
    fn shown(&self) -> Vec<usize> {
        let all = self.labels.len();
        if all <= MOST {
            return (0..all).collect();
        }
        // Mixed up with another kind counts first; taken for nothing, or nothing for it, decides ties.
        let mistakes = |kind: usize| {
            let others = (0..all).filter(|other| *other != kind);
            let mixed: usize = others.map(|other| self.count(kind, other) + self.count(other, kind)).sum();
            (mixed, self.count(kind, all) + self.count(all, kind))
        };
        let mut ranked: Vec<((usize, usize), usize)> = (0..all).map(|kind| (mistakes(kind), kind)).collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut shown: Vec<usize> = ranked.into_iter().take(MOST).map(|(_, kind)| kind).collect();
        shown.sort_unstable();
        shown
    }

    fn draw_row(&self, canvas: &mut Canvas, row: usize, columns: &[usize], (left, top): (f64, f64), cell: f64) {
        let all: usize = (0..=self.labels.len()).map(|column| self.count(row, column)).sum();
        for (place, column) in columns.iter().enumerate() {
            let count = self.count(row, *column);
            let x = left + place as f64 * cell;
            if count == 0 {
                canvas.rect("fill ink", (x, top), (cell - 1.0, cell - 1.0), 0.03, "");
                continue;
            }
            // Never so strong that the number on it could not be read, in light or in dark.
            let shade = 0.08 + 0.5 * count as f64 / all as f64;
            let right = row == *column;
            let class = if right { "fill ink1" } else { "fill ink2" };
            let hint = format!("{} → {}: {count} of {all}", self.name(row), self.name(*column));
            canvas.rect(class, (x, top), (cell - 1.0, cell - 1.0), shade, &hint);
            let small = if cell < 30.0 { " small" } else { "" };
            let middle = (x + cell / 2.0 - 0.5, top + cell / 2.0 + if cell < 30.0 { 3.0 } else { 4.0 });
            canvas.text(middle.0, middle.1, &format!("middle{small}"), &short_count(count, cell));
        }
    }

    fn name(&self, index: usize) -> &str {
        self.labels.get(index).unwrap_or(&self.rest)
    }
}

/// 1.2k where 1234 has no room.
fn short_count(count: usize, cell: f64) -> String {
    let most = if cell < 30.0 { 999 } else { 99_999 };
    match count {
        _ if count <= most => thousands(&count.to_string()),
        0..10_000 => format!("{:.1}k", count as f64 / 1e3),
        10_000..1_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

fn draw_column_name(canvas: &mut Canvas, (x, y): (f64, f64), upright: bool, name: &str) {
    if !upright {
        return canvas.text(x, y, "middle", name);
    }
    let (x, y) = (number(x + 4.0), number(y));
    canvas.raw(&format!(r#"<text transform="translate({x} {y}) rotate(-90)">{}</text>"#, escape(name)));
}
