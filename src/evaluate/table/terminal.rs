//! An evaluation for a terminal.

use super::columns::{Side, columns, plain, wrap};
use super::{by_truths, coco_rows};
use crate::evaluate::wording::{self, count, figure, signed};
use crate::evaluate::{Evaluation, Interval, Intervals};

/// How the text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Columns of the terminal.
    pub width: usize,
    /// Headings in bold, explanations dimmed, by ANSI escapes.
    pub color: bool,
    /// Most classes that are listed.
    pub classes: usize,
}

impl Default for TerminalOptions {
    fn default() -> Self {
        Self { width: 100, color: false, classes: 20 }
    }
}

/// The whole evaluation, from what was compared to what was doubtful.
pub fn terminal(evaluation: &Evaluation, options: &TerminalOptions) -> String {
    let mut page = Page { text: String::new(), options };
    page.opening(evaluation);
    page.coco(evaluation);
    page.protocols(evaluation);
    page.classes(evaluation);
    page.operating_point(evaluation);
    page.errors(evaluation);
    page.slices(evaluation);
    if let Some(intervals) = &evaluation.intervals {
        page.intervals(intervals);
    }
    page.warnings(evaluation);
    page.text
}

struct Page<'a> {
    text: String,
    options: &'a TerminalOptions,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, title: &str, remark: &str) {
        let remark = if remark.is_empty() { String::new() } else { format!("  {}", self.dim(remark)) };
        let title = self.bold(title);
        self.line("");
        self.line(&format!("{title}{remark}"));
    }

    fn bold(&self, text: &str) -> String {
        if self.options.color { format!("\x1b[1m{text}\x1b[0m") } else { text.into() }
    }

    fn dim(&self, text: &str) -> String {
        if self.options.color { format!("\x1b[2m{text}\x1b[0m") } else { text.into() }
    }

    fn table(&mut self, rows: &[Vec<String>], sides: &[Side]) {
        for line in columns(rows, sides, self.options.width.saturating_sub(2)) {
            self.line(&format!("  {line}"));
        }
    }

    fn paragraph(&mut self, text: &str) {
        for line in wrap(text, self.options.width.saturating_sub(2)) {
            self.line(&format!("  {line}"));
        }
    }

    fn opening(&mut self, evaluation: &Evaluation) {
        let title = format!("{} on {}", plain(&evaluation.settings.model), plain(&wording::source(evaluation)));
        let title = self.bold(&title);
        self.line(&title);
        self.paragraph(&wording::data(evaluation));
        self.paragraph(&wording::how(evaluation));
    }

    fn coco(&mut self, evaluation: &Evaluation) {
        self.heading("COCO", "");
        let rows: Vec<Vec<String>> = coco_rows(evaluation)
            .iter()
            .map(|row| {
                row.iter().flat_map(|(name, value)| [(*name).to_owned(), figure(*value), String::new()]).collect()
            })
            .collect();
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
        let sides: Vec<Side> = [Side::Left, Side::Right, Side::Right].into_iter().cycle().take(longest).collect();
        self.table(&rows, &sides);
    }

    fn protocols(&mut self, evaluation: &Evaluation) {
        self.heading("Protocols", "mean AP of the same boxes, and why tools disagree");
        let rows: Vec<Vec<String>> = wording::protocols(evaluation)
            .into_iter()
            .map(|protocol| vec![protocol.name.into(), figure(protocol.value), protocol.why])
            .collect();
        self.table(&rows, &[Side::Left, Side::Right, Side::Left]);
    }

    fn classes(&mut self, evaluation: &Evaluation) {
        self.heading("Classes", "those with the most truths first; confidence, precision and recall where F1 is best");
        let header = ["class", "truths", "AP", "AP50", "F1", "confidence", "precision", "recall"];
        let classes = by_truths(evaluation);
        let rows = classes.iter().take(self.options.classes).map(|class| {
            let figures =
                [class.ap, class.ap50, class.best_f1, class.best_confidence, class.precision, class.recall].map(figure);
            [plain(&class.label), count(class.truths)].into_iter().chain(figures).collect()
        });
        let rows: Vec<Vec<String>> = std::iter::once(header.map(str::to_owned).to_vec()).chain(rows).collect();
        let mut sides = [Side::Right; 8];
        sides[0] = Side::Left;
        self.table(&rows, &sides);
        let more = classes.len().saturating_sub(self.options.classes);
        if more > 0 {
            let text = self.dim(&format!("… and {} more, all in --report and --csv", count(more)));
            self.line(&format!("  {text}"));
        }
    }

    fn operating_point(&mut self, evaluation: &Evaluation) {
        self.heading("Operating point", "all classes together");
        self.paragraph(&wording::operating_point(evaluation));
        if let Some(ece) = evaluation.calibration.ece {
            self.paragraph(&format!(
                "expected calibration error {}: 0 is confidence that is probability",
                figure(Some(ece))
            ));
        }
        let thresholds = wording::thresholds(evaluation);
        let (head, entries) = thresholds.split_once('\n').unwrap_or_default();
        if entries.is_empty() {
            return;
        }
        self.heading("Thresholds", "the confidence of the best F1, for the server's configuration");
        self.line(head);
        let most = self.options.classes;
        for entry in entries.lines().take(most) {
            self.line(entry);
        }
        let more = entries.lines().count().saturating_sub(most);
        if more > 0 {
            let text = self.dim(&format!("# … and {} more, all in --report", count(more)));
            self.line(&text);
        }
    }

    fn errors(&mut self, evaluation: &Evaluation) {
        if evaluation.errors.is_empty() {
            return;
        }
        self.heading("Errors", "how many, and by how much AP50 would rise without them");
        let rows: Vec<Vec<String>> = evaluation
            .errors
            .iter()
            .map(|error| {
                let (name, meaning) = wording::mistake(error.kind);
                vec![name.into(), count(error.count), signed(error.delta_ap50), meaning.into()]
            })
            .collect();
        self.table(&rows, &[Side::Left, Side::Right, Side::Right, Side::Left]);
        self.paragraph(&wording::errors(evaluation));
    }

    fn slices(&mut self, evaluation: &Evaluation) {
        if evaluation.slices.is_empty() {
            return;
        }
        self.heading("Slices", "AP50, recall at the operating point, truths");
        let mut rows = vec![["by", "", "AP50", "recall", "truths"].map(str::to_owned).to_vec()];
        let mut by = "";
        for slice in &evaluation.slices {
            let shown = if slice.by == by { "" } else { slice.by };
            by = slice.by;
            rows.push(vec![
                shown.into(),
                plain(&slice.label),
                figure(slice.ap50),
                figure(slice.recall),
                count(slice.truths),
            ]);
        }
        self.table(&rows, &[Side::Left, Side::Left, Side::Right, Side::Right, Side::Right]);
    }

    fn intervals(&mut self, intervals: &Intervals) {
        let Intervals { replicates, seed, level, .. } = intervals;
        let remark = format!("{:.0} % of {} bootstrap replicates, seed {seed}", level * 100.0, count(*replicates));
        self.heading("Intervals", &remark);
        self.interval_table(&intervals.coco, figure);
        let Some(difference) = &intervals.against else { return };
        self.heading("Difference", &format!("this less {}, on the same pictures", plain(&difference.other)));
        self.interval_table(&difference.coco, signed);
        if let Some(better) = difference.better {
            self.paragraph(&format!("this model's AP is higher in {:.1} % of the replicates", better * 100.0));
        }
    }

    fn interval_table(&mut self, intervals: &[Interval], number: impl Fn(Option<f64>) -> String) {
        let rows: Vec<Vec<String>> = intervals
            .iter()
            .map(|interval| {
                let bounds = format!("{} to {}", number(interval.low), number(interval.high));
                vec![interval.name.clone(), number(interval.value), bounds]
            })
            .collect();
        self.table(&rows, &[Side::Left, Side::Right, Side::Right]);
    }

    fn warnings(&mut self, evaluation: &Evaluation) {
        if evaluation.warnings.is_empty() {
            return;
        }
        self.heading("Warnings", "");
        for warning in &evaluation.warnings {
            self.paragraph(&plain(&wording::warning(warning)));
        }
    }
}
