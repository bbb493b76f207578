// What a browser shows as a picture, by its first bytes: formats that hold pixels and nothing that runs.

/** The media type of what begins so, and the name of its format in an account; undefined for all that no browser shows. */
export function browserFormat(body: Uint8Array): { readonly type: string; readonly format: string } | undefined {
  const start = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, 16)).toString('latin1');
  const format = start.startsWith('\xff\xd8\xff')
    ? 'jpeg'
    : start.startsWith('\x89PNG\r\n\x1a\n')
      ? 'png'
      : /^GIF8[79]a/.test(start)
        ? 'gif'
        : /^RIFF.{4}WEBP/s.test(start)
          ? 'webp'
          : /^.{4}ftypavi[fs]/s.test(start)
            ? 'avif'
            : undefined;
  return format === undefined ? undefined : { type: `image/${format}`, format };
}

/** The names of those formats as outcomes have them. */
export const BROWSER_FORMATS: ReadonlySet<string> = new Set(['jpeg', 'png', 'gif', 'webp', 'avif']);
