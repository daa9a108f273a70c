//! Convolutions: which loop does them, and how the work is cut.

use super::lower::Lowering;
use super::{Settings, winograd};
use crate::engine::graph::{Activation, Convolution, Elements, Node, Unsupported};
use crate::engine::kernels::{
    Arrangement, Convolve, Cut, Depth, Depthwise, Filters, Format, KEPT_GROUPS, LANES, LINE, Map, Place, Stem, TILE,
    Work,
};

/// Rows of one item of a [`Stem`].
const STEM_ROWS: usize = 4;

/// The most channels that a [`Stem`] sees: blocks would be mostly empty.
const STEM_CHANNELS: usize = 4;

/// Bytes of inputs that an item of a convolution looks at: they stay in a core's second-level cache while all filters
/// go over them.
const INPUT_BYTES: usize = 512 << 10;

/// Bytes of filters that are kept in the first-level cache beside the sums of [`KEPT_GROUPS`].
const KEPT_FILTERS: usize = 18 << 10;

/// Items for each thread, so that no thread waits long for another's last one.
const ITEMS: usize = 4;

impl Lowering<'_> {
    pub(super) fn convolution(&mut self, node: &Node, convolution: &Convolution) -> Result<(), Unsupported> {
        let [outputs, per_group, ..] = convolution.weights.shape;
        let groups = convolution.groups;
        if groups > 1 && per_group == 1 && outputs == groups {
            return self.depthwise(node, convolution);
        }
        let format = self.input_format(node, convolution);
        if let Some(from) = self.stem_source(node, convolution, format) {
            return self.stem(node, convolution, from);
        }
        let output_format = self.layout.formats[node.output];
        let fits = per_group % format.channels() == 0
            && (outputs / groups).is_multiple_of(output_format.chunks().max(2) * LANES);
        if groups > 1 && !fits {
            let dense = ungrouped(convolution);
            return self.dense(node, &dense, format, multiply_adds(convolution, &self.shape(node.output)?));
        }
        self.dense(node, convolution, format, multiply_adds(convolution, &self.shape(node.output)?))
    }

    /// How the input is to lie in memory: bytes where filters and input are such.
    fn input_format(&self, node: &Node, convolution: &Convolution) -> Format {
        let format = self.layout.formats[node.inputs[0]];
        match (&convolution.weights.elements, format) {
            (Elements::I8 { .. }, Format::U8(_)) => format,
            _ => self.settings.float,
        }
    }

    fn residual(&mut self, node: &Node, convolution: &Convolution) -> Result<(Option<Map>, Activation), Unsupported> {
        let (Some(after), Some(id)) = (convolution.residual, node.inputs.get(1)) else {
            return Ok((None, Activation::Linear));
        };
        let wanted = self.layout.formats[node.output];
        let map = self.any_map(node, *id)?;
        // Bytes may have a grid of their own.
        let map = if map.format.name() == wanted.name() { map } else { self.map(node, *id, wanted)? };
        Ok((Some(map), after))
    }

    fn dense(
        &mut self,
        node: &Node,
        convolution: &Convolution,
        format: Format,
        multiply_adds: u64,
    ) -> Result<(), Unsupported> {
        let input = self.map(node, node.inputs[0], format)?;
        let (residual, after) = self.residual(node, convolution)?;
        let output = self.new_map(node.output)?;
        let known = self.store.arrangement(&node.name);
        if let Some(cut) = winograd::cut(convolution, known, &input, &output, &self.settings) {
            return self.winograd(node, convolution, [input, output], (residual, after), cut, multiply_adds);
        }
        let filters = self.store.filters(&node.name, convolution, format, Arrangement::Window)?;
        let [outputs, per_group, rows, columns] = convolution.weights.shape;
        let blocks = per_group.div_ceil(format.channels());
        let mut taps = Vec::with_capacity(blocks * rows * columns);
        for block in 0..blocks {
            taps.extend(
                window(&input, [rows, columns], convolution.dilation)
                    .map(|tap| tap + (block * input.block_stride) as u32),
            );
        }
        let [top, left, ..] = convolution.padding;
        let work = Convolve {
            // A group of the convolution has whole blocks if there are several.
            depth: Depth { whole: taps.len() - rows * columns, last_steps: format.last_steps(per_group), tile: TILE },
            taps,
            reach: top * input.row_stride + left * input.pixel_stride,
            stride: convolution.stride,
            pixel_stride: convolution.stride[1] * input.pixel_stride,
            group: if convolution.groups == 1 {
                [0, usize::MAX]
            } else {
                [blocks, outputs / convolution.groups / LANES]
            },
            activation: convolution.activation,
            after,
            cut: cut(&input, &output, convolution.stride, filters.bytes(), &self.settings),
            input,
            output,
            residual,
            filters,
        };
        self.push(node, kind(convolution), self.algorithm(format), multiply_adds, Work::Convolve(work), Some(output));
        Ok(())
    }

    fn algorithm(&self, format: Format) -> &'static str {
        match format {
            Format::F32 => "direct",
            Format::Bf16 => "direct bf16",
            Format::U8(_) => "direct int8",
        }
    }

    /// The tensor that a first convolution looks at, if it is one: few channels, and no map yet.
    fn stem_source(&mut self, node: &Node, convolution: &Convolution, format: Format) -> Option<Place> {
        let few = convolution.groups == 1 && convolution.weights.shape[1] <= STEM_CHANNELS;
        let mut source = node.inputs[0];
        // A tensor on a grid is that tensor, rounded as it is packed into bytes.
        if let (Format::U8(_), Some(from)) = (format, self.rounded.get(&source)) {
            source = *from;
        }
        if few && convolution.dilation[1] == 1 && !self.layout.maps[source] { self.known_place(source) } else { None }
    }

    fn stem(&mut self, node: &Node, convolution: &Convolution, from: Place) -> Result<(), Unsupported> {
        let format = self.input_format(node, convolution);
        let [_, inputs, rows, columns] = convolution.weights.shape;
        let [images, channels, height, width] = self.shape(node.inputs[0])?;
        let (residual, after) = self.residual(node, convolution)?;
        let output = self.new_map(node.output)?;
        let [top, left, ..] = convolution.padding;
        let padded = Stem::row(output.columns, convolution.stride[1], columns, width, left);
        // The map's numbers are never there; it tells the format.
        let input = Map::new(format, [images, inputs * rows, 1, output.columns], [0; 4]);
        let settings = Settings { kernels: self.settings.kernels.of_vectors(), ..self.settings };
        let cut = cut(&input, &output, convolution.stride, 0, &settings);
        let tile = Filters::row_tile(format, columns);
        let work = Convolve {
            input,
            output,
            residual,
            filters: self.store.filters(&node.name, convolution, format, Arrangement::Rows)?,
            taps: (0..inputs * rows).map(|row| (row * padded * format.bytes()) as u32).collect(),
            depth: Depth { whole: 0, last_steps: tile / LINE, tile },
            reach: 0,
            stride: convolution.stride,
            pixel_stride: convolution.stride[1] * format.bytes(),
            group: [0, usize::MAX],
            activation: convolution.activation,
            after,
            cut: Cut { chunks: output.chunks(), groups: STEM_ROWS * output.columns.div_ceil(cut.pixels), ..cut },
        };
        let stem = Stem {
            from,
            shape: [channels, height, width],
            rows: [rows, convolution.dilation[0]],
            padding: [top, left],
            padded,
            convolve: work,
        };
        let multiply_adds = multiply_adds(convolution, &self.shape(node.output)?);
        self.push(node, kind(convolution), "rows", multiply_adds, Work::Stem(stem), Some(output));
        Ok(())
    }

    fn depthwise(&mut self, node: &Node, convolution: &Convolution) -> Result<(), Unsupported> {
        let input = self.any_map(node, node.inputs[0])?;
        let (residual, after) = self.residual(node, convolution)?;
        let output = self.new_map(node.output)?;
        let [top, left, ..] = convolution.padding;
        let work = Depthwise {
            input,
            output,
            residual,
            filters: self.store.channels(&node.name, convolution, input.format),
            kernel: convolution.kernel(),
            tap_strides: [convolution.dilation[0] * input.row_stride, convolution.dilation[1] * input.pixel_stride],
            reach: top * input.row_stride + left * input.pixel_stride,
            stride: convolution.stride,
            activation: convolution.activation,
            after,
        };
        let multiply_adds = multiply_adds(convolution, &self.shape(node.output)?);
        self.push(node, kind(convolution), "depthwise", multiply_adds, Work::Depthwise(work), Some(output));
        Ok(())
    }
}

