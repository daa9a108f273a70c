//! A network with weights → an ONNX model with metadata.

use super::Network;
use super::emit::{Emitter, value_info};
use super::error::DarknetError;
use super::layer::{Head, Kind};
use crate::metadata::{DetectionMetadata, Metadata, Resize};
use crate::onnx::{Graph, Model};

/// What an ONNX file says beyond the network.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportOptions {
    /// Name of each class; `class_0`, `class_1` … if there are none. A classifier's file has no place for them.
    pub labels: Option<Vec<String>>,
    /// How a detector's pictures become inputs.
    pub resize: Resize,
    /// Terms under which the weights may be used.
    pub license: Option<String>,
    /// Where the weights come from.
    pub source: Option<String>,
}

impl Network {
    /// The network as an ONNX model, with its metadata: batch normalisation folded into the convolutions, dropout left
    /// out. The input `images` is \[batch, channels, height, width\] of floats in 0..=1. Each `[yolo]` or `[region]`
    /// layer is an output `yolo_N`, `region_N` of shape \[batch, anchors · (5 + classes), rows, columns\], raw: nothing
    /// is squashed. Without such layers the last layer is the output `output`, \[batch, classes\] if it is one number
    /// for each class.
    ///
    /// Nodes do not depend on the input's sides, except those of `[connected]` and `[reorg]` and of shortcuts between
    /// maps of which one is not a multiple of the other. `[reorg]` takes a map's memory for one of fewer channels and
    /// longer sides, and gathers that one's pixels by their place in squares; this is not the space-to-depth of ONNX.
    ///
    /// # Errors
    /// [`DarknetError::Unfilled`] if a layer lacks weights, [`DarknetError::Labels`] if there are not as many labels as
    /// classes.
    pub fn to_onnx(&self, options: ExportOptions) -> Result<Model, DarknetError> {
        let mut emitter = Emitter::default();
        for (index, layer) in self.layers.iter().enumerate() {
            emitter.layer(self, index, layer)?;
        }
        let metadata = self.metadata(options)?;
        if metadata.detection.is_none() {
            emitter.last(self);
        }
        let mut model = Model::new(Graph {
            name: "darknet".into(),
            input: vec![value_info("images", self.input.channels, Some([self.input.height, self.input.width]))],
            node: emitter.nodes,
            initializer: emitter.constants,
            output: emitter.outputs,
            ..Graph::default()
        });
        metadata.write(&mut model);
        Ok(model)
    }

    fn metadata(&self, options: ExportOptions) -> Result<Metadata, DarknetError> {
        let heads =
            self.layers.iter().filter_map(|layer| if let Kind::Head(head) = &layer.kind { Some(head) } else { None });
        let heads: Vec<&Head> = heads.collect();
        let last_channels = self.layers.last().map_or(0, |layer| layer.output.channels);
        let classes = heads.first().map_or(last_channels, |head| head.classes);
        let labels = options.labels.filter(|labels| !labels.is_empty());
        let labels = labels.unwrap_or_else(|| (0..classes).map(|class| format!("class_{class}")).collect());
        if labels.len() != classes {
            return Err(DarknetError::Labels { found: labels.len(), wanted: classes });
        }
        let detection = heads.first().map(|first| DetectionMetadata {
            head: first.kind,
            labels,
            anchors: heads.iter().map(|head| head.anchors.clone()).collect(),
            scale_xy: heads.iter().map(|head| head.scale_xy).collect(),
            resize: options.resize,
        });
        Ok(Metadata { detection, license: options.license, source: options.source })
    }
}
