// The JSON and JSONL readers: an array, an object or lines of any length, in bounded memory.
import type { Readable } from 'node:stream';
import { Assembler } from 'stream-json/assembler.js';
import { parser, type Token } from 'stream-json/parser.js';
import { allLinesOf } from '../../../lambda/store/content.ts';
import type { Json } from '../../states-language.ts';
import { StatesError } from '../states-error.ts';
import type { ReadItem } from './items.ts';

/** One item per line. A line that is no JSON ends the reading, after the items before it, with its number. */
export async function* jsonLines(content: AsyncIterable<Buffer | string>): AsyncGenerator<ReadItem[]> {
  let number = 0;
  for await (const lines of allLinesOf(content)) {
    const page: ReadItem[] = [];
    let failure: StatesError | undefined;
    for (const line of lines) {
      number += 1;
      if (line.trim() === '') continue;
      try {
        page.push({ value: JSON.parse(line) as Json });
      } catch (error) {
        const cause = `Line ${number} is not JSON: ${(error as Error).message}`;
        failure = new StatesError('States.ItemReaderFailed', cause);
        break;
      }
    }
    if (page.length > 0) yield page;
    if (failure !== undefined) throw failure;
  }
}

/**
 * The elements of the array, or the members of the object, at `pointer` (RFC 6901; the whole document by default).
 * Ends with States.ItemReaderFailed when nothing that can be iterated is there.
 */
export async function* jsonItems(content: Readable, pointer = ''): AsyncGenerator<ReadItem> {
  const tokens = content.pipe(parser.asStream({ streamValues: false }));
  content.once('error', (error) => tokens.destroy(error));
  try {
    yield* itemsAt(pointerSteps(pointer), tokens as AsyncIterable<Token>);
  } finally {
    content.destroy();
    tokens.destroy();
  }
}

interface Level {
  readonly array: boolean;
  /** Where in its parent: the key, or the index. */
  step: string;
  index: number;
}

async function* itemsAt(steps: readonly string[], tokens: AsyncIterable<Token>): AsyncGenerator<ReadItem> {
  const levels: Level[] = [];
  let assembler: Assembler<Json> | undefined;
  const reached = () => levels.length === steps.length + 1 && steps.every((step, at) => levels[at]?.step === step);
  for await (const token of tokens) {
    const parent = levels.at(-1);
    if (assembler === undefined) {
      if (token.name === 'keyValue') {
        if (parent !== undefined) parent.step = token.value;
        continue;
      }
      if (token.name === 'endObject' || token.name === 'endArray') {
        if (reached()) return;
        levels.pop();
        continue;
      }
      if (parent?.array) parent.step = String(parent.index++);
      if (!reached()) {
        // A scalar where the pointer wants more, or anything that lies beside its way: only the nesting counts.
        if (token.name !== 'startObject' && token.name !== 'startArray') {
          if (levels.length === steps.length && stepsMatch(levels, steps)) throw notIterable();
          continue;
        }
        levels.push({ array: token.name === 'startArray', step: '', index: 0 });
        continue;
      }
      // Recorded of a whole file: the members of an object are no items. Below a pointer the documentation has them so.
      if (steps.length === 0 && parent?.array === false) throw notIterable();
      assembler = new Assembler<Json>();
    }
    assembler.consume(token);
    if (!assembler.done) continue;
    const value = assembler.current as Json;
    yield parent?.array === false ? { value, key: parent.step } : { value };
    assembler = undefined;
  }
  throw notIterable();
}

const stepsMatch = (levels: readonly Level[], steps: readonly string[]) =>
  steps.every((step, at) => levels[at]?.step === step);

/** The service's own sentence. */
function notIterable(): StatesError {
  return new StatesError('States.ItemReaderFailed', 'Attempting to map over non-iterable node.');
}

function pointerSteps(pointer: string): readonly string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}
