"""Makes the picture files beside this script: python make.py PATH/TO/dog.jpg (Pillow 13).

dog.jpg is the public-domain picture of the Darknet repository. dog.png is the truth that the others are held to.
"""

import sys
from pathlib import Path

from PIL import Image, ImageChops, ImageCms

FOLDER = Path(__file__).parent
SIZE = (96, 72)


def cmyk(rgb: Image.Image) -> Image.Image:
    """Full grey component replacement, so that the black channel matters."""
    ink = [ImageChops.invert(channel) for channel in rgb.split()]
    black = ImageChops.darker(ImageChops.darker(ink[0], ink[1]), ink[2])
    merged = Image.new("CMYK", rgb.size)
    pixels = []
    for c, m, y, k in zip(*(channel.tobytes() for channel in [*ink, black])):
        rest = 255 - k
        pixels.append(tuple(round((value - k) * 255 / rest) if rest else 0 for value in (c, m, y)) + (k,))
    merged.putdata(pixels)
    return merged


def save_ycck(picture: Image.Image) -> None:
    """The inks as Y, Cb, Cr (Adobe technical note 5116): saved as if they were CMYK, then the marker is told."""
    cyan, magenta, yellow, black = picture.split()
    # Pillow inverts what it saves as CMYK; luma and chroma must end up as those of the inks themselves.
    luma = [ImageChops.invert(channel) for channel in Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr").split()]
    path = FOLDER / "ycck.jpg"
    Image.merge("CMYK", (*luma, black)).save(path, quality=95)
    data = bytearray(path.read_bytes())
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    data[transform] = 2
    path.write_bytes(data)


def main() -> None:
    dog = Image.open(sys.argv[1]).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
    # The photograph's profile and EXIF block would be written again.
    dog.info.clear()
    dog.save(FOLDER / "dog.png", optimize=True)
    dog.save(FOLDER / "dog.jpg", quality=95, subsampling=0)
    dog.save(FOLDER / "progressive.jpg", quality=95, subsampling=0, progressive=True)
    dog.convert("L").save(FOLDER / "grey.jpg", quality=95)
    cmyk(dog).save(FOLDER / "cmyk.jpg", quality=95)
    save_ycck(cmyk(dog))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    dog.save(FOLDER / "profile.jpg", quality=95, subsampling=0, icc_profile=profile)
    dog.save(FOLDER / "profile.png", icc_profile=profile)
    dog.save(FOLDER / "lossless.webp", lossless=True)
    dog.save(FOLDER / "lossy.webp", quality=95)
    dog.save(FOLDER / "lzw.tiff", compression="tiff_lzw")
    dog.quantize(64).save(FOLDER / "palette.bmp")
    dog.quantize(64).save(FOLDER / "still.gif")
    frames = [Image.new("RGB", (16, 12), colour) for colour in ("red", "lime", "blue")]
    for name in ("animated.gif", "animated.webp", "animated.png"):
        options = {"lossless": True} if name.endswith("webp") else {}
        frames[0].save(FOLDER / name, save_all=True, append_images=frames[1:], duration=100, loop=0, **options)
    frames[0].save(FOLDER / "picture.avif")


main()
