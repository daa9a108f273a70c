//! Pictures of every kind that is read, held to pixels that are known from elsewhere: made in the test, or the same
//! picture in a lossless file (`files/make.py` made them with Pillow).

mod containers;
mod refused;

pub(crate) use refused::{damaged, pixel_bomb};

use containers::{Png, exif, jpeg_with_segment, png_chunk, tiff};
use image::{DynamicImage, ImageBuffer, ImageEncoder, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};
use ocelli::picture::{Encoding, Limits, Picture, PictureError, decode, encode};
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use std::io::Cursor;

pub(crate) const DOG_PNG: &[u8] = include_bytes!("files/dog.png");
pub(crate) const DOG_JPEG: &[u8] = include_bytes!("files/dog.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("files/progressive.jpg");
const CMYK: &[u8] = include_bytes!("files/cmyk.jpg");
const YCCK: &[u8] = include_bytes!("files/ycck.jpg");
const LZW_TIFF: &[u8] = include_bytes!("files/lzw.tiff");
const LOSSLESS_WEBP: &[u8] = include_bytes!("files/lossless.webp");
const LOSSY_WEBP: &[u8] = include_bytes!("files/lossy.webp");
const STILL_GIF: &[u8] = include_bytes!("files/still.gif");
const PALETTE_BMP: &[u8] = include_bytes!("files/palette.bmp");
const ANIMATED_GIF: &[u8] = include_bytes!("files/animated.gif");
const ANIMATED_WEBP: &[u8] = include_bytes!("files/animated.webp");
const ANIMATED_PNG: &[u8] = include_bytes!("files/animated.png");

fn picture(bytes: &[u8]) -> Picture {
    decode(bytes, &Limits::default()).expect("a picture")
}

/// The pixels of a picture of which nothing needs to be said.
fn pixels(bytes: &[u8]) -> RgbImage {
    let Picture { image, warnings } = picture(bytes);
    assert_eq!(warnings, [""; 0]);
    image
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("an encoded picture");
    bytes.into_inner()
}

/// Mean and largest difference of two pictures, in steps of 256.
fn difference(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let differences = || a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b));
    let sum: f64 = differences().map(f64::from).sum();
    (sum / a.len() as f64, differences().max().unwrap_or(0))
}

fn assert_close(name: &str, bytes: &[u8], truth: &RgbImage, mean: f64, most: u8) {
    let found = difference(&pixels(bytes), truth);
    assert!(found.0 <= mean && found.1 <= most, "{name}: differs by {found:?}, allowed are {mean} and {most}");
}

/// Any pixels, of which no two neighbours are alike.
fn noise(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 37 + y * 11) as u8, (x * 5 + y * 91) as u8, (x * y + 17) as u8]))
}

/// What a camera stores for an upright picture, by the table of EXIF's Orientation (CIPA DC-008, 4.6.5.1.5): which side
/// of the upright picture the first row and the first column are.
fn stored(upright: &RgbImage, orientation: u8) -> RgbImage {
    let (right, bottom) = (upright.width() - 1, upright.height() - 1);
    let (width, height) = if orientation < 5 { upright.dimensions() } else { (upright.height(), upright.width()) };
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = match orientation {
            1 => (x, y),
            2 => (right - x, y),
            3 => (right - x, bottom - y),
            4 => (x, bottom - y),
            5 => (y, x),
            6 => (right - y, x),
            7 => (right - y, bottom - x),
            _ => (y, bottom - x),
        };
        *upright.get_pixel(x, y)
    })
}

#[test]
fn pictures_stand_upright_whatever_their_exif_orientation() {
    let upright = noise(7, 5);
    for orientation in 1..=8 {
        let stored = stored(&upright, orientation);
        let (width, height) = stored.dimensions();
        let rows: Vec<u8> =
            stored.rows().flat_map(|row| std::iter::once(0).chain(row.flat_map(|pixel| pixel.0))).collect();
        for big_endian in [false, true] {
            let extra = [(*b"eXIf", exif(orientation, big_endian))];
            let png = Png { width, height, depth: 8, color: 2, extra: &extra, rows: &rows }.bytes();
            assert_eq!(pixels(&png), upright, "PNG, orientation {orientation}");
        }
        let mut webp = Vec::new();
        let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif(orientation, false)).expect("a place for EXIF");
        stored.write_with_encoder(encoder).expect("a WebP picture");
        assert_eq!(pixels(&webp), upright, "WebP, orientation {orientation}");
        let tiff = tiff(width, height, orientation.into(), &stored);
        assert_eq!(pixels(&tiff), upright, "TIFF, orientation {orientation}");
    }
}

