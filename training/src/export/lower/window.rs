//! Attributes of convolutions and pooling: everything that moves a window.

use ocelli::onnx::Attribute;

/// A window over as many axes as there are numbers.
#[derive(Default)]
pub(super) struct Window {
    attributes: Vec<Attribute>,
}

impl Window {
    pub(super) fn new(kernel: &[usize], stride: &[usize], dilation: &[usize]) -> Self {
        Self::default().list("kernel_shape", kernel).list("strides", stride).list("dilations", dilation)
    }

    /// Pads both ends of each axis alike.
    pub(super) fn padded(self, both: &[usize]) -> Self {
        self.list("pads", &[both, both].concat())
    }

    /// Pads the start and the end of each axis.
    pub(super) fn padded_unevenly(self, ends: &[(usize, usize)]) -> Self {
        let pads: Vec<usize> = ends.iter().map(|(start, _)| *start).chain(ends.iter().map(|(_, end)| *end)).collect();
        self.list("pads", &pads)
    }

    pub(super) fn list(mut self, name: &str, values: &[usize]) -> Self {
        self.attributes.push(Attribute::ints(name, values.iter().map(|value| *value as i64).collect()));
        self
    }

    pub(super) fn int(mut self, name: &str, value: usize) -> Self {
        self.attributes.push(Attribute::int(name, value as i64));
        self
    }

    pub(super) fn attributes(self) -> Vec<Attribute> {
        self.attributes
    }
}
