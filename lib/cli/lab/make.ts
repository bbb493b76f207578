// Makes every output of every variant from each image: what the lab's page shows.
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { toFanoutError } from '../../../lambda/contract/errors.ts';
import type { SourceShape, Transform, TransformInput } from '../../../lambda/image/transform.ts';
import { browserFormat } from '../../../lambda/report/page/browser-format.ts';
import { likeness, type Reference, referencesOf } from './likeness.ts';
import type { Variant } from './variants.ts';

/** One encoding of one output. Variants that come to the same bytes share it. */
export interface Candidate {
  readonly variants: readonly string[];
  readonly format: string;
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
  readonly milliseconds: number;
  readonly quality?: number;
  /** To the pixels that it was made from. */
  readonly ssim: number;
  /** What a browser shows of it: itself, or the same pixels as WebP. */
  readonly shown: { readonly type: string; readonly body: Buffer; readonly itself: boolean };
}

export interface LabOutput {
  readonly name: string;
  /** The picture before it is encoded, nearly without loss. */
  readonly reference: { readonly type: string; readonly body: Buffer };
  readonly candidates: readonly Candidate[];
}

export interface LabImage {
  readonly name: string;
  readonly bytes: number;
  readonly source: SourceShape;
  readonly outputs: readonly LabOutput[];
  /** Variants that cannot be made from it, and why. */
  readonly failures: readonly { readonly variant: string; readonly why: string }[];
}

/** Makes them, one variant after the other, so that their times can be compared. Throws when no variant can be made. */
export async function makeLabImage(
  name: string,
  transform: Transform,
  input: Omit<TransformInput, 'recipe'>,
  variants: readonly Variant[],
): Promise<LabImage> {
  const outputs = new Map<string, { reference: Reference; candidates: Map<string, Candidate> }>();
  const failures: { variant: string; why: string }[] = [];
  let source: SourceShape | undefined;
  let failure: unknown;
  for (const { name: variant, recipe } of variants) {
    try {
      const made = await transform({ ...input, recipe });
      const references = await referencesOf(transform, { ...input, recipe });
      source ??= made.source;
      for (const rendition of made.renditions) {
        const reference = references.get(rendition.name);
        if (reference === undefined || rendition.width === undefined) continue;
        const output = outputs.get(rendition.name) ?? { reference, candidates: new Map<string, Candidate>() };
        outputs.set(rendition.name, output);
        const digest = createHash('sha256').update(rendition.body).digest('hex');
        const known = output.candidates.get(digest);
        output.candidates.set(
          digest,
          known === undefined
            ? await candidate(variant, rendition, reference)
            : { ...known, variants: [...known.variants, variant] },
        );
      }
    } catch (error) {
      failure = error;
      const { name: kind, message } = toFanoutError(error);
      failures.push({ variant, why: `${kind}: ${message}` });
    }
  }
  if (source === undefined) throw failure;
  const done: LabOutput[] = [];
  for (const [output, { reference, candidates }] of outputs) {
    done.push({
      name: output,
      reference: { type: 'image/webp', body: await sharp(reference.body).webp({ quality: 96, effort: 2 }).toBuffer() },
      candidates: [...candidates.values()],
    });
  }
  return { name, bytes: input.body.length, source, outputs: done, failures };
}

type Rendition = Awaited<ReturnType<Transform>>['renditions'][number];

async function candidate(variant: string, rendition: Rendition, reference: Reference): Promise<Candidate> {
  const { body, format, width = 0, height = 0, milliseconds, quality } = rendition;
  const type = browserFormat(body)?.type;
  return {
    ...{ variants: [variant], format, bytes: body.length, width, height, milliseconds },
    ...(quality === undefined ? {} : { quality }),
    ssim: await likeness(reference, body),
    shown:
      type === undefined
        ? { type: 'image/webp', body: await sharp(body).webp({ lossless: true, effort: 0 }).toBuffer(), itself: false }
        : { type, body, itself: true },
  };
}
