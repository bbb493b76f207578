// Splits a stream of bytes into lines, many at a time: what result files and the sorter's chunks are read with.
import { StringDecoder } from 'node:string_decoder';

/**
 * Yields the lines of a stream in batches, without their line feeds. The end of the file ends the last line; empty
 * lines are left out. Splits at `\n` only, as JSON Lines does: U+2028 and friends stay inside their line.
 */
export async function* lines(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<readonly string[]> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const text =
      rest +
      (typeof chunk === 'string'
        ? chunk
        : decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
    const batch = text.split('\n');
    rest = batch.pop() ?? '';
    if (batch.length > 0) yield batch.filter((line) => line !== '');
  }
  rest += decoder.end();
  if (rest !== '') yield [rest];
}
