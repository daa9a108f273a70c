//! Convolutions of odd shapes: chosen ones, each with every kernel set, thread count and memory.

use super::net::{Case, Convolution, Net};
use super::truth::{Function, Taken, Window};
use super::{PRECISIONS, variants};
use ocelli::engine::Precision;

/// A convolution and the map that it looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) images: usize,
    pub(super) channels: usize,
    pub(super) edges: [usize; 2],
    pub(super) window: Window,
    pub(super) function: Function,
    /// What is done after another input was added, if one is.
    pub(super) residual: Option<Function>,
    /// Whether the network's input is looked at, or a map that was made from it.
    pub(super) first: bool,
}

impl Spec {
    /// Images, channels, rows, columns; outputs, side of the window, stride; padded so that stride 1 keeps the size.
    fn new([images, channels, rows, columns]: [usize; 4], [outputs, side, stride]: [usize; 3]) -> Self {
        let window = Window {
            outputs,
            groups: 1,
            kernel: [side; 2],
            stride: [stride; 2],
            dilation: [1; 2],
            pads: [side / 2; 4],
        };
        let (edges, function) = ([rows, columns], Function::Leaky(0.1));
        Self { images, channels, edges, window, function, residual: None, first: false }
    }

    fn groups(mut self, groups: usize) -> Self {
        self.window.groups = groups;
        self
    }

    fn dilated(mut self, dilation: [usize; 2], pads: [usize; 4]) -> Self {
        (self.window.dilation, self.window.pads) = (dilation, pads);
        self
    }

    fn kernel(mut self, kernel: [usize; 2], stride: [usize; 2], pads: [usize; 4]) -> Self {
        (self.window.kernel, self.window.stride, self.window.pads) = (kernel, stride, pads);
        self
    }

    fn function(self, function: Function) -> Self {
        Self { function, ..self }
    }

    fn residual(self, after: Function) -> Self {
        Self { residual: Some(after), ..self }
    }

    fn first(self) -> Self {
        Self { first: true, ..self }
    }

    pub(super) fn case(&self, precision: Precision) -> Case {
        let mut net = Net::new(precision, self.images);
        let [rows, columns] = self.edges;
        let shape = [self.channels, rows, columns];
        let x = if self.first { net.input(shape) } else { net.map_input(shape) };
        let [down, across] = self.window.output(self.edges);
        let residual = self.residual.map(|after| (net.input([self.window.outputs, down, across]), after));
        let convolution = Convolution { window: self.window, function: self.function, residual };
        let y = net.convolution(x, &convolution);
        // Floats of bytes come out as well.
        if self.images != 2 {
            let y = net.rounded(y);
            net.output(y);
        } else {
            net.output(y);
        }
        net.case(format!("{self:?}"))
    }
}

