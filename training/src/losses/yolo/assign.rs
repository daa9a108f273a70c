//! Which boxes are positive, and which are ignored.

use super::{LossError, YoloLossOptions};
use crate::data::LabelledBox;
use ocelli::geometry::BBox;
use ocelli::head::{Encoded, Grid};
use ocelli::letterbox::Size;
use ocelli::metadata::DetectionMetadata;
use std::collections::BTreeMap;

/// Where the numbers of a batch's heads lie.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Pictures of the batch.
    pub pictures: usize,
    /// Classes.
    pub classes: usize,
    /// For each output its anchors' grids, at least one.
    pub outputs: Vec<Vec<Grid>>,
}

/// A box that shall find a truth.
#[derive(Debug, Clone)]
pub(super) struct Positive {
    /// Anchor and grid.
    pub grid: Grid,
    /// What the network should put out.
    pub encoded: Encoded,
    /// What it should find.
    pub truth: LabelledBox,
}

/// Place of a box among all of a batch: output, and index in `[pictures, anchors, rows, columns]` of that output.
pub(super) type Place = (usize, usize);

impl Layout {
    pub(super) fn new(
        shapes: &[[usize; 4]],
        pictures: usize,
        metadata: &DetectionMetadata,
        network: Size,
    ) -> Result<Self, LossError> {
        if shapes.len() != metadata.anchors.len() {
            return Err(LossError::OutputCount { found: shapes.len(), wanted: metadata.anchors.len() });
        }
        let mut outputs = Vec::new();
        for (output, (&found, anchors)) in shapes.iter().zip(&metadata.anchors).enumerate() {
            let channels = anchors.len() * (5 + metadata.labels.len());
            let [n, c, rows, columns] = found;
            if n != pictures || c != channels || found.contains(&0) {
                return Err(LossError::Shape { output, found, pictures, channels });
            }
            let scale_xy = metadata.scale_xy.get(output).copied().unwrap_or(1.0);
            outputs.push(anchors.iter().map(|&anchor| Grid { anchor, scale_xy, network, rows, columns }).collect());
        }
        Ok(Self { pictures, classes: metadata.labels.len(), outputs })
    }

    /// Shape of an output, `[n, anchors · (5 + classes), rows, columns]`.
    pub(super) fn shape(&self, output: usize) -> [usize; 4] {
        let grids = &self.outputs[output];
        [self.pictures, grids.len() * (5 + self.classes), grids[0].rows, grids[0].columns]
    }

    /// Boxes that an output predicts for the whole batch.
    pub(super) fn boxes(&self, output: usize) -> usize {
        let grids = &self.outputs[output];
        self.pictures * grids.len() * grids[0].rows * grids[0].columns
    }

    /// Index of a box's number `channel` (t_x, t_y, t_w, t_h, t_o, t_1, …) in its output, laid flat.
    pub(super) fn number(&self, (output, index): Place, channel: usize) -> usize {
        let cells = self.outputs[output][0].rows * self.outputs[output][0].columns;
        (index / cells * (5 + self.classes) + channel) * cells + index % cells
    }

    fn place(&self, picture: usize, output: usize, anchor: usize, encoded: &Encoded) -> Place {
        let grids = &self.outputs[output];
        let Grid { rows, columns, .. } = grids[0];
        (output, ((picture * grids.len() + anchor) * rows + encoded.row) * columns + encoded.column)
    }

    /// The positive boxes of a batch.
    ///
    /// Where two truths want one box, it goes to the one whose best anchor it is, and among equals to the later one.
    pub(super) fn positives(
        &self,
        truths: &[Vec<LabelledBox>],
        options: &YoloLossOptions,
    ) -> Result<BTreeMap<Place, Positive>, LossError> {
        let (mut others, mut best) = (BTreeMap::new(), BTreeMap::new());
        for (picture, truths) in truths.iter().enumerate() {
            for truth in truths {
                let BBox { width, height, .. } = truth.bbox;
                let valid = [truth.bbox.x, truth.bbox.y, width, height].iter().all(|v| v.is_finite());
                if !valid || width <= 0.0 || height <= 0.0 || truth.class_id >= self.classes {
                    return Err(LossError::Truth { picture, truth: *truth, classes: self.classes });
                }
                let shapes = self.shape_ious(&truth.bbox);
                let most = shapes.iter().fold(0.0f64, |most, (_, _, iou)| most.max(*iou));
                let winner = shapes.iter().position(|(_, _, iou)| *iou >= most);
                for (rank, &(output, anchor, iou)) in shapes.iter().enumerate() {
                    let map = match options.shape_iou {
                        _ if Some(rank) == winner => &mut best,
                        Some(least) if iou > least => &mut others,
                        _ => continue,
                    };
                    let grid = self.outputs[output][anchor];
                    let encoded = grid.encode_box(&truth.bbox);
                    let place = self.place(picture, output, anchor, &encoded);
                    map.insert(place, Positive { grid, encoded, truth: *truth });
                }
            }
        }
        others.extend(best);
        Ok(others)
    }

    /// Output, anchor and shape's IoU with a box, of all anchors.
    fn shape_ious(&self, bbox: &BBox) -> Vec<(usize, usize, f64)> {
        let shape = BBox::from_center(0.0, 0.0, bbox.width, bbox.height);
        let grids = |(output, grids): (usize, &Vec<Grid>)| {
            let iou = |grid: &Grid| {
                let [width, height] = grid.anchor.map(f64::from);
                shape.iou(&BBox::from_center(0.0, 0.0, width, height))
            };
            grids.iter().enumerate().map(|(anchor, grid)| (output, anchor, iou(grid))).collect::<Vec<_>>()
        };
        self.outputs.iter().enumerate().flat_map(grids).collect()
    }

    /// Calls `ignore` with the index of each box of an output whose prediction has an IoU above `threshold` with a truth
    /// of its picture. `numbers` are the output's, laid flat.
    pub(super) fn near_truths(
        &self,
        output: usize,
        numbers: &[f32],
        truths: &[Vec<LabelledBox>],
        threshold: f64,
        mut ignore: impl FnMut(usize),
    ) {
        let grids = &self.outputs[output];
        let cells = grids[0].rows * grids[0].columns;
        for (picture, truths) in truths.iter().enumerate().filter(|(_, truths)| !truths.is_empty()) {
            for (anchor, grid) in grids.iter().enumerate() {
                let first = (picture * grids.len() + anchor) * cells;
                let base = self.number((output, first), 0);
                let Some(map) = numbers.get(base..base + 4 * cells) else { continue };
                for cell in 0..cells {
                    let t = [map[cell], map[cells + cell], map[2 * cells + cell], map[3 * cells + cell]];
                    let bbox = grid.decode_box(t, cell % grid.columns, cell / grid.columns);
                    if truths.iter().any(|truth| truth.bbox.iou(&bbox) > threshold) {
                        ignore(first + cell);
                    }
                }
            }
        }
    }
}
