//! Steps down the gradient: SGD with momentum and Nesterov's, Adam and AdamW.
//!
//! Written here because a checkpoint keeps the moments under the parameters' names, and because clipping looks at the
//! norm of all gradients together; burn's optimizers know neither.

use crate::weights::Weights;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The rule of a step. `g` is the gradient, `w` the parameter, `η` the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Rule {
    /// `v ← μ v + g`, `w ← w − η v`; with Nesterov's momentum `w ← w − η (g + μ v)` (Sutskever et al. 2013,
    /// <https://proceedings.mlr.press/v28/sutskever13.html>, in the form where the stored parameter is the point looked ahead to).
    Sgd {
        /// μ, in 0..1; 0 is plain gradient descent.
        momentum: f64,
        /// Whether the gradient is that at the point where momentum alone would lead.
        nesterov: bool,
    },
    /// Adam (Kingma & Ba 2015, <https://arxiv.org/abs/1412.6980>): `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
    /// `w ← w − η m̂ / (√v̂ + ε)` with both moments divided by `1 − βᵗ`.
    Adam {
        /// β₁ and β₂, each in 0..1.
        betas: [f64; 2],
        /// ε.
        epsilon: f64,
        /// Whether the decay shrinks parameters apart from the moments (AdamW, Loshchilov & Hutter 2019,
        /// <https://arxiv.org/abs/1711.05101>) in place of being added to the gradient.
        decoupled: bool,
    },
}

/// How parameters are moved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerOptions {
    /// The rule.
    pub rule: Rule,
    /// Weight decay of parameters of two or more axes: kernels and matrices. Biases and normalisation have none.
    pub decay: f64,
    /// Largest norm of all gradients together; longer ones are shortened to it. No limit is `inf` in files.
    #[serde(with = "limit")]
    pub clip_norm: Option<f64>,
}

impl Default for OptimizerOptions {
    fn default() -> Self {
        Self {
            rule: Rule::Adam { betas: [0.9, 0.99], epsilon: 1e-8, decoupled: true },
            decay: 0.02,
            clip_norm: Some(30.0),
        }
    }
}

/// A limit in files: TOML has no null, and an absent one is the default.
mod limit {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for it")]
    pub fn serialize<S: Serializer>(limit: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        limit.unwrap_or(f64::INFINITY).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        f64::deserialize(deserializer).map(|limit| Some(limit).filter(|limit| *limit < f64::INFINITY || limit.is_nan()))
    }
}

impl OptimizerOptions {
    /// What is wrong with it, in words.
    ///
    /// # Errors
    /// The name of the setting and its range.
    pub fn check(&self) -> Result<(), String> {
        let fraction = |name: &str, value: f64| match (0.0..1.0).contains(&value) {
            true => Ok(()),
            false => Err(format!("optimizer.rule.{name} is {value}, not in 0..1")),
        };
        match self.rule {
            Rule::Sgd { momentum, .. } => fraction("momentum", momentum)?,
            Rule::Adam { betas, epsilon, .. } => {
                betas.into_iter().try_for_each(|beta| fraction("betas", beta))?;
                if !(epsilon > 0.0 && epsilon.is_finite()) {
                    return Err(format!("optimizer.rule.epsilon is {epsilon}, not positive"));
                }
            }
        }
        if !(self.decay >= 0.0 && self.decay.is_finite()) {
            return Err(format!("optimizer.decay is {}, negative or not finite", self.decay));
        }
        match self.clip_norm {
            Some(norm) if norm.is_nan() || norm <= 0.0 => Err(format!("optimizer.clip_norm is {norm}, not positive")),
            _ => Ok(()),
        }
    }
}

/// An optimizer with its moments.
#[derive(Debug, Clone)]
pub struct Optimizer {
    options: OptimizerOptions,
    /// Steps taken.
    steps: u32,
    /// First and, for Adam, second moments by the parameter's name, flattened.
    moments: BTreeMap<String, Vec<Tensor<1>>>,
}

impl Optimizer {
    /// One that has taken no step.
    pub fn new(options: OptimizerOptions) -> Self {
        Self { options, steps: 0, moments: BTreeMap::new() }
    }

