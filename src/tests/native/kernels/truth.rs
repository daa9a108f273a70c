//! What the operations give, restated in 64-bit floats as plainly as their definitions.

/// Maps `[images, channels, rows, columns]`, row by row.
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub(super) shape: [usize; 4],
    pub(super) numbers: Vec<f64>,
    /// The largest number, or the largest length of a vector of products that were summed: what errors are a part of.
    pub(super) size: f64,
}

/// A convolution, but for its numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) outputs: usize,
    pub(super) groups: usize,
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) dilation: [usize; 2],
    /// Top, left, bottom, right.
    pub(super) pads: [usize; 4],
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    Linear,
    Relu,
    Leaky(f32),
    Relu6,
    Sigmoid,
    Silu,
    Mish,
    HardSwish,
    HardSigmoid,
    Elu,
    Tanh,
    Softplus,
    Abs,
}

/// What a pool takes of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Taken {
    Largest,
    MeanOfMap,
    MeanOfWindow,
}

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pair {
    Add,
    Sub,
    Mul,
    Max,
    Min,
}

impl Map {
    pub(super) fn new(shape: [usize; 4], numbers: Vec<f64>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), numbers.len(), "{shape:?}");
        let size = numbers.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        Self { shape, numbers, size }
    }

    /// The map whose number at each place is what a function says.
    fn each(shape: [usize; 4], number: impl Fn([usize; 4]) -> f64) -> Self {
        let [_, channels, rows, columns] = shape;
        let place = |index: usize| {
            let (row, column) = (index / columns % rows, index % columns);
            [index / (columns * rows * channels), index / (columns * rows) % channels, row, column]
        };
        Self::new(shape, (0..shape.iter().product()).map(|index| number(place(index))).collect())
    }

    fn at(&self, [image, channel, row, column]: [usize; 4]) -> f64 {
        let [_, channels, rows, columns] = self.shape;
        self.numbers[((image * channels + channel) * rows + row) * columns + column]
    }

    pub(super) fn apply(&self, function: Function) -> Self {
        let map = Self::new(self.shape, self.numbers.iter().map(|x| function.of(*x)).collect());
        Self { size: map.size.max(self.size), ..map }
    }
}

impl Window {
    /// Rows and columns that come of a map of so many.
    pub(super) fn output(&self, length: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let padded = length[axis] + self.pads[axis] + self.pads[axis + 2];
            (padded - (self.kernel[axis] - 1) * self.dilation[axis] - 1) / self.stride[axis] + 1
        })
    }

    /// The places of the map that the window of an output covers, with each one's place in the window.
    fn covered(&self, map: &Map, at: [usize; 2]) -> Vec<([usize; 2], usize)> {
        let [rows, columns] = self.kernel;
        let places = (0..rows * columns).filter_map(|tap| {
            let within = [tap / columns, tap % columns];
            let mut place = [0; 2];
            for axis in 0..2 {
                let padded = at[axis] * self.stride[axis] + within[axis] * self.dilation[axis];
                place[axis] = padded.checked_sub(self.pads[axis]).filter(|place| *place < map.shape[axis + 2])?;
            }
            Some((place, tap))
        });
        places.collect()
    }
}

pub(super) fn convolution(map: &Map, window: &Window, weights: &[f64], bias: &[f64]) -> Map {
    let [images, channels, rows, columns] = map.shape;
    let [down, across] = window.output([rows, columns]);
    let (per_group, taps) = (channels / window.groups, window.kernel[0] * window.kernel[1]);
    let mut numbers = vec![0.0; images * window.outputs * down * across];
    let mut size = 0.0_f64;
    for (place, number) in numbers.iter_mut().enumerate() {
        let (image, output) = (place / (window.outputs * down * across), place / (down * across) % window.outputs);
        let group = output / (window.outputs / window.groups);
        let (mut sum, mut squares) = (bias[output], bias[output] * bias[output]);
        for ([row, column], tap) in window.covered(map, [place / across % down, place % across]) {
            for channel in 0..per_group {
                let x = map.at([image, group * per_group + channel, row, column]);
                let product = x * weights[(output * per_group + channel) * taps + tap];
                sum += product;
                squares += product * product;
            }
        }
        *number = sum;
        size = size.max(squares.sqrt());
    }
    let result = Map::new([images, window.outputs, down, across], numbers);
    Map { size: result.size.max(size), ..result }
}

pub(super) fn pool(map: &Map, window: &Window, taken: Taken) -> Map {
    let [images, channels, rows, columns] = map.shape;
    let [down, across] = window.output([rows, columns]);
    Map::each([images, channels, down, across], |[image, channel, row, column]| {
        let covered = window.covered(map, [row, column]);
        let numbers = covered.iter().map(|([row, column], _)| map.at([image, channel, *row, *column]));
        match taken {
            Taken::Largest => numbers.fold(f64::NEG_INFINITY, f64::max),
            Taken::MeanOfMap => numbers.sum::<f64>() / covered.len() as f64,
            Taken::MeanOfWindow => numbers.sum::<f64>() / (window.kernel[0] * window.kernel[1]) as f64,
        }
    })
}

/// Two maps of one shape, or the second one of a number for each channel.
pub(super) fn pair(a: &Map, b: &Map, pair: Pair) -> Map {
    let single = b.shape[2..] == [1, 1];
    let map = Map::each(a.shape, |at| {
        let [image, channel, ..] = at;
        let (x, y) = (a.at(at), b.at(if single { [image, channel, 0, 0] } else { at }));
        match pair {
            Pair::Add => x + y,
            Pair::Sub => x - y,
            Pair::Mul => x * y,
            Pair::Max => x.max(y),
            Pair::Min => x.min(y),
        }
    });
    Map { size: map.size.max(a.size).max(b.size), ..map }
}

pub(super) fn upsample(map: &Map, [down, across]: [usize; 2]) -> Map {
    let [images, channels, rows, columns] = map.shape;
    Map::each([images, channels, rows * down, columns * across], |[image, channel, row, column]| {
        map.at([image, channel, row / down, column / across])
    })
}

pub(super) fn concat(maps: &[&Map]) -> Map {
    let [images, _, rows, columns] = maps[0].shape;
    let channels: Vec<(&Map, usize)> =
        maps.iter().flat_map(|map| (0..map.shape[1]).map(|channel| (*map, channel))).collect();
    let whole = Map::each([images, channels.len(), rows, columns], |[image, channel, row, column]| {
        let (map, channel) = channels[channel];
        map.at([image, channel, row, column])
    });
    Map { size: maps.iter().fold(whole.size, |size, map| size.max(map.size)), ..whole }
}

pub(super) fn channels(map: &Map, from: usize, to: usize) -> Map {
    let [images, _, rows, columns] = map.shape;
    Map::each([images, to - from, rows, columns], |[image, channel, row, column]| {
        map.at([image, from + channel, row, column])
    })
}

impl Function {
    fn of(self, x: f64) -> f64 {
        match self {
            Self::Linear => x,
            Self::Relu => x.max(0.0),
            Self::Leaky(alpha) => x * if x < 0.0 { f64::from(alpha) } else { 1.0 },
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Mish => x * Self::Softplus.of(x).tanh(),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::HardSigmoid => (0.2 * x + 0.5).clamp(0.0, 1.0),
            Self::Elu => x.max(0.0) + x.min(0.0).exp_m1(),
            Self::Tanh => x.tanh(),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Abs => x.abs(),
        }
    }
}
