//! One picture of a batch, from one or more of the data.

use super::colour::Colour;
use super::placement::{Frame, place};
use super::seed::Random;
use super::warp::{Tile, paint};
use super::{Augmentation, DataError, DetectionData, LabelledBox};
use ocelli::geometry::BBox;
use ocelli::letterbox::{PADDING, Size};

/// Where in the input the centre of a mosaic may lie, as parts of its sides.
const CENTRE: [f64; 2] = [0.3, 0.7];

/// What pictures are composed from, and for which input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Composer<'a> {
    pub data: &'a DetectionData,
    pub settings: &'a Augmentation,
    pub input: Size,
    /// Whether mosaics and mix-ups are drawn.
    pub several: bool,
}

impl Composer<'_> {
    /// Composes a picture around that of an index. `planes` is `[3, height, width]`, filled with padding.
    pub fn compose(
        &self,
        index: usize,
        random: &mut Random,
        planes: &mut [f32],
    ) -> Result<Vec<LabelledBox>, DataError> {
        if self.several && random.chance(self.settings.mosaic) {
            return self.mosaic(index, random, planes);
        }
        let mut boxes = self.single(index, random, planes)?;
        if self.several && random.chance(self.settings.mix_up) {
            let mut second = vec![PADDING; planes.len()];
            let other = self.data.any(random);
            boxes.extend(self.single(other, random, &mut second)?);
            let share = beta_8_8(random) as f32;
            for (first, second) in planes.iter_mut().zip(second) {
                *first = second + (*first - second) * share;
            }
        }
        Ok(boxes)
    }

    fn single(&self, index: usize, random: &mut Random, planes: &mut [f32]) -> Result<Vec<LabelledBox>, DataError> {
        let colour = Colour::draw(self.settings, random);
        let tile = Tile { left: 0, top: 0, size: self.input };
        self.tile(index, &tile, false, &colour, random, planes)
    }

    fn mosaic(&self, index: usize, random: &mut Random, planes: &mut [f32]) -> Result<Vec<LabelledBox>, DataError> {
        let colour = Colour::draw(self.settings, random);
        let Size { width, height } = self.input;
        let mut centre = |side: u32| (random.between(CENTRE[0], CENTRE[1]) * f64::from(side)) as u32;
        let (x, y) = (centre(width), centre(height));
        let own = random.below(4);
        let mut boxes = Vec::new();
        for (number, (left, top, right, bottom)) in
            [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)].into_iter().enumerate()
        {
            let index = if number == own { index } else { self.data.any(random) };
            let size = Size { width: right - left, height: bottom - top };
            let tile = Tile { left: left as usize, top: top as usize, size };
            boxes.extend(self.tile(index, &tile, true, &colour, random, planes)?);
        }
        Ok(boxes)
    }

    /// Paints a tile; the objects on it, in pixels of the input.
    fn tile(
        &self,
        index: usize,
        tile: &Tile,
        filled: bool,
        colour: &Colour,
        random: &mut Random,
        planes: &mut [f32],
    ) -> Result<Vec<LabelledBox>, DataError> {
        let (picture, boxes) = self.data.borrow(index)?;
        let size = Size { width: picture.width(), height: picture.height() };
        let frame = Frame { input: self.input, canvas: tile.size, filled };
        let placement = place(size, boxes, &frame, self.settings, random);
        paint(&picture, &placement, colour, tile, self.input, planes);
        let mut seen = placement.objects(boxes, tile.size, self.settings);
        for labelled in &mut seen {
            let BBox { x, y, width, height } = labelled.bbox;
            labelled.bbox = BBox::new(x + tile.left as f64, y + tile.top as f64, width, height);
        }
        Ok(seen)
    }
}

/// A number from Beta(8, 8): the 8th of 15 even ones in their order.
fn beta_8_8(random: &mut Random) -> f64 {
    let mut even = [0.0; 15].map(|_: f64| random.between(0.0, 1.0));
    even.sort_by(f64::total_cmp);
    even[7]
}
