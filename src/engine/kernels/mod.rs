//! The native engine's inner loops, for each instruction set: the only place of unsafe code in the engine.
//!
//! [`mod@format`] says how numbers lie in a pixel, [`map`] how pixels lie in memory. A [`Step`] is one operation between maps,
//! cut into items that any thread can do; [`sets`] has the loops for each instruction set, written once in terms of
//! [`vector`].
#![allow(unsafe_code)]

mod allocator;
#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod block;
mod channels;
mod convolve;
mod depthwise;
mod elementwise;
mod filters;
mod finish;
mod format;
mod halo;
mod map;
mod pack;
mod peak;
mod plain;
mod pool;
mod product;
mod rows;
mod scalar;
mod sets;
mod stem;
mod step;
mod tile;
mod vector;
mod winograd;

pub use allocator::keep_freed_memory;
pub(crate) use block::Block;
pub(crate) use channels::Regroup;
pub(crate) use convolve::{Convolve, Cut, KEPT_GROUPS};
pub(crate) use depthwise::Depthwise;
pub(crate) use elementwise::Elementwise;
pub(crate) use filters::{Arrangement, ChannelFilters, Filters};
pub(crate) use format::{Format, LINE};
pub(crate) use map::Map;
pub(crate) use pack::{Pack, Unpack};
pub(crate) use peak::peak;
pub(crate) use plain::{Located, PlainStep};
pub(crate) use pool::Pooling;
pub(crate) use product::Depth;
#[cfg(test)]
pub(crate) use sets::all;
pub(crate) use sets::{Kernels, best, of};
pub(crate) use stem::Stem;
pub(crate) use step::{Cost, Memory, Place, Step, Work};
pub(crate) use vector::LANES;
pub(crate) use winograd::{TileCut, Winograd};

/// Bytes of the filters of one tap for one chunk of outputs.
pub(crate) const TILE: usize = LANES * LINE;
