//! Bytes that are no picture: refused by the right name, at once, and in little memory.

use super::containers::{Png, bmp_claiming, gif_claiming, jpeg_claiming, tiff, webp_claiming, zlib_of_zeros};
use super::{
    ANIMATED_GIF, ANIMATED_PNG, ANIMATED_WEBP, CMYK, DOG_JPEG, DOG_PNG, LOSSLESS_WEBP, LOSSY_WEBP, LZW_TIFF,
    PALETTE_BMP, PROGRESSIVE, STILL_GIF, YCCK, noise, written,
};
use image::ImageFormat;
use ocelli::picture::{Limits, PictureError, decode};
use proptest::prelude::{any, proptest};
use std::time::{Duration, Instant};

const FILES: [(&str, &[u8]); 13] = [
    ("PNG", DOG_PNG),
    ("JPEG", DOG_JPEG),
    ("JPEG", PROGRESSIVE),
    ("JPEG", CMYK),
    ("JPEG", YCCK),
    ("TIFF", LZW_TIFF),
    ("WebP", LOSSLESS_WEBP),
    ("WebP", LOSSY_WEBP),
    ("GIF", STILL_GIF),
    ("BMP", PALETTE_BMP),
    ("GIF", ANIMATED_GIF),
    ("WebP", ANIMATED_WEBP),
    ("PNG", ANIMATED_PNG),
];

/// Half of a file of each format.
pub(crate) fn damaged() -> Vec<(&'static str, &'static [u8])> {
    FILES.into_iter().take(10).map(|(format, bytes)| (format, &bytes[..bytes.len() / 2])).collect()
}

/// A PNG file that claims 60000 × 60000 pixels.
pub(crate) fn pixel_bomb() -> Vec<u8> {
    let [(_, png), ..] = pixel_bombs();
    png
}

fn refusal(bytes: &[u8]) -> PictureError {
    match decode(bytes, &Limits::default()) {
        Ok(picture) => panic!("taken for a picture of {:?} pixels", picture.image.dimensions()),
        Err(refusal) => refusal,
    }
}