#[test]
fn photographs_stand_upright_whatever_their_exif_orientation() {
    let upright = picture(DOG_PNG).image;
    for orientation in 1..=8 {
        let turned = written(&stored(&upright, orientation).into(), ImageFormat::Jpeg);
        for big_endian in [false, true] {
            let block = [b"Exif\0\0", &exif(orientation, big_endian)[..]].concat();
            let jpeg = jpeg_with_segment(&turned, 0xE1, &block);
            let name = format!("orientation {orientation}, big-endian {big_endian}");
            assert_close(&name, &jpeg, &upright, 6.0, 120);
        }
    }
}

#[test]
fn an_impossible_orientation_is_no_orientation() {
    for orientation in [0, 9, 255] {
        let block = [b"Exif\0\0", &exif(orientation, false)[..]].concat();
        assert_eq!(pixels(&jpeg_with_segment(DOG_JPEG, 0xE1, &block)), pixels(DOG_JPEG));
    }
    assert_eq!(pixels(&jpeg_with_segment(DOG_JPEG, 0xE1, b"Exif\0\0nonsense")), pixels(DOG_JPEG));
}

#[test]
fn every_colour_model_of_jpeg_gives_the_same_picture() {
    let truth = pixels(DOG_PNG);
    for (name, bytes) in [("RGB", DOG_JPEG), ("progressive", PROGRESSIVE), ("CMYK", CMYK), ("YCCK", YCCK)] {
        assert_close(name, bytes, &truth, 3.0, 25);
    }
    let luma = |Rgb([r, g, b]): &Rgb<u8>| 0.299 * f64::from(*r) + 0.587 * f64::from(*g) + 0.114 * f64::from(*b);
    let grey =
        RgbImage::from_fn(truth.width(), truth.height(), |x, y| Rgb([luma(truth.get_pixel(x, y)).round() as u8; 3]));
    assert_close("grey", include_bytes!("files/grey.jpg"), &grey, 2.0, 20);
}

#[test]
fn lossless_files_of_one_picture_have_the_same_pixels() {
    let truth = image::load_from_memory(DOG_PNG).expect("a PNG picture").into_rgb8();
    for (name, bytes) in [("PNG", DOG_PNG), ("WebP", LOSSLESS_WEBP), ("TIFF", LZW_TIFF)] {
        assert!(pixels(bytes) == truth, "{name}");
    }
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP] {
        assert!(pixels(&written(&truth.clone().into(), format)) == truth, "{format:?}");
    }
    assert_close("lossy WebP", LOSSY_WEBP, &truth, 4.0, 80);
    assert_close("GIF", STILL_GIF, &truth, 6.0, 80);
    assert_close("BMP with a palette", PALETTE_BMP, &truth, 6.0, 80);
}

#[test]
fn colour_profiles_are_left_aside() {
    assert!(pixels(include_bytes!("files/profile.png")) == pixels(DOG_PNG));
    assert!(pixels(include_bytes!("files/profile.jpg")) == pixels(DOG_JPEG));
    let damaged = jpeg_with_segment(DOG_JPEG, 0xE2, b"ICC_PROFILE\0\x01\x01no profile at all");
    assert!(pixels(&damaged) == pixels(DOG_JPEG));
}

#[test]
fn sixteen_bits_become_eight() {
    let truth = noise(9, 6);
    // 257 × v is v in 16 bits: 255 becomes 65535.
    let wide = |value: u8| u16::from(value) * 257;
    let grey = ImageBuffer::from_fn(9, 6, |x, y| Luma([wide(truth.get_pixel(x, y).0[0])]));
    let color = ImageBuffer::from_fn(9, 6, |x, y| Rgb(truth.get_pixel(x, y).0.map(wide)));
    let opaque = ImageBuffer::from_fn(9, 6, |x, y| {
        let [r, g, b] = truth.get_pixel(x, y).0.map(wide);
        Rgba([r, g, b, u16::MAX])
    });
    let grey_truth = RgbImage::from_fn(9, 6, |x, y| Rgb([truth.get_pixel(x, y).0[0]; 3]));
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        assert_eq!(pixels(&written(&DynamicImage::ImageLuma16(grey.clone()), format)), grey_truth, "{format:?}, grey");
        assert_eq!(pixels(&written(&DynamicImage::ImageRgb16(color.clone()), format)), truth, "{format:?}, RGB");
        assert_eq!(pixels(&written(&DynamicImage::ImageRgba16(opaque.clone()), format)), truth, "{format:?}, RGBA");
    }
}

