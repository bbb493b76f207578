// A manifest from standard input: put into a file, which can be read from its start more than once.
import { createWriteStream } from 'node:fs';
import { mkdtemp, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { endingOf } from '../../lambda/prepare/manifest.ts';
import { decompressed } from '../../lambda/store/content.ts';
import { UsageError } from './command.ts';

/** A job whose manifest is a file now. */
export interface FromStandardInput extends AsyncDisposable {
  readonly input: Record<string, unknown>;
  /** Whether it came from standard input: then the file is gone with this. */
  readonly isRead: boolean;
}

/** So many bytes tell what a list is: a header fits in, or the first line. */
const HEAD_BYTES = 65_536;

/**
 * The job with its manifest `-` read into a file of its own, named by what it is: a JSON array, JSONL, a CSV when its first
 * line has a column `key`, else plain text; gzip or zstd is undone. Any other job stays as it is. Throws UsageError when
 * standard input is a terminal.
 */
export async function withStandardInput(
  input: Record<string, unknown>,
  stream: NodeJS.ReadStream = process.stdin,
): Promise<FromStandardInput> {
  if (input['manifest'] !== '-') return { input, isRead: false, [Symbol.asyncDispose]: async () => {} };
  if (stream.isTTY) throw new UsageError('--manifest -: expected a list of keys on standard input, got a terminal');
  const folder = await mkdtemp(join(tmpdir(), 'image-fanout-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const spool = join(folder, 'manifest');
    await pipeline(await decompressed(stream), createWriteStream(spool));
    const file = await open(spool);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    await file.close();
    const manifest = `${spool}${endingOf(buffer.toString('utf8', 0, bytesRead))}`;
    await rename(spool, manifest);
    return { input: { ...input, manifest }, isRead: true, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
