# Another opinion on images: decodes each file named on standard input with Pillow (CMYK by LittleCMS), and writes its values as a PNG.
import io
import json
import sys

import pillow_heif
import pillow_jxl  # noqa: F401
from PIL import Image, ImageCms

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = None
SRGB = ImageCms.createProfile("sRGB")

for line in sys.stdin:
    source, target = json.loads(line)
    try:
        image = Image.open(source)
        if image.width * image.height > 10_000_000:
            raise ValueError("too large for a test")
        image.load()
        if image.mode.startswith("I"):
            # Pillow cuts 16 bits off at 255 when it converts them.
            image = image.point(lambda value: value / 257).convert("L")
        icc = image.info.get("icc_profile")
        if icc and image.mode == "CMYK":
            image = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(icc)), SRGB, outputMode="RGB")
        image.convert("RGBA").save(target, compress_level=0)
        print(json.dumps({"width": image.width, "height": image.height}), flush=True)
    except Exception as error:  # what it cannot read, it has no opinion on
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