/// Bytes from a window's first pixel to each.
fn window(map: &Map, kernel: [usize; 2], dilation: [usize; 2]) -> impl Iterator<Item = u32> + use<> {
    let (row, pixel) = (dilation[0] * map.row_stride, dilation[1] * map.pixel_stride);
    (0..kernel[0]).flat_map(move |y| (0..kernel[1]).map(move |x| (y * row + x * pixel) as u32))
}

/// How to cut a convolution's work: items whose inputs fit into a cache, and enough of them for all threads.
fn cut(input: &Map, output: &Map, stride: [usize; 2], filters: usize, settings: &Settings) -> Cut {
    // Tiles take as long with few pixels as with many, so their groups go on from row to row where the pixels do.
    let tiles = settings.kernels.has_tiles(input.format);
    let (columns, row) = (output.columns, input.row_stride / input.pixel_stride);
    // Where both sides are padded by more than the window reaches, an output's row is longer than the input's.
    let flat = tiles && stride == [1, 1] && columns <= row;
    let pitch = if flat { row } else { columns };
    let strip = if flat { (output.rows - 1) * pitch + columns } else { columns };
    let most = settings.kernels.pixels(input.format).min(strip);
    let pixels = if flat { most } else { columns.div_ceil(columns.div_ceil(most)) };
    let strips = output.images * if flat { 1 } else { output.rows };
    let all = strips * strip.div_ceil(pixels);
    let unit = output.block_chunks().max(2);
    let units = output.chunks().div_ceil(unit);
    let group_bytes = pixels * stride[0] * stride[1] * input.pixel_stride * input.blocks();
    let mut pieces = all.div_ceil((INPUT_BYTES / group_bytes.max(1)).clamp(2, all.max(2)));
    let mut segments = 1;
    // Where there is more to read of the input than of the filters, each thread keeps to its part of the picture, which it
    // has in its cache from the step before; where there is less, each has filters of its own.
    let wanted = ITEMS * settings.threads;
    let spatial = filters < group_bytes * all;
    if spatial {
        pieces = pieces.max(wanted.min(all.div_ceil(2))).next_multiple_of(settings.threads);
    }
    while pieces * segments < wanted && segments < units {
        segments *= 2;
    }
    // Groups go in pairs.
    let groups = all.div_ceil(pieces).next_multiple_of(2);
    // Sums that can be gone on with are kept, so that filters are read from the first-level cache.
    let kept = if tiles {
        let rounds = groups.div_ceil(KEPT_GROUPS);
        [groups.div_ceil(rounds).next_multiple_of(2), KEPT_FILTERS / (2 * TILE)]
    } else {
        [2, usize::MAX]
    };
    Cut { strip, pitch, pixels, kept, groups, chunks: units.div_ceil(segments.min(units)) * unit }
}

