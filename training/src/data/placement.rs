//! Where a picture lies on the canvas: one map for its pixels and its boxes.
//!
//! Flips, quarter turns, stretching and moving keep axes parallel to axes, so each axis of the canvas depends on one
//! axis of the picture alone.

use super::seed::Random;
use super::{Augmentation, LabelledBox};
use ocelli::geometry::BBox;
use ocelli::letterbox::{Letterbox, Size};
use ocelli::metadata::Resize;

/// A picture's place on a canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placement {
    /// The canvas's x comes from the picture's y, and y from x.
    pub turned: bool,
    /// The canvas's x.
    pub x: Line,
    /// The canvas's y.
    pub y: Line,
}

/// Canvas coordinate = `scale` × picture coordinate + `offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    /// Pixels of the canvas to a pixel of the picture; negative where the direction is reversed.
    pub scale: f64,
    /// Where the picture's origin comes to lie.
    pub offset: f64,
    /// Length of the picture along this axis.
    pub extent: u32,
}

impl Line {
    /// The picture from `start` on, `scale` > 0 times as large; from its far end if reversed.
    fn new(extent: u32, scale: f64, start: f64, reversed: bool) -> Self {
        if reversed {
            Self { scale: -scale, offset: start + scale * f64::from(extent), extent }
        } else {
            Self { scale, offset: start, extent }
        }
    }

    /// Start and length of a span on the canvas.
    fn project(&self, start: f64, length: f64) -> (f64, f64) {
        let (a, b) = (self.scale * start + self.offset, self.scale * (start + length) + self.offset);
        (a.min(b), (b - a).abs())
    }
}

impl Placement {
    /// A box of the picture on the canvas, not clipped.
    pub fn project(&self, bbox: &BBox) -> BBox {
        let (across, down) = ((bbox.x, bbox.width), (bbox.y, bbox.height));
        let (along_x, along_y) = if self.turned { (down, across) } else { (across, down) };
        let (x, width) = self.x.project(along_x.0, along_x.1);
        let (y, height) = self.y.project(along_y.0, along_y.1);
        BBox::new(x, y, width, height)
    }

    /// The objects that are still to be seen on a canvas of this size.
    pub fn objects(&self, boxes: &[LabelledBox], canvas: Size, settings: &Augmentation) -> Vec<LabelledBox> {
        let kept = |labelled: &LabelledBox| {
            let whole = self.project(&labelled.bbox);
            let bbox = whole.clip(canvas.width.into(), canvas.height.into());
            let seen = bbox.area() > settings.min_visible * whole.area();
            let large = bbox.width.min(bbox.height) > settings.min_side;
            (seen && large).then_some(LabelledBox { bbox, class_id: labelled.class_id })
        };
        boxes.iter().filter_map(kept).collect()
    }
}

/// What a picture is placed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Size of the network's input: objects have the sizes that its letterbox gives them.
    pub input: Size,
    /// Size of the part of it that is painted.
    pub canvas: Size,
    /// Whether nothing of the canvas may stay empty.
    pub filled: bool,
}

/// Draws the place of a picture.
pub(super) fn place(
    picture: Size,
    boxes: &[LabelledBox],
    frame: &Frame,
    settings: &Augmentation,
    random: &mut Random,
) -> Placement {
    const TRIES: usize = 10;
    let turned = random.chance(settings.quarter_turn);
    // A turn is the exchange of the axes and one reversal; which one is the side that it turns to.
    let to_the_left = random.chance(0.5);
    let across = random.chance(settings.flip_horizontal) ^ (turned && !to_the_left);
    let down = random.chance(settings.flip_vertical) ^ (turned && to_the_left);
    let draw = Draw { picture, frame, settings, turned, across, down };
    if random.chance(settings.crop) {
        for _ in 0..TRIES {
            let placement = draw.crop(random);
            if boxes.is_empty() || !placement.objects(boxes, frame.canvas, settings).is_empty() {
                return placement;
            }
        }
    }
    draw.zoom(random)
}

/// What is already decided.
struct Draw<'a> {
    picture: Size,
    frame: &'a Frame,
    settings: &'a Augmentation,
    turned: bool,
    across: bool,
    down: bool,
}

impl Draw<'_> {
    /// Width and height of the picture, turned.
    fn extents(&self) -> (u32, u32) {
        let Size { width, height } = self.picture;
        if self.turned { (height, width) } else { (width, height) }
    }

    /// A factor near 1.
    fn stretch(&self, random: &mut Random) -> f64 {
        random.between(1.0 - self.settings.aspect, 1.0 + self.settings.aspect)
    }

    fn zoom(&self, random: &mut Random) -> Placement {
        let (width, height) = self.extents();
        let letterbox = Letterbox::new(Resize::Letterbox, self.picture, self.frame.input);
        let fit = (
            f64::from(letterbox.placed.width) / f64::from(self.picture.width.max(1)),
            f64::from(letterbox.placed.height) / f64::from(self.picture.height.max(1)),
        );
        let [least, most] = self.settings.zoom;
        let zoom = random.between(least.ln(), most.ln()).exp();
        let fit = if self.turned { (fit.1, fit.0) } else { fit };
        let (mut x, mut y) = (fit.0 * zoom * self.stretch(random), fit.1 * zoom * self.stretch(random));
        let (across, down) = (f64::from(self.frame.canvas.width), f64::from(self.frame.canvas.height));
        if self.frame.filled {
            let larger = (across / (x * f64::from(width))).max(down / (y * f64::from(height))).max(1.0);
            (x, y) = (x * larger, y * larger);
        }
        let left = self.start(across - x * f64::from(width), random);
        let top = self.start(down - y * f64::from(height), random);
        self.placement((x, left), (y, top))
    }

    /// Where a picture begins that leaves so much room; negative where it is larger than the canvas.
    fn start(&self, room: f64, random: &mut Random) -> f64 {
        // The letterbox leaves the odd column of padding at the right.
        let middle = if room > 0.0 { (room / 2.0 + 1e-9).floor() } else { room / 2.0 };
        middle + random.between(-1.0, 1.0) * self.settings.translate * room.abs() / 2.0
    }

    /// A window of about the canvas's shape, enlarged to fill it.
    fn crop(&self, random: &mut Random) -> Placement {
        let (width, height) = self.extents();
        let (width, height) = (f64::from(width), f64::from(height));
        let (across, down) = (f64::from(self.frame.canvas.width), f64::from(self.frame.canvas.height));
        let [least, most] = self.settings.crop_area;
        let area = random.between(least, most) * width * height;
        let shape = across / down * self.stretch(random) / self.stretch(random);
        let (wide, high) = ((area * shape).sqrt(), (area / shape).sqrt());
        let smaller = (width / wide).min(height / high).min(1.0);
        let (wide, high) = (wide * smaller, high * smaller);
        let (left, top) = (random.between(0.0, width - wide), random.between(0.0, height - high));
        let (x, y) = (across / wide, down / high);
        self.placement((x, -left * x), (y, -top * y))
    }

    /// From scale and start of each axis.
    fn placement(&self, x: (f64, f64), y: (f64, f64)) -> Placement {
        let (width, height) = self.extents();
        Placement {
            turned: self.turned,
            x: Line::new(width, x.0, x.1, self.across),
            y: Line::new(height, y.0, y.1, self.down),
        }
    }
}
