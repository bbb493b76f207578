// JPEG 2000, by OpenJPEG as WebAssembly (@cornerstonejs/codec-openjpeg).
import { readFileSync } from 'node:fs';
import { pngOf } from './carrier.ts';
import { type Allow, type Decoded, type Decoder, damaged, notRead } from './decoder.ts';
import { loaded } from './loaded.ts';
import { wasmFile } from './wasm-file.ts';

const TITLE = 'JPEG 2000';
const BOX = Buffer.from('\0\0\0\x0cjP  ', 'latin1');
/** Start of codestream, and the size segment that must follow it. ISO/IEC 15444-1, annex A. */
const CODESTREAM = Buffer.from([0xff, 0x4f, 0xff, 0x51]);

interface FrameInfo {
  readonly width: number;
  readonly height: number;
  readonly bitsPerSample: number;
  readonly componentCount: number;
  readonly isSigned: boolean;
}

interface J2KDecoder {
  getEncodedBuffer(bytes: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): FrameInfo;
  decode(): void;
  delete(): void;
}

interface OpenJpeg {
  readonly J2KDecoder: new () => J2KDecoder;
}

async function load(): Promise<OpenJpeg> {
  const { default: create } = (await import('@cornerstonejs/codec-openjpeg/decodewasmjs')) as unknown as {
    readonly default: (options: object) => Promise<OpenJpeg>;
  };
  // It tells of its progress on standard output, which is not ours to fill.
  const silent = { print: () => {}, printErr: () => {} };
  return create({ ...silent, wasmBinary: readFileSync(wasmFile('jp2')) });
}

const withPackage = loaded(load);

export const jp2: Decoder = {
  format: 'jp2',
  title: TITLE,
  same: 'jpeg',
  contentType: 'image/jp2',
  takes: (body) => body.subarray(0, 8).equals(BOX) || body.subarray(0, 4).equals(CODESTREAM),
  decode: async (body, allow) => {
    checkHeader(body, allow);
    return withPackage((lib) => decode(lib, body));
  },
};

/** The components and the size as the codestream's header has them: what this build of OpenJPEG cannot do is refused by name. */
function checkHeader(body: Buffer, allow: Allow): void {
  const at = body.indexOf(CODESTREAM);
  if (at < 0 || at + 42 > body.length) throw damaged(TITLE, 'no codestream');
  const size = at + 8;
  const [width, height] = [
    body.readUInt32BE(size) - body.readUInt32BE(size + 8),
    body.readUInt32BE(size + 4) - body.readUInt32BE(size + 12),
  ];
  const components = body.readUInt16BE(size + 32);
  if (width < 1 || height < 1) throw damaged(TITLE, `a size of ${width} x ${height}`);
  allow(width, height);
  const expected = 'grey or RGB of 8 to 16 bits, without alpha or palette';
  if (components !== 1 && components !== 3) throw notRead(TITLE, `${components} components`, expected);
  const head = body.subarray(0, at);
  if (head.includes('pclr')) throw notRead(TITLE, 'a palette', expected);
}

function decode({ J2KDecoder }: OpenJpeg, body: Buffer): Decoded {
  const decoder = new J2KDecoder();
  try {
    decoder.getEncodedBuffer(body.length).set(body);
    try {
      decoder.decode();
    } catch {
      // What it throws is a pointer.
      throw new Error('OpenJPEG cannot decode it');
    }
    const { width, height, bitsPerSample, componentCount, isSigned } = decoder.getFrameInfo();
    if (width < 1 || height < 1) throw damaged(TITLE, 'OpenJPEG finds no picture in it');
    const expected = 'unsigned samples of 8 to 16 bits';
    if (isSigned || bitsPerSample > 16)
      throw notRead(TITLE, `${bitsPerSample} bits${isSigned ? ' signed' : ''}`, expected);
    const found = decoder.getDecodedBuffer();
    const deep = bitsPerSample > 8;
    const data = Buffer.from(found);
    if (data.length !== width * height * componentCount * (deep ? 2 : 1))
      throw damaged(TITLE, 'fewer pixels than its size');
    spread(data, bitsPerSample);
    const channels = componentCount === 1 ? 1 : 3;
    const png = pngOf({ width, height, channels, depth: deep ? 16 : 8, data, icc: profileOf(body) });
    return { body: png, format: 'png', pages: 1 };
  } finally {
    decoder.delete();
  }
}

/** Samples over the whole of their 8 or 16 bits, and big-endian: OpenJPEG's are little. */
function spread(data: Buffer, bits: number): void {
  const largest = 2 ** bits - 1;
  if (bits > 8) {
    for (let at = 0; at < data.length; at += 2) {
      data.writeUInt16BE(Math.round((data.readUInt16LE(at) * 65_535) / largest), at);
    }
  } else if (bits < 8) {
    for (let at = 0; at < data.length; at++) data[at] = Math.round(((data[at] ?? 0) * 255) / largest);
  }
}

/** The ICC profile of the file's colour specification box, method 2: restricted ICC. ISO/IEC 15444-1, I.5.3.3. */
function profileOf(body: Buffer): Buffer | undefined {
  const head = body.subarray(0, body.indexOf(CODESTREAM));
  const at = head.indexOf('colr');
  if (at < 4 || (head[at + 4] !== 2 && head[at + 4] !== 3)) return undefined;
  const end = at - 4 + head.readUInt32BE(at - 4);
  const icc = head.subarray(at + 7, end);
  return icc.length >= 128 && icc.readUInt32BE(0) <= icc.length ? icc : undefined;
}
