//! Bytes become an upright RGB picture, within limits; pictures become bytes again.

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder, DynamicImage, Frames, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};
use std::io::Cursor;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

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
    let (mut image, orientation) = match format {
        ImageFormat::Jpeg => decode_jpeg(bytes, limits)?,
        _ => decode_other(bytes, format, name, limits)?,
    };
    image.apply_orientation(orientation);
    let warning = || format!("animated {name}: only the first frame was looked at");
    let warnings = if is_animated(bytes, format, limits) { vec![warning()] } else { Vec::new() };
    Ok(Picture { image: flatten(image), warnings })
}

/// JPEG by zune-jpeg itself: in its strict mode, which the image crate does not offer, a file that ends early or
/// contradicts itself is an error, where else what is missing is filled with grey.
fn decode_jpeg(bytes: &[u8], limits: &Limits) -> Result<(DynamicImage, Orientation), PictureError> {
    let failed = |error: DecodeErrors| match error {
        DecodeErrors::Unsupported(_) => unsupported("JPEG"),
        _ => PictureError::Corrupt { format: "JPEG" },
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(failed)?;
    let corrupt = || PictureError::Corrupt { format: "JPEG" };
    let (width, height) = decoder.info().map(|info| (info.width.into(), info.height.into())).ok_or_else(corrupt)?;
    check_size(width, height, "JPEG", limits)?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let pixels = decoder.decode().map_err(failed)?;
    let image = RgbImage::from_raw(width, height, pixels).ok_or_else(corrupt)?;
    Ok((image.into(), orientation.unwrap_or(Orientation::NoTransforms)))
}

fn decode_other(
    bytes: &[u8],
    format: ImageFormat,
    name: &'static str,
    limits: &Limits,
) -> Result<(DynamicImage, Orientation), PictureError> {
    let failed = |error: ImageError| match error {
        // A BMP file without pixels counts as unsupported there.
        ImageError::Unsupported(_) if format != ImageFormat::Bmp => unsupported(name),
        _ => PictureError::Corrupt { format: name },
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(allocation(HEADER_BYTES));
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, name, limits)?;
    // Four channels of 16 bits a pixel are the most that any of the formats needs, and some decoders need them twice.
    let too_large = PictureError::TooLarge { width, height, max_pixels: limits.max_pixels };
    if decoder.total_bytes() / 8 > limits.max_pixels {
        return Err(too_large);
    }
    decoder.set_limits(allocation(limits.max_pixels.saturating_mul(16).max(HEADER_BYTES))).map_err(|_| too_large)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(failed)?, orientation))
}

/// Memory for what stands before the pixels: a few kilobytes of colour profile may claim to inflate to gigabytes.
const HEADER_BYTES: u64 = 8 << 20;

fn allocation(bytes: u64) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}

fn check_size(width: u32, height: u32, format: &'static str, limits: &Limits) -> Result<(), PictureError> {
    if width == 0 || height == 0 {
        return Err(PictureError::Corrupt { format });
    }
    let max_pixels = limits.max_pixels;
    let fits = u64::from(width) * u64::from(height) <= max_pixels;
    if fits { Ok(()) } else { Err(PictureError::TooLarge { width, height, max_pixels }) }
}

fn unsupported(format: &str) -> PictureError {
    PictureError::Unsupported { found: format!("this kind of {format} is not supported") }
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
    if encoding == Encoding::Jpeg {
        return encode_jpeg(image, JPEG_QUALITY);
    }
    let mut bytes = Vec::new();
    let written = image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png);
    written.map(|()| bytes).map_err(|_| PictureError::Encode)
}

/// Encodes a picture as JPEG of a quality, 1..=100.
///
/// # Errors
/// As [`encode`].
pub fn encode_jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    let written = image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality));
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
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(512)]).to_ascii_lowercase();
    if start.starts_with("%pdf") {
        "this is a PDF document"
    } else if bytes.get(4..8) == Some(b"ftyp") {
        if start.contains("avif") { "this is an AVIF picture" } else { "this is a HEIC picture or a video" }
    } else if start.contains("<svg") {
        "this is an SVG drawing"
    } else if start.contains("<html") || start.contains("<!doctype") {
        "this is a web page"
    } else {
        "these bytes are no picture of a known format"
    }
}

/// Whether a second frame can be read: a still picture may be wrapped as an animation of one.
fn is_animated(bytes: &[u8], format: ImageFormat, limits: &Limits) -> bool {
    let cursor = Cursor::new(bytes);
    let two = |frames: Frames| frames.take(2).filter(Result::is_ok).count() == 2;
    match format {
        ImageFormat::Gif => GifDecoder::new(cursor).is_ok_and(|decoder| two(decoder.into_frames())),
        ImageFormat::WebP => {
            WebPDecoder::new(cursor).is_ok_and(|decoder| decoder.has_animation() && two(decoder.into_frames()))
        }
        ImageFormat::Png => PngDecoder::with_limits(cursor, allocation(HEADER_BYTES)).is_ok_and(|mut decoder| {
            decoder.is_apng().unwrap_or(false)
                && decoder.set_limits(allocation(limits.max_pixels.saturating_mul(16).max(HEADER_BYTES))).is_ok()
                && decoder.apng().is_ok_and(|frames| two(frames.into_frames()))
        }),
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
