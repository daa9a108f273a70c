"""Writes the pixels that libjpeg decodes as PNG files: libjpeg_pixels.py PICTURE.jpg PICTURE.png, or of two folders."""

import sys
from pathlib import Path

from PIL import Image


def write(picture, png):
    Image.open(picture).convert("RGB").save(png, compress_level=1)


source, target = map(Path, sys.argv[1:])
if source.is_dir():
    for picture in source.glob("*.jpg"):
        write(picture, target / f"{picture.stem}.png")
else:
    write(source, target)
