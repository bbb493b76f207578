// HEIC: HEVC still images of phones and cameras, by libheif and libde265 as WebAssembly (libheif-js, LGPL-3.0).
import { sequenceLength } from '../heif-sequence.ts';
import { sharp } from '../sharp.ts';
import { pngOf } from './carrier.ts';
import { type Allow, type Decoded, type Decoder, damaged, notRead } from './decoder.ts';
import { loaded } from './loaded.ts';

const TITLE = 'HEIC';
/** Of libheif's enumerations (libheif/heif.h): RGB, and how its samples lie side by side. */
const RGB = 1;
const CHROMA = { rgb: 10, rgba: 11, rgb16: 12, rgba16: 13 } as const;
const INTERLEAVED = 10;
/** ITU-T H.273: primaries of BT.709, unspecified and Display P3; the transfers of HDR. */
const PRIMARIES = { bt709: 1, unspecified: 2, p3: 12 } as const;
const HDR: Readonly<Record<number, string>> = { 16: 'PQ (HDR)', 18: 'HLG (HDR)' };

/** heif_error_Unsupported_filetype, heif_error_Unsupported_feature, heif_error_Plugin_loading_error: a codec that is not built in. */
const UNSUPPORTED = new Set([3, 4, 11]);

/** What is used of libheif's C interface: pointers are numbers, and structures are returned through a first argument. */
interface LibHeif {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(at: number): void;
  _heif_context_alloc(): number;
  _heif_context_free(context: number): void;
  _heif_context_read_from_memory(error: number, context: number, at: number, bytes: number, options: number): void;
  _heif_context_get_number_of_top_level_images(context: number): number;
  _heif_context_get_list_of_top_level_image_IDs(context: number, ids: number, most: number): number;
  _heif_context_get_primary_image_ID(error: number, context: number, id: number): void;
  _heif_context_get_image_handle(error: number, context: number, id: number, handle: number): void;
  _heif_image_handle_get_width(handle: number): number;
  _heif_image_handle_get_height(handle: number): number;
  _heif_image_handle_has_alpha_channel(handle: number): number;
  _heif_image_handle_is_premultiplied_alpha(handle: number): number;
  _heif_image_handle_get_luma_bits_per_pixel(handle: number): number;
  _heif_image_handle_get_color_profile_type(handle: number): number;
  _heif_image_handle_get_raw_color_profile_size(handle: number): number;
  _heif_image_handle_get_raw_color_profile(error: number, handle: number, into: number): void;
  _heif_image_handle_get_nclx_color_profile(error: number, handle: number, into: number): void;
  _heif_nclx_color_profile_free(profile: number): void;
  _heif_image_handle_get_number_of_metadata_blocks(handle: number, type: number): number;
  _heif_image_handle_get_list_of_metadata_block_IDs(handle: number, type: number, ids: number, most: number): number;
  _heif_image_handle_get_metadata_type(handle: number, id: number): number;
  _heif_image_handle_get_metadata_content_type(handle: number, id: number): number;
  _heif_image_handle_get_metadata_size(handle: number, id: number): number;
  _heif_image_handle_get_metadata(error: number, handle: number, id: number, into: number): void;
  _heif_image_handle_release(handle: number): void;
  _heif_decode_image(
    error: number,
    handle: number,
    image: number,
    space: number,
    chroma: number,
    options: number,
  ): void;
  _heif_image_get_plane_readonly2(image: number, channel: number, stride: number): number;
  _heif_image_release(image: number): void;
}

async function load(): Promise<LibHeif> {
  const { default: create } = (await import('libheif-js/libheif-wasm/libheif-bundle.js')) as unknown as {
    readonly default: () => LibHeif;
  };
  return create();
}

const withPackage = loaded(load);

export const heic: Decoder = {
  format: 'heic',
  title: TITLE,
  same: 'jpeg',
  contentType: 'image/heic',
  takes: (body) => body.toString('latin1', 4, 8) === 'ftyp' && isHevc(body),
  decode: async (body, allow, { page }) => {
    return withPackage((lib) => decode(lib, body, allow, page));
  },
};

/** Whether the file's images are HEVC: an item of type `hvc1` is there, and none of the codec that sharp reads. ISO/IEC 23008-12. */
function isHevc(body: Buffer): boolean {
  const meta = metaBox(body);
  return meta.includes('hvc1') && !meta.includes('av01');
}

/** The `meta` box, where the types of all items stand: before the pixels or behind them. */
function metaBox(body: Buffer): Buffer {
  for (let at = 0; at + 16 <= body.length; ) {
    const size = body.readUInt32BE(at);
    // 1: the length follows in 64 bits. 0: up to the end.
    const length = size === 1 ? Number(body.readBigUInt64BE(at + 8)) : size === 0 ? body.length - at : size;
    if (body.toString('latin1', at + 4, at + 8) === 'meta') return body.subarray(at, at + length);
    if (length < 8) break;
    at += length;
  }
  return Buffer.alloc(0);
}