#[test]
fn a_file_that_ends_early_is_corrupt_wherever_it_ends() {
    let mut wrong = Vec::new();
    for (index, (format, bytes)) in FILES.into_iter().take(10).enumerate() {
        let steps = (1..40).map(|step| bytes.len() * step / 40).chain([bytes.len() - 16]);
        for length in steps.filter(|length| *length > 12) {
            let found = decode(&bytes[..length], &Limits::default()).map(|picture| picture.image.dimensions());
            if found != Err(PictureError::Corrupt { format }) {
                wrong.push(format!("file {index}, {format}, {length} of {} bytes: {found:?}", bytes.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_beginning_of_a_file_is_taken_for_a_picture() {
    for (format, bytes) in FILES {
        for length in 0..12 {
            refusal(&bytes[..length]);
        }
        let found = refusal(&bytes[..12]);
        assert!(matches!(found, PictureError::Corrupt { .. }), "{format}: {found:?}");
    }
}

#[test]
fn uncompressed_files_that_end_early_are_corrupt() {
    let image = noise(24, 24);
    for (format, bytes) in [
        ("BMP", written(&image.clone().into(), ImageFormat::Bmp)),
        ("TIFF", tiff(24, 24, 1, &image)),
        ("PNG", Png { width: 24, height: 24, depth: 8, color: 2, extra: &[], rows: &[0; 73 * 23] }.bytes()),
    ] {
        let end = if format == "PNG" { bytes.len() } else { bytes.len() - 100 };
        assert_eq!(refusal(&bytes[..end]), PictureError::Corrupt { format });
    }
}

#[test]
fn what_is_no_picture_is_named() {
    let named = [
        (&b"%PDF-1.7\n%\xe2\xe3"[..], "a PDF document"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "HEIC"),
        (include_bytes!("../files/picture.avif"), "an AVIF picture"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg/>", "an SVG drawing"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
        (b"<!doctype html><title>404</title>", "a web page"),
        (b"<HTML><BODY>", "a web page"),
        (b"hello", "no picture of a known format"),
        (&[0; 4096], "no picture of a known format"),
        (b"\xff\xd8", "no picture of a known format"),
    ];
    let mut wrong = Vec::new();
    for (bytes, name) in named {
        let refusal = refusal(bytes);
        let message = refusal.to_string();
        let is_named = message.contains(name) && message.contains("send JPEG, PNG");
        if !is_named || !matches!(refusal, PictureError::Unsupported { .. }) {
            wrong.push(format!("{name}: {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(refusal(b""), PictureError::Empty);
}

#[test]
fn no_pixels_are_no_picture() {
    let mut wrong = Vec::new();
    for (name, bytes) in [
        ("PNG", Png { width: 0, height: 5, depth: 8, color: 2, extra: &[], rows: &[] }.bytes()),
        ("JPEG", jpeg_claiming(DOG_JPEG, 0, 72)),
        ("GIF", gif_claiming(0, 0)),
        ("BMP", bmp_claiming(0, 10)),
        ("TIFF", tiff(0, 0, 1, &[])),
    ] {
        let refusal = refusal(&bytes);
        if !matches!(refusal, PictureError::Corrupt { .. }) {
            wrong.push(format!("{name}: {refusal:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files of a few bytes that claim 60000 × 60000 pixels.
fn pixel_bombs() -> [(&'static str, Vec<u8>); 6] {
    const SIDE: u32 = 60_000;
    [
        ("PNG", Png { width: SIDE, height: SIDE, depth: 16, color: 6, extra: &[], rows: &[0] }.bytes()),
        ("GIF", gif_claiming(60_000, 60_000)),
        ("BMP", bmp_claiming(60_000, 60_000)),
        ("TIFF", tiff(SIDE, SIDE, 1, &[0; 12])),
        ("WebP", webp_claiming(SIDE, SIDE)),
        ("JPEG", jpeg_claiming(DOG_JPEG, 60_000, 60_000)),
    ]
}

#[test]
fn a_pixel_bomb_is_refused_from_its_header() {
    for (format, bytes) in pixel_bombs() {
        let began = Instant::now();
        let refusal = refusal(&bytes);
        assert!(began.elapsed() < Duration::from_secs(2), "{format} took {:?}", began.elapsed());
        let wanted = PictureError::TooLarge { width: 60_000, height: 60_000, max_pixels: 1 << 26 };
        assert_eq!(refusal, wanted, "{format}");
    }
}

#[test]
fn the_limit_of_pixels_is_kept_to_the_pixel() {
    for format in
        [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP]
    {
        let bytes = written(&noise(40, 25).into(), format);
        let refused = PictureError::TooLarge { width: 40, height: 25, max_pixels: 999 };
        assert_eq!(decode(&bytes, &Limits { max_pixels: 999 }).map(drop), Err(refused), "{format:?}");
        decode(&bytes, &Limits { max_pixels: 1000 }).expect("a picture of just as many pixels as allowed");
    }
}

/// PNG files of one pixel that carry 300 MB of zeros in a megabyte and a half.
fn inflating_bombs() -> [(&'static str, Vec<u8>); 3] {
    let zeros = zlib_of_zeros(1_200_000);
    let bomb = |name: &'static str, head: &[u8]| {
        let kind = name.as_bytes().try_into().expect("four letters");
        let extra = [(kind, [head, &zeros].concat())];
        (name, Png { width: 1, height: 1, depth: 8, color: 2, extra: &extra, rows: &[0, 1, 2, 3] }.bytes())
    };
    [bomb("zTXt", b"Comment\0\0"), bomb("iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"), bomb("iCCP", b"profile\0\0")]
}

/// The most memory that this process has used, in KiB.
#[cfg(target_os = "linux")]
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "runs in a process of its own, for a_bomb_takes_no_memory"]
fn bombs_alone() {
    let (pixels, inflating) = (pixel_bombs(), inflating_bombs());
    let mut greedy = Vec::new();
    for (name, bytes) in pixels.iter().chain(&inflating) {
        let before = peak_memory();
        let decoded = decode(bytes, &Limits::default()).is_ok();
        let grown = peak_memory() - before;
        if grown >= 32 << 10 {
            greedy.push(format!("{name}: decoding ({decoded}) took {} MiB", grown >> 10));
        }
    }
    assert!(greedy.is_empty(), "{}", greedy.join("\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_bomb_takes_no_memory() {
    let this = std::env::current_exe().expect("this program");
    let name = std::thread::current().name().expect("a named test").replace("a_bomb_takes_no_memory", "bombs_alone");
    let output = std::process::Command::new(this).args(["--exact", &name, "--ignored"]).output().expect("a run");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(index in 0..FILES.len(), bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let limits = Limits { max_pixels: 1 << 16 };
        let _ = decode(&bytes, &limits);
        // With the beginning of a real file, so that a decoder looks at them.
        let begun = [&FILES[index].1[..24], &bytes].concat();
        let _ = decode(&begun, &limits);
    }

    #[test]
    fn no_damage_makes_it_panic(
        index in 0..FILES.len(),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..12),
        near_the_start: bool,
    ) {
        let mut bytes = FILES[index].1.to_vec();
        let end = if near_the_start { bytes.len().min(200) } else { bytes.len() };
        for (at, value) in changes {
            bytes[at % end] = value;
        }
        let _ = decode(&bytes, &Limits { max_pixels: 1 << 16 });
    }
}
