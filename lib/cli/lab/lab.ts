// `recipe lab`: makes a page on which a recipe and variants of it can be compared by eye, on images of one's own.
import { basename, resolve } from 'node:path';
import { createTransform } from '../../../lambda/image/transform.ts';
import { EXIT, type ExitCode, UsageError } from '../command.ts';
import { writeHtmlFile } from '../html-file.ts';
import { readGiven, readImage, readOverlays } from '../recipe-input.ts';
import { type LabImage, makeLabImage } from './make.ts';
import { labPage } from './page.ts';
import { variantsOf } from './variants.ts';

export interface LabOptions {
  readonly destination: string;
  readonly vary: readonly string[];
  /** Default: recipe-lab.html. */
  readonly out: string | undefined;
}

/** Characters of a page that a browser still opens at once. */
const MOST_PAGE = 150_000_000;

/** Makes it. Throws UsageError for wrong arguments, InvalidJob for a bad recipe or variant, and what the image room throws. */
export async function lab(given: string, images: readonly string[], options: LabOptions): Promise<ExitCode> {
  const { vary, destination, out = 'recipe-lab.html' } = options;
  if (!/\.html?$/i.test(out)) throw new UsageError(`--out: expected a file whose name ends in .html, got ${out}`);
  const variants = variantsOf(await readGiven(given), vary);
  const overlays = await readOverlays(
    variants.map(({ recipe }) => recipe),
    destination,
  );
  const transform = createTransform();
  const made: LabImage[] = [];
  for (const image of images) {
    const one = await makeLabImage(basename(image), transform, await readImage(image, overlays), variants);
    made.push(one);
    for (const { variant, why } of one.failures) process.stderr.write(`${one.name}, ${variant}: ${why}\n`);
  }
  const page = labPage(given, variants, made);
  if (page.length > MOST_PAGE)
    throw new UsageError(
      `expected fewer or smaller images, or fewer variants: the page would have ${page.length} bytes`,
    );
  await writeHtmlFile(out, page);
  process.stdout.write(`${resolve(out)}\n`);
  return EXIT.succeeded;
}
