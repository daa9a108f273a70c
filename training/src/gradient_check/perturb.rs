//! A module's parameters by path: brought to double precision, read with their gradients, moved one number at a time.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Gradients, Tensor, TensorData};

/// A trained parameter.
pub(super) struct Parameter {
    pub path: String,
    pub values: Vec<f64>,
    /// Zeros where nothing flowed back.
    pub gradient: Vec<f64>,
}

/// The module in double precision, running statistics included. It must not have been used yet: batch normalisation may
/// keep statistics of a use, which no one can reach.
pub fn double<M: Module>(module: M) -> M {
    struct Double;
    impl ModuleMapper for Double {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| {
                let values: Vec<f64> = tensor.to_data().iter::<f64>().collect();
                replaced(&tensor, values)
            })
        }
    }
    module.map(&mut Double)
}

/// The trained parameters of a module.
pub(super) fn parameters<M: Module>(module: &M, gradients: &Gradients) -> Vec<Parameter> {
    struct Collector<'a> {
        path: Vec<String>,
        gradients: &'a Gradients,
        found: Vec<Parameter>,
    }
    impl ModuleVisitor for Collector<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.into());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            if tensor.is_require_grad() {
                let values: Vec<f64> = tensor.to_data().iter::<f64>().collect();
                let gradient = match tensor.grad(self.gradients) {
                    Some(gradient) => gradient.into_data().iter::<f64>().collect(),
                    None => vec![0.0; values.len()],
                };
                self.found.push(Parameter { path: self.path.join("."), values, gradient });
            }
        }
    }
    let mut collector = Collector { path: Vec::new(), gradients, found: Vec::new() };
    module.visit(&mut collector);
    collector.found
}

/// Moves one number of one parameter.
pub(super) struct Moved<'a> {
    path: Vec<String>,
    parameter: &'a Parameter,
    entry: usize,
    delta: f64,
}

impl<'a> Moved<'a> {
    pub(super) fn new(parameter: &'a Parameter, entry: usize, delta: f64) -> Self {
        Self { path: Vec::new(), parameter, entry, delta }
    }
}

impl ModuleMapper for Moved<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.path.join(".") != self.parameter.path {
            return param;
        }
        let mut values = self.parameter.values.clone();
        values[self.entry] += self.delta;
        param.map(|tensor| replaced(&tensor, values))
    }
}

/// Other numbers in a parameter's place.
fn replaced<const D: usize>(tensor: &Tensor<D>, values: Vec<f64>) -> Tensor<D> {
    let data = TensorData::new(values, tensor.dims());
    Tensor::from_data(data, (&tensor.device(), DType::F64)).set_require_grad(tensor.is_require_grad())
}