#[test]
fn transparent_parts_lie_over_white() {
    let over_white = |value: u8, alpha: u8| {
        let share = f64::from(alpha) / 255.0;
        (f64::from(value) * share + 255.0 * (1.0 - share)).round() as u8
    };
    let image = RgbaImage::from_fn(16, 16, |x, y| Rgba([(x * 17) as u8, 40, 200, (y * 17) as u8]));
    let truth =
        RgbImage::from_fn(16, 16, |x, y| Rgb([(x * 17) as u8, 40, 200].map(|value| over_white(value, (y * 17) as u8))));
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Bmp] {
        assert_close(&format!("{format:?}"), &written(&image.clone().into(), format), &truth, 1.0, 1);
    }
    let grey = ImageBuffer::from_fn(16, 16, |x, y| LumaA([(x * 17) as u8, (y * 17) as u8]));
    let truth = RgbImage::from_fn(16, 16, |x, y| Rgb([over_white((x * 17) as u8, (y * 17) as u8); 3]));
    assert_close("grey PNG", &written(&grey.into(), ImageFormat::Png), &truth, 1.0, 1);
}

#[test]
fn a_palette_may_be_transparent() {
    let extra = [(*b"PLTE", vec![255, 0, 0, 0, 255, 0, 0, 0, 255]), (*b"tRNS", vec![255, 0, 128])];
    let png = Png { width: 3, height: 1, depth: 8, color: 3, extra: &extra, rows: &[0, 0, 1, 2] }.bytes();
    let truth = [[255, 0, 0], [255, 255, 255], [127, 127, 255]].concat();
    assert_close("palette", &png, &RgbImage::from_raw(3, 1, truth).expect("three pixels"), 1.0, 1);
    // One colour of an RGB picture can be named as the transparent one.
    let extra = [(*b"tRNS", vec![0, 9, 0, 9, 0, 9])];
    let png = Png { width: 2, height: 1, depth: 8, color: 2, extra: &extra, rows: &[0, 9, 9, 9, 8, 9, 9] }.bytes();
    assert_eq!(pixels(&png).into_raw(), [255, 255, 255, 8, 9, 9]);
}

#[test]
fn pixels_of_less_than_a_byte_are_read() {
    let png = |depth, rows: &[u8]| pixels(&Png { width: 4, height: 1, depth, color: 0, extra: &[], rows }.bytes());
    let grey = |values: [u8; 4]| values.map(|value| [value; 3]).concat();
    assert_eq!(png(1, &[0, 0b1010_0000]).into_raw(), grey([255, 0, 255, 0]));
    assert_eq!(png(2, &[0, 0b0001_1011]).into_raw(), grey([0, 85, 170, 255]));
    assert_eq!(png(4, &[0, 0x0F, 0x3C]).into_raw(), grey([0, 255, 51, 204]));
}

#[test]
fn the_smallest_and_the_narrowest_pictures_are_read() {
    let formats =
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Gif, ImageFormat::WebP];
    for format in formats {
        // libwebp writes no longer sides.
        let longest = if format == ImageFormat::WebP { 16_383 } else { 20_000 };
        for (width, height) in [(1, 1), (1, longest), (longest, 1)] {
            let image = RgbImage::from_pixel(width, height, Rgb([200, 100, 50]));
            let bytes = written(&image.clone().into(), format);
            let name = format!("{format:?}, {width} × {height}");
            let found = decode(&bytes, &Limits::default()).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            assert!(difference(&found.image, &image).1 <= 12, "{name}");
        }
    }
}

#[test]
fn of_an_animation_the_first_frame_is_read_and_that_is_said() {
    for (format, bytes) in [("GIF", ANIMATED_GIF), ("WebP", ANIMATED_WEBP), ("PNG", ANIMATED_PNG)] {
        let Picture { image, warnings } = picture(bytes);
        assert_eq!(image, RgbImage::from_pixel(16, 12, Rgb([255, 0, 0])), "{format}");
        assert_eq!(warnings, [format!("animated {format}: only the first frame was looked at")]);
    }
}

