//! What may be done to a picture before a network learns from it.

use serde::{Deserialize, Serialize};

/// How pictures are varied. The default does nothing but the letterbox; each part is on where its number is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Probability of a mirror image, left for right.
    pub flip_horizontal: f64,
    /// Probability of a mirror image, top for bottom.
    pub flip_vertical: f64,
    /// Probability of a turn by 90°, to either side.
    pub quarter_turn: f64,
    /// Smallest and largest zoom, as multiples of the letterbox's scale; drawn evenly on a logarithmic scale.
    pub zoom: [f64; 2],
    /// Width and height are stretched by up to this part of them, each for itself, in 0..1.
    pub aspect: f64,
    /// How far a picture moves from the middle, as a part of the room that it has: 0 is centred, 1 is anywhere from one
    /// edge to the other. A zoomed picture's room is what does not fit.
    pub translate: f64,
    /// Probability that a part of the picture is cut out and fills the input, in place of zoom and translation. At least
    /// one object stays (after Liu et al. 2016, SSD, <https://arxiv.org/abs/1512.02325>).
    pub crop: f64,
    /// Smallest and largest part of the picture's area that is cut out.
    pub crop_area: [f64; 2],
    /// Hues are turned by up to this part of the colour circle, to either side.
    pub hue: f64,
    /// Saturation is multiplied by 1 minus to 1 plus this.
    pub saturation: f64,
    /// Brightness, HSV's value, is multiplied by 1 minus to 1 plus this.
    pub value: f64,
    /// Probability of four pictures around a random centre (Bochkovskiy et al. 2020, YOLOv4,
    /// <https://arxiv.org/abs/2004.10934>).
    pub mosaic: f64,
    /// Probability that a second picture shines through, with the objects of both (Zhang et al. 2018,
    /// <https://arxiv.org/abs/1710.09412>; for detection Zhang et al. 2019, <https://arxiv.org/abs/1902.04103>). The
    /// share of the first is drawn from Beta(8, 8).
    pub mix_up: f64,
    /// Part of the training after which there are no more mosaics and mix-ups, so that it ends on pictures as they are.
    pub mosaic_until: f64,
    /// Width and height of the inputs that take turns (Redmon & Farhadi 2016, YOLO9000, <https://arxiv.org/abs/1612.08242>);
    /// the network's own if empty.
    pub sizes: Vec<[u32; 2]>,
    /// Batches between two draws of the size.
    pub size_every: usize,
    /// An object is kept if more than this part of its box is left in the picture.
    pub min_visible: f64,
    /// An object is kept if both sides of what is left of its box are longer than this, in pixels of the input.
    pub min_side: f64,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            flip_horizontal: 0.0,
            flip_vertical: 0.0,
            quarter_turn: 0.0,
            zoom: [1.0, 1.0],
            aspect: 0.0,
            translate: 0.0,
            crop: 0.0,
            crop_area: [0.3, 1.0],
            hue: 0.0,
            saturation: 0.0,
            value: 0.0,
            mosaic: 0.0,
            mix_up: 0.0,
            mosaic_until: 0.75,
            sizes: Vec::new(),
            size_every: 10,
            min_visible: 0.2,
            min_side: 3.0,
        }
    }
}

impl Augmentation {
    /// What is wrong with it, in words.
    ///
    /// # Errors
    /// The name of the setting and its range.
    pub fn check(&self) -> Result<(), String> {
        let parts = [
            ("flip_horizontal", self.flip_horizontal),
            ("flip_vertical", self.flip_vertical),
            ("quarter_turn", self.quarter_turn),
            ("translate", self.translate),
            ("crop", self.crop),
            ("hue", self.hue),
            ("saturation", self.saturation),
            ("value", self.value),
            ("mosaic", self.mosaic),
            ("mix_up", self.mix_up),
            ("mosaic_until", self.mosaic_until),
        ];
        if let Some((name, part)) = parts.into_iter().find(|(_, part)| !(0.0..=1.0).contains(part)) {
            return Err(format!("augmentation.{name} is {part}, not in 0..=1"));
        }
        let halves = [("aspect", self.aspect), ("min_visible", self.min_visible)];
        if let Some((name, part)) = halves.into_iter().find(|(_, part)| !(0.0..1.0).contains(part)) {
            return Err(format!("augmentation.{name} is {part}, not in 0..1"));
        }
        self.check_sizes()
    }

    fn check_sizes(&self) -> Result<(), String> {
        let [least, most] = self.zoom;
        if !(least >= 0.01 && least <= most && most <= 100.0) {
            return Err(format!("augmentation.zoom is [{least}, {most}], not rising within 0.01..=100"));
        }
        let [least, most] = self.crop_area;
        if !(least >= 0.01 && least <= most && most <= 1.0) {
            return Err(format!("augmentation.crop_area is [{least}, {most}], not rising within 0.01..=1"));
        }
        if !(self.min_side >= 0.0 && self.min_side.is_finite()) {
            return Err(format!("augmentation.min_side is {}, not a length", self.min_side));
        }
        if self.sizes.iter().flatten().any(|side| *side == 0) {
            return Err("augmentation.sizes has a side of 0".into());
        }
        if self.size_every == 0 {
            return Err("augmentation.size_every is 0".into());
        }
        Ok(())
    }
}
