// The recipe as a person writes it: operations, outputs and policies, in closed schemas.
import * as z from 'zod';
import { bytes } from '../contract/amount.ts';
import { closed } from './closed.ts';
import { ENCODERS } from './encoders.ts';
import { cacheControl, tagSet, userMetadata } from './headers.ts';
import { keyTemplateProblem } from './keys.ts';
import {
  FORMAT_NAMES,
  type FormatName,
  type OperationName,
  PDF_DENSITY,
  PRESET_NAMES,
  UNTRUSTED_FORMATS,
} from './names.ts';
import { OPERATIONS } from './operations.ts';

type Shape<Table extends Record<string, z.ZodType>> = { [Name in keyof Table]: z.ZodOptional<Table[Name]> };

const operations = Object.fromEntries(
  Object.entries(OPERATIONS).map(([name, record]) => [name, record.schema.optional().describe(record.about)]),
) as Shape<{ [Name in OperationName]: (typeof OPERATIONS)[Name]['schema'] }>;

const encoders = Object.fromEntries(
  Object.entries(ENCODERS).map(([name, schema]) => [
    name,
    schema.optional().describe(`The ${name} encoder's options, in sharp's names.`),
  ]),
) as Shape<{ [Name in FormatName]: (typeof ENCODERS)[Name] }>;

const template = z.string().superRefine((text, context) => {
  const problem = keyTemplateProblem(text);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html: what PutObject takes in a general purpose bucket.
const STORAGE_CLASSES = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
] as const;

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, {
  error: 'expected 1 to 64 of A-Z a-z 0-9 _ -, starting with a letter or digit',
});
const widths = z.array(z.int().min(1).max(65_535)).min(1).max(32);

/** What each output may say, and the recipe for all of them. */
const outputFields = {
  key: template
    .optional()
    .describe(
      'Where it goes, below the destination: a template of {dir}{name}{ext}{page}{width}{height}{format}{hash}{output}.',
    ),
  widths: widths
    .optional()
    .describe(
      'One output per width, never enlarged: short for several outputs that differ in resize.width. The name gets -<width>.',
    ),
  format: z
    .enum([...FORMAT_NAMES, 'same'])
    .optional()
    .describe("The format; same (the default) keeps the source's, PNG for vectors."),
  best: z
    .array(z.enum(FORMAT_NAMES))
    .min(2)
    .max(FORMAT_NAMES.length)
    .optional()
    .describe('Instead of format: makes each and keeps the smallest that meets maxBytes and minSsim.'),
  ...encoders,
  metadata: z
    .enum(['strip', 'keep', 'keepIcc'])
    .optional()
    .describe(
      'strip (default): nothing stays; keep: EXIF, XMP, IPTC and profile stay; keepIcc: only the colour profile.',
    ),
  copyright: z
    .boolean()
    .optional()
    .describe(
      'Keeps EXIF Copyright and Artist letter for letter, and nothing else, where metadata is stripped: in JPEG, PNG, WebP and AVIF; GIF and TIFF get none. Default: false.',
    ),
  keepGainMap: z
    .boolean()
    .optional()
    .describe(
      'Keeps the HDR gain map (Ultra HDR, Apple) of a JPEG in a JPEG, as ISO 21496-1; experimental in sharp. Of the operations only flip, flop, rotate by right angles, extract and resize go with it. Default: false.',
    ),
  keepLossless: z
    .boolean()
    .optional()
    .describe('Encodes a lossless WebP as a lossless one, whatever webp.quality says. Default: false.'),
  maxBytes: bytes(z.int().min(1))
    .optional()
    .describe('Largest size, in bytes or as 200KB: the quality is searched that meets it, else QualityUnreachable.'),
  minSsim: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe(
      'Least likeness to the pixels before encoding: the smallest file that meets it is searched, else QualityUnreachable.',
    ),
  onLarger: z
    .enum(['keep', 'original', 'fail'])
    .optional()
    .describe(
      'When the output outweighs the source: keep it (default), the original bytes if they are what was asked for but for the weight, or fail with OutputTooLarge.',
    ),
  contentType: z
    .string()
    .regex(/^[\w.+-]+\/[\w.+-]+(?:;.*)?$/, { error: 'expected a media type such as image/webp' })
    .optional()
    .describe("Content-Type. Default: the format's."),
  cacheControl: cacheControl.describe('Cache-Control of the object.'),
  storageClass: z.enum(STORAGE_CLASSES).optional().describe('S3 storage class.'),
  tags: tagSet.optional().describe('Object tags.'),
  userMetadata: userMetadata
    .optional()
    .describe(
      'User metadata of the object (x-amz-meta-…). Text that is not ASCII is encoded as RFC 2047 has it, which S3 decodes.',
    ),
};

const output = closed({
  name: name.describe('Unique in the recipe; what {output} becomes.'),
  ...operations,
  ...outputFields,
});

/** The recipe object. Operations beside `outputs` are shared and run first; any other field there is the default of each output. */
export const recipeObject = closed({
  extends: z
    .enum(PRESET_NAMES)
    .optional()
    .describe('A preset to start from: fields here replace its fields, outputs of the same name are merged.'),
  without: z.array(z.string()).optional().describe('Names of outputs of the preset to leave out.'),
  ...operations,
  ...outputFields,
  outputs: z
    .array(output)
    .min(1)
    .max(100)
    .optional()
    .describe('What each image becomes. Left out: one output, described beside it.'),
  colour: z
    .enum(['srgb', 'keep', 'p3'])
    .optional()
    .describe(
      "srgb (default), keep (the source's own values and profile; CMYK becomes sRGB) or p3 (Display P3, embedded).",
    ),
  animated: z
    .enum(['keep', 'first', 'fail'])
    .optional()
    .describe(
      'Animations: keep (default) where the format can, else the first frame; always the first frame; or fail where the format cannot.',
    ),
  pages: z
    .enum(['first', 'all', 'fail'])
    .optional()
    .describe(
      'Sources with several pages or pictures: first (default; the account tells how many were found), all (each output is made of every page, and of every frame where its format holds no animation; keys need {page}), or fail.',
    ),
  density: z
    .int()
    .min(1)
    .max(2400)
    .optional()
    .describe(`Pixels to the inch at which pages of a PDF are drawn. Default: ${PDF_DENSITY}.`),
  salvage: z.boolean().optional().describe('Uses what can be read of truncated and damaged images. Default: false.'),
  allow: z
    .array(z.enum(UNTRUSTED_FORMATS))
    .optional()
    .describe(
      'Source formats to read although libvips calls them untrusted, in a process of their own. The libvips build must know them.',
    ),
  placeholder: z
    .boolean()
    .optional()
    .describe('Adds a ThumbHash and the dominant colour to the outcome. Default: false.'),
  manifest: closed({ key: template, cacheControl })
    .optional()
    .describe('Writes a JSON document per image that lists its outputs, for srcset.'),
});

/** A preset's name, or a recipe. */
export const recipeUnion = z.union([z.enum(PRESET_NAMES), recipeObject]);

export type RecipeObject = z.output<typeof recipeObject>;
export type OutputObject = z.output<typeof output>;