/// The chunks of an animation (W3C PNG, 11.3.4): so many frames, of which the picture is the first.
fn animated_png(frames: u32) -> Vec<u8> {
    let control = [frames.to_be_bytes(), [0; 4]].concat();
    // Number 0, one pixel at the corner, shown for a tenth of a second.
    let frame = b"\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\x01\0\x0a\0\0".to_vec();
    let extra = [(*b"acTL", control), (*b"fcTL", frame)];
    Png { width: 1, height: 1, depth: 8, color: 2, extra: &extra, rows: &[0, 1, 2, 3] }.bytes()
}

#[test]
fn an_animation_of_one_frame_is_a_picture() {
    assert_eq!(pixels(&animated_png(1)).into_raw(), [1, 2, 3]);
}

#[test]
fn a_gif_file_of_one_frame_is_a_picture_however_it_ends() {
    let still = RgbImage::from_pixel(3, 2, Rgb([255, 0, 0]));
    let gif = written(&still.clone().into(), ImageFormat::Gif);
    assert_eq!(pixels(&gif), still);
    // Some programs leave out the last byte, others pad the file.
    let endings = [("no trailer", &gif[..gif.len() - 1]), ("padding", &[&gif[..], &[0; 16]].concat())];
    for (ending, bytes) in endings {
        let Picture { image, warnings } = picture(bytes);
        assert!(image == still && warnings.is_empty(), "{ending}: {warnings:?}");
    }
}

#[test]
fn bytes_after_the_picture_change_nothing() {
    // Telephones append a video to a photograph, in which any two bytes occur.
    let video = [b"\0\0\0\x18ftypmp42".to_vec(), vec![0xFF, 0xDA, 0, 12, 0xFF, 0xD8, 1, 2, 3]].concat();
    for (name, bytes) in [("PNG", DOG_PNG), ("JPEG", DOG_JPEG), ("progressive JPEG", PROGRESSIVE)] {
        let longer = [bytes, &video].concat();
        let found = decode(&longer, &Limits::default()).map(|picture| picture.image);
        assert!(found.is_ok_and(|found| found == pixels(bytes)), "{name}");
    }
}

#[test]
fn a_thumbnail_is_not_taken_for_the_picture() {
    let thumbnail = written(&noise(16, 12).into(), ImageFormat::Jpeg);
    let jpeg = jpeg_with_segment(DOG_JPEG, 0xE1, &[b"Exif\0\0", &exif(1, false)[..], &thumbnail].concat());
    assert!(pixels(&jpeg) == pixels(DOG_JPEG));
    let half = &jpeg[..jpeg.len() - DOG_JPEG.len() / 2];
    assert_eq!(decode(half, &Limits::default()).map(drop), Err(PictureError::Corrupt { format: "JPEG" }));
}

#[test]
fn jpeg_files_that_are_written_hold_at_most_65535_pixels_a_side() {
    let wide = RgbImage::new(65_536, 1);
    assert_eq!(encode(&wide, Encoding::Jpeg), Err(PictureError::Encode));
    assert_eq!(pixels(&encode(&wide, Encoding::Png).expect("PNG has no such limit")), wide);
    let dog = pixels(DOG_PNG);
    assert_close("written JPEG", &encode(&dog, Encoding::Jpeg).expect("a JPEG file"), &dog, 6.0, 120);
}

#[test]
fn unknown_chunks_of_a_png_file_are_skipped() {
    let extra = [(*b"quUx", vec![1, 2, 3]), (*b"tEXt", b"Comment\0hello".to_vec())];
    let png = Png { width: 1, height: 1, depth: 8, color: 2, extra: &extra, rows: &[0, 1, 2, 3] }.bytes();
    assert_eq!(pixels(&png).into_raw(), [1, 2, 3]);
    assert!(png.ends_with(&png_chunk(*b"IEND", &[])));
}

fn any_image() -> impl Strategy<Value = RgbImage> {
    (1_u32..24, 1_u32..24).prop_flat_map(|(width, height)| {
        let length = (width * height * 3) as usize;
        proptest::collection::vec(any::<u8>(), length)
            .prop_map(move |raw| RgbImage::from_raw(width, height, raw).expect("as many bytes as pixels"))
    })
}

proptest! {
    #[test]
    fn what_is_written_as_png_comes_back(image in any_image()) {
        let bytes = encode(&image, Encoding::Png).expect("a PNG file");
        prop_assert_eq!(pixels(&bytes), image);
    }
}
