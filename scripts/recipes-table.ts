// Writes docs/recipes.md and the table of operations and formats in README.md from the schemas that read them.
import { readFileSync, writeFileSync } from 'node:fs';
import type { z } from 'zod';
import { limitsSchema } from '../lambda/contract/limits.ts';
import { ENCODERS } from '../lambda/recipe/encoders.ts';
import { PLACEHOLDERS } from '../lambda/recipe/keys.ts';
import { FORMAT_NAMES, FORMATS, OPERATION_ORDER } from '../lambda/recipe/names.ts';
import { OPERATIONS } from '../lambda/recipe/operations.ts';
import { PRESETS } from '../lambda/recipe/recipe.ts';
import { recipeObject } from '../lambda/recipe/schema.ts';

const DOCS = new URL('../docs/recipes.md', import.meta.url);
const README = new URL('../README.md', import.meta.url);
const [START, END] = ['<!-- recipes:start -->', '<!-- recipes:end -->'];

/** Field names of a closed schema; none for a plain value. */
function fieldsOf(schema: z.ZodType): string[] {
  return 'shape' in schema ? Object.keys(schema.shape as object) : [];
}

function code(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(', ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function operationOptions(name: (typeof OPERATION_ORDER)[number]): string[] {
  return fieldsOf(name === 'composite' ? OPERATIONS.composite.schema.element : OPERATIONS[name].schema);
}

const operations = table(
  ['operation', 'options', 'what it does'],
  OPERATION_ORDER.map((name) => [`\`${name}\``, code(operationOptions(name)) || '`true`', OPERATIONS[name].about]),
);

const yes = (on: boolean): string => (on ? 'yes' : '');
const formats = table(
  ['format', 'options', 'animated', '16 bits', 'alpha'],
  FORMAT_NAMES.map((name) => {
    const { animated, deep, alpha } = FORMATS[name];
    return [`\`${name}\``, code(fieldsOf(ENCODERS[name])), yes(animated), yes(deep), yes(alpha)];
  }),
);

/** The recipe's fields that are neither operations nor encoders. */
function fields(): string {
  const known = new Set<string>([...OPERATION_ORDER, ...FORMAT_NAMES]);
  return table(
    ['field', 'what it says'],
    Object.entries(recipeObject.shape)
      .filter(([name]) => !known.has(name))
      .map(([name, schema]) => {
        if (schema.description === undefined) throw new Error(`recipe field ${name} has no description`);
        return [`\`${name}\``, schema.description];
      }),
  );
}

/** Throws when an operation, option or format of the schemas is in no table: what nobody can read does not exist. */
export function assertComplete(text: string): void {
  const inTables = (name: string): boolean => text.includes(`\`${name}\``);
  const missing = [
    ...OPERATION_ORDER.flatMap((name) => [name, ...operationOptions(name)]),
    ...FORMAT_NAMES.flatMap((name) => [name, ...fieldsOf(ENCODERS[name])]),
    ...Object.keys(recipeObject.shape),
    ...Object.keys(PLACEHOLDERS).map((name) => `{${name}}`),
    ...Object.keys(limitsSchema.shape),
  ].filter((name) => !inTables(name));
  if (missing.length > 0) throw new Error(`docs/recipes.md would lack ${[...new Set(missing)].join(', ')}`);
}

/** The whole of docs/recipes.md. */
export const document = `<!-- Written by scripts/recipes-table.ts; change the schemas in lambda/recipe/ instead. -->
# Recipes

A recipe says what each image becomes: a preset's name, or JSON.

\`\`\`json
{
  "trim": {},
  "webp": { "quality": 75 },
  "outputs": [
    { "name": "thumb", "format": "webp", "resize": { "width": 200, "height": 200, "fit": "cover" } },
    { "name": "page", "best": ["avif", "webp", "jpeg"], "widths": [640, 1280], "minSsim": 0.98 }
  ]
}
\`\`\`

Operations beside \`outputs\` run once, before the outputs part. Any other field there is the default of each output.
\`image-fanout recipe check FILE [IMAGE]\` checks a recipe, and shows what it makes of an image; \`--out DIR\` writes that, too.

\`image-fanout recipe lab FILE IMAGE…\` makes a page from a handful of one's own images, to choose by eye: every output beside its
source and beside the variants that are asked for, with a slider and a zoom, bytes, milliseconds, SSIM (as \`minSsim\` has it) and a curve of
bytes against likeness. \`--vary jpeg.quality=60,70,80\` makes a variant for each value of a field, several \`--vary\` each with
each; a field is changed in each output that says it itself, else for all. Each variant stands on the page as a recipe to copy.

## Operations

Options are sharp's own (https://sharp.pixelplumbing.com/api-operation/). They are applied in this order, however the recipe is written.

${operations}

A text in \`composite\` has the options ${code(fieldsOf(OPERATIONS.composite.schema.element.shape.text.unwrap()))}.
A watermark's \`image\` is \`s3://bucket/key\`, or a key below the destination.

## Formats

\`format\` is one of these, or \`same\`. \`heif\` needs a libvips with an HEVC encoder, which sharp's own build has not. TIFF is
compressed with \`deflate\` unless \`compression\` says otherwise. Transparency is laid on white where a format has none.

${formats}

## Fields

${fields()}

A manifest has \`key\` and \`cacheControl\`, and lists per format and crop a \`srcset\` with paths relative to
itself. \`image-fanout recipe snippet MANIFEST\` prints the \`<picture>\` element of an image, one for each of its crops, with \`srcset\`,
\`sizes\`, sizes in pixels and the placeholder (its colour as the background, its ThumbHash as an attribute); of a run or a
destination those of all its images, and with \`--json\` one combined manifest, whose paths are relative to the destination or
begin with \`--base URL\`.

\`maxBytes\` and \`minSsim\` search the quality of the encoder. SSIM is the mean over windows of 8 x 8 pixels of the luminance, with both
images shrunk to a smaller side of about 256 pixels. \`onLarger: "original"\` hands the source's bytes on only if format, size and
colours are what was asked for, and nothing is in them that \`metadata\` strips.

## Pixels

Every output is what sharp alone makes of the source, whatever other outputs the recipe has. Pixels are shared between outputs only
where that gives the same picture: copies that differ in size come from a copy at least 1.3 times as large, crops by \`attention\` or
\`entropy\` and effects that amplify (median, threshold, unflatten, sharpen, normalise) from the source itself.

- **Animations**: flip, rotate, orientation, blur, sharpen, median and resize are done frame by frame. \`trim\`, crops by \`attention\` or
  \`entropy\`, and angles that are no multiple of 90 are refused (RecipeMismatch): each frame would come out in a way of its own.
- **Grey sources** are brought into colour first where the recipe paints: tint, flatten, and the backgrounds of contain, extend and rotate.
- **Crops of thin images**: where the whole image would be enlarged to more than 8 million pixels and to more than 8 times its crop,
  \`attention\` and \`entropy\` choose the area in the source, and only that area is enlarged. What else lies between source and output
  counts for \`limits.pixels\` (OutputTooLarge).
- **Vectors** are drawn anew for each size.
- **GIFs** that leave a part of their canvas undrawn are transparent there, as in browsers, even if they name no transparent colour.
- **HDR AVIF** (PQ, HLG, by its \`colr\` box) is UnsupportedImage: nothing here maps tones. Grey AVIF of limited range is stretched to all levels.
- **PNG's gAMA and cICP** are heeded where there is no profile, as browsers and ImageMagick do: gAMA other than sRGB's and Display
  P3 in cICP become a profile, PQ and HLG are UnsupportedImage. cHRM is not read.
- **Originals that are handed on** (\`onLarger: "original"\`) hold nothing that is stripped: JPEG, PNG, WebP and GIF are parsed to the last
  byte, and what is not known is not clean; under \`strip\` and \`keepIcc\` TIFF, AVIF and SVG are never handed on.
- **\`metadata: "keep"\`** keeps EXIF, XMP and IPTC, in which the upright picture is upright.
- **Gain maps** (Ultra HDR, Apple) are kept where \`keepGainMap\` says so and source and output are JPEG, as ISO 21496-1; sharp calls
  this experimental. The map is turned, cut and scaled with the picture, in a process of its own. Of the JPEG encoder's options only
  \`quality\` counts then. The account has \`gainMap\` of source and output; where a map is lost, nothing in the output announces one.
- **SVG without a size** is 300 x 150, as in browsers.
- **CMYK without a profile** is read by libvips' own profile (\`cmyk\`: "Chemical proof", by Graeme W. Gill, in the public domain), which is
  what a printed sheet looks like. Browsers multiply the inks away instead and show it lighter and more vivid.
- **archive** loses nothing of PNG, TIFF of 8 and 16 bits and lossless WebP. JPEG, lossy WebP and AVIF are encoded anew, at the quality
  that the account names with each output; an animated GIF may get other palettes. What nobody here writes in one
  file is kept as it is: HEIC, camera raw and the like, animated PNG and AVIF, a TIFF of several pages.

## Pages and frames

The account tells of each source how many \`pages\` it has, pages, pictures or frames, and none is lost unless the recipe says so:

| | \`pages: "first"\` (default) | \`pages: "all"\` | \`pages: "fail"\` |
| --- | --- | --- | --- |
| TIFF, PDF, HEIC, ICO with several | the first; of HEIC the primary, of ICO the largest | one output per page | RecipeMismatch |
| an animation, to a format that holds one | one output, all frames | the same | the same |
| an animation, to another format | its first frame | one output per frame | RecipeMismatch |

Animations are GIF, WebP, animated PNG and JPEG XL, and image sequences of AVIF and HEIC, of which nothing here reads but the first
frame. \`animated: "first"\` makes a still of each, \`animated: "fail"\` fails where a format holds none. Smaller copies of a page within a TIFF, and masks, are no pages.

\`{page}\` counts from 1 and must stand in the key with \`pages: "all"\`; the default keys are \`{dir}{name}-{page}.{format}\` and
\`{dir}{name}-{output}-{page}.{format}\` then. \`limits.frames\` and \`limits.pixels\` hold for all pages together, \`placeholder\` is of the
first, the manifest lists all and has a \`srcset\` for each. When a new version of a source has fewer pages, the outputs of the others
stay until \`prune\` takes them away. They no longer count as current, no manifest lists them, and \`leftover\` in \`items.jsonl\` names them.

## Keys

Default: \`{dir}{name}.{format}\` for one output, \`{dir}{name}-{output}.{format}\` for several. Two outputs of a recipe that could get one
key are refused.

${table(
  ['placeholder', 'becomes'],
  Object.entries(PLACEHOLDERS).map(([name, about]) => [`\`{${name}}\``, about]),
)}

