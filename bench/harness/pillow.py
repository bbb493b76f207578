# The contender in Python: Pillow in a pool of threads; run: python3 pillow.py SOURCE DESTINATION THREADS
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps

source, destination, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])


def shrink(path):
    with Image.open(path) as image:
        # Decodes at a fraction of the size where it can, as libvips does.
        image.thumbnail((1024, 1024), Image.Resampling.LANCZOS)
        ImageOps.exif_transpose(image).convert("RGB").save(destination / path.name, quality=80)


with ThreadPoolExecutor(threads) as pool:
    list(pool.map(shrink, sorted(source.iterdir())))