pub(super) fn kind(convolution: &Convolution) -> String {
    let [rows, columns] = convolution.kernel();
    let group = if convolution.groups > 1 { format!("g{}", convolution.groups) } else { String::new() };
    format!("conv{rows}x{columns}s{}{group}", convolution.stride[0])
}

fn multiply_adds(convolution: &Convolution, output: &[usize; 4]) -> u64 {
    let [_, inputs, rows, columns] = convolution.weights.shape;
    output.iter().chain(&[inputs, rows, columns]).map(|length| *length as u64).product()
}

/// A convolution of one group: filters see all inputs, with zeros for those of other groups.
fn ungrouped(convolution: &Convolution) -> Convolution {
    let [outputs, per_group, rows, columns] = convolution.weights.shape;
    let places = rows * columns;
    let inputs = per_group * convolution.groups;
    let bytes = convolution.weights.elements.bytes();
    let size = bytes.len() / (outputs * per_group * places).max(1);
    let mut dense = vec![0; outputs * inputs * places * size];
    for output in 0..outputs {
        let group = output / (outputs / convolution.groups);
        let to = (output * inputs + group * per_group) * places * size;
        let length = per_group * places * size;
        dense[to..to + length].copy_from_slice(&bytes[output * length..][..length]);
    }
    let mut result = convolution.clone();
    result.groups = 1;
    result.weights.shape = [outputs, inputs, rows, columns];
    result.weights.elements = convolution.weights.elements.with_bytes(dense.into());
    result
}