## Limits

\`limits\` of the job, with what they default to.

${table(
  ['limit', 'default', 'what it bounds'],
  Object.entries(limitsSchema.shape).map(([name, schema]) => [
    `\`${name}\``,
    String(schema.parse(undefined)),
    schema.description ?? '',
  ]),
)}

Vectors (SVG) and what \`allow\` names are worked on in a process of their own, which has no credentials and is ended at
\`limits.milliseconds\` and \`limits.memory\`. SVG reads no files and no network.

## Presets

Each may be extended: \`{ "extends": "web", "without": ["avif"], "widths": [400, 800] }\`.

${Object.entries(PRESETS)
  .map(([name, preset]) => `### ${name}\n\n\`\`\`json\n${JSON.stringify(preset, null, 2)}\n\`\`\``)
  .join('\n\n')}
`;
assertComplete(document);

const summary = table(
  ['', 'in the order in which they are applied'],
  [
    ['operations', code(OPERATION_ORDER)],
    ['formats', code([...FORMAT_NAMES, 'same'])],
    ...FORMAT_NAMES.map((name) => [`\`${name}\` options`, code(fieldsOf(ENCODERS[name]))]),
  ],
);

/** The README with its table made anew. Throws when a marker is missing. */
export function withRecipesTable(readme: string): string {
  const [before, after] = [readme.indexOf(START), readme.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`README.md lacks ${START} and ${END}`);
  return `${readme.slice(0, before + START.length)}\n\n${summary}\n\n${readme.slice(after)}`;
}

if (import.meta.main) {
  writeFileSync(DOCS, document);
  writeFileSync(README, withRecipesTable(readFileSync(README, 'utf8')));
}
