// Where a package's WebAssembly lies: beside the module that the package's name leads to, in node_modules here as on Lambda.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const FILES = {
  jxl: { from: 'jxl-oxide-wasm/package.json', file: 'jxl_oxide_wasm_bg.wasm' },
  jp2: { from: '@cornerstonejs/codec-openjpeg/decodewasmjs', file: 'openjpegwasm_decode.wasm' },
} as const;

/** The path of a decoder's WebAssembly. Throws MODULE_NOT_FOUND when the package is not installed. */
export function wasmFile(name: keyof typeof FILES): string {
  const { from, file } = FILES[name];
  return join(dirname(createRequire(import.meta.url).resolve(from)), file);
}
