// Text as people's editors write it.

/** JSON that may begin with a byte order mark, as editors on Windows write it. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  return JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
}
