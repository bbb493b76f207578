// JPEG XL, by jxl-oxide as WebAssembly: bit depth, alpha and profile stay as they are.
import { readFileSync } from 'node:fs';
import { type Allow, type Decoded, type Decoder, endsEarly } from './decoder.ts';
import { loaded } from './loaded.ts';
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
  takes: (body) => body.subarray(0, 2).equals(CODESTREAM) || body.subarray(0, 8).equals(CONTAINER),
  decode: async (body, allow) => {
    return withPackage((lib) => decode(lib, body, allow));
  },
};

function decode({ JxlImage }: typeof import('jxl-oxide-wasm'), body: Buffer, allow: Allow): Decoded {
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
    // Makes a PNG and gives its memory back: the result must not be used again.
    const png = Buffer.from(image.render(0).encodeToPng());
    if (!image.loaded) throw endsEarly('JPEG XL');
    return { body: png, format: 'png', pages: Math.max(1, image.numLoadedKeyframes) };
  } finally {
    image.free();
  }
}

const HEAD_BYTES = 4096;
