// A process that writes files to a directory store until it is killed: `directory-writer.ts ROOT RUN KEYS [BYTES]`.
import { argv } from 'node:process';
import { directoryStore } from '../../lambda/store/directory.ts';

const [root = '', run = '', keys = '10', bytes = '200000'] = argv.slice(2);
const store = directoryStore(root);
process.send?.('ready');
for (let round = 0; ; round++) {
  await Promise.all(
    Array.from({ length: Number(keys) }, (_, key) => {
      const fingerprint = `${run}-${round}`;
      const provenance = { source: `s3://src/${key}`, fingerprint, run };
      return store.write(`folder-${key % 3}/${key}.bin`, content(fingerprint), { provenance });
    }),
  );
}

/** A file that tells which fingerprint it belongs to, and whether it is whole. */
function content(fingerprint: string): Buffer {
  return Buffer.alloc(Number(bytes), `${fingerprint};`);
}
