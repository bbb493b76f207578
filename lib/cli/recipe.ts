// `recipe`: lists the presets, checks a recipe, shows or writes what it makes of one image, and compares variants of it by eye.
import { definedOnly } from '../../lambda/contract/defined.ts';
import { suggest } from '../../lambda/contract/suggest.ts';
import { defineCommand, EXIT, type ExitCode, UsageError } from './command.ts';

const USAGE = [
  'recipe list',
  'recipe check NAME|FILE [IMAGE [--out DIR]]',
  'recipe lab NAME|FILE IMAGE… [--vary FIELD=VALUE,…]… [--out FILE]',
  'recipe snippet MANIFEST|RUN [--base URL] [--sizes TEXT] [--alt TEXT] [--json]',
  'recipe schema',
] as const;

export const command = defineCommand({
  summary: 'Lists the presets, checks a recipe, or shows what a recipe and variants of it make of images.',
  usage: USAGE,
  arguments: [1, 1000],
  details: [
    '`check` lists every problem of a recipe, or its outputs. With IMAGE it makes them, and writes them only to --out.',
    '`lab` makes a page from a handful of images: every output of the recipe and of its variants side by side, with a\nslider and a zoom, bytes, milliseconds, SSIM, a curve of bytes against likeness, and each variant as a recipe to copy.',
    '`snippet` prints a <picture> element for the manifest of an image, or for each image of a run: its folder, or a\ndestination (its latest run). With --json it prints one combined manifest instead.',
  ],
  options: {
    destination: {
      type: 'string',
      value: 'DST',
      help: 'Where watermarks lie that are no s3:// references. Default: the working directory.',
    },
    out: {
      type: 'string',
      value: 'DIR|FILE',
      help: 'check: writes the outputs there. lab: the page; default: recipe-lab.html.',
    },
    vary: {
      type: 'string',
      multiple: true,
      value: 'FIELD=VALUE,…',
      help: 'lab: a variant for each value of a field, such as jpeg.quality=60,70,80 or format=webp,avif; several: each with each.',
    },
    base: {
      type: 'string',
      value: 'URL',
      help: 'snippet: what URLs begin with. Default: they are relative to the destination.',
    },
    sizes: {
      type: 'string',
      value: 'TEXT',
      help: 'snippet: the sizes attribute. Default: as wide as the window, as far as there are pixels.',
    },
    alt: { type: 'string', value: 'TEXT', help: 'snippet: the alt attribute. Default: empty.' },
    json: { type: 'boolean', help: 'The answer as one JSON document.' },
  },
  async run([action = '', ...given], { json = false, destination = '.', out, vary = [], base, sizes, alt }) {
    const [recipe, image, ...more] = given;
    if (action !== 'lab' && vary.length > 0) throw new UsageError('--vary: expected recipe lab, got something else');
    if (out !== undefined && image === undefined) throw new UsageError('--out: expected an IMAGE, got none');
    if (action === 'list' && recipe === undefined) return await list(json);
    if (action === 'schema' && recipe === undefined) return await schema();
    if (action === 'check' && recipe !== undefined && more.length === 0)
      return await check(recipe, { image, destination, json, out });
    if (action === 'lab' && recipe !== undefined && image !== undefined) {
      const { lab } = await import('./lab/lab.ts');
      return await lab(recipe, [image, ...more], { destination, vary, out });
    }
    if (action === 'snippet' && recipe !== undefined && image === undefined) {
      const { snippet } = await import('./snippet/snippet.ts');
      return await snippet(recipe, { json, ...definedOnly({ base, sizes, alt }) });
    }
    const near = suggest(action, ['list', 'check', 'lab', 'snippet', 'schema']);
    const hint = near === undefined || near === action ? '' : `; did you mean ${near}?`;
    throw new UsageError(`expected ${USAGE.join(' or ')}, got recipe ${[action, ...given].join(' ')}${hint}`);
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
  { image, ...options }: { image: string | undefined; destination: string; json: boolean; out: string | undefined },
): Promise<ExitCode> {
  const [{ resolveRecipe }, { readGiven }] = await Promise.all([
    import('../../lambda/recipe/recipe.ts'),
    import('./recipe-input.ts'),
  ]);
  const recipe = resolveRecipe(await readGiven(given));
  if (image !== undefined) {
    const { tryRecipe } = await import('./try-recipe.ts');
    return await tryRecipe(recipe, image, options);
  }
  if (options.json) process.stdout.write(`${JSON.stringify(recipe, undefined, 2)}\n`);
  else {
    const lines = recipe.outputs.map(
      ({ name, key, formats }) => `  ${name.padEnd(16)} ${formats.join(' or ').padEnd(12)} ${key}`,
    );
    process.stdout.write(`${given} is a valid recipe with ${recipe.outputs.length} outputs:\n${lines.join('\n')}\n`);
  }
  return EXIT.succeeded;
}
