// The scenes that the sample images show, painted pixel by pixel: no picture of anybody's is copied.
import { fractal, grain, mix, random, step } from './noise.ts';

/** Raw pixels, row by row. */
export interface Raster {
  readonly data: Uint8Array | Uint16Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
}

export type Scene = (width: number, height: number, seed: number) => Raster;

type Colour = readonly [red: number, green: number, blue: number];

/** Sky with clouds and sun, ridges that fade into haze, a meadow in front, and a sensor's grain over it all. */
export const landscape: Scene = (width, height, seed) => {
  const next = random(seed);
  const sun = { x: mix(0.2, 0.8, next()), y: mix(0.12, 0.3, next()) };
  const zenith: Colour = [mix(40, 90, next()), mix(80, 130, next()), mix(160, 220, next())];
  const horizon: Colour = [mix(220, 250, next()), mix(190, 225, next()), mix(160, 220, next())];
  const meadow: Colour = [mix(60, 110, next()), mix(90, 130, next()), mix(30, 60, next())];
  const aspect = width / height;
  const ridges = Array.from({ length: 5 }, (_, layer) => {
    const base = mix(0.42, 0.8, layer / 4);
    const rough = mix(0.34, 0.12, layer / 4);
    return Float64Array.from({ length: width }, (_, x) => {
      const along = (x / height) * mix(1.6, 3.2, layer / 4);
      return base + rough * (fractal(along, layer * 7.3, 7, seed + layer * 31) - 0.5);
    });
  });
  return paint(width, height, 3, (x, y, pixel) => {
    const u = (x / width) * aspect;
    const v = y / height;
    let layer = 4;
    while (layer >= 0 && v < (ridges[layer]?.[x] ?? 1)) layer--;
    const noise = (grain(x, y, seed) - 0.5) * 12;
    if (layer < 0) {
      const away = length(u - sun.x * aspect, v - sun.y);
      const glow = Math.exp(-away * 5) * 120 + (1 - step(0.028, 0.034, away)) * 140;
      const cloud = step(0.5, 0.75, fractal(u * 2.5, v * 6, 5, seed + 500)) * 0.85;
      const low = step(0, 0.55, v);
      for (let part = 0; part < 3; part++) {
        const sky = mix(zenith[part] as number, horizon[part] as number, low);
        pixel[part] = mix(sky, 244, cloud) + glow + noise;
      }
      return;
    }
    const texture = fractal(u * mix(14, 60, layer / 4), v * mix(14, 60, layer / 4), 3, seed + 900 + layer) - 0.5;
    const shade = texture * mix(30, 90, layer / 4) + noise;
    const near = mix(0.35, 1, layer / 4);
    for (let part = 0; part < 3; part++) {
      pixel[part] = mix(horizon[part] as number, meadow[part] as number, near) * mix(0.9, 0.8, v) + shade;
    }
  });
};

/** Out-of-focus lights in front of a dark room: large smooth areas, and hardly any detail. */
export const lights: Scene = (width, height, seed) => {
  const next = random(seed);
  const discs = Array.from({ length: 28 }, () => ({
    x: next() * width,
    y: next() * height,
    radius: mix(0.03, 0.12, next()) * Math.min(width, height),
    colour: [mix(120, 255, next()), mix(60, 220, next()), mix(40, 200, next())] as Colour,
    strength: mix(0.2, 0.6, next()),
  }));
  return paint(width, height, 3, (x, y, pixel) => {
    const noise = (grain(x, y, seed) - 0.5) * 16;
    const dim = 26 + 30 * fractal((x / height) * 2, (y / height) * 2, 2, seed);
    put(pixel, dim * 1.1 + noise, dim * 0.8 + noise, dim * 1.4 + noise);
    for (const { x: centre, y: middle, radius, colour, strength } of discs) {
      const away = length(x - centre, y - middle) / radius;
      if (away > 1) continue;
      const share = strength * (1 - step(0.9, 1, away)) * mix(0.8, 1, away);
      for (let part = 0; part < 3; part++) pixel[part] = mix(pixel[part] as number, colour[part] as number, share);
    }
  });
};

