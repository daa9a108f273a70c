//! What a network is made of: its layers in the order in which they run, with shapes, parameters and operations.
//!
//! Nothing is listed by hand. The network is built and run on the capture device, which records operations in place of
//! doing them, and the record is read: an operation belongs to the layer whose parameters it takes.

use burn::backend::capture::{CaptureBackend, CaptureError, TensorId};
use burn::backend::ir::{
    BaseOperationIr, FloatOperationIr, ModuleOperationIr, NumericOperationIr, OperationIr, TensorIr,
};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use std::collections::HashMap;
use std::fmt::{Display, Formatter};

/// Why a network could not be summed up.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// The network's operations could not be recorded.
    #[error("the network could not be traced: {0}")]
    Capture(CaptureError),
    /// A parameter is elsewhere than where the network was built.
    #[error("{0} was not made on the device given")]
    Device(String),
}

/// A layer, or an operation without parameters that changes a map's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Path of fields to the layer, empty for an operation that belongs to none.
    pub layer: String,
    /// What it does, such as `conv 3×3 /2`.
    pub operation: String,
    /// Shape of what it gives, for one input: the batch's axis is left out.
    pub output: Vec<usize>,
    /// Numbers that training changes. A convolution with bias has ((k · k · c) + 1) · n.
    pub parameters: usize,
    /// Floating-point operations for one input, two for each multiply-add of convolutions and matrix products, as
    /// [`ocelli::darknet::Network::flops`] counts them.
    pub flops: u64,
}

impl Row {
    /// Numbers in what it gives.
    pub fn activations(&self) -> usize {
        self.output.iter().product()
    }
}

/// A network's layers and their sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// In the order in which they run.
    pub rows: Vec<Row>,
    /// Numbers that training changes by gradients.
    pub parameters: usize,
    /// Running statistics, which a weights file holds too.
    pub statistics: usize,
}

impl Summary {
    /// Sums up what `build` makes and `run` does. Both are called once, on a device that only records; `run` makes its
    /// input there, for a batch of one. Running statistics are the fields named `running_…`, as burn's are.
    ///
    /// # Errors
    /// [`SummaryError::Device`] if `build` puts parameters elsewhere.
    pub fn of<M: Module>(
        build: impl FnOnce(&Device) -> M,
        run: impl FnOnce(&M, &Device),
    ) -> Result<Self, SummaryError> {
        let device = Device::capture();
        let mut parameters = Parameters::default();
        let graph = device.capture_scope(|scope| {
            let module = build(&device);
            module.visit(&mut parameters);
            run(&module, &device);
            scope.complete([], [])
        });
        let graph = graph.map_err(SummaryError::Capture)?;
        match parameters.stranger {
            Some(name) => Err(SummaryError::Device(name)),
            None => Ok(Reader::new(parameters).read(&graph.graph.operations)),
        }
    }

    /// Floating-point operations for one input.
    pub fn flops(&self) -> u64 {
        self.rows.iter().map(|row| row.flops).sum()
    }

    /// Numbers in all maps together.
    pub fn activations(&self) -> usize {
        self.rows.iter().map(Row::activations).sum()
    }
}

/// The layers of a module by the tensors that hold their parameters.
#[derive(Debug, Default)]
struct Parameters {
    path: Vec<String>,
    /// Layer and tensor of each parameter, with the numbers that training changes.
    found: Vec<(String, TensorId, usize)>,
    statistics: usize,
    /// A parameter on another device.
    stranger: Option<String>,
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, container: &str) {
        // Which variant of an enum it is says nothing of the layer.
        self.path.push(if container.starts_with("Enum:") { String::new() } else { name.into() });
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let names: Vec<&str> = self.path.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        let Some((field, layer)) = names.split_last() else { return };
        let (value, numbers) = (param.val(), param.lazy_shape().num_elements());
        let trained = if field.starts_with("running_") { 0 } else { numbers };
        self.statistics += numbers - trained;
        match value.try_into_primitive::<CaptureBackend>() {
            Ok(tensor) => self.found.push((layer.join("."), tensor.id(), trained)),
            Err(_) => self.stranger = Some(names.join(".")),
        }
    }
}

