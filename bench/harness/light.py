# The article's way with light images: Pillow in a pool of threads; run: python3 light.py SOURCE DESTINATION THREADS
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps

source, destination, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])


def shrink(path):
    target = destination / path.relative_to(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as image:
        image.thumbnail((128, 128), Image.Resampling.LANCZOS)
        ImageOps.exif_transpose(image).convert("RGB").save(target, quality=80)


with ThreadPoolExecutor(threads) as pool:
    list(pool.map(shrink, sorted(path for path in source.rglob("*") if path.is_file())))
