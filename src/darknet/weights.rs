//! The `.weights` file: a header, then the floats of all layers in the order of the cfg, little-endian.
//!
//! | layer | order |
//! |---|---|
//! | `[convolutional]` | biases, if normalised: scales, means, variances; then weights \[filters, channels / groups, size, size\] |
//! | `[connected]` | biases, weights \[outputs, inputs\], then if normalised: scales, means, variances |

use super::Network;
use super::error::DarknetError;
use super::layer::{Kind, Layer};

/// What a weights file says ahead of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Version of the format.
    pub major: i32,
    /// Version of the format.
    pub minor: i32,
    /// Version of the format.
    pub revision: i32,
    /// Pictures that the network was trained on; 4 bytes up to version 0.1, 8 bytes since.
    pub seen: u64,
}

/// The weights of a convolution or a connected layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Added last, one for each filter.
    pub biases: Vec<f32>,
    /// If the layer has it.
    pub norm: Option<BatchNorm>,
    /// Filter by filter; within a filter channel, row, column.
    pub weights: Vec<f32>,
}

/// Batch normalisation, one number of each for each filter: scale · (sum − mean) / √variance.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm {
    /// γ of the paper (Ioffe & Szegedy 2015, <https://arxiv.org/abs/1502.03167>); its β are the biases.
    pub scales: Vec<f32>,
    /// Rolling means.
    pub means: Vec<f32>,
    /// Rolling variances.
    pub variances: Vec<f32>,
}

/// How much of a network a weights file filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// Layers that got their weights.
    pub layers_filled: usize,
    /// Layers that have weights.
    pub layers_total: usize,
    /// The first layer that got none, for [`Network::randomize`]; `None` if all did.
    pub first_unfilled: Option<usize>,
    /// Floats in the file.
    pub floats: usize,
    /// Its header.
    pub header: Header,
}

impl Network {
    /// Fills the layers from the bytes of a weights file. A file that ends between two layers, such as a backbone,
    /// fills those before; the others have no weights then.
    ///
    /// # Errors
    /// The bytes end elsewhere, or go on after the last layer. The network stays as it was.
    pub fn read_weights(&mut self, bytes: &[u8]) -> Result<Loaded, DarknetError> {
        let (header, body) = Header::read(bytes).ok_or(DarknetError::Header { found: bytes.len() })?;
        let (floats, []) = body.as_chunks::<4>() else { return Err(DarknetError::Ragged { bytes: body.len() }) };
        if floats.len() > self.stored_floats() {
            return Err(DarknetError::Surplus { wanted: self.stored_floats(), found: floats.len() });
        }
        let mut source = Source { floats, transposed: header.transposed() };
        let mut filled = Vec::new();
        let mut first_unfilled = None;
        for (index, layer) in self.layers.iter().enumerate().filter(|(_, layer)| layer.fan_in().is_some()) {
            if source.floats.is_empty() {
                first_unfilled = Some(index);
                break;
            }
            filled.push((index, source.layer(index, layer)?));
        }
        let layers_total = self.layers.iter().filter(|layer| layer.fan_in().is_some()).count();
        let loaded = Loaded { layers_filled: filled.len(), layers_total, first_unfilled, floats: floats.len(), header };
        self.header = header;
        self.layers.iter_mut().for_each(|layer| layer.weights = None);
        for (index, weights) in filled {
            self.layers[index].weights = Some(weights);
        }
        Ok(loaded)
    }

    /// The bytes of a weights file of these weights, up to the first layer that has none. What
    /// [`read_weights`](Self::read_weights) read comes back byte for byte.
    pub fn write_weights(&self) -> Vec<u8> {
        let mut bytes = self.header.write();
        for layer in self.layers.iter().filter(|layer| layer.fan_in().is_some()) {
            let Some(weights) = &layer.weights else { break };
            for block in weights.blocks(layer, self.header.transposed()) {
                bytes.extend(block.iter().flat_map(|float| float.to_le_bytes()));
            }
        }
        bytes
    }
}

