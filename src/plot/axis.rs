//! Where values stand on an axis, and its round numbers.

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    /// First and last value; without it, what the data ask for.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    /// An axis as long as the data ask for.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), range: None }
    }

    /// An axis from 0 to 1.
    pub fn share(label: impl Into<String>) -> Self {
        Self { label: label.into(), range: Some((0.0, 1.0)) }
    }
}

/// The numbers between which a figure is drawn: finite, `from` < `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) from: f64,
    pub(super) to: f64,
}

/// Values are cut here, so that the distance of any two is finite.
const LARGEST: f64 = 1e300;
/// About how many round numbers an axis has.
const TICKS: f64 = 5.0;

impl Scale {
    /// The given range if it is one; else the round numbers around the finite values; 0..1 where there are none.
    pub(super) fn over(values: impl Iterator<Item = f64>, range: Option<(f64, f64)>) -> Self {
        let cut = |value: f64| value.clamp(-LARGEST, LARGEST);
        if let Some((from, to)) = range.filter(|(from, to)| from.is_finite() && to.is_finite()) {
            let (from, to) = (cut(from), cut(to));
            if to - from > from.abs().max(to.abs()) * 1e-12 {
                return Self { from, to };
            }
        }
        let bounds = values.filter(|value| value.is_finite()).map(cut).fold(None, |bounds, value| match bounds {
            None => Some((value, value)),
            Some((from, to)) => Some((value.min(from), value.max(to))),
        });
        let Some((from, to)) = bounds else { return Self { from: 0.0, to: 1.0 } };
        let scale = if to - from > from.abs().max(to.abs()) * 1e-12 {
            Self { from, to }
        } else {
            let room = if to == 0.0 { 0.5 } else { (to.abs() * 0.1).max(1e-300) };
            Self { from: from - room, to: to + room }
        };
        scale.rounded()
    }

    /// Out to the next round numbers.
    fn rounded(self) -> Self {
        let step = self.step();
        let (from, to) = ((self.from / step).floor() * step, (self.to / step).ceil() * step);
        if from.is_finite() && to.is_finite() && from < to { Self { from, to } } else { self }
    }

    /// Where a value stands between two coordinates; values outside the scale stand at its nearer end.
    pub(super) fn place(&self, value: f64, start: f64, end: f64) -> f64 {
        let share = (value.clamp(self.from, self.to) - self.from) / (self.to - self.from);
        start + share * (end - start)
    }

    /// 1, 2 or 5 times a power of ten.
    fn step(&self) -> f64 {
        let raw = (self.to - self.from) / TICKS;
        let power = 10_f64.powf(raw.log10().floor());
        let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| raw <= factor * power * 1.000_001).unwrap_or(10.0);
        factor * power
    }

    /// The round numbers on the scale, as they are written.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let step = self.step();
        let first = (self.from / step - 1e-9).ceil();
        (0..=12)
            .map(|count| (first + f64::from(count)) * step)
            .take_while(|value| *value <= self.to + step * 1e-9)
            .filter(|value| value.is_finite())
            .map(|value| (value, tick_label(value, step)))
            .collect()
    }
}

/// As many decimals as the step has; 1.5e6 for what is large or tiny.
fn tick_label(value: f64, step: f64) -> String {
    if value.abs() < step * 1e-6 {
        return "0".into();
    }
    if value.abs() >= 1e7 || step < 1e-5 {
        let text = format!("{value:.2e}");
        let Some((digits, exponent)) = text.split_once('e') else { return text };
        return format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let decimals = (-step.log10() - 1e-9).ceil().clamp(0.0, 6.0) as usize;
    thousands(&format!("{value:.decimals$}"))
}

/// A number as people read it: commas between thousands, a true minus.
pub fn thousands(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("−", digits));
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}
