// What else shrinks photos on this machine: vipsthumbnail, ImageMagick and a thread pool with Pillow, each where installed.
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { timeProgram, works } from './processes.ts';

/** Shrinks all photos of a directory into another, which exists. */
export interface Tool {
  readonly name: string;
  run(source: string, destination: string): Promise<unknown>;
}

const CORES = availableParallelism();
const PILLOW = resolve(import.meta.dirname, 'pillow.py');

/** The tools that work here, each given its best chance: one process or thread per core, decoding at a reduced size. */
export function installedTools(): Tool[] {
  const tools: Tool[] = [];
  if (works('vipsthumbnail', ['--version'])) {
    tools.push({
      name: `vipsthumbnail x${CORES}`,
      run: perCore('vipsthumbnail', vipsthumbnail, { VIPS_CONCURRENCY: '1' }),
    });
  }
  if (works('mogrify', ['-version'])) {
    tools.push({ name: `mogrify x${CORES}`, run: perCore('mogrify', mogrify, { MAGICK_THREAD_LIMIT: '1' }) });
  }
  const python = [process.env['PYTHON'] ?? 'python3', '/usr/bin/python3'].find((name) =>
    works(name, ['-c', 'import PIL']),
  );
  if (python !== undefined) {
    const run = (source: string, destination: string) =>
      timeProgram(python, [PILLOW, source, destination, String(CORES)]);
    tools.push({ name: 'Pillow threads', run });
  }
  return tools;
}

function vipsthumbnail(files: readonly string[], destination: string): string[] {
  return ['--size', '1024x1024>', '--output', join(destination, '%s.jpg[Q=80,strip]'), ...files];
}

function mogrify(files: readonly string[], destination: string): string[] {
  const decode = ['-define', 'jpeg:size=2048x2048'];
  return [
    ...decode,
    '-path',
    destination,
    '-auto-orient',
    '-resize',
    '1024x1024>',
    '-strip',
    '-quality',
    '80',
    ...files,
  ];
}

/** One process per core, each with its share of the files. */
function perCore(
  program: string,
  args: (files: readonly string[], destination: string) => string[],
  env: NodeJS.ProcessEnv,
): Tool['run'] {
  return async (source, destination) => {
    const files = (await readdir(source)).sort().map((name) => join(source, name));
    const shares = Array.from({ length: CORES }, (_, core) => files.filter((_, at) => at % CORES === core));
    await Promise.all(shares.map((share) => timeProgram(program, args(share, destination), { env })));
  };
}
