//! Gradients against central differences, in double precision.
//!
//! For every parameter or input the gradient `a` of automatic differentiation is held against
//! `b_i = (f(w + h e_i) − f(w − h e_i)) / 2h` by `‖a − b‖₂ / (‖a‖₂ + ‖b‖₂)`: below [`CORRECT`] it is right, above [`WRONG`]
//! it is wrong (Ng, <https://cs230.stanford.edu/section/3/>). Steps h are tried until one passes; the least error counts.
//!
//! Where a step leads over a kink (of a leaky ReLU, a maximum, a clamp), no difference tells the gradient. Such an entry
//! is found without a look at `a`: its differences over h and h / 2 disagree. It is left out and counted, but only where
//! the gradient would not pass with it.
//!
//! Whatever a loss holds constant must be constant in `f` too: targets that depend on predictions are made once, before.

mod network;
mod perturb;

pub use network::{NetworkError, check_network};
pub use perturb::double;

use burn::module::Module;
use burn::tensor::{DType, Tensor, TensorData};
use perturb::{Moved, parameters};
use serde::Serialize;

/// Errors below this say that a gradient is right.
pub const CORRECT: f64 = 1e-7;
/// Errors above this say that a gradient is wrong.
pub const WRONG: f64 = 1e-3;

/// Steps h in the order in which they are tried.
const STEPS: [f64; 4] = [1e-5, 1e-6, 1e-4, 1e-7];

/// Differences over h and h / 2 that are further apart than this share of all differences' norm have a kink between.
const KINK: f64 = 5e-8;

/// How one parameter's or input's gradient compares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GradientReport {
    /// Whose gradient.
    pub name: String,
    /// Numbers that were compared.
    pub entries: usize,
    /// Numbers that there are.
    pub of: usize,
    /// Numbers that were left out since a step led over a kink.
    pub kinks: usize,
    /// ‖a − b‖₂ / (‖a‖₂ + ‖b‖₂); 0 where both are below what rounding can tell from 0. Not a number where no step had
    /// two differences in three without a kink.
    pub error: f64,
    /// The step h of this error.
    pub step: f64,
    /// ‖b‖₂, of the differences.
    pub norm: f64,
}

impl GradientReport {
    /// Whether the gradient is right. One of which nothing could be compared is not.
    pub fn is_correct(&self) -> bool {
        self.error < CORRECT
    }
}

/// Checks the gradient of `f` at `input`, every entry.
///
/// `f` gets `input` in double precision on its device with automatic differentiation; whatever else it uses must be of
/// that precision too. Its result holds one number.
pub fn check<const D: usize>(name: &str, input: &Tensor<D>, f: impl Fn(Tensor<D>) -> Tensor<1>) -> GradientReport {
    let (device, shape) = (input.device().autodiff(), input.dims());
    let values: Vec<f64> = input.to_data().iter::<f64>().collect();
    let at = |values: Vec<f64>| Tensor::<D>::from_data(TensorData::new(values, shape), (&device, DType::F64));
    let leaf = at(values.clone()).require_grad();
    let result = f(leaf.clone());
    let gradients = result.backward();
    let gradient: Vec<f64> = match leaf.grad(&gradients) {
        Some(gradient) => gradient.into_data().iter::<f64>().collect(),
        None => vec![0.0; values.len()],
    };
    let entries: Vec<usize> = (0..values.len()).collect();
    let comparison = Comparison { name, gradient: &gradient, entries: &entries, value: result.into_scalar::<f64>() };
    comparison.run(|entry, delta| {
        let mut moved = values.clone();
        moved[entry] += delta;
        f(at(moved)).into_scalar::<f64>()
    })
}