/// Reads recorded operations into rows.
struct Reader {
    /// The layer of every tensor that is a parameter or comes of parameters alone.
    owners: HashMap<TensorId, String>,
    /// What [`Parameters`] counted, by layer.
    counts: HashMap<String, usize>,
    summary: Summary,
}

impl Reader {
    fn new(parameters: Parameters) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for (layer, _, numbers) in &parameters.found {
            *counts.entry(layer.clone()).or_default() += numbers;
        }
        let summary =
            Summary { rows: Vec::new(), parameters: counts.values().sum(), statistics: parameters.statistics };
        let owners = parameters.found.into_iter().map(|(layer, tensor, _)| (tensor, layer)).collect();
        Self { owners, counts, summary }
    }

    fn read(mut self, operations: &[OperationIr]) -> Summary {
        for operation in operations {
            let Some(output) = operation.outputs().next() else { continue };
            let owners: Vec<Option<&String>> = operation.inputs().map(|input| self.owners.get(&input.id)).collect();
            let Some(layer) = owners.iter().flatten().next().map(|layer| (*layer).clone()) else {
                // Such as the drawing of parameters, which is no layer.
                if !self.owners.contains_key(&output.id) {
                    self.without_parameters(operation, output);
                }
                continue;
            };
            match owners.iter().all(Option::is_some) {
                true => drop(self.owners.insert(output.id, layer)),
                false => self.with_parameters(layer, operation, output),
            }
        }
        self.summary
    }

    /// Adds a layer, or a further operation of one that has a row.
    fn with_parameters(&mut self, layer: String, operation: &OperationIr, output: &TensorIr) {
        let flops = flops(operation);
        let rows = &mut self.summary.rows;
        if let Some(row) = rows.iter_mut().find(|row| row.layer == layer) {
            row.output = without_batch(output);
            row.flops += flops;
            return;
        }
        let parameters = self.counts.get(&layer).copied().unwrap_or(0);
        let operation = match operation {
            // What burn makes of a linear layer where it knows no operation for it.
            OperationIr::Float(_, FloatOperationIr::Matmul(_)) => "linear".into(),
            _ => name(operation).unwrap_or_else(|| "weighted".into()),
        };
        rows.push(Row { layer, operation, output: without_batch(output), parameters, flops });
    }

    fn without_parameters(&mut self, operation: &OperationIr, output: &TensorIr) {
        let Some(name) = name(operation) else { return };
        let (output, flops) = (without_batch(output), flops(operation));
        self.summary.rows.push(Row { layer: String::new(), operation: name, output, parameters: 0, flops });
    }
}

fn without_batch(tensor: &TensorIr) -> Vec<usize> {
    tensor.shape.to_vec().into_iter().skip(1).collect()
}

/// What an operation does, if it is worth a row.
fn name(operation: &OperationIr) -> Option<String> {
    let sides = |size: &[usize], stride: &[usize]| match stride {
        [1, 1] => format!("{}×{}", size[0], size[1]),
        _ => format!("{}×{} /{}", size[0], size[1], stride[0]),
    };
    Some(match operation {
        OperationIr::Module(module) => match module {
            ModuleOperationIr::Conv1d(c) => format!("conv {}", c.weight.shape[2]),
            ModuleOperationIr::Conv2d(c) => {
                format!("conv {}", sides(&[c.weight.shape[2], c.weight.shape[3]], &c.options.stride))
            }
            ModuleOperationIr::ConvTranspose2d(c) => {
                format!("up-conv {}", sides(&[c.weight.shape[2], c.weight.shape[3]], &c.options.stride))
            }
            ModuleOperationIr::MaxPool2d(p) => format!("max pool {}", sides(&p.kernel_size, &p.stride)),
            ModuleOperationIr::AvgPool2d(p) => format!("mean pool {}", sides(&p.kernel_size, &p.stride)),
            ModuleOperationIr::AdaptiveAvgPool2d(_) => "mean pool".into(),
            ModuleOperationIr::Interpolate(_) => "upsample".into(),
            ModuleOperationIr::BatchNorm(_) => "batch norm".into(),
            ModuleOperationIr::LayerNorm(_) => "layer norm".into(),
            ModuleOperationIr::Linear(_) => "linear".into(),
            ModuleOperationIr::Embedding(_) => "embedding".into(),
            ModuleOperationIr::Attention(_) => "attention".into(),
            _ => return None,
        },
        OperationIr::BaseFloat(BaseOperationIr::Cat(_)) => "concat".into(),
        OperationIr::NumericFloat(_, NumericOperationIr::MeanDim(_)) => "mean".into(),
        OperationIr::Float(_, FloatOperationIr::Matmul(_)) => "product".into(),
        _ => return None,
    })
}

