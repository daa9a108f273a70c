//! Convolutions in every instruction set and format, against the same sums in 64-bit floats.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::graph::{Activation, Convolution, Elements, Graph, Grid, Node, Operation, Value, Weights};
use super::kernels::{Arrangement, Block, Filters, Format, Kernels, LINE, Memory, Step, TileCut, Winograd, Work, all};
use super::plan::{FilterStore, Plan, Settings};
use half::bf16;

/// Images, input channels, output channels, rows, columns, side of the window, stride.
type Shape = [usize; 7];

const SHAPES: [Shape; 9] = [
    [1, 3, 5, 1, 1, 3, 1],
    [1, 16, 16, 1, 1, 3, 1],
    [2, 17, 33, 2, 3, 3, 1],
    [1, 20, 18, 5, 7, 3, 1],
    [2, 32, 48, 7, 6, 3, 1],
    [1, 40, 16, 13, 9, 3, 2],
    [1, 33, 70, 4, 4, 1, 1],
    [1, 70, 31, 17, 30, 3, 1],
    [1, 24, 40, 6, 5, 1, 2],
];

const GRID: Grid = Grid { scale: 0.02, zero_point: 117 };

/// Numbers from −1 to 1 (xorshift).
struct Numbers(u64);

impl Numbers {
    fn take(&mut self, count: usize) -> Vec<f32> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }
}

/// A convolution, what goes in, and what is to come out.
struct Case {
    graph: Graph,
    inputs: [Vec<f32>; 2],
    expected: Vec<f64>,
}

/// The convolution with bias, leaky ReLU and residual of a shape, for numbers of a format.
fn case(shape: Shape, format: Format) -> Case {
    let [images, channels, outputs, rows, columns, side, stride] = shape;
    let mut numbers = Numbers(88_172_645_463_325_252);
    let padding = side / 2;
    let [down, across] = [rows, columns].map(|length| (length + 2 * padding - side) / stride + 1);
    let shapes = [vec![images, channels, rows, columns], vec![images, outputs, down, across]];
    let mut input = numbers.take(shapes[0].iter().product());
    let residual = numbers.take(shapes[1].iter().product());
    let mut weights = numbers.take(outputs * channels * side * side);
    if format == Format::Bf16 {
        // That a kernel rounds them, or the points that it makes of them, must not matter.
        input.iter_mut().chain(&mut weights).for_each(|x| *x = (*x * 8.0).round() / 8.0);
    }
    let bias = numbers.take(outputs);
    let scales = vec![0.01; outputs];
    let elements = if let Format::U8(_) = format {
        // The extremes, whose products overflow sums of 16 bits.
        let integers: Vec<u8> = weights.iter().map(|x| (x * 140.0).round().clamp(-128.0, 127.0) as i8 as u8).collect();
        Elements::I8 { integers: integers.into(), scales }
    } else {
        Elements::F32(weights.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into())
    };
    let rounded = |x: &f32| match format {
        Format::Bf16 => bf16::from_f32(*x).to_f64(),
        Format::U8(grid) => {
            let step = (x / grid.scale + f32::from(grid.zero_point)).round_ties_even().clamp(0.0, 255.0);
            f64::from(step - f32::from(grid.zero_point)) * f64::from(grid.scale)
        }
        _ => f64::from(*x),
    };
    let factors: Vec<f64> = match &elements {
        Elements::I8 { integers, scales } => {
            integers.iter().map(|q| f64::from(*q as i8) * f64::from(scales[0])).collect()
        }
        _ => weights.iter().map(rounded).collect(),
    };
    let x: Vec<f64> = input.iter().map(rounded).collect();
    let added: Vec<f64> = residual
        .iter()
        .map(|r| if format == Format::Bf16 { bf16::from_f32(*r).to_f64() } else { f64::from(*r) })
        .collect();
    let expected = sums(shape, [down, across], &x, &factors).into_iter().enumerate().map(|(index, sum)| {
        let sum = sum + f64::from(bias[index / (down * across) % outputs]);
        (if sum < 0.0 { sum * f64::from(0.1_f32) } else { sum }) + added[index]
    });
    let expected = expected.collect();
    let convolution = Convolution {
        weights: Weights { shape: [outputs, channels, side, side], elements },
        scale: Vec::new(),
        bias,
        stride: [stride; 2],
        dilation: [1, 1],
        padding: [padding; 4],
        groups: 1,
        activation: Activation::Leaky(0.1),
        residual: Some(Activation::Linear),
    };
    Case { graph: graph(convolution, shapes, format), inputs: [input, residual], expected }
}