/** Pebbles on a beach: fine detail and hard edges everywhere, which is what encoders like least. */
export const pebbles: Scene = (width, height, seed) => {
  const cell = height / 14;
  return paint(width, height, 3, (x, y, pixel) => {
    const column = Math.floor(x / cell);
    const row = Math.floor(y / cell);
    let nearest = Number.POSITIVE_INFINITY;
    let second = Number.POSITIVE_INFINITY;
    let tone = 0;
    for (let right = column - 1; right <= column + 1; right++) {
      for (let below = row - 1; below <= row + 1; below++) {
        const stoneX = (right + grain(right, below, seed)) * cell;
        const stoneY = (below + grain(right, below, seed + 1)) * cell;
        const away = length(x - stoneX, (y - stoneY) * 1.3);
        if (away < nearest) {
          second = nearest;
          nearest = away;
          tone = grain(right, below, seed + 2);
        } else if (away < second) second = away;
      }
    }
    const gap = step(0, 0.16, (second - nearest) / cell);
    const speckle = (grain(x, y, seed + 3) - 0.5) * 26;
    const light = gap * (mix(90, 190, tone) + (1 - nearest / cell) * 45) + 18 + speckle * gap;
    put(pixel, light * 1.04, light, light * mix(0.82, 0.96, tone));
  });
};

/** A flower with an alpha channel around it: what people cut out and put on their own background. */
export const cutout: Scene = (width, height, seed) => {
  const petals = 5 + Math.floor(random(seed)() * 4);
  return paint(width, height, 4, (x, y, pixel) => {
    const dx = (x / width - 0.5) * 2;
    const dy = (y / height - 0.5) * 2;
    const radius = length(dx, dy);
    const angle = Math.atan2(dy, dx);
    const edge = 0.55 + 0.35 * Math.cos(angle * petals) ** 2;
    const heart = 1 - step(0.2, 0.24, radius);
    const vein = fractal(angle * 6 + 20, radius * 8, 3, seed) * 60;
    const petal: Colour = [226 - radius * 60 + vein, 60 + radius * 90, 140 + vein];
    const opacity = 255 * (1 - step(edge - 0.02, edge + 0.02, radius));
    put(pixel, mix(petal[0], 240, heart), mix(petal[1], 190, heart), mix(petal[2], 40, heart), opacity);
  });
};

const BLUE: Colour = [31, 119, 180];
const ORANGE: Colour = [255, 127, 14];
const LINE: Colour = [210, 210, 210];
const PAPER: Colour = [252, 252, 250];

/** A bar chart in a handful of flat colours: what a palette is for. */
export const chart: Scene = (width, height, seed) => {
  const next = random(seed);
  const bars = Array.from({ length: 9 }, () => ({ top: mix(0.15, 0.8, next()), colour: next() > 0.5 ? BLUE : ORANGE }));
  return paint(width, height, 3, (x, y, pixel) => {
    const place = (x / width) * bars.length;
    const bar = bars[Math.floor(place)];
    const inBar =
      bar !== undefined && place % 1 > 0.15 && place % 1 < 0.85 && y / height > bar.top && y / height < 0.92;
    const onLine = y % Math.ceil(height / 5) === 0;
    put(pixel, ...(inBar ? bar.colour : onLine ? LINE : PAPER));
  });
};

/** A dusk sky in 16 bits per channel: bands show at once when a step loses them. */
export const dusk: Scene = (width, height, seed) => {
  const data = new Uint16Array(width * height * 3);
  const phase = random(seed)();
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const depth = mix(0, 0.9, y / height) + 0.05 + 0.03 * Math.sin((x / width) * 6 + phase);
      data[at++] = 65_535 * mix(0.1, 0.95, depth * depth);
      data[at++] = 65_535 * mix(0.12, 0.55, depth);
      data[at++] = 65_535 * mix(0.4, 0.28, depth);
    }
  }
  return { data, width, height, channels: 3 };
};

/** Calls `colour` for every pixel; it leaves the channels, 0 to 255 and clamped, in the array that it is handed. */
function paint(
  width: number,
  height: number,
  channels: 3 | 4,
  colour: (x: number, y: number, pixel: Float64Array) => void,
): Raster {
  const data = new Uint8ClampedArray(width * height * channels);
  // One array for all pixels: an array each would cost more than the painting.
  const pixel = new Float64Array(channels);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      colour(x, y, pixel);
      for (let part = 0; part < channels; part++) data[at++] = pixel[part] as number;
    }
  }
  return { data: new Uint8Array(data.buffer), width, height, channels };
}

function put(pixel: Float64Array, red: number, green: number, blue: number, alpha = 255): void {
  pixel[0] = red;
  pixel[1] = green;
  pixel[2] = blue;
  if (pixel.length === 4) pixel[3] = alpha;
}

/** Math.hypot guards against overflow, at ten times the cost. */
function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}