impl Default for Header {
    /// Version 0.2.5, which Darknet writes, and no picture seen.
    fn default() -> Self {
        Self { major: 0, minor: 2, revision: 5, seen: 0 }
    }
}

impl Header {
    /// The header and what follows it; `None` if the bytes end within it.
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (major, bytes) = bytes.split_first_chunk()?;
        let (minor, bytes) = bytes.split_first_chunk()?;
        let (revision, bytes) = bytes.split_first_chunk()?;
        let [major, minor, revision] = [major, minor, revision].map(|number| i32::from_le_bytes(*number));
        let header = Self { major, minor, revision, seen: 0 };
        if header.long() {
            let (seen, body) = bytes.split_first_chunk()?;
            Some((Self { seen: u64::from_le_bytes(*seen), ..header }, body))
        } else {
            let (seen, body) = bytes.split_first_chunk()?;
            Some((Self { seen: u32::from_le_bytes(*seen).into(), ..header }, body))
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = [self.major, self.minor, self.revision].iter().flat_map(|n| n.to_le_bytes()).collect();
        let seen = self.seen.to_le_bytes();
        bytes.extend(if self.long() { &seen[..] } else { &seen[..4] });
        bytes
    }

    /// Whether `seen` takes 8 bytes.
    fn long(&self) -> bool {
        i64::from(self.major) * 10 + i64::from(self.minor) >= 2 && self.major < 1000 && self.minor < 1000
    }

    /// Whether the weights of connected layers are stored \[inputs, outputs\].
    fn transposed(&self) -> bool {
        self.major > 1000 || self.minor > 1000
    }
}

/// The floats of a file that are not read yet.
struct Source<'a> {
    floats: &'a [[u8; 4]],
    transposed: bool,
}

impl Source<'_> {
    fn layer(&mut self, index: usize, layer: &Layer) -> Result<Weights, DarknetError> {
        let (wanted, found) = (layer.stored_floats(), self.floats.len());
        if found < wanted {
            return Err(DarknetError::Truncated { layer: index, section: layer.kind.section(), wanted, found });
        }
        let (filters, fan_in) = (layer.output.channels, layer.fan_in().unwrap_or(0));
        let normalized = layer.batch_normalize();
        let biases = self.take(filters);
        if matches!(layer.kind, Kind::Connected { .. }) {
            let stored = self.take(filters * fan_in);
            let weights = if self.transposed { transpose(&stored, fan_in) } else { stored };
            return Ok(Weights { biases, weights, norm: normalized.then(|| self.norm(filters)) });
        }
        let norm = normalized.then(|| self.norm(filters));
        Ok(Weights { biases, norm, weights: self.take(filters * fan_in) })
    }

    fn norm(&mut self, filters: usize) -> BatchNorm {
        BatchNorm { scales: self.take(filters), means: self.take(filters), variances: self.take(filters) }
    }

    /// The next floats; [`Source::layer`] has made sure that there are as many.
    fn take(&mut self, count: usize) -> Vec<f32> {
        let (taken, rest) = self.floats.split_at(count.min(self.floats.len()));
        self.floats = rest;
        taken.iter().map(|float| f32::from_le_bytes(*float)).collect()
    }
}

impl Weights {
    /// The runs of floats of a layer in the order of the file.
    fn blocks(&self, layer: &Layer, transposed: bool) -> Vec<Vec<f32>> {
        let norm = self.norm.iter().flat_map(|n| [n.scales.clone(), n.means.clone(), n.variances.clone()]);
        let biases = [self.biases.clone()].into_iter();
        match layer.kind {
            Kind::Connected { .. } => {
                let stored =
                    if transposed { transpose(&self.weights, layer.output.channels) } else { self.weights.clone() };
                biases.chain([stored]).chain(norm).collect()
            }
            _ => biases.chain(norm).chain([self.weights.clone()]).collect(),
        }
    }
}

/// A matrix of so many rows, by columns.
fn transpose(matrix: &[f32], rows: usize) -> Vec<f32> {
    let columns = matrix.len() / rows.max(1);
    (0..columns).flat_map(|column| (0..rows).map(move |row| matrix[row * columns + column])).collect()
}
