//! Bytes become an upright RGB picture, within limits; pictures become bytes again.

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};
use std::io::Cursor;

/// The formats that are read, as messages name them.
pub const FORMATS: &str = "JPEG, PNG, WebP, GIF, BMP or TIFF";

/// Quality of the JPEG files written, 1..=100.
const JPEG_QUALITY: u8 = 90;

/// How large a picture may be. It is refused from its header, before memory is taken for its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels, width × height.
    pub max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 1 << 26 }
    }
}

/// A decoded picture, as a person sees it.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Its pixels, EXIF orientation applied, transparent parts over white.
    pub image: RgbImage,
    /// What the sender should know, such as that only the first frame was read.
    pub warnings: Vec<String>,
}

/// Why bytes are no picture. The messages are safe to show to whoever sent the bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PictureError {
    /// There are no bytes.
    #[error("the picture is empty")]
    Empty,
    /// The bytes are of no format that is read.
    #[error("{found}; send {FORMATS}")]
    Unsupported {
        /// What they look like.
        found: String,
    },
    /// More pixels than allowed.
    #[error("the picture has {width} × {height} pixels, more than the {max_pixels} allowed")]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// The limit.
        max_pixels: u64,
    },
    /// The bytes end early, or contradict themselves.
    #[error("the {format} picture is truncated or corrupt")]
    Corrupt {
        /// Its format.
        format: &'static str,
    },
    /// The picture could not be written.
    #[error("the picture could not be encoded")]
    Encode,
}

/// Decodes a picture: any orientation, colour model and depth of the formats read; the first frame of an animation.
///
/// # Errors
/// [`PictureError`], the same for a client and a command line.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, PictureError> {
    let (format, name) = recognise(bytes)?;
    let corrupt = || PictureError::Corrupt { format: name };
    let mut decoder =
        ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(|e| decoding(&e, name))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(corrupt());
    }
    let too_large = PictureError::TooLarge { width, height, max_pixels: limits.max_pixels };
    // Four channels of 16 bits a pixel are the most that any of the formats needs.
    if u64::from(width) * u64::from(height) > limits.max_pixels || decoder.total_bytes() / 8 > limits.max_pixels {
        return Err(too_large);
    }
    let mut allocation = image::Limits::no_limits();
    allocation.max_alloc = Some(limits.max_pixels.saturating_mul(16).max(1 << 20));
    decoder.set_limits(allocation).map_err(|_| too_large)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|e| decoding(&e, name))?;
    if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
        return Err(corrupt());
    }
    image.apply_orientation(orientation);
    let warnings = if is_animated(bytes, format) {
        vec![format!("animated {name}: only the first frame was looked at")]
    } else {
        vec![]
    };
    Ok(Picture { image: flatten(image), warnings })
}

/// A picture file format that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lossy, small.
    Jpeg,
    /// Lossless.
    Png,
}

/// Encodes a picture.
///
/// # Errors
/// [`PictureError::Encode`]: a side is longer than the format can hold (65,535 pixels for JPEG).
pub fn encode(image: &RgbImage, encoding: Encoding) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    let written = match encoding {
        Encoding::Jpeg => image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)),
        Encoding::Png => image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png),
    };
    written.map(|()| bytes).map_err(|_| PictureError::Encode)
}

fn recognise(bytes: &[u8]) -> Result<(ImageFormat, &'static str), PictureError> {
    if bytes.is_empty() {
        return Err(PictureError::Empty);
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => Ok((ImageFormat::Jpeg, "JPEG")),
        Ok(ImageFormat::Png) => Ok((ImageFormat::Png, "PNG")),
        Ok(ImageFormat::WebP) => Ok((ImageFormat::WebP, "WebP")),
        Ok(ImageFormat::Gif) => Ok((ImageFormat::Gif, "GIF")),
        Ok(ImageFormat::Bmp) => Ok((ImageFormat::Bmp, "BMP")),
        Ok(ImageFormat::Tiff) => Ok((ImageFormat::Tiff, "TIFF")),
        _ => Err(PictureError::Unsupported { found: foreign(bytes).into() }),
    }
}

/// What bytes of no readable format probably are: people send these.
fn foreign(bytes: &[u8]) -> &'static str {
    let start = &bytes[..bytes.len().min(256)];
    let has = |needle: &[u8]| start.windows(needle.len()).any(|window| window == needle);
    if start.starts_with(b"%PDF") {
        "this is a PDF document"
    } else if start.get(4..8) == Some(b"ftyp") {
        if has(b"avif") { "this is an AVIF picture" } else { "this is a HEIC picture or a video" }
    } else if has(b"<svg") {
        "this is an SVG drawing"
    } else if has(b"<html") || has(b"<!DOCTYPE") {
        "this is a web page"
    } else {
        "these bytes are no picture of a known format"
    }
}

fn decoding(error: &ImageError, format: &'static str) -> PictureError {
    match error {
        ImageError::Unsupported(_) => {
            PictureError::Unsupported { found: format!("this kind of {format} is not supported") }
        }
        _ => PictureError::Corrupt { format },
    }
}

/// Whether the last scan of a JPEG file is closed by an end-of-image marker (ITU-T T.81, B.1.1.3). The decoder fills
/// what is missing with grey, and boxes on a grey half would be worth nothing. Within a scan no marker can occur.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xFF, marker]);
    const START_OF_SCAN: u8 = 0xDA;
    const END_OF_IMAGE: u8 = 0xD9;
    matches!((last(START_OF_SCAN), last(END_OF_IMAGE)), (Some(scan), Some(end)) if end > scan)
}

fn is_animated(bytes: &[u8], format: ImageFormat) -> bool {
    let cursor = Cursor::new(bytes);
    match format {
        ImageFormat::Gif => GifDecoder::new(cursor).is_ok_and(|decoder| decoder.into_frames().take(2).count() == 2),
        ImageFormat::Png => PngDecoder::new(cursor).is_ok_and(|decoder| decoder.is_apng().unwrap_or(false)),
        ImageFormat::WebP => WebPDecoder::new(cursor).is_ok_and(|decoder| decoder.has_animation()),
        _ => false,
    }
}

/// Transparent parts over white, as a viewer shows them.
fn flatten(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, alpha] = rgba.get_pixel(x, y).0.map(u16::from);
        #[expect(clippy::cast_possible_truncation, reason = "a weighted mean of two bytes is a byte")]
        let over_white = |value: u16| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        image::Rgb([r, g, b].map(over_white))
    })
}