async function decode(lib: LibHeif, body: Buffer, allow: Allow, page: number): Promise<Decoded> {
  const heap = new Heap(lib);
  const context = lib._heif_context_alloc();
  let handle = 0;
  let image = 0;
  try {
    heap.check((error) => lib._heif_context_read_from_memory(error, context, heap.put(body), body.length, 0));
    const ids = pagesOf(lib, heap, context);
    heap.check((error) => lib._heif_context_get_image_handle(error, context, ids[page] ?? 0, heap.slot));
    handle = heap.u32(heap.slot);
    const width = lib._heif_image_handle_get_width(handle);
    const height = lib._heif_image_handle_get_height(handle);
    allow(width, height);
    const icc = await profileOf(lib, heap, handle);
    const alpha = lib._heif_image_handle_has_alpha_channel(handle) === 1;
    const bits = lib._heif_image_handle_get_luma_bits_per_pixel(handle);
    const deep = bits > 8;
    const chroma = deep ? (alpha ? CHROMA.rgba16 : CHROMA.rgb16) : alpha ? CHROMA.rgba : CHROMA.rgb;
    heap.check((error) => lib._heif_decode_image(error, handle, heap.slot, RGB, chroma, 0));
    image = heap.u32(heap.slot);
    const plane = lib._heif_image_get_plane_readonly2(image, INTERLEAVED, heap.slot);
    if (plane === 0) throw damaged(TITLE, 'no pixels');
    const channels = alpha ? 4 : 3;
    const data = heap.rows(plane, heap.u32(heap.slot), width * channels * (deep ? 2 : 1), height);
    if (deep) toSixteenBits(data, bits);
    if (alpha && lib._heif_image_handle_is_premultiplied_alpha(handle) === 1) unpremultiply(data, deep);
    const { exif, xmp } = metadataOf(lib, heap, handle);
    const png = pngOf({ width, height, channels, depth: deep ? 16 : 8, data, icc, exif, xmp });
    const frames = sequenceLength(body);
    return { body: png, format: 'png', ...(frames > 1 ? { pages: frames, framed: true } : { pages: ids.length }) };
  } finally {
    if (image !== 0) lib._heif_image_release(image);
    if (handle !== 0) lib._heif_image_handle_release(handle);
    lib._heif_context_free(context);
    heap.free();
  }
}

/** The ids of all images that are none's thumbnail, depth or transparency: the primary one first, the others as they stand in the file. */
function pagesOf(lib: LibHeif, heap: Heap, context: number): number[] {
  heap.check((error) => lib._heif_context_get_primary_image_ID(error, context, heap.slot));
  const primary = heap.u32(heap.slot);
  const most = lib._heif_context_get_number_of_top_level_images(context);
  const at = heap.take(4 * most);
  const count = lib._heif_context_get_list_of_top_level_image_IDs(context, at, most);
  const ids = Array.from({ length: count }, (_, place) => heap.u32(at + 4 * place));
  return [primary, ...ids.filter((id) => id !== primary)];
}

/** The profile in the file; of Display P3 that is only named, sharp's. Throws UnsupportedImage for what neither can say. */
async function profileOf(lib: LibHeif, heap: Heap, handle: number): Promise<Uint8Array | undefined> {
  const size = lib._heif_image_handle_get_raw_color_profile_size(handle);
  if (size > 0) {
    const at = heap.take(size);
    heap.check((error) => lib._heif_image_handle_get_raw_color_profile(error, handle, at));
    return heap.copy(at, size);
  }
  const type = lib._heif_image_handle_get_color_profile_type(handle);
  if (type !== fourCharacters('nclx')) return undefined;
  heap.check((error) => lib._heif_image_handle_get_nclx_color_profile(error, handle, heap.slot));
  const nclx = heap.u32(heap.slot);
  // struct heif_color_profile_nclx: a byte of version, then enumerations of four bytes each.
  const [primaries, transfer] = [heap.u32(nclx + 4), heap.u32(nclx + 8)];
  lib._heif_nclx_color_profile_free(nclx);
  const hdr = HDR[transfer];
  if (hdr !== undefined) throw notRead(TITLE, hdr, 'a picture of standard range');
  if (primaries === PRIMARIES.p3) return displayP3();
  if (primaries === PRIMARIES.bt709 || primaries === PRIMARIES.unspecified) return undefined;
  throw notRead(TITLE, `colour primaries ${primaries} and no profile`, 'an ICC profile, sRGB or Display P3');
}

async function displayP3(): Promise<Uint8Array | undefined> {
  const pixel = { width: 1, height: 1, channels: 3, background: '#000' } as const;
  const png = await sharp({ create: pixel }).withIccProfile('p3').png().toBuffer();
  return (await sharp(png).metadata()).icc;
}

