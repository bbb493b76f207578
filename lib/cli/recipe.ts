// `recipe`: lists the presets, checks a recipe, and shows what it makes of one image without writing anything.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { suggest } from '../../lambda/contract/suggest.ts';
import type { Recipe } from '../../lambda/recipe/recipe.ts';
import { printable } from '../../lambda/report/printable.ts';
import { defineCommand, EXIT, type ExitCode, UsageError } from './command.ts';
import { readJson } from './job-options.ts';

const USAGE = ['recipe list', 'recipe check NAME|FILE [IMAGE]', 'recipe schema'] as const;

export const command = defineCommand({
  summary: 'Lists the presets, checks a recipe, or shows what a recipe makes of an image.',
  usage: USAGE,
  arguments: [1, 3],
  details: ['`check` lists every problem of a recipe, or its outputs. With IMAGE it makes them, and writes none.'],
  options: {
    destination: {
      type: 'string',
      value: 'DST',
      help: 'Where watermarks lie that are no s3:// references. Default: the working directory.',
    },
    json: { type: 'boolean', help: 'The answer as one JSON document.' },
  },
  async run([action = '', recipe, image], { json = false, destination = '.' }) {
    if (action === 'list' && recipe === undefined) return await list(json);
    if (action === 'schema' && recipe === undefined) return await schema();
    if (action === 'check' && recipe !== undefined) return await check(recipe, { image, destination, json });
    const near = suggest(action, ['list', 'check', 'schema']);
    const hint = near === undefined || near === action ? '' : `; did you mean ${near}?`;
    throw new UsageError(
      `expected ${USAGE.join(' or ')}, got recipe ${[action, recipe, image].filter(Boolean).join(' ')}${hint}`,
    );
  },
});

async function list(json: boolean): Promise<ExitCode> {
  const { PRESETS, resolveRecipe } = await import('../../lambda/recipe/recipe.ts');
  if (json) {
    process.stdout.write(`${JSON.stringify(PRESETS, undefined, 2)}\n`);
    return EXIT.succeeded;
  }
  for (const name of Object.keys(PRESETS)) {
    const { outputs } = resolveRecipe(name);
    process.stdout.write(`${name.padEnd(12)}${outputs.map((output) => output.name).join(', ')}\n`);
  }
  return EXIT.succeeded;
}

async function schema(): Promise<ExitCode> {
  const { recipeJsonSchema } = await import('../../lambda/recipe/recipe.ts');
  process.stdout.write(`${JSON.stringify(recipeJsonSchema(), undefined, 2)}\n`);
  return EXIT.succeeded;
}

/** Throws InvalidJob that lists every problem, and what the image room throws. */
async function check(
  given: string,
  {
    image,
    destination,
    json,
  }: { readonly image: string | undefined; readonly destination: string; readonly json: boolean },
): Promise<ExitCode> {
  const { resolveRecipe } = await import('../../lambda/recipe/recipe.ts');
  const recipe = resolveRecipe(/\.json$/i.test(given) ? await readJson('recipe', given) : given);
  if (image !== undefined) return await tryOut(recipe, image, destination, json);
  if (json) process.stdout.write(`${JSON.stringify(recipe, undefined, 2)}\n`);
  else {
    const lines = recipe.outputs.map(
      ({ name, key, formats }) => `  ${name.padEnd(16)} ${formats.join(' or ').padEnd(12)} ${key}`,
    );
    process.stdout.write(`${given} is a valid recipe with ${recipe.outputs.length} outputs:\n${lines.join('\n')}\n`);
  }
  return EXIT.succeeded;
}

async function tryOut(recipe: Recipe, image: string, destination: string, json: boolean): Promise<ExitCode> {
  const [
    { createTransform },
    { overlayReferences },
    { parseLocation, resolveReference },
    { limitsSchema },
    { openStores },
    units,
  ] = await Promise.all([
    import('../../lambda/image/transform.ts'),
    import('../../lambda/image/overlays.ts'),
    import('../../lambda/contract/location.ts'),
    import('../../lambda/contract/limits.ts'),
    import('../../lambda/store/open.ts'),
    import('../../lambda/report/units.ts'),
  ]);
  const body = await readFile(image).catch((error: Error) => {
    throw new UsageError(`IMAGE: ${error.message}`);
  });
  const stores = openStores();
  const below = parseLocation(destination);
  try {
    const overlays = new Map<string, Buffer>();
    for (const reference of overlayReferences(recipe)) {
      const { bucket, key } = resolveReference(reference, below);
      overlays.set(reference, (await stores.open(bucket).read(key)).body);
    }
    const { source, renditions, placeholder } = await createTransform()({
      ...{ body, key: basename(image), recipe, overlays },
      limits: limitsSchema.parse({}),
    });
    const facts = renditions.map(({ body: output, ...rest }) => ({ ...rest, bytes: output.length }));
    if (json) {
      process.stdout.write(
        `${JSON.stringify({ source: { ...source, bytes: body.length }, renditions: facts, placeholder }, undefined, 2)}\n`,
      );
      return EXIT.succeeded;
    }
    const { formatBytes, formatDuration } = units;
    const lines = facts.map(({ key, width, height, quality, ssim, bytes, milliseconds }) => {
      const size = width === undefined ? '' : `${width} x ${height}`;
      const how = [quality && `quality ${quality}`, ssim && `SSIM ${ssim.toFixed(4)}`].filter(Boolean).join(', ');
      return `  ${printable(key)}  ${size}  ${formatBytes(bytes)}  ${formatDuration(milliseconds)}${how === '' ? '' : `  ${how}`}`;
    });
    const { format, width, height } = source;
    process.stdout.write(
      `${printable(image)}: ${format}, ${width} x ${height}, ${formatBytes(body.length)}\n${lines.join('\n')}\nNothing was written.\n`,
    );
    return EXIT.succeeded;
  } finally {
    await stores.close();
  }
}
