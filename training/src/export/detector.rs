//! Export of detectors: all of them look alike.

use super::pass::{Input, Pass};
use super::{ExportError, Exporter, Precision};
use crate::models::DetectionNetwork;
use crate::weights::Weights;
use burn::tensor::Device;
use ocelli::letterbox::Size;
use ocelli::metadata::{DetectionMetadata, HeadKind, Metadata};
use ocelli::onnx::{Extent, Model};
use ocelli::tensor::Tensor;

/// What a detector's file says, and how.
#[derive(Debug, Clone)]
pub struct DetectorExport {
    /// Heads, labels, anchors.
    pub metadata: DetectionMetadata,
    /// Terms under which the weights may be used.
    pub license: Option<String>,
    /// Where the weights come from.
    pub source: Option<String>,
    /// The input's size. The nodes hold for any multiple of the stride.
    pub size: Size,
    /// Largest stride of the network: sides are multiples of it.
    pub stride: u32,
    /// Whether the file leaves the input's sides open. Where they are fixed, this project's engines can still be told
    /// others.
    pub open_sides: bool,
    /// How weights are stored.
    pub precision: Precision,
}

/// A detector's file: input `images` \[batch, 3, height, width\], outputs `yolo_0`, `yolo_1` … as Darknet's sections
/// (`region_0` for the head of YOLOv2), checked on pictures as they go into the network. Gives the largest error too.
///
/// # Errors
/// As [`Exporter::export`].
pub fn detector<N: DetectionNetwork>(
    init: impl Fn(&Device) -> N,
    weights: &Weights,
    options: &DetectorExport,
    pictures: &[Tensor],
) -> Result<(Model, f32), ExportError> {
    let section = match options.metadata.head {
        HeadKind::YoloV3 => "yolo",
        HeadKind::YoloV2 => "region",
    };
    let forward = |network: &N, pass: &mut Pass| {
        let heads = network.forward(pass.float("images")?);
        heads.into_iter().enumerate().try_for_each(|(index, head)| pass.give(&format!("{section}_{index}"), head))
    };
    // Multiples of the stride by different primes, so that no side of a map is another's, nor of the batch.
    let stride = options.stride as usize;
    let inputs = [Input::floats("images", &[2, 3, 5 * stride, 11 * stride])
        .dynamic(0, "batch", 3)
        .dynamic(2, "height", 7 * stride)
        .dynamic(3, "width", 13 * stride)];
    let exporter = Exporter { init, weights, inputs: &inputs, forward };
    let detection = Some(options.metadata.clone());
    let metadata = Metadata { detection, license: options.license.clone(), source: options.source.clone() };
    let cases: Vec<_> = pictures.iter().map(|picture| vec![("images".to_owned(), picture.clone())]).collect();
    let (mut model, error) = exporter.export(&metadata, options.precision, &cases)?;
    heads(&model, options)?;
    if !options.open_sides {
        fix_sides(&mut model, options);
    }
    Ok((model, error))
}

/// As many outputs of as many channels as the metadata says.
fn heads(model: &Model, options: &DetectorExport) -> Result<(), ExportError> {
    let outputs = model.graph.iter().flat_map(|graph| &graph.output);
    let found: Vec<Option<usize>> =
        outputs.map(|output| output.axes().and_then(|axes| axes.get(1).copied().flatten())).collect();
    let classes = options.metadata.labels.len();
    let wanted: Vec<Option<usize>> =
        options.metadata.anchors.iter().map(|anchors| Some(anchors.len() * (5 + classes))).collect();
    if found != wanted {
        let reason = format!("heads of {found:?} channels for anchors and labels that need {wanted:?}");
        return Err(ExportError::Structure(reason));
    }
    Ok(())
}

fn fix_sides(model: &mut Model, options: &DetectorExport) {
    let sides = [options.size.height, options.size.width].map(|side| Some(Extent::Fixed(side.into())));
    let inputs = model.graph.iter_mut().flat_map(|graph| &mut graph.input);
    for shape in inputs.filter_map(|input| input.r#type.as_mut()?.tensor.as_mut()?.shape.as_mut()) {
        for (axis, side) in shape.dim.iter_mut().skip(2).zip(sides.clone()) {
            axis.extent = side;
        }
    }
    // What follows from the sides is left to the engine.
}