    /// Moves the parameters that have gradients, with learning rate `rate`. Gives the network back, and the norm of all
    /// gradients before clipping; where that is no finite number, nothing has moved.
    pub fn step<M: Module>(&mut self, module: M, gradients: GradientsParams, rate: f64) -> (M, f64) {
        let mut norm = SquaredNorm { gradients: &gradients, sum: 0.0 };
        module.visit(&mut norm);
        let norm = norm.sum.sqrt();
        if !norm.is_finite() {
            return (module, norm);
        }
        let scale = match self.options.clip_norm {
            Some(largest) if norm > largest => largest / norm,
            _ => 1.0,
        };
        self.steps += 1;
        let mut mover = Mover { optimizer: self, gradients, scale, rate, path: Vec::new() };
        (module.map(&mut mover), norm)
    }

    /// Its moments, to be saved; names are the parameters' with `.0` or `.1` behind.
    pub fn state(&self) -> Weights {
        let named = |(name, moments): (&String, &Vec<Tensor<1>>)| {
            let pairs = moments.iter().enumerate().map(|(i, m)| (format!("{name}.{i}"), m.to_data().convert::<f32>()));
            pairs.collect::<Vec<_>>()
        };
        Weights(self.moments.iter().flat_map(named).collect())
    }

    /// An optimizer that goes on from `state` after `steps` steps.
    pub fn resume(options: OptimizerOptions, steps: u32, state: &Weights, device: &Device) -> Self {
        let mut moments: BTreeMap<String, Vec<Tensor<1>>> = BTreeMap::new();
        // In the order of the names: .0 comes before .1.
        for (name, data) in &state.0 {
            if let Some((parameter, _)) = name.rsplit_once('.') {
                let moment = Tensor::from_data(data.clone(), device);
                moments.entry(parameter.into()).or_default().push(moment);
            }
        }
        Self { options, steps, moments }
    }

    /// The way that a parameter goes, as a multiple of the learning rate; moments are brought up to date.
    fn direction(&mut self, name: String, gradient: Tensor<1>) -> Tensor<1> {
        let steps = self.steps;
        let old = self.moments.remove(&name);
        let (direction, moments) = match self.options.rule {
            Rule::Sgd { momentum: 0.0, .. } => return gradient,
            Rule::Sgd { momentum, nesterov } => {
                let velocity = match old.and_then(|moments| moments.into_iter().next()) {
                    Some(velocity) => velocity.mul_scalar(momentum) + gradient.clone(),
                    None => gradient.clone(),
                };
                let ahead = || gradient + velocity.clone().mul_scalar(momentum);
                (if nesterov { ahead() } else { velocity.clone() }, vec![velocity])
            }
            Rule::Adam { betas: [beta1, beta2], epsilon, .. } => {
                let mut old = old.unwrap_or_default().into_iter();
                let mut moment = |beta: f64, new: Tensor<1>| match old.next() {
                    Some(old) => old.mul_scalar(beta) + new.mul_scalar(1.0 - beta),
                    None => new.mul_scalar(1.0 - beta),
                };
                let first = moment(beta1, gradient.clone());
                let second = moment(beta2, gradient.clone() * gradient);
                let correction = |beta: f64| 1.0 - beta.powi(steps.cast_signed());
                let root = second.clone().div_scalar(correction(beta2)).sqrt().add_scalar(epsilon);
                (first.clone().div_scalar(correction(beta1)) / root, vec![first, second])
            }
        };
        self.moments.insert(name, moments);
        direction
    }
}

/// Adds up the squares of all gradients.
struct SquaredNorm<'a> {
    gradients: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sum += gradient.powi_scalar(2).sum().into_scalar::<f64>();
        }
    }
}

/// Moves each parameter of a network.
struct Mover<'a> {
    optimizer: &'a mut Optimizer,
    gradients: GradientsParams,
    scale: f64,
    rate: f64,
    path: Vec<String>,
}

impl ModuleMapper for Mover<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let OptimizerOptions { rule, decay, .. } = self.optimizer.options;
        let decay = if D > 1 { decay } else { 0.0 };
        let decoupled = matches!(rule, Rule::Adam { decoupled: true, .. });
        let name = self.path.join(".");
        param.map(|tracked| {
            let old = tracked.inner();
            let shape = old.shape();
            let mut gradient = gradient.mul_scalar(self.scale);
            if decay > 0.0 && !decoupled {
                gradient = gradient + old.clone().mul_scalar(decay);
            }
            let direction = self.optimizer.direction(name, gradient.flatten(0, D - 1)).reshape(shape);
            let kept = if decoupled { old.mul_scalar(1.0 - self.rate * decay) } else { old };
            Tensor::from_inner(kept - direction.mul_scalar(self.rate)).set_require_grad(true)
        })
    }
}