/// Checks the gradient of `loss` in every parameter of `module`, of which at most `most` entries each, spread evenly.
///
/// The module must have been made on a device with automatic differentiation and not have been used yet. It is brought to
/// double precision first; whatever else `loss` uses must be of that precision too. Parameters that are not trained are
/// left out. A report is named by its parameter's path.
pub fn check_module<M: Module>(module: M, most: usize, loss: impl Fn(&M) -> Tensor<1>) -> Vec<GradientReport> {
    let module = double(module);
    let result = loss(&module);
    let gradients = result.backward();
    let value = result.into_scalar::<f64>();
    let check = |parameter: &perturb::Parameter| {
        let count = parameter.values.len();
        let taken = count.min(most);
        let entries: Vec<usize> = (0..taken).map(|i| (2 * i + 1) * count / (2 * taken)).collect();
        let comparison = Comparison { name: &parameter.path, gradient: &parameter.gradient, entries: &entries, value };
        comparison.run(|entry, delta| {
            let moved = module.clone().map(&mut Moved::new(parameter, entry, delta));
            loss(&moved).into_scalar::<f64>()
        })
    };
    parameters(&module, &gradients).iter().map(check).collect()
}

/// What is compared.
struct Comparison<'a> {
    name: &'a str,
    /// Of automatic differentiation, all of it.
    gradient: &'a [f64],
    entries: &'a [usize],
    /// f where nothing has moved.
    value: f64,
}

impl Comparison<'_> {
    /// `moved` is f with one entry moved by so much.
    fn run(&self, mut moved: impl FnMut(usize, f64) -> f64) -> GradientReport {
        let mut best = self.nothing();
        for step in STEPS {
            let mut slopes = |h: f64| -> Vec<f64> {
                self.entries.iter().map(|&entry| (moved(entry, h) - moved(entry, -h)) / (2.0 * h)).collect()
            };
            let whole = slopes(step);
            let mut report = self.compare(step, &whole, None);
            if !report.is_correct() {
                report = self.compare(step, &whole, Some(&slopes(step / 2.0)));
            }
            if report.error < best.error || best.error.is_nan() {
                best = report;
            }
            if best.is_correct() {
                break;
            }
        }
        best
    }

    /// `whole` are differences over `step`; without those over half of it, no kink is looked for.
    fn compare(&self, step: f64, whole: &[f64], half: Option<&[f64]>) -> GradientReport {
        // What rounding of f alone makes of a difference.
        let rounding = 16.0 * f64::EPSILON * self.value.abs() / step;
        let pairs = self.entries.iter().map(|&entry| self.gradient[entry]).zip(whole.iter().copied());
        if norm(pairs.clone().map(|(a, b)| a.abs().max(b.abs()))) <= rounding {
            let norm = norm(whole.iter().copied());
            return GradientReport { entries: whole.len(), kinks: 0, error: 0.0, step, norm, ..self.nothing() };
        }
        let bound = KINK * norm(whole.iter().copied()) + rounding;
        let is_smooth = |index: usize| half.is_none_or(|half| (whole[index] - half[index]).abs() <= bound);
        let smooth: Vec<(f64, f64)> =
            pairs.enumerate().filter(|(index, _)| is_smooth(*index)).map(|(_, pair)| pair).collect();
        let kinks = whole.len() - smooth.len();
        if 3 * kinks > whole.len() {
            return self.nothing();
        }
        let difference = norm(smooth.iter().map(|(a, b)| a - b));
        let norms = [norm(smooth.iter().map(|(a, _)| *a)), norm(smooth.iter().map(|(_, b)| *b))];
        let error = difference / (norms[0] + norms[1]);
        GradientReport { entries: smooth.len(), kinks, error, step, norm: norms[1], ..self.nothing() }
    }

    /// A report of no comparison.
    fn nothing(&self) -> GradientReport {
        GradientReport {
            name: self.name.into(),
            entries: 0,
            of: self.gradient.len(),
            kinks: self.entries.len(),
            error: f64::NAN,
            step: f64::NAN,
            norm: f64::NAN,
        }
    }
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}
