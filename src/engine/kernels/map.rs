//! A feature map in memory.

use super::{Format, LANES, LINE};

/// Where a feature map `[images, channels, rows, columns]` lies in a buffer: image by image, block of channels by block,
/// row by row, pixel by pixel, with rows and columns of zeros around each block's pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Map {
    /// Byte of the first pixel that is on the map.
    pub(crate) offset: usize,
    /// How a block's numbers lie in a pixel.
    pub(crate) format: Format,
    /// Images.
    pub(crate) images: usize,
    /// Channels that count; the last block may have more.
    pub(crate) channels: usize,
    /// Rows.
    pub(crate) rows: usize,
    /// Columns.
    pub(crate) columns: usize,
    /// Bytes from image to image.
    pub(crate) image_stride: usize,
    /// Bytes from block to block.
    pub(crate) block_stride: usize,
    /// Bytes from row to row.
    pub(crate) row_stride: usize,
    /// Bytes from pixel to pixel, which are a block's: [`LINE`], or fewer if there is one block of few channels.
    pub(crate) pixel_stride: usize,
    /// Rows and columns of zeros: top, left, bottom, right.
    pub(crate) halo: [usize; 4],
}

impl Map {
    /// A map by itself, whose halo begins at byte 0. What is right of a row is left of the next: one halo serves both.
    pub(crate) fn new(format: Format, shape: [usize; 4], halo: [usize; 4]) -> Self {
        Self::with_pixels(LINE, format, shape, halo)
    }

    /// The same with pixels that are no longer than their channels need.
    pub(crate) fn narrow(format: Format, shape: [usize; 4], halo: [usize; 4]) -> Self {
        let chunks = shape[1].div_ceil(LANES).next_power_of_two().min(format.chunks());
        Self::with_pixels(chunks * LANES * format.bytes(), format, shape, halo)
    }

    fn with_pixels(
        pixel_stride: usize,
        format: Format,
        [images, channels, rows, columns]: [usize; 4],
        halo: [usize; 4],
    ) -> Self {
        let [top, left, bottom, right] = halo;
        let row_stride = (columns + left.max(right)) * pixel_stride;
        let block_stride = (top + rows + bottom) * row_stride;
        // After the last row of the last block there is no next one.
        let image_stride = channels.div_ceil(format.channels()) * block_stride + left * pixel_stride;
        let offset = top * row_stride + left * pixel_stride;
        Self {
            offset,
            format,
            images,
            channels,
            rows,
            columns,
            image_stride,
            block_stride,
            row_stride,
            pixel_stride,
            halo,
        }
    }

    /// Blocks of channels.
    pub(crate) fn blocks(&self) -> usize {
        self.channels.div_ceil(self.format.channels())
    }

    /// Bytes of the whole, halo included.
    pub(crate) fn bytes(&self) -> usize {
        self.images * self.image_stride
    }

    /// Byte of a pixel's block.
    pub(crate) fn pixel(&self, image: usize, block: usize, row: usize, column: usize) -> usize {
        let row = self.offset + image * self.image_stride + block * self.block_stride + row * self.row_stride;
        row + column * self.pixel_stride
    }

    /// Chunks of sixteen channels.
    pub(crate) fn chunks(&self) -> usize {
        self.blocks() * self.block_chunks()
    }

    /// Chunks of a block.
    pub(crate) fn block_chunks(&self) -> usize {
        self.pixel_stride / (LANES * self.format.bytes())
    }

    /// Whether a chunk has channels that count.
    pub(crate) fn has_channels(&self, chunk: usize) -> bool {
        chunk * LANES < self.channels
    }

    /// Which chunk of its block a chunk is.
    pub(crate) fn within_block(&self, chunk: usize) -> usize {
        chunk % self.block_chunks()
    }

    /// Byte of the block in which a chunk of a pixel lies.
    pub(crate) fn chunk(&self, image: usize, chunk: usize, row: usize, column: usize) -> usize {
        self.pixel(image, chunk / self.block_chunks(), row, column)
    }

    /// The channels from block `first` on, as a map of its own.
    pub(crate) fn part(&self, first: usize, channels: usize) -> Self {
        Self { offset: self.offset + first * self.block_stride, channels, ..*self }
    }
}