fn sums(
    [images, channels, outputs, rows, columns, side, stride]: Shape,
    [down, across]: [usize; 2],
    x: &[f64],
    factors: &[f64],
) -> Vec<f64> {
    let mut sums = vec![0.0; images * outputs * down * across];
    for (index, sum) in sums.iter_mut().enumerate() {
        let (image, output) = (index / (outputs * down * across), index / (down * across) % outputs);
        let (row, column) = (index / across % down, index % across);
        for tap in 0..channels * side * side {
            let channel = tap / (side * side);
            let y = row * stride + tap / side % side;
            let z = column * stride + tap % side;
            let inside = (side / 2..side / 2 + rows).contains(&y) && (side / 2..side / 2 + columns).contains(&z);
            if inside {
                let at = ((image * channels + channel) * rows + y - side / 2) * columns + z - side / 2;
                *sum += x[at] * factors[output * channels * side * side + tap];
            }
        }
    }
    sums
}

fn graph(convolution: Convolution, [input, output]: [Vec<usize>; 2], format: Format) -> Graph {
    let value =
        |name: &str, shape: &[usize], grid| Value { name: name.into(), shape: shape.into(), constant: None, grid };
    let grid = if let Format::U8(grid) = format { Some(grid) } else { None };
    Graph {
        values: vec![value("x", &input, grid), value("r", &output, None), value("y", &output, None)],
        nodes: vec![Node {
            name: "conv".into(),
            operation: Operation::Convolution(Box::new(convolution)),
            inputs: vec![0, 1],
            output: 2,
        }],
        inputs: vec![0, 1],
        outputs: vec![2],
    }
}

fn plan(case: &Case, kernels: &'static Kernels, format: Format) -> Plan {
    plan_for(case, kernels, format, super::Memory::Normal)
}

fn plan_for(case: &Case, kernels: &'static Kernels, format: Format, memory: super::Memory) -> Plan {
    let float = if let Format::U8(_) = format { Format::F32 } else { format };
    let settings = Settings { kernels, threads: 2, float, memory };
    Plan::new(&case.graph, settings, &FilterStore::default()).unwrap()
}

/// The largest error, relative to the largest number.
fn error(case: &Case, plan: &Plan, kernels: &Kernels) -> f64 {
    let mut buffer = Block::new(plan.buffer).unwrap();
    // Whatever was there before must not matter.
    buffer.bytes_mut().fill(0xff);
    let mut outputs = vec![vec![f32::NAN; case.expected.len()]];
    let memory = Memory::new(&mut buffer, &[&case.inputs[0], &case.inputs[1]], &mut outputs, &plan.constants);
    for step in &plan.steps {
        for item in 0..step.items() {
            step.run(item, kernels, &memory);
        }
    }
    let differences = outputs[0].iter().zip(&case.expected).map(|(got, expected)| (f64::from(*got) - expected).abs());
    let largest = case.expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    // What is no number must not be lost: `max` would.
    differences.fold(0.0, |most, x| if x.is_nan() || x > most { x } else { most }) / largest
}

#[test]
fn every_instruction_set_gives_the_sums_of_64_bit_floats_in_every_format() {
    for shape in SHAPES {
        for format in [Format::F32, Format::Bf16, Format::U8(GRID)] {
            let case = case(shape, format);
            for (index, kernels) in all().into_iter().enumerate() {
                let error = error(&case, &plan(&case, kernels, format), kernels);
                let what = format!("{shape:?} {} {} (table {index}): {error:e}", format.name(), kernels.set.name());
                // Large maps are done in tiles of four.
                assert!(error < 1e-5, "{what}");
            }
        }
    }
}

