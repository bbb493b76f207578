// Where a package's WebAssembly lies: beside the bundled worker on Lambda, in node_modules elsewhere.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** What lies beside a bundle: the package, and its file beside the module that the package's name leads to. */
export const WASM_FILES = {
  jxl: { from: 'jxl-oxide-wasm/package.json', file: 'jxl_oxide_wasm_bg.wasm' },
  jp2: { from: '@cornerstonejs/codec-openjpeg/decodewasmjs', file: 'openjpegwasm_decode.wasm' },
} as const;

/** The path of one of them. Throws what `require.resolve` throws when the package is not installed. */
export function wasmFile(name: keyof typeof WASM_FILES): string {
  const { from, file } = WASM_FILES[name];
  const beside = join(import.meta.dirname, file);
  return existsSync(beside) ? beside : join(dirname(createRequire(import.meta.url).resolve(from)), file);
}
