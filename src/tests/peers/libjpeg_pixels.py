"""Writes the pixels that libjpeg decodes as a PNG file: libjpeg_pixels.py PICTURE.jpg PICTURE.png."""

import sys

from PIL import Image

picture, png = sys.argv[1:]
Image.open(picture).convert("RGB").save(png)
