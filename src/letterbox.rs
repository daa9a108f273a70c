//! A picture becomes the network's input tensor, and boxes come back: one transform, used in both directions.

use crate::geometry::BBox;
use crate::metadata::Resize;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use ndarray::{ArrayD, IxDyn};
use std::borrow::Cow;

/// The grey around a letterboxed picture, as Darknet fills it.
pub const PADDING: f32 = 0.5;

/// Width and height, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Where a picture lies in the network's input.
///
/// ```
/// use ocelli::{letterbox::{Letterbox, Size}, metadata::Resize};
/// let picture = Size { width: 768, height: 576 };
/// let letterbox = Letterbox::new(Resize::Letterbox, picture, Size { width: 416, height: 416 });
/// assert_eq!(letterbox.placed, Size { width: 416, height: 312 });
/// assert_eq!((letterbox.left, letterbox.top), (0, 52));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    /// Size of the picture.
    pub picture: Size,
    /// Size of the network's input.
    pub network: Size,
    /// Size of the picture within the input.
    pub placed: Size,
    /// Columns of padding to its left.
    pub left: u32,
    /// Rows of padding above it.
    pub top: u32,
}

impl Letterbox {
    /// The placement of a picture in an input. Sizes of zero count as one.
    ///
    /// Letterboxing truncates as Darknet's `letterbox_image` does; unlike there, boxes come back by the very offset that
    /// the pixels went in with.
    pub fn new(resize: Resize, picture: Size, network: Size) -> Self {
        let [picture, network] =
            [picture, network].map(|size| Size { width: size.width.max(1), height: size.height.max(1) });
        let placed = match resize {
            Resize::Stretch => network,
            Resize::Letterbox => fit(picture, network),
        };
        let (left, top) = ((network.width - placed.width) / 2, (network.height - placed.height) / 2);
        Self { picture, network, placed, left, top }
    }

    /// The input tensor, f32 `[1, 3, height, width]`: RGB planes in 0..=1, resized by two-tap bilinear interpolation
    /// with half-pixel centres and no antialiasing, as these networks were trained and measured.
    pub fn apply(&self, image: &RgbImage) -> ArrayD<f32> {
        let resized = resize(image, self.placed);
        let (width, height) = (self.network.width as usize, self.network.height as usize);
        let (left, top) = (self.left as usize, self.top as usize);
        let (placed_width, bottom) = (self.placed.width as usize, top + self.placed.height as usize);
        let mut tensor = ArrayD::from_elem(IxDyn(&[1, 3, height, width]), PADDING);
        let Some(values) = tensor.as_slice_mut() else { return tensor };
        let mut planes = values
            .chunks_exact_mut(width * height)
            .map(|plane| plane[top * width..bottom * width].chunks_exact_mut(width));
        let (Some(red), Some(green), Some(blue)) = (planes.next(), planes.next(), planes.next()) else { return tensor };
        for (((red, green), blue), pixels) in red.zip(green).zip(blue).zip(resized.chunks_exact(placed_width * 3)) {
            let [red, green, blue] = [red, green, blue].map(|row| &mut row[left..left + placed_width]);
            split_row(pixels, red, green, blue);
        }
        tensor
    }

    /// A box in network pixels as a box in the picture's pixels, clipped to the picture.
    pub fn restore(&self, bbox: &BBox) -> BBox {
        let (scale_x, scale_y) = self.scale();
        BBox::new(
            (bbox.x - f64::from(self.left)) / scale_x,
            (bbox.y - f64::from(self.top)) / scale_y,
            bbox.width / scale_x,
            bbox.height / scale_y,
        )
        .clip(self.picture.width.into(), self.picture.height.into())
    }

    /// A box in the picture's pixels as a box in network pixels: the inverse of [`Self::restore`].
    pub fn project(&self, bbox: &BBox) -> BBox {
        let (scale_x, scale_y) = self.scale();
        BBox::new(
            bbox.x * scale_x + f64::from(self.left),
            bbox.y * scale_y + f64::from(self.top),
            bbox.width * scale_x,
            bbox.height * scale_y,
        )
    }

    fn scale(&self) -> (f64, f64) {
        (
            f64::from(self.placed.width) / f64::from(self.picture.width),
            f64::from(self.placed.height) / f64::from(self.picture.height),
        )
    }
}

/// The largest size of the picture's shape that fits into the network's, at least one pixel a side.
#[expect(clippy::cast_possible_truncation, reason = "each quotient is at most a side of `network`")]
fn fit(picture: Size, network: Size) -> Size {
    let [pw, ph, nw, nh] = [picture.width, picture.height, network.width, network.height].map(u64::from);
    if nw * ph <= nh * pw {
        Size { width: network.width, height: (ph * nw / pw).max(1) as u32 }
    } else {
        Size { width: (pw * nh / ph).max(1) as u32, height: network.height }
    }
}

/// Rows of RGB bytes, one after the other.
fn resize(image: &RgbImage, size: Size) -> Cow<'_, [u8]> {
    if image.dimensions() == (size.width, size.height) {
        return Cow::Borrowed(image.as_raw());
    }
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Interpolation(FilterType::Bilinear));
    let mut resized = Image::new(size.width, size.height, PixelType::U8x3);
    // Both calls fail on mismatched buffers or pixel types alone; an `RgbImage` is 8-bit RGB of its own dimensions.
    if let Ok(source) = ImageRef::new(image.width(), image.height(), image.as_raw(), PixelType::U8x3) {
        let outcome = Resizer::new().resize(&source, &mut resized, &options);
        debug_assert!(outcome.is_ok());
    }
    Cow::Owned(resized.into_vec())
}

/// One row of RGB bytes as three of numbers in 0..=1.
fn split_row(pixels: &[u8], red: &mut [f32], green: &mut [f32], blue: &mut [f32]) {
    for (((red, green), blue), pixel) in red.iter_mut().zip(green).zip(blue).zip(pixels.chunks_exact(3)) {
        *red = f32::from(pixel[0]) * (1.0 / 255.0);
        *green = f32::from(pixel[1]) * (1.0 / 255.0);
        *blue = f32::from(pixel[2]) * (1.0 / 255.0);
    }
}
