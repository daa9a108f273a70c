//! Picture files put together byte by byte, as their specifications say.

/// A PNG file of these parts (W3C Portable Network Graphics, third edition). `rows` hold a filter byte each.
pub(crate) struct Png<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) depth: u8,
    /// 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.
    pub(crate) color: u8,
    /// Chunks between the header and the pixels.
    pub(crate) extra: &'a [([u8; 4], Vec<u8>)],
    pub(crate) rows: &'a [u8],
}

impl Png<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut header = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        header.extend([self.depth, self.color, 0, 0, 0]);
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        bytes.extend(png_chunk(*b"IHDR", &header));
        for (kind, data) in self.extra {
            bytes.extend(png_chunk(*kind, data));
        }
        bytes.extend(png_chunk(*b"IDAT", &zlib(self.rows)));
        bytes.extend(png_chunk(*b"IEND", &[]));
        bytes
    }
}

pub(crate) fn png_chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [&kind, data].concat();
    let length = u32::try_from(data.len()).expect("a chunk under 4 GiB");
    [&length.to_be_bytes(), &named[..], &crc32(&named).to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (a + b) % 65521)
    });
    b << 16 | a
}

/// A zlib stream (RFC 1950) of stored blocks.
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x78, 0x01];
    let blocks = data.chunks(65535).count();
    for (index, block) in data.chunks(65535).enumerate() {
        let length = u16::try_from(block.len()).expect("a short block");
        bytes.push(u8::from(index + 1 == blocks));
        bytes.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        bytes.extend(block);
    }
    bytes.extend(adler32(data).to_be_bytes());
    bytes
}

/// A zlib stream of about 258 × `runs` zeros in 13 bits each: one fixed-Huffman block (RFC 1951, 3.2.6) of a literal
/// zero and then only copies of 258 bytes from one byte back.
pub(crate) fn zlib_of_zeros(runs: u32) -> Vec<u8> {
    // In the order in which they are sent: last block, type 1; the literal 0.
    let mut bits: Vec<u8> = [1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0].to_vec();
    for _ in 0..runs {
        // Length symbol 285, distance symbol 0.
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
    }
    bits.extend([0; 7]);
    let mut bytes = vec![0x78, 0x01];
    bytes.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |value, bit| value << 1 | bit)));
    let zeros = runs * 258 + 1;
    bytes.extend(((zeros % 65521) << 16 | 1).to_be_bytes());
    bytes
}

/// An EXIF block (CIPA DC-008) that holds nothing but an orientation.
pub(crate) fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
    if big_endian {
        let mut block = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec();
        block[19] = orientation;
        return block;
    }
    let mut block = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    block[18] = orientation;
    block
}

/// An uncompressed RGB TIFF file (TIFF 6.0) with these bytes as its pixels.
pub(crate) fn tiff(width: u32, height: u32, orientation: u32, pixels: &[u8]) -> Vec<u8> {
    let length = u32::try_from(pixels.len()).expect("a small picture");
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, 134),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 140),
        (274, 3, 1, orientation),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, length),
    ];
    let mut bytes = b"II\x2a\0\x08\0\0\0\x0a\0".to_vec();
    for (tag, kind, count, value) in entries {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend([0, 0, 0, 0, 8, 0, 8, 0, 8, 0]);
    bytes.extend(pixels);
    bytes
}

/// A GIF file that claims a size and holds next to nothing.
pub(crate) fn gif_claiming(width: u16, height: u16) -> Vec<u8> {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    [b"GIF89a", &size[..], b"\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0", &size, b"\0\x02\x02\x44\x01\0\x3b"].concat()
}

/// A BMP file that claims a size and holds next to nothing.
pub(crate) fn bmp_claiming(width: i32, height: i32) -> Vec<u8> {
    let mut bytes = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 40]);
    bytes
}

/// A WebP file with an extended header of this canvas, and a still picture of one pixel (RFC 9649).
pub(crate) fn webp_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut canvas = vec![0; 4];
    canvas.extend(&(width - 1).to_le_bytes()[..3]);
    canvas.extend(&(height - 1).to_le_bytes()[..3]);
    let picture = b"\x2f\0\0\0\0\x88\x88\x08\0\0";
    let body = [&riff_chunk(*b"VP8X", &canvas)[..], &riff_chunk(*b"VP8L", picture)].concat();
    riff_chunk(*b"RIFF", &[b"WEBP", &body[..]].concat())
}

fn riff_chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a small chunk");
    [&kind, &length.to_le_bytes(), data, &[0][..data.len() % 2]].concat()
}

/// A JPEG file of another size than it was written with: the frame header lies (ITU-T T.81, B.2.2).
pub(crate) fn jpeg_claiming(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
    let frame = bytes.windows(2).position(|pair| matches!(pair, [0xFF, 0xC0..=0xC2])).expect("a frame header");
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

/// A JPEG file with one more segment after its first marker.
pub(crate) fn jpeg_with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).expect("a short segment");
    [&jpeg[..2], &[0xFF, marker], &length.to_be_bytes(), data, &jpeg[2..]].concat()
}
