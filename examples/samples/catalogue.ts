// Which sample images there are: path, scene, size and how each is encoded.
import sharp, { type Exif, type Sharp } from 'sharp';
import { ORIENTATIONS, type Orientation, storedFor } from './orientation.ts';
import { chart, cutout, dusk, landscape, lights, pebbles, type Raster, type Scene } from './scenes.ts';

export interface Sample {
  /** Path below the directory of samples, with `/`. */
  readonly path: string;
  readonly bytes: () => Promise<Uint8Array>;
}

const CAMERA: Exif = {
  IFD0: { Make: 'Image Fanout', Model: 'Sample Camera 1', Copyright: 'CC0, painted by a program' },
};

/** Somewhere above Lauterbrunnen: outputs must not tell. */
const PLACE: Exif = {
  IFD3: {
    GPSLatitudeRef: 'N',
    GPSLatitude: '46/1 35/1 3720/100',
    GPSLongitudeRef: 'E',
    GPSLongitude: '7/1 54/1 2890/100',
  },
};

/** All samples in the order of their paths. Nothing is painted before `bytes` is called. */
export const SAMPLES: readonly Sample[] = [
  ...ORIENTATIONS.map((orientation) => turned(orientation)),
  photo('camera/DSC_0001.jpg', landscape, 4000, 3000, 1),
  photo('camera/DSC_0002.jpg', landscape, 2400, 1600, 2),
  photo('camera/DSC_0003.jpg', pebbles, 1800, 1200, 3),
  photo('camera/DSC_0004.JPG', lights, 1600, 1200, 4),
  photo('camera/panorama.jpg', landscape, 2800, 700, 5),
  still('camera/progressive.jpg', landscape, 1200, 800, 6, (image) => image.jpeg({ quality: 85, progressive: true })),
  still('camera/black and white.jpg', pebbles, 1200, 900, 7, (image) => image.greyscale().jpeg({ quality: 88 })),
  still('print/cover-cmyk.jpg', lights, 900, 1200, 8, (image) => image.toColourspace('cmyk').jpeg({ quality: 90 })),
  still('print/scan.tif', landscape, 1400, 1000, 9, (image) => image.tiff({ compression: 'lzw' })),
  still('print/proof.tiff', chart, 1240, 877, 10, (image) =>
    image.tiff({ compression: 'deflate', predictor: 'horizontal' }),
  ),
  still('print/dusk-16-bit.png', dusk, 900, 600, 11, (image) => image.toColourspace('rgb16').png()),
  still('web/flower.png', cutout, 800, 800, 12, (image) => image.png()),
  still('web/chart.png', chart, 960, 540, 13, (image) => image.png({ palette: true, colours: 16 })),
  still('web/grey with alpha.png', cutout, 400, 400, 14, (image) => image.greyscale().png()),
  still('web/interlaced.png', lights, 640, 480, 15, (image) => image.png({ progressive: true })),
  still('web/pixel.png', chart, 1, 1, 16, (image) => image.png()),
  still('web/lossy.webp', landscape, 1200, 900, 17, (image) => image.webp({ quality: 80, effort: 2 })),
  still('web/lossless.webp', cutout, 500, 500, 18, (image) => image.webp({ lossless: true, effort: 2 })),
  still('web/photo.avif', landscape, 1200, 800, 19, (image) => image.avif({ quality: 55, effort: 2 })),
  still('web/icon.gif', cutout, 96, 96, 20, (image) => image.gif()),
  moving('web/spinner.gif', 160, 12, (image) => image.gif({ delay: 80, loop: 0, effort: 3 })),
  moving('web/turning.webp', 200, 10, (image) => image.webp({ delay: 80, loop: 0, effort: 2 })),
  { path: 'web/logo.svg', bytes: async () => new TextEncoder().encode(LOGO) },
  photo('albums/2024/Summer in the Alps/ridge at dawn.jpg', landscape, 1800, 1200, 21),
  photo('albums/2024/Summer in the Alps/ridge at dusk.jpg', landscape, 1800, 1200, 22),
  photo('albums/2025/Übersee/Strand & Steine #1.jpg', pebbles, 1500, 1000, 23),
  photo('albums/2025/日本/富士山.jpg', landscape, 1800, 1200, 24),
  photo('albums/2025/дача/огни – 100%.jpg', lights, 1200, 1600, 25),
  photo('albums/thumbnails/ridge.jpg', landscape, 160, 107, 21),
  photo('phone/IMG_20250601_120000.jpg', landscape, 2016, 1512, 26, 6),
  photo('phone/IMG_20250601_120101 (1).jpeg', pebbles, 1512, 1134, 27, 8),
  photo('phone/IMG_20250601_120202+edited.jpg', lights, 1512, 1134, 28, 3),
];

const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" width="240" height="240">
  <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="#4a7bd0"/><stop offset="1" stop-color="#f2c9a0"/></linearGradient></defs>
  <rect width="240" height="240" rx="40" fill="url(#sky)"/>
  <circle cx="168" cy="78" r="26" fill="#fff3d0"/>
  <path d="M20 190 90 96l44 58 26-30 60 66z" fill="#3d5a45"/>
  <path d="M120 60v40M120 60l-34 34M120 60l34 34" stroke="#fff" stroke-width="6" stroke-linecap="round" opacity=".8"/>
</svg>
`;

function still(
  path: string,
  scene: Scene,
  width: number,
  height: number,
  seed: number,
  encode: (image: Sharp) => Sharp,
): Sample {
  return { path, bytes: () => encode(open(scene(width, height, seed))).toBuffer() };
}

/** A photo as a camera writes it: JPEG at quality 90, EXIF with the place, and the pixels as the sensor was held. */
function photo(
  path: string,
  scene: Scene,
  width: number,
  height: number,
  seed: number,
  orientation: Orientation = 1,
): Sample {
  const bytes = async () => {
    const upright = scene(width, height, seed);
    const stored = orientation === 1 ? upright : storedFor(orientation, upright);
    return open(stored)
      .withExif({ ...CAMERA, ...PLACE })
      .withMetadata({ orientation })
      .jpeg({ quality: 90 })
      .toBuffer();
  };
  return { path, bytes };
}

/** One scene, stored in each of the eight ways: all must come out alike. */
function turned(orientation: Orientation): Sample {
  return photo(`orientation/landscape-${orientation}.jpg`, landscape, 600, 400, 30, orientation);
}

/** A disc with a light that goes around, `frames` times. */
function moving(path: string, size: number, frames: number, encode: (image: Sharp) => Sharp): Sample {
  const bytes = () => {
    const data = new Uint8Array(size * size * frames * 3);
    for (let frame = 0; frame < frames; frame++) {
      for (let at = 0; at < size * size; at++) {
        const x = (at % size) / size - 0.5;
        const y = Math.floor(at / size) / size - 0.5;
        const behind = (Math.atan2(y, x) / (2 * Math.PI) + 1 + frame / frames) % 1;
        const inRing = Math.abs(Math.hypot(x, y) - 0.35) < 0.08;
        data.set(inRing ? [250 * behind, 120 + 100 * behind, 200] : [24, 26, 34], (frame * size * size + at) * 3);
      }
    }
    const raw = { width: size, height: size * frames, channels: 3, pageHeight: size } as const;
    return encode(sharp(data, { raw })).toBuffer();
  };
  return { path, bytes };
}

function open({ data, width, height, channels }: Raster): Sharp {
  return sharp(data, { raw: { width, height, channels } });
}