/// Two for each multiply-add of a convolution or a matrix product; 0 for everything else.
fn flops(operation: &OperationIr) -> u64 {
    let numbers = |tensor: &TensorIr| tensor.shape.num_elements() as u64;
    // Each number that a convolution gives sums over a filter, which is the weight but its first axis.
    let filter = |weight: &TensorIr| numbers(weight) / (weight.shape[0] as u64).max(1);
    let last = |tensor: &TensorIr| tensor.shape.to_vec().last().map_or(0, |&side| side as u64);
    2 * match operation {
        OperationIr::Module(module) => match module {
            ModuleOperationIr::Conv1d(c) => numbers(&c.out) * filter(&c.weight),
            ModuleOperationIr::Conv2d(c) => numbers(&c.out) * filter(&c.weight),
            ModuleOperationIr::Conv3d(c) => numbers(&c.out) * filter(&c.weight),
            ModuleOperationIr::ConvTranspose1d(c) => numbers(&c.x) * filter(&c.weight),
            ModuleOperationIr::ConvTranspose2d(c) => numbers(&c.x) * filter(&c.weight),
            ModuleOperationIr::Linear(l) => numbers(&l.out) * last(&l.x),
            // Queries times keys, then the weights times values: as many rows as there are keys in each.
            ModuleOperationIr::Attention(a) => {
                let keys = numbers(&a.key) / last(&a.key).max(1);
                let heads = a.key.shape.to_vec().iter().take(2).product::<usize>() as u64;
                (numbers(&a.query) + numbers(&a.out)) * (keys / heads.max(1))
            }
            _ => 0,
        },
        OperationIr::Float(_, FloatOperationIr::Matmul(m)) => numbers(&m.out) * last(&m.lhs),
        _ => 0,
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let shapes: Vec<String> = self.rows.iter().map(|row| shape(&row.output)).collect();
        let widest = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
        let layer = widest(&mut self.rows.iter().map(|row| row.layer.as_str())).max("layer".len());
        let kind = widest(&mut self.rows.iter().map(|row| row.operation.as_str())).max("operation".len());
        let output = widest(&mut shapes.iter().map(String::as_str)).max("output".len());
        let mut line = |cells: [&str; 6]| {
            let [name, operation, shape, activations, parameters, mflop] = cells;
            let text = format!(
                "{name:layer$}  {operation:kind$}  {shape:>output$}  {activations:>11}  {parameters:>11}  {mflop:>10}"
            );
            writeln!(f, "{}", text.trim_end())
        };
        line(["layer", "operation", "output", "activations", "parameters", "MFLOP"])?;
        for (row, shape) in self.rows.iter().zip(&shapes) {
            let [activations, parameters] = [row.activations(), row.parameters].map(thousands);
            let [parameters, mflop] = [(row.parameters, parameters), (row.flops as usize, megaflop(row.flops))]
                .map(|(number, text)| if number == 0 { String::new() } else { text });
            line([&row.layer, &row.operation, shape, &activations, &parameters, &mflop])?;
        }
        let [activations, parameters] = [self.activations(), self.parameters].map(thousands);
        line(["total", "", "", &activations, &parameters, &megaflop(self.flops())])?;
        writeln!(f, "{} running statistics beside the parameters", thousands(self.statistics))
    }
}

/// Sides with × between them.
pub fn shape(sides: &[usize]) -> String {
    sides.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// A count with a comma at every thousand.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

fn megaflop(flops: u64) -> String {
    format!("{:.2}", flops as f64 / 1e6)
}
