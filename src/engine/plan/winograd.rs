//! Which convolutions of 3×3 are done by Winograd's filtering, and how that is cut.

use super::Settings;
use super::convolution::kind;
use super::lower::Lowering;
use crate::engine::Memory;
use crate::engine::graph::{Activation, Convolution, Node, Unsupported};
use crate::engine::kernels::{Arrangement, Format, LINE, Map, TILE, TileCut, Winograd, Work};

/// Bytes of transformed inputs and sums that an item of its own tiles may have: they stay in a core's second-level cache.
const PART: usize = 768 << 10;

/// Bytes of the sums that are kept at a time, where that leaves two chunks.
const SUMS: usize = 512 << 10;

/// Items for each thread.
const ITEMS: usize = 4;

/// Time of the transforms for sixteen channels of each point of a tile, in that of products of floats of an input and
/// sixteen outputs. This and the other figures were measured with the layers of YOLOv3 at 416 on two cores of a Xeon of the
/// fourth generation.
const TRANSFORM: f64 = 28.0;

/// Bytes of filters that a thread reads in a nanosecond.
const FILTER_BYTES: f64 = 20.0;

impl Lowering<'_> {
    /// A convolution, tile by tile.
    pub(super) fn winograd(
        &mut self,
        node: &Node,
        convolution: &Convolution,
        [input, output]: [Map; 2],
        (residual, after): (Option<Map>, Activation),
        cut: TileCut,
        multiply_adds: u64,
    ) -> Result<(), Unsupported> {
        let [top, left, ..] = convolution.padding;
        let arrangement = Arrangement::Winograd(cut.edge);
        let shared = cut.chunks < output.chunks();
        let parts = tiles(&output, cut.edge).div_ceil(cut.tiles);
        let work = Winograd {
            filters: self.store.filters(&node.name, convolution, cut.points, arrangement)?,
            reach: top * input.row_stride + left * input.pixel_stride,
            activation: convolution.activation,
            after,
            transformed: shared.then(|| self.storages.add(parts * cut.input_bytes(input.channels))),
            input,
            output,
            residual,
            cut,
        };
        let algorithm = match (cut.edge, cut.points) {
            (_, Format::Bf16) => "winograd2 bf16",
            (4, _) => "winograd4",
            _ => "winograd2",
        };
        if shared {
            self.push(node, "transform".into(), algorithm, 0, Work::WinogradInputs(work.clone()), None);
        }
        self.push(node, kind(convolution), algorithm, multiply_adds, Work::Winograd(work), Some(output));
        Ok(())
    }
}

/// Tiles of a map.
fn tiles(output: &Map, edge: usize) -> usize {
    output.images * output.rows.div_ceil(edge) * output.columns.div_ceil(edge)
}

/// How to cut a convolution's work, if tiles are quicker than the plain sum of products, or if its filters are arranged
/// for them already.
pub(super) fn cut(
    convolution: &Convolution,
    known: Option<(&'static str, Arrangement)>,
    input: &Map,
    output: &Map,
    settings: &Settings,
) -> Option<TileCut> {
    let floats = [input.format, output.format].iter().all(|format| !matches!(format, Format::U8(_)));
    let plain = convolution.kernel() == [3, 3] && convolution.stride == [1, 1] && convolution.dilation == [1, 1];
    if !floats || !plain || convolution.groups != 1 {
        return None;
    }
    let cuts = [(4, Format::F32), (2, input.format)].map(|kind| cut_tiles(kind, input, output, settings));
    if let Some((format, arrangement)) = known {
        let same = |cut: &TileCut| arrangement == Arrangement::Winograd(cut.edge) && format == cut.points.name();
        return cuts.into_iter().find(same);
    }
    let [four, two] = cuts;
    let [four_time, two_time] = [&four, &two].map(|cut| tiled_time(cut, input, output, settings));
    let direct_time = direct_time(input, output, settings);
    // Filters for tiles are larger: 4 or 16 / 9 times. They have to be worth it.
    match settings.memory {
        Memory::Low => (two_time < 0.7 * direct_time).then_some(two),
        Memory::Normal if four_time < 0.85 * two_time.min(direct_time) => Some(four),
        Memory::Normal => (two_time < 0.9 * direct_time).then_some(two),
    }
}

/// The cut for tiles of `edge`×`edge` outputs.
fn cut_tiles((edge, points): (usize, Format), input: &Map, output: &Map, settings: &Settings) -> TileCut {
    let (all, channels, chunks) = (tiles(output, edge), input.channels, output.chunks());
    let one = TileCut { points, edge, tiles: 1, pixels: 1, chunks, pass: 2 };
    let count = one.point_count();
    let wanted = ITEMS * settings.threads;
    // Where the filters are larger than the transformed inputs, items share these, and each has filters of its own; else
    // each has all filters, and tiles of its own.
    let shared = count * TILE * one.blocks(channels) * chunks > all * one.input_bytes(channels);
    let (parts, segments) = if shared {
        let segments = chunks.div_ceil(2).min(wanted);
        (settings.threads.div_ceil(segments), segments)
    } else {
        let bytes = all * (one.input_bytes(channels) + count * one.pass * LINE);
        (bytes.div_ceil(PART).max(wanted).next_multiple_of(settings.threads), 1)
    };
    let most = settings.kernels.pixels(points);
    let tiles = all.div_ceil(parts).max(most.min(all));
    let chunks = chunks.div_ceil(segments).next_multiple_of(2);
    let pixels = tiles.div_ceil(tiles.div_ceil(most));
    let pass = (SUMS / (count * tiles * LINE)).clamp(2, chunks) / 2 * 2;
    TileCut { points, edge, tiles, pixels, chunks, pass }
}

/// Nanoseconds that a convolution takes tile by tile, about.
fn tiled_time(cut: &TileCut, input: &Map, output: &Map, settings: &Settings) -> f64 {
    let (blocks, chunks) = (cut.blocks(input.channels), output.chunks());
    let parts = tiles(output, cut.edge).div_ceil(cut.tiles);
    let lines = cut.point_count() * parts * cut.tiles.next_multiple_of(cut.pixels);
    let products = lines * blocks * cut.points.channels() * chunks;
    let filters = cut.point_count() * blocks * chunks * TILE * parts;
    let transforms = TRANSFORM * (lines * (blocks * cut.points.chunks() + chunks)) as f64;
    let transforms = transforms / settings.kernels.speed(Format::F32) / settings.threads as f64;
    time(products, cut.points, filters, settings) + transforms
}

/// Nanoseconds that it takes as a plain sum of products, about.
fn direct_time(input: &Map, output: &Map, settings: &Settings) -> f64 {
    let tiles = 9 * input.blocks() * output.chunks();
    let products = output.images * output.rows * output.columns * tiles * input.format.channels();
    time(products, input.format, tiles * TILE, settings)
}

/// Nanoseconds for so many products of sixteen outputs, and bytes of filters.
fn time(products: usize, format: Format, filters: usize, settings: &Settings) -> f64 {
    let products = products as f64 / settings.kernels.speed(format);
    (products + filters as f64 / FILTER_BYTES) / settings.threads as f64
}
