//! The largest number, or the mean, of windows and of whole maps.

use super::window::{Window, map, pair};
use crate::engine::graph::call::{Call, Operand};
use crate::engine::graph::import::Importer;
use crate::engine::graph::{Operation, Pool, PoolKind, Unsupported};

pub(super) fn max(importer: &mut Importer, call: &Call) -> Result<Operand, Unsupported> {
    if call.int("storage_order", 0) != 0 {
        return Err(call.refuse("storage_order is not 0"));
    }
    windows(importer, call, PoolKind::Max)
}

pub(super) fn average(importer: &mut Importer, call: &Call) -> Result<Operand, Unsupported> {
    let padding = call.int("count_include_pad", 0) != 0;
    windows(importer, call, if padding { PoolKind::AverageWithPadding } else { PoolKind::Average })
}

fn windows(importer: &mut Importer, call: &Call, kind: PoolKind) -> Result<Operand, Unsupported> {
    let input = call.operand(0)?;
    let [batch, channels, rows, columns] = map(call, input.shape())?;
    let kernel = pair(call, "kernel_shape")?.ok_or_else(|| call.refuse("kernel_shape is missing"))?;
    let window = Window::read(call, [rows, columns], kernel)?;
    if kind == PoolKind::AverageWithPadding && window.overshoots {
        return Err(call.refuse("ceil_mode with count_include_pad, and a window beyond the padding"));
    }
    let same = call.text("auto_pad", "NOTSET").starts_with("SAME");
    if same && window.dilation != [1, 1] {
        return Err(call.refuse("auto_pad with dilations"));
    }
    let [top, left, ..] = window.padding;
    if top >= kernel[0] * window.dilation[0] || left >= kernel[1] * window.dilation[1] {
        return Err(call.refuse("a window that lies in the padding altogether"));
    }
    let Window { kernel, stride, dilation, padding, output, .. } = window;
    let pool = Pool { kind, kernel, stride, dilation, padding };
    importer.apply(call, Operation::Pool(pool), &[input], vec![batch, channels, output[0], output[1]])
}

pub(super) fn global_average(importer: &mut Importer, call: &Call) -> Result<Operand, Unsupported> {
    let operand = call.operand(0)?;
    if operand.shape().len() < 3 {
        return Err(call.refuse("no spatial axes"));
    }
    mean(importer, call, operand, 2)
}

/// The mean over all axes from `first` on, which stay with length 1.
fn mean(importer: &mut Importer, call: &Call, operand: &Operand, first: usize) -> Result<Operand, Unsupported> {
    let (kept, dropped) = operand.shape().split_at(first);
    let shape: Vec<usize> = kept.iter().copied().chain(dropped.iter().map(|_| 1)).collect();
    if let (&[_, _], &[_, _]) = (kept, dropped) {
        return importer.apply(call, Operation::GlobalAveragePool, &[operand], shape);
    }
    let maps = [kept, dropped].map(|lengths| lengths.iter().product());
    let map = importer.reshape(call, operand, vec![1, maps[0], 1, maps[1]])?;
    let means = importer.apply(call, Operation::GlobalAveragePool, &[&map], vec![1, maps[0], 1, 1])?;
    importer.reshape(call, &means, shape)
}

pub(super) fn global_max(importer: &mut Importer, call: &Call) -> Result<Operand, Unsupported> {
    let input = call.operand(0)?;
    let [batch, channels, rows, columns] = map(call, input.shape())?;
    let kernel = [rows, columns];
    let pool = Pool { kind: PoolKind::Max, kernel, stride: [1, 1], dilation: [1, 1], padding: [0; 4] };
    importer.apply(call, Operation::Pool(pool), &[input], vec![batch, channels, 1, 1])
}

/// ReduceMean over the last axes, however many.
pub(super) fn reduce_mean(importer: &mut Importer, call: &Call) -> Result<Operand, Unsupported> {
    let operand = call.operand(0)?;
    let rank = operand.shape().len();
    let named = call.listed("axes", 1)?.unwrap_or_default();
    if named.is_empty() && call.int("noop_with_empty_axes", 0) != 0 {
        return Ok(operand.clone());
    }
    let mut axes = if named.is_empty() { (0..rank).collect() } else { call.axes(&named, rank)? };
    axes.sort_unstable();
    let first = rank - axes.len();
    if axes.first() != Some(&first) {
        return Err(call.refuse(format!("the mean over axes {axes:?} of {rank}")));
    }
    let means = mean(importer, call, operand, first)?;
    if call.int("keepdims", 1) != 0 {
        return Ok(means);
    }
    importer.reshape(call, &means, operand.shape()[..first].to_vec())
}
