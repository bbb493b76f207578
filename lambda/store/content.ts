// The content of a manifest or result file: decompressed by what its first bytes say, and split into lines.
import { once } from 'node:events';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

/** Step Functions knows external GZIP and ZSTD: magic numbers of RFC 1952 and RFC 8878. */
const COMPRESSIONS = [
  { magic: Buffer.from([0x1f, 0x8b]), decompress: createGunzip },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), decompress: createZstdDecompress },
];

/** The plain bytes of a stream that may be compressed. Errors of the source end the answer's stream. */
export async function decompressed(source: Readable): Promise<Readable> {
  const head = await firstBytes(source);
  const found = COMPRESSIONS.find(({ magic }) => head.subarray(0, magic.length).equals(magic));
  const target = found === undefined ? new PassThrough() : found.decompress();
  // The error is the reader's to see: pipeline destroys the target with it.
  return await withoutMark(pipeline(source, target, () => {}) as unknown as Readable);
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** The stream after a byte order mark, which editors and spreadsheets on Windows put before UTF-8. */
async function withoutMark(stream: Readable): Promise<Readable> {
  const head = await firstBytes(stream);
  if (!head.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) return stream;
  stream.read();
  const rest = head.subarray(BYTE_ORDER_MARK.length);
  if (rest.length > 0) stream.unshift(rest);
  return stream;
}

async function firstBytes(source: Readable): Promise<Buffer> {
  for (;;) {
    const chunk: Buffer | string | null = source.read();
    if (chunk !== null) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      source.unshift(bytes);
      return bytes;
    }
    if (source.errored) throw source.errored;
    if (source.readableEnded || source.destroyed) return Buffer.alloc(0);
    await Promise.race([once(source, 'readable'), once(source, 'end')]);
  }
}

/** Lines without their ends, in groups; the last may lack its line feed. Empty lines are left out. */
export async function* linesOf(source: AsyncIterable<Buffer | string>): AsyncGenerator<string[]> {
  for await (const lines of allLinesOf(source)) yield lines.filter((line) => line.trim() !== '');
}

/** The same with the empty ones, for whoever numbers them. */
export async function* allLinesOf(source: AsyncIterable<Buffer | string>): AsyncGenerator<string[]> {
  let rest: Buffer[] = [];
  for await (const piece of source) {
    const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
    const end = chunk.lastIndexOf(0x0a);
    if (end < 0) {
      rest.push(chunk);
      continue;
    }
    // Split at bytes, not characters: a chunk may end within a character.
    const whole = Buffer.concat([...rest, chunk.subarray(0, end)]).toString();
    rest = [chunk.subarray(end + 1)];
    yield whole.split('\n');
  }
  const last = Buffer.concat(rest).toString();
  if (last !== '') yield [last];
}
