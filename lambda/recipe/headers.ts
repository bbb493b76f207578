// What goes with an object besides its bytes: only what S3 can hold, told before a run starts.
import * as z from 'zod';
import { headerText } from '../contract/header-text.ts';

/** S3 takes 2 KB of user metadata, names and values together: what our own provenance leaves of it. */
export const MOST_USER_METADATA_BYTES = 480;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html: letters, digits and spaces of any script, and + - = . _ : / @ */
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const MOST_TAGS = 10;

/** An HTTP header's value: visible ASCII, spaces and tabs between. */
const HEADER_TEXT = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

export const cacheControl = z
  .string()
  .min(1)
  .max(1024)
  .regex(HEADER_TEXT, { error: 'expected a header of visible ASCII such as public, max-age=31536000, immutable' })
  .optional();

const tagText = (most: number, what: string) =>
  z
    .string()
    .max(most)
    .regex(TAG_TEXT, {
      error: `expected a tag's ${what} of letters, digits, spaces and + - = . _ : / @, as S3 takes no others`,
    });

export const tagSet = z
  .record(
    tagText(128, 'name')
      .min(1)
      .refine((name) => !name.toLowerCase().startsWith('aws:'), {
        error: "expected a tag's name that does not start with aws:",
      }),
    tagText(256, 'value'),
  )
  .refine((tags) => Object.keys(tags).length <= MOST_TAGS, { error: `expected at most ${MOST_TAGS} tags` });

export const userMetadata = z
  .record(
    z.string().regex(/^(?!image-fanout-)[a-z0-9][a-z0-9-]{0,127}$/, {
      error: 'expected names of a-z 0-9 -, not starting with image-fanout-',
    }),
    z
      .string()
      .max(1024)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
      .regex(/^[^\u0000-\u001f\u007f]*$/, { error: 'expected text without line ends and other control characters' })
      .refine((text) => text.isWellFormed() && text.trim() === text, {
        error: 'expected valid Unicode without spaces at its ends, which HTTP drops',
      }),
  )
  .superRefine((metadata, context) => {
    const bytes = Object.entries(metadata).reduce(
      (sum, [name, value]) => sum + name.length + headerText(value).length,
      0,
    );
    if (bytes <= MOST_USER_METADATA_BYTES) return;
    context.addIssue({
      code: 'custom',
      message: `expected at most ${MOST_USER_METADATA_BYTES} bytes of names and values together, as S3 takes 2 KB and the rest says where an output came from, got ${bytes}`,
    });
  });
