//! Sections → layers: every key read, every shape inferred, every misfit refused.

use super::Network;
use super::activation::Activation;
use super::cfg::{Section, sections};
use super::error::DarknetError;
use super::head;
use super::layer::{Convolution, Kind, LARGEST_TENSOR, Layer, MaxPool, Shape};
use super::weights::Header;

/// A layer's kind and the shape of what it gives.
type Built = (Kind, Shape);

/// Keys of a convolution that change its result or its weights, and are not supported.
const CONVOLUTION_REFUSED: [&str; 14] = [
    "antialiasing",
    "assisted_excitation",
    "bin_output",
    "binary",
    "cbn",
    "deform",
    "flipped",
    "rotate",
    "share_index",
    "stretch",
    "stretch_sway",
    "sway",
    "use_bin_output",
    "xnor",
];

impl Network {
    /// Reads a cfg. The layers have shapes then, but no weights.
    ///
    /// # Errors
    /// [`DarknetError::Syntax`], [`DarknetError::Invalid`] or [`DarknetError::Unsupported`], with the line.
    pub fn parse(cfg_text: &str) -> Result<Self, DarknetError> {
        let sections = sections(cfg_text)?;
        let syntax = |line, reason: &str| DarknetError::Syntax { line, reason: reason.into() };
        let (net, rest) = sections.split_first().ok_or_else(|| syntax(1, "the file holds no section"))?;
        if !matches!(net.name.as_str(), "net" | "network") {
            return Err(syntax(net.line, "the first section is not [net]"));
        }
        if rest.is_empty() {
            return Err(syntax(net.line, "no layer follows [net]"));
        }
        let mut network = Self { input: input(net)?, layers: Vec::new(), header: Header::default() };
        for section in rest {
            let layer = Builder { section, network: &network }.layer()?;
            network.layers.push(layer);
            if network.stored_floats() > LARGEST_TENSOR {
                return Err(section.misfit(format!("more than {LARGEST_TENSOR} weights up to here")));
            }
        }
        head::check_agreement(&network, rest)?;
        Ok(network)
    }
}

/// The shape that `[net]` gives.
fn input(net: &Section) -> Result<Shape, DarknetError> {
    let (channels, height, width) =
        (net.required_size("channels")?, net.required_size("height")?, net.required_size("width")?);
    Shape::checked(channels, height, width).ok_or_else(|| net.misfit("the input is absurdly large".into()))
}

/// Makes the next layer of a network.
struct Builder<'a> {
    section: &'a Section,
    /// The layers before it.
    network: &'a Network,
}