/// The plan of a plain sum of products with tiles in its place.
fn tiled(case: &Case, kernels: &'static Kernels, format: Format, cut: TileCut, shared: bool) -> Plan {
    let mut plan = plan(case, kernels, format);
    let Operation::Convolution(convolution) = &case.graph.nodes[0].operation else { return plan };
    // A plan that transforms the input in a step of its own may put the output in the input's place; that step alone knows
    // where the input is.
    let transform = plan.steps.iter().position(|step| matches!(step.work, Work::WinogradInputs(_)));
    let transform = transform.map(|at| plan.steps.remove(at).work);
    let shared = shared || transform.is_some();
    let at = plan.steps.iter().position(|step| matches!(step.work, Work::Convolve(_) | Work::Winograd(_))).unwrap();
    let (input, output, residual) = match &plan.steps[at].work {
        Work::Convolve(work) => (work.input, work.output, work.residual),
        Work::Winograd(work) => (work.input, work.output, work.residual),
        _ => return plan,
    };
    let input = if let Some(Work::WinogradInputs(work)) = transform { work.input } else { input };
    let work = Winograd {
        input,
        output,
        residual,
        filters: Filters::new(convolution, cut.points, Arrangement::Winograd(cut.edge)).unwrap().into(),
        reach: input.row_stride + input.pixel_stride,
        activation: convolution.activation,
        after: Activation::Linear,
        transformed: shared.then_some(plan.buffer.next_multiple_of(LINE)),
        cut,
    };
    let step = plan.steps.remove(at);
    let halo = step.halo;
    plan.steps.insert(at, Step { work: Work::Winograd(work.clone()), halo, ..step.clone() });
    if shared {
        let parts = output.images * output.rows.div_ceil(cut.edge) * output.columns.div_ceil(cut.edge);
        plan.buffer += LINE + parts * cut.input_bytes(input.channels);
        plan.steps.insert(at, Step { work: Work::WinogradInputs(work), halo: None, ..step });
    }
    plan
}

#[test]
fn tiles_of_any_size_and_cut_give_the_sums_of_64_bit_floats() {
    let stride_1 = |shape: &&Shape| shape[5..] == [3, 1] && shape[1] > 4;
    for shape in SHAPES.iter().filter(stride_1) {
        for (format, points, edge, bound) in [
            (Format::F32, Format::F32, 4, 1e-5),
            (Format::F32, Format::F32, 2, 3e-6),
            (Format::Bf16, Format::F32, 4, 1e-5),
            (Format::Bf16, Format::F32, 2, 3e-6),
            (Format::Bf16, Format::Bf16, 2, 3e-6),
        ] {
            let case = case(*shape, format);
            for (kernels, (tiles, pixels, chunks, pass, shared)) in all().into_iter().flat_map(|kernels| {
                [(1, 1, 8, 2, false), (5, 2, 8, 4, false), (64, 3, 2, 2, true), (7, 4, 4, 2, true)]
                    .map(|cut| (kernels, cut))
            }) {
                let cut = TileCut { points, edge, tiles, pixels, chunks, pass };
                let error = error(&case, &tiled(&case, kernels, format, cut, shared), kernels);
                assert!(error < bound, "{shape:?} {} {cut:?}: {error:e}", kernels.set.name());
            }
        }
    }
}

#[test]
fn large_maps_are_done_in_tiles_and_small_ones_are_not() {
    let algorithm = |shape: Shape, memory| {
        let (case, kernels) = (case(shape, Format::F32), all().pop().unwrap());
        let plan = plan_for(&case, kernels, Format::F32, memory);
        plan.steps.iter().map(|step| step.cost.algorithm).find(|name| *name != "copy")
    };
    let normal = |shape| algorithm(shape, super::Memory::Normal);
    assert_eq!(normal([1, 64, 64, 40, 40, 3, 1]), Some("winograd4"));
    assert_eq!(normal([1, 64, 64, 1, 1, 3, 1]), Some("direct"));
    assert_eq!(normal([1, 64, 64, 40, 40, 3, 2]), Some("direct"));
    assert_eq!(normal([1, 256, 256, 12, 12, 3, 1]), Some("winograd4"));
    assert_eq!(algorithm([1, 256, 256, 12, 12, 3, 1], super::Memory::Low), Some("winograd2"));
}
