// Which sources meet at one output key: found exactly, over any number of keys, in bounded memory.
import type { Comparable } from '../recipe/keys.ts';
import { createPartitions } from './partitions.ts';

/** Output keys that are named. */
const MOST_EXAMPLES = 10;
/** Sources that are named of one of them. */
const MOST_SOURCES = 3;

/** What was found. */
export interface Collisions {
  /** Output keys that several sources would write. */
  readonly outputs: number;
  /** Sources that would fail for it: all but the first at each of them. */
  readonly keys: number;
  readonly examples: readonly { readonly output: string; readonly sources: readonly string[] }[];
  /** Outputs of each source whose keys only the image knows: those were not compared. */
  readonly unknownOutputs: number;
}

export interface CollisionFinder {
  /** Takes a source by its key below the source's prefix. Throws UnsafeKey. */
  add(source: string): void;
  /** Ends the adding. */
  find(): Collisions;
  close(): void;
}

/** Makes one. A source that is added twice is one source. Sources lie on disk meanwhile, about 50 bytes each. */
export function createCollisionFinder(
  comparable: Comparable,
  options: { readonly directory?: string; readonly mostBytes?: number } = {},
): CollisionFinder {
  const several = comparable.keysOf('a').length > 1;
  // A source's text can hold any character; JSON keeps it in one line. The place of the output goes before it.
  const parsed = (line: string): { readonly output: string; readonly source: string } => {
    const cut = line.indexOf(' ');
    const source = JSON.parse(line.slice(cut + 1)) as string;
    return { output: comparable.keysOf(source)[Number(line.slice(0, cut))] ?? '', source };
  };
  const sources = createPartitions({ ...options, nameOf: (line) => parsed(line).output });
  const losers = createPartitions({ ...options, nameOf: (line) => line });

  return {
    add(source) {
      const text = JSON.stringify(source);
      for (const [place, output] of comparable.keysOf(source).entries()) sources.add(output, `${place} ${text}`);
    },
    find() {
      let outputs = 0;
      let keys = 0;
      const examples: { output: string; sources: string[] }[] = [];
      for (const lines of sources.parts()) {
        const found = new Map<string, string[]>();
        const first = new Map<string, string>();
        for (const line of lines) {
          const { output, source } = parsed(line);
          const owner = first.get(output);
          if (owner === undefined) first.set(output, source);
          else if (owner !== source) {
            const others = found.get(output);
            if (others === undefined) found.set(output, [source]);
            else others.push(source);
          }
        }
        for (const [output, others] of found) {
          outputs++;
          // At one key of each source, or none, a source loses once; else it is counted where it comes together again.
          const distinct = new Set(others);
          if (several) for (const source of distinct) losers.add(source, JSON.stringify(source));
          else keys += distinct.size;
          if (examples.length < MOST_EXAMPLES) {
            examples.push({ output, sources: [first.get(output) ?? '', ...distinct].slice(0, MOST_SOURCES) });
          }
        }
      }
      if (several) for (const lines of losers.parts()) keys += new Set(lines).size;
      return { outputs, keys, examples, unknownOutputs: comparable.unknown };
    },
    close() {
      sources.close();
      losers.close();
    },
  };
}