impl Builder<'_> {
    fn layer(&self) -> Result<Layer, DarknetError> {
        self.section.refuse(&["dontload", "dontloadscales", "numload"])?;
        let last = self.network.layers.last();
        let input = last.map_or(self.network.input, |layer| layer.output);
        let (kind, output) = self.kind(input)?;
        let reads_last = !matches!(kind, Kind::Route { .. });
        if let Some(Layer { kind: head @ Kind::Head(_), .. }) = last
            && reads_last
        {
            return Err(self.section.misfit(format!("follows a [{}] layer, whose output ends there", head.section())));
        }
        Ok(Layer { kind, input, output, weights: None })
    }

    fn kind(&self, input: Shape) -> Result<Built, DarknetError> {
        match self.section.name.as_str() {
            "convolutional" | "conv" => self.convolutional(input),
            "connected" | "conn" => self.connected(input),
            "maxpool" | "max" => self.max_pool(input),
            "avgpool" | "avg" => Ok((Kind::AvgPool, Shape { height: 1, width: 1, ..input })),
            "upsample" => self.upsample(input),
            "route" => self.route(),
            "shortcut" => self.shortcut(input),
            "scale_channels" => self.scale_channels(input),
            "sam" => self.sam(input),
            "softmax" | "soft" => self.softmax(input),
            "reorg" => self.reorg(input),
            "dropout" => Ok((Kind::Dropout, input)),
            "cost" => Ok((Kind::Cost, input)),
            "yolo" => Ok((Kind::Head(head::yolo(self.section, input)?), input)),
            "region" => Ok((Kind::Head(head::region(self.section, input, self.network.input)?), input)),
            "net" | "network" => Err(self.section.misfit("a second [net]".into())),
            other => Err(self.section.unsupported("", foreign(other))),
        }
    }

    fn convolutional(&self, input: Shape) -> Result<Built, DarknetError> {
        let section = self.section;
        section.refuse(&CONVOLUTION_REFUSED)?;
        let size = section.size("size", 1)?;
        let convolution = Convolution {
            size,
            stride: self.stride(1)?,
            padding: if section.switch("pad")? { size / 2 } else { section.count("padding", 0)? },
            dilation: if size == 1 { 1 } else { section.size("dilation", 1)? },
            groups: section.size("groups", 1)?,
            batch_normalize: section.switch("batch_normalize")?,
            activation: self.activation("logistic")?,
        };
        let filters = section.size("filters", 1)?;
        let (channels, groups) = (input.channels, convolution.groups);
        if channels % groups != 0 || filters % groups != 0 {
            let reason = format!("{groups} does not divide {channels} input channels and {filters} filters");
            return Err(section.invalid("groups", reason));
        }
        self.check_dilation(&convolution)?;
        self.check_weights(filters, &[channels / groups, size, size])?;
        let side = |side, stride| self.windows(side, 2 * convolution.padding, size, stride);
        let (height, width) = (side(input.height, convolution.stride[0])?, side(input.width, convolution.stride[1])?);
        Ok((Kind::Convolutional(convolution), self.shape(filters, height, width)?))
    }

    /// Darknet infers the size of a dilated convolution's output as if it were not dilated, and then reads beyond the
    /// map unless padding makes up for it.
    fn check_dilation(&self, c: &Convolution) -> Result<(), DarknetError> {
        if c.dilation > 1 && c.size - 1 != 2 * c.padding {
            return Err(self.section.unsupported("dilation", "`dilation` without `pad=1` and an odd `size`".into()));
        }
        Ok(())
    }

    fn connected(&self, input: Shape) -> Result<Built, DarknetError> {
        let outputs = self.section.size("output", 1)?;
        self.check_weights(outputs, &[input.len()])?;
        let batch_normalize = self.section.switch("batch_normalize")?;
        let kind = Kind::Connected { batch_normalize, activation: self.activation("logistic")? };
        Ok((kind, self.shape(outputs, 1, 1)?))
    }

    fn max_pool(&self, input: Shape) -> Result<Built, DarknetError> {
        self.section.refuse(&["antialiasing", "maxpool_depth"])?;
        let single = self.section.size("stride", 1)?;
        let size = self.section.size("size", single)?;
        let (stride, padding) = (self.stride(1)?, self.section.count("padding", size - 1)?);
        if padding.div_ceil(2) >= size {
            let reason = format!("{padding} leaves windows of size {size} without a pixel to look at");
            return Err(self.section.invalid("padding", reason));
        }
        let height = self.windows(input.height, padding, size, stride[0])?;
        let width = self.windows(input.width, padding, size, stride[1])?;
        Ok((Kind::MaxPool(MaxPool { size, stride, padding }), self.shape(input.channels, height, width)?))
    }

    fn upsample(&self, input: Shape) -> Result<Built, DarknetError> {
        if self.section.get("stride").is_some_and(|stride| stride.starts_with('-')) {
            return Err(self.section.unsupported("stride", "a negative `stride` (downsampling)".into()));
        }
        let stride = self.section.size("stride", 2)?;
        let scale = self.section.float("scale", 1.0)?;
        let output = self.shape(input.channels, input.height * stride, input.width * stride)?;
        Ok((Kind::Upsample { stride, scale }, output))
    }

    fn route(&self) -> Result<Built, DarknetError> {
        let layers = self.section.layers("layers")?;
        let (groups, group_id) = (self.section.size("groups", 1)?, self.section.count("group_id", 0)?);
        if group_id >= groups {
            return Err(self.section.invalid("group_id", format!("{group_id} is no group of {groups}")));
        }
        let mut channels = 0;
        let first = self.source("layers", layers.first().copied().unwrap_or(0))?;
        for index in &layers {
            let shape = self.source("layers", *index)?;
            if (shape.height, shape.width) != (first.height, first.width) {
                let reason = format!("layer {index} gives {shape}, which does not fit {first} of layer {}", layers[0]);
                return Err(self.section.invalid("layers", reason));
            }
            if shape.channels % groups != 0 {
                let reason = format!("{groups} does not divide the {} channels of layer {index}", shape.channels);
                return Err(self.section.invalid("groups", reason));
            }
            channels += shape.channels / groups;
        }
        let output = self.shape(channels, first.height, first.width)?;
        Ok((Kind::Route { layers, groups, group_id }, output))
    }

    /// Darknet takes every (from's width / width)-th pixel; the other way round it would fill every n-th pixel of
    /// the sum, which no published network does.
    fn shortcut(&self, input: Shape) -> Result<Built, DarknetError> {
        self.section.refuse(&["antialiasing"])?;
        if let Some(weighted) = self.section.get("weights_type").filter(|kind| *kind != "none") {
            return Err(self.section.unsupported("weights_type", format!("`weights_type={weighted}`")));
        }
        let from = self.section.one_layer("from")?;
        let shape = self.source("from", from)?;
        if shape.height < input.height || shape.width < input.width {
            let what = format!("a shortcut from layer {from}, whose map {shape} is smaller than {input},");
            return Err(self.section.unsupported("from", what));
        }
        if shape.height / input.height != shape.width / input.width {
            let reason = format!("{shape} of layer {from} is not {input} times one factor in both directions");
            return Err(self.section.invalid("from", reason));
        }
        Ok((Kind::Shortcut { from, activation: self.activation("linear")? }, input))
    }

    fn scale_channels(&self, input: Shape) -> Result<Built, DarknetError> {
        self.section.refuse(&["scale_wh"])?;
        let from = self.section.one_layer("from")?;
        let shape = self.source("from", from)?;
        if input != (Shape { height: 1, width: 1, ..shape }) {
            let reason = format!("the input {input} is not one number for each channel of {shape}");
            return Err(self.section.invalid("from", reason));
        }
        Ok((Kind::ScaleChannels { from, activation: self.activation("linear")? }, shape))
    }

    fn sam(&self, input: Shape) -> Result<Built, DarknetError> {
        let from = self.section.one_layer("from")?;
        let shape = self.source("from", from)?;
        if shape != input {
            return Err(self.section.invalid("from", format!("layer {from} gives {shape}, not {input}")));
        }
        Ok((Kind::Sam { from, activation: self.activation("linear")? }, input))
    }

    fn softmax(&self, input: Shape) -> Result<Built, DarknetError> {
        self.section.refuse(&["tree", "spatial"])?;
        if self.section.size("groups", 1)? != 1 {
            return Err(self.section.unsupported("groups", "a softmax of several `groups`".into()));
        }
        if self.section.float("temperature", 1.0)? != 1.0 {
            return Err(self.section.unsupported("temperature", "a `temperature` other than 1".into()));
        }
        Ok((Kind::Softmax, self.shape(input.len(), 1, 1)?))
    }

    fn reorg(&self, input: Shape) -> Result<Built, DarknetError> {
        self.section.refuse(&["reverse", "flatten", "extra"])?;
        let stride = self.section.size("stride", 1)?;
        let Shape { channels, height, width } = input;
        if height % stride != 0 || width % stride != 0 || channels % (stride * stride) != 0 {
            let reason = format!("{stride} does not divide the sides of {input}, or its square not the channels");
            return Err(self.section.invalid("stride", reason));
        }
        let output = self.shape(channels * stride * stride, height / stride, width / stride)?;
        Ok((Kind::Reorg { stride }, output))
    }

    /// `stride_y` and `stride_x`, each `stride` where absent.
    fn stride(&self, default: usize) -> Result<[usize; 2], DarknetError> {
        let both = self.section.size("stride", default)?;
        Ok([self.section.size("stride_y", both)?, self.section.size("stride_x", both)?])
    }

    fn activation(&self, default: &str) -> Result<Activation, DarknetError> {
        let name = self.section.get("activation").unwrap_or(default);
        let unknown = || self.section.unsupported("activation", format!("`activation={name}`"));
        Activation::from_name(name).ok_or_else(unknown)
    }

    /// How often a window of `size` fits a side, `padding` being both ends together.
    fn windows(&self, side: usize, padding: usize, size: usize, stride: usize) -> Result<usize, DarknetError> {
        match (side + padding).checked_sub(size) {
            Some(room) => Ok(room / stride + 1),
            None => {
                Err(self.section.invalid("size", format!("{size} is more than the map's {side} and {padding} padding")))
            }
        }
    }

    /// The shape of an earlier layer, which must not be a head.
    fn source(&self, key: &str, index: usize) -> Result<Shape, DarknetError> {
        match self.network.layers.get(index) {
            Some(Layer { kind: head @ Kind::Head(_), .. }) => {
                let reason = format!("layer {index} is a [{}] layer, whose output ends there", head.section());
                Err(self.section.invalid(key, reason))
            }
            Some(layer) => Ok(layer.output),
            None => Err(self.section.invalid(key, format!("there is no layer {index}"))),
        }
    }

    fn shape(&self, channels: usize, height: usize, width: usize) -> Result<Shape, DarknetError> {
        let absurd = || self.section.misfit(format!("the map would be {channels} × {height} × {width}"));
        Shape::checked(channels, height, width).ok_or_else(absurd)
    }

    fn check_weights(&self, filters: usize, fan_in: &[usize]) -> Result<(), DarknetError> {
        let product = fan_in.iter().try_fold(filters, |product, factor| product.checked_mul(*factor));
        match product {
            Some(0..=LARGEST_TENSOR) => Ok(()),
            _ => Err(self.section.misfit(format!("more than {LARGEST_TENSOR} weights"))),
        }
    }
}

/// A section that is known to Darknet, or to nobody.
fn foreign(name: &str) -> String {
    match name {
        "detection" => "yolov1's [detection] head".into(),
        _ => format!("a [{name}] layer"),
    }
}
