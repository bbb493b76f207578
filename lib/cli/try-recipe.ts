// What a recipe makes of one image: told, and written where that is asked for.
import { FanoutError } from '../../lambda/contract/errors.ts';
import { directoryLocation } from '../../lambda/contract/location.ts';
import { createTransform, type Transformed } from '../../lambda/image/transform.ts';
import type { Recipe } from '../../lambda/recipe/recipe.ts';
import { printable } from '../../lambda/report/printable.ts';
import { formatBytes, formatDuration } from '../../lambda/report/units.ts';
import { openStores } from '../../lambda/store/open.ts';
import { EXIT, type ExitCode } from './command.ts';
import { readImage, readOverlays } from './recipe-input.ts';

export interface TryOptions {
  readonly destination: string;
  readonly json: boolean;
  /** A directory to write the outputs to, none of which may be there. Default: nothing is written. */
  readonly out: string | undefined;
}

/** Throws what the image room throws, and OutputExists when something stands where an output should go. */
export async function tryRecipe(
  recipe: Recipe,
  image: string,
  { destination, json, out }: TryOptions,
): Promise<ExitCode> {
  const { body, ...input } = await readImage(image, await readOverlays([recipe], destination));
  const { source, renditions, placeholder } = await createTransform()({ ...input, body, recipe });
  if (out !== undefined) await writeAll(out, renditions);
  const facts = renditions.map(({ body: output, ...rest }) => ({ ...rest, bytes: output.length }));
  if (json) {
    const told = { source: { ...source, bytes: body.length }, renditions: facts, placeholder };
    process.stdout.write(`${JSON.stringify(told, undefined, 2)}\n`);
    return EXIT.succeeded;
  }
  const lines = facts.map(({ key, width, height, quality, ssim, bytes, milliseconds }) => {
    const size = width === undefined ? '' : `${width} x ${height}`;
    const how = [quality && `quality ${quality}`, ssim && `SSIM ${ssim.toFixed(4)}`].filter(Boolean).join(', ');
    return `  ${printable(key)}  ${size}  ${formatBytes(bytes)}  ${formatDuration(milliseconds)}${how === '' ? '' : `  ${how}`}`;
  });
  const { format, width, height } = source;
  const end = out === undefined ? 'Nothing was written.' : `Written to ${printable(out)}.`;
  process.stdout.write(
    `${printable(image)}: ${format}, ${width} x ${height}, ${formatBytes(body.length)}\n${lines.join('\n')}\n${end}\n`,
  );
  return EXIT.succeeded;
}

/** Writes all or, when one of them is there, none. */
async function writeAll(out: string, renditions: Transformed['renditions']): Promise<void> {
  const stores = openStores();
  const store = stores.open(directoryLocation(out).bucket);
  try {
    for (const { key } of renditions) if ((await store.head(key)) !== undefined) throw exists(out, key);
    for (const { key, body } of renditions) {
      if ((await store.write(key, body, { expect: 'absent' })) === undefined) throw exists(out, key);
    }
  } finally {
    await stores.close();
  }
}

function exists(out: string, key: string): FanoutError {
  return new FanoutError('OutputExists', `${key} is in ${out} already: expected a directory without it`);
}
