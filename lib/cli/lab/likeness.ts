// How like an output is to the pixels that it was encoded from: those are made once more, without loss.
import sharp from 'sharp';
import { lumaPipeline, ssim, viewingSize } from '../../../lambda/image/ssim.ts';
import type { Transform, TransformInput } from '../../../lambda/image/transform.ts';
import type { Output, Recipe } from '../../../lambda/recipe/types.ts';

/** An output's picture before it is encoded, as PNG. */
export interface Reference {
  readonly body: Buffer;
  readonly width: number;
  readonly height: number;
}

/** The recipe that makes the same pictures without loss: same operations, PNG, no contract, the first frame. */
export function lossless(recipe: Recipe): Recipe {
  const plain = ({ name, operations, copyright, metadata }: Output, place: number): Output => ({
    ...{ name, operations, copyright, metadata },
    key: `${place}.png`,
    formats: ['png'],
    encoders: { png: { compressionLevel: 1 } },
    keepLossless: false,
    onLarger: 'keep',
  });
  const { manifest: _, pages: __, ...rest } = recipe;
  return { ...rest, animated: 'first', placeholder: false, outputs: recipe.outputs.map(plain) };
}

/** The references of all outputs by name. */
export async function referencesOf(
  transform: Transform,
  input: TransformInput,
): Promise<ReadonlyMap<string, Reference>> {
  const { renditions } = await transform({ ...input, recipe: lossless(input.recipe) });
  return new Map(renditions.map(({ name, body, width = 0, height = 0 }) => [name, { body, width, height }] as const));
}

// The numbers are compared, whatever colours they mean: as the image room does for minSsim.
const OPTIONS = { ignoreIcc: true, limitInputPixels: false } as const;

/** SSIM from -1 to 1, to four digits; of an animation that of its first frame. */
export async function likeness(reference: Reference, body: Buffer): Promise<number> {
  const size = viewingSize(reference);
  const luma = async (image: Buffer) => ({ data: await lumaPipeline(sharp(image, OPTIONS), size).toBuffer(), ...size });
  const [a, b] = await Promise.all([luma(reference.body), luma(body)]);
  return Math.round(ssim(a, b) * 10_000) / 10_000;
}
