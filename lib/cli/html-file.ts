// Writes a page into a file that a person names, and never over something that is no page of ours.
import { open, writeFile } from 'node:fs/promises';
import { GENERATOR } from '../../lambda/report/page/document.ts';
import { UsageError } from './command.ts';

/** Bytes in which a page of ours says that it is one. */
const HEAD = 4096;

/** Throws UsageError for a name that is no page's, and an Error for a file that is there and not ours. */
export async function writeHtmlFile(path: string, body: Uint8Array | string): Promise<void> {
  if (!/\.html?$/i.test(path)) throw new UsageError(`expected a file whose name ends in .html, got ${path}`);
  try {
    await writeFile(path, body, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!(await isOurs(path))) throw new Error(`${path} is there, and is no page of image-fanout; name another file`);
    await writeFile(path, body);
  }
}

async function isOurs(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
    return buffer.subarray(0, bytesRead).includes(GENERATOR);
  } finally {
    await file.close();
  }
}