/// All that are tested one by one.
pub(super) fn specs() -> Vec<Spec> {
    use Function::{Elu, HardSwish, Linear, Mish, Relu, Relu6, Sigmoid, Silu, Tanh};
    let dense = [
        Spec::new([1, 1, 1, 1], [1, 1, 1]),
        Spec::new([1, 3, 1, 1], [5, 3, 1]),
        Spec::new([3, 16, 1, 1], [16, 3, 1]).residual(Relu),
        Spec::new([1, 17, 2, 3], [33, 3, 1]),
        Spec::new([2, 65, 3, 2], [63, 1, 1]).function(Linear),
        Spec::new([1, 64, 5, 5], [64, 3, 1]).residual(Linear),
        Spec::new([3, 40, 7, 6], [70, 3, 1]).function(Relu),
        Spec::new([1, 31, 4, 7], [48, 3, 2]),
        Spec::new([3, 20, 5, 7], [20, 3, 2]).residual(Relu6),
        Spec::new([1, 33, 7, 1], [17, 1, 2]),
        Spec::new([1, 8, 1, 7], [8, 5, 1]).function(Silu),
        Spec::new([2, 130, 13, 13], [90, 3, 1]).function(Mish),
        // Weights that are not kept, and tiles that overlap the edges.
        Spec::new([3, 64, 18, 30], [64, 3, 1]),
        Spec::new([1, 96, 21, 17], [40, 3, 1]).residual(Silu).function(Linear),
        Spec::new([1, 256, 6, 6], [256, 3, 1]).function(HardSwish),
        Spec::new([1, 70, 26, 26], [35, 1, 1]).function(Function::Leaky(1.5)),
        Spec::new([1, 24, 9, 10], [24, 4, 3]).kernel([4, 2], [3, 1], [2, 0, 1, 1]).function(Elu),
        Spec::new([3, 12, 6, 19], [30, 3, 1]).kernel([1, 5], [1, 2], [0, 4, 0, 1]).function(Sigmoid),
        Spec::new([1, 19, 8, 8], [34, 3, 1]).kernel([3, 3], [1, 1], [0, 2, 2, 0]).function(Tanh),
        Spec::new([1, 19, 8, 8], [34, 3, 1]).kernel([3, 3], [1, 1], [0; 4]),
        Spec::new([1, 18, 11, 12], [21, 3, 1]).dilated([2, 3], [2, 3, 2, 3]),
        Spec::new([2, 48, 9, 7], [16, 3, 2]).dilated([2, 1], [2, 0, 3, 1]),
        // Padded on both sides by more than the window reaches.
        Spec::new([1, 35, 3, 4], [17, 1, 1]).kernel([1, 1], [1, 1], [0, 3, 1, 3]),
        Spec::new([3, 20, 5, 2], [20, 3, 1]).kernel([3, 3], [1, 1], [4, 5, 3, 4]),
    ];
    let grouped = [
        Spec::new([1, 6, 5, 4], [9, 3, 1]).groups(3),
        Spec::new([2, 64, 7, 5], [64, 3, 1]).groups(2).residual(Relu),
        Spec::new([1, 128, 6, 6], [128, 1, 1]).groups(2),
        Spec::new([1, 256, 5, 3], [128, 3, 2]).groups(4),
        Spec::new([1, 35, 7, 9], [70, 3, 1]).groups(35),
        Spec::new([1, 1, 3, 3], [1, 3, 1]).groups(1),
        Spec::new([3, 17, 1, 1], [17, 3, 1]).groups(17),
        Spec::new([1, 65, 7, 7], [65, 3, 2]).groups(65).function(Relu6),
        Spec::new([2, 33, 6, 13], [33, 5, 1]).groups(33).residual(Relu),
        Spec::new([1, 20, 9, 9], [20, 3, 1]).groups(20).dilated([2, 3], [2, 1, 2, 5]),
        Spec::new([1, 64, 10, 4], [64, 3, 1]).groups(64).kernel([5, 1], [2, 1], [4, 0, 0, 0]).function(HardSwish),
    ];
    let first = [
        Spec::new([1, 3, 7, 7], [16, 3, 2]).first(),
        Spec::new([3, 3, 33, 29], [20, 3, 1]).first().function(Relu),
        Spec::new([1, 1, 12, 19], [33, 5, 1]).first().residual(Linear),
        Spec::new([1, 3, 1, 1], [64, 3, 1]).first(),
        Spec::new([2, 4, 9, 6], [24, 3, 1]).first().dilated([2, 2], [0, 2, 3, 1]).function(Silu),
        Spec::new([1, 64, 5, 5], [17, 1, 1]).first(),
        Spec::new([1, 3, 6, 64], [12, 6, 2]).first().kernel([2, 6], [2, 2], [0, 2, 1, 2]),
        Spec::new([1, 3, 20, 20], [16, 7, 2]).first(),
    ];
    dense.into_iter().chain(grouped).chain(first).collect()
}

#[test]
fn convolutions_give_the_sums_of_64_bit_floats() {
    let (specs, variants) = (specs(), variants::all());
    let cases = specs.iter().flat_map(|spec| PRECISIONS.map(|precision| spec.case(precision)));
    let faults: Vec<String> = cases.flat_map(|case| variants::faults(&case, &variants)).collect();
    variants::assert_none(&faults, specs.len() * PRECISIONS.len());
}

#[test]
fn filters_of_floats_see_the_rounded_numbers_of_a_map_of_bytes() {
    let (variants, mut faults) = (variants::all(), Vec::new());
    for (first, groups, side) in [(false, 1, 3), (true, 1, 3), (true, 1, 1), (true, 3, 3), (false, 3, 3)] {
        let mut net = Net::with_float_filters(Precision::Int8, 1);
        let x = net.rough_input([3, 6, 7]);
        let x = if first { x } else { net.pool(x, &Spec::new([1; 4], [0, 1, 1]).window, Taken::Largest) };
        let window = Spec::new([1, 3, 6, 7], [6, side, 1]).groups(groups).window;
        let y = net.convolution(x, &Convolution { window, function: Function::Relu, residual: None });
        net.output(y);
        let case = net.case(format!("first: {first}, groups: {groups}, side: {side}"));
        faults.extend(variants::faults(&case, &variants));
    }
    variants::assert_none(&faults, 5);
}

#[test]
fn a_tensor_that_is_only_rounded_comes_back_rounded() {
    let (variants, mut faults) = (variants::all(), Vec::new());
    for way in 0..3 {
        let mut net = Net::new(Precision::Int8, 2);
        let x = net.rough_input([5, 3, 4]);
        // As an output alone, used by another node too, and used by two nodes of different kinds.
        if way > 0 {
            let y = net.function(x, Function::Sigmoid);
            net.output(y);
        }
        if way > 1 {
            let y = net.pool(x, &Spec::new([1; 4], [0, 1, 1]).window, Taken::Largest);
            net.output(y);
        } else {
            net.output(x);
        }
        faults.extend(variants::faults(&net.case(format!("way {way}")), &variants));
    }
    variants::assert_none(&faults, 3);
}
