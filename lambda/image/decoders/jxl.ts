// JPEG XL, by jxl-oxide as WebAssembly: bit depth, alpha and profile stay as they are.
import { readFileSync } from 'node:fs';
import type { JxlImage } from 'jxl-oxide-wasm';
import { type Allow, type Decoded, type Decoder, endsEarly } from './decoder.ts';
import { ticksPerSecond } from './jxl-header.ts';
import { loaded } from './loaded.ts';
import { chunksOf, movingTiff, pngFrom, type Samples, saidOf, samplesOf } from './moving.ts';
import { wasmFile } from './wasm-file.ts';

const CODESTREAM = Buffer.from([0xff, 0x0a]);
const CONTAINER = Buffer.from('\0\0\0\x0cJXL ', 'latin1');

async function load(): Promise<typeof import('jxl-oxide-wasm')> {
  const jxlOxide = await import('jxl-oxide-wasm');
  jxlOxide.initSync({ module: readFileSync(wasmFile('jxl')) });
  return jxlOxide;
}

const withPackage = loaded(load);

export const jxl: Decoder = {
  format: 'jxl',
  title: 'JPEG XL',
  same: 'jpeg',
  contentType: 'image/jxl',
  animates: true,
  takes: (body) => body.subarray(0, 2).equals(CODESTREAM) || body.subarray(0, 8).equals(CONTAINER),
  decode: async (body, allow, { frames }) => {
    return withPackage((lib) => decode(lib, body, allow, frames));
  },
};

async function decode(
  { JxlImage }: typeof import('jxl-oxide-wasm'),
  body: Buffer,
  allow: Allow,
  frames: boolean,
): Promise<Decoded> {
  const image = new JxlImage();
  try {
    // The size stands at the very beginning: it is asked about before the rest is given.
    image.feedBytes(body.subarray(0, HEAD_BYTES));
    const known = image.tryInit();
    if (known) allow(image.width ?? 0, image.height ?? 0);
    if (body.length > HEAD_BYTES) image.feedBytes(body.subarray(HEAD_BYTES));
    if (!known && !image.tryInit()) throw endsEarly('JPEG XL');
    allow(image.width ?? 0, image.height ?? 0);
    if (!image.loaded && image.numLoadedKeyframes === 0) throw endsEarly('JPEG XL');
    const pages = Math.max(1, image.numLoadedKeyframes);
    if (frames && image.animated === true && image.loaded) return await moving(image, body, allow, pages);
    const png = pngAt(image, 0);
    if (!image.loaded) throw endsEarly('JPEG XL');
    return { body: png, format: 'png', pages };
  } finally {
    image.free();
  }
}

const HEAD_BYTES = 4096;

function pngAt(image: JxlImage, frame: number): Buffer {
  // Makes a PNG and gives its memory back: the result must not be used again.
  return Buffer.from(image.render(frame).encodeToPng());
}

/** All frames, each as it is shown, and how long. */
async function moving(image: JxlImage, body: Buffer, allow: Allow, pages: number): Promise<Decoded> {
  const canvas = { width: image.width ?? 0, height: image.height ?? 0 };
  allow(canvas.width, canvas.height, pages);
  const ticks = ticksPerSecond(body) ?? 1000;
  const first = pngAt(image, 0);
  const depth = first[DEPTH_AT] === 16 ? 16 : 8;
  const shown: Samples[] = [];
  const delay: number[] = [];
  for (let frame = 0; frame < pages; frame++) {
    const result = image.render(frame);
    // jxl-oxide-wasm 0.12.5 multiplies a frame's ticks by those of a second, where it should divide.
    delay.push(Math.min(MOST_DELAY, Math.round((result.duration / ticks / ticks) * 1000)));
    shown.push(await samplesOf(bare(Buffer.from(result.encodeToPng())), depth));
  }
  const tiff = movingTiff(shown, { ...canvas, depth }, await saidOf(first));
  return { body: tiff, format: 'tiff', pages, timing: { delay, loop: image.numLoops ?? 0 } };
}

const DEPTH_AT = 24;
const MOST_DELAY = 65_535;

/** A PNG without its word on colours. */
function bare(png: Buffer): Buffer {
  const chunks = [...chunksOf(png, () => endsEarly('JPEG XL'))];
  return pngFrom(chunks.filter(({ type }) => ['IHDR', 'PLTE', 'tRNS', 'IDAT'].includes(type)));
}