function metadataOf(lib: LibHeif, heap: Heap, handle: number): { exif?: Buffer; xmp?: Buffer } {
  const found: { exif?: Buffer; xmp?: Buffer } = {};
  const count = lib._heif_image_handle_get_number_of_metadata_blocks(handle, 0);
  const ids = heap.take(4 * count);
  lib._heif_image_handle_get_list_of_metadata_block_IDs(handle, 0, ids, count);
  for (let place = 0; place < count; place++) {
    const id = heap.u32(ids + 4 * place);
    const size = lib._heif_image_handle_get_metadata_size(handle, id);
    const at = heap.take(size);
    heap.check((error) => lib._heif_image_handle_get_metadata(error, handle, id, at));
    const block = heap.copy(at, size);
    const type = heap.text(lib._heif_image_handle_get_metadata_type(handle, id));
    // The first four bytes say where after them the TIFF header begins.
    if (type === 'Exif' && size > 4) found.exif = block.subarray(4 + block.readUInt32BE(0));
    const contentType = heap.text(lib._heif_image_handle_get_metadata_content_type(handle, id));
    if (type === 'mime' && contentType === 'application/rdf+xml') found.xmp = block;
  }
  return found;
}

/** Spreads samples of 10 or 12 bits over 16, so that white stays white. */
function toSixteenBits(data: Buffer, bits: number): void {
  const largest = 2 ** bits - 1;
  for (let at = 0; at < data.length; at += 2) {
    data.writeUInt16BE(Math.round((data.readUInt16BE(at) * 65_535) / largest), at);
  }
}

function unpremultiply(data: Buffer, deep: boolean): void {
  const step = deep ? 2 : 1;
  const read = (at: number): number => (deep ? data.readUInt16BE(at) : (data[at] ?? 0));
  const write = (value: number, at: number): unknown =>
    deep ? data.writeUInt16BE(value, at) : data.writeUInt8(value, at);
  const full = deep ? 65_535 : 255;
  for (let at = 0; at < data.length; at += 4 * step) {
    const alpha = read(at + 3 * step);
    if (alpha === 0 || alpha === full) continue;
    for (let channel = 0; channel < 3; channel++) {
      const place = at + channel * step;
      write(Math.min(full, Math.round((read(place) * full) / alpha)), place);
    }
  }
}

function fourCharacters(text: string): number {
  return Buffer.from(text, 'latin1').readUInt32BE(0);
}

/** Memory of the module: what was taken is given back together. The heap may move whenever the module allocates. */
class Heap {
  readonly #lib: LibHeif;
  readonly #taken: number[] = [];
  /** Room for one answer of eight bytes. */
  readonly slot: number;
  readonly #error: number;

  constructor(lib: LibHeif) {
    this.#lib = lib;
    this.slot = this.take(8);
    this.#error = this.take(16);
  }

  take(bytes: number): number {
    const at = this.#lib._malloc(Math.max(1, bytes));
    if (at === 0) throw new Error(`no memory for ${bytes} bytes`);
    this.#taken.push(at);
    return at;
  }

  put(bytes: Uint8Array): number {
    const at = this.take(bytes.length);
    this.#lib.HEAPU8.set(bytes, at);
    return at;
  }

  u32(at: number): number {
    return new DataView(this.#lib.HEAPU8.buffer).getUint32(at, true);
  }

  text(at: number): string {
    const heap = this.#lib.HEAPU8;
    return at === 0 ? '' : Buffer.from(heap.subarray(at, heap.indexOf(0, at))).toString();
  }

  copy(at: number, bytes: number): Buffer {
    return Buffer.from(this.#lib.HEAPU8.subarray(at, at + bytes));
  }

  rows(at: number, stride: number, row: number, height: number): Buffer {
    const data = Buffer.allocUnsafe(row * height);
    for (let y = 0; y < height; y++) {
      data.set(this.#lib.HEAPU8.subarray(at + y * stride, at + y * stride + row), y * row);
    }
    return data;
  }

  /** Calls a function that returns a heif_error. Throws its words: CorruptImage, or UnsupportedImage for what is not built in. */
  check(call: (error: number) => void): void {
    call(this.#error);
    const [code, subcode] = [this.u32(this.#error), this.u32(this.#error + 4)];
    if (code === 0) return;
    const words = this.text(this.u32(this.#error + 8)).replace(/\s+/g, ' ');
    if (UNSUPPORTED.has(code)) throw notRead(TITLE, words, 'HEVC images of 8, 10 or 12 bits');
    throw damaged(TITLE, `${words} (libheif ${code}.${subcode})`);
  }

  free(): void {
    for (const at of this.#taken) this.#lib._free(at);
  }
}
