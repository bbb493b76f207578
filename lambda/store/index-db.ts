// The index of a destination directory: which versions of its files image-fanout wrote, and from what. A SQLite file.
import type { BigIntStats } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { FanoutError } from '../contract/errors.ts';
import { isLocal } from './disk.ts';
import { OWN_DIRECTORY } from './paths.ts';
import { normalizeSource, STALE } from './provenance.ts';
import type { Provenance } from './store.ts';

/** What tells one version of a file from another without reading it; a rename changes none of it. */
export interface FileVersion {
  readonly bytes: number;
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint;
  /** Its number in the file system: tells versions apart that were made within one tick of the clock. */
  readonly inode: bigint;
}

/** How long another process's row is left alone: longer than any write takes from its row to its rename. */
const KEPT_MILLISECONDS = 3_600_000;
const SECOND = 1_000_000_000n;

// One row per version that we wrote, or were about to. A version is known by what a rename keeps: so the row is written
// before the rename, and needs no second write that says "done".
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS output (
    key TEXT NOT NULL, bytes INTEGER NOT NULL, mtime INTEGER NOT NULL, inode INTEGER NOT NULL,
    folded TEXT NOT NULL,
    source TEXT NOT NULL, fingerprint TEXT NOT NULL, run TEXT NOT NULL, written INTEGER NOT NULL,
    mark TEXT, outputs TEXT,
    PRIMARY KEY (key, bytes, mtime, inode)
  ) WITHOUT ROWID;
`;

// Columns that indexes of earlier versions lack.
const LATER_COLUMNS = ['mark', 'outputs'];

// Only disks that fold case are asked for it, and a second tree to write costs as much as the first.
const FOLDED_INDEX = 'CREATE INDEX IF NOT EXISTS output_folded ON output (folded);';

/**
 * Milliseconds that a lock of another process is waited for, while nothing else of this one goes on. Then the call fails
 * as ServiceUnavailable, and the store tries again.
 */
const BUSY_MILLISECONDS = 20;

/** The index of one directory. All methods are synchronous: each takes some 10 to 50 microseconds. */
export interface OutputIndex {
  /** Who wrote the file's version that is there; undefined when nobody of ours did. */
  find(key: string, version: FileVersion): Provenance | undefined;
  /** Whether some version of the key is one of ours. */
  knows(key: string): boolean;
  /** Notes a version that is about to get its name. */
  add(key: string, version: FileVersion, provenance: Provenance): void;
  /** Makes the row of the version that is there untrue. False when there is none. */
  invalidate(key: string, version: FileVersion): boolean;
  /** Forgets a version that did not get its name after all. */
  remove(key: string, version: FileVersion): void;
  /** Forgets the older versions of a key, but for those that another process may be about to name. */
  prune(key: string, version: FileVersion): void;
  /** Another key of ours that differs from this one only in case or in Unicode normalization, and when it was written. */
  sibling(key: string): { readonly key: string; readonly recent: boolean } | undefined;
  /** Runs a short synchronous action that no other image-fanout process on this directory runs at the same time. */
  exclusively<T>(action: () => T): T;
  close(): void;
}

/** Where the index of a directory is. */
export function indexPath(root: string): string {
  return join(root, OWN_DIRECTORY, 'index.sqlite');
}

/** Opens the index of a directory, and makes it when there is none. Its folder must be there. */
export async function openIndex(root: string): Promise<OutputIndex> {
  const path = indexPath(root);
  const { DatabaseSync } = await importSqlite();
  const shared = process.platform === 'linux' && !(await isLocal(dirname(path)).catch(() => true));
  return guarded(path, () => {
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA busy_timeout = ${BUSY_MILLISECONDS}`);
    keepJournal(database, shared);
    database.exec(SCHEMA);
    const columns = (database.prepare('PRAGMA table_info(output)').all() as { name: string }[]).map(({ name }) => name);
    for (const column of LATER_COLUMNS) {
      if (!columns.includes(column)) addColumn(database, column);
    }
    return indexOf(path, database);
  });
}

/**
 * A write-ahead log is quick, but its readers share memory, which machines at the ends of a network file system do not:
 * https://www.sqlite.org/wal.html. SQLite answers with the mode that it is in, whatever was asked for.
 */
function keepJournal(database: DatabaseSync, shared: boolean): void {
  const answer = database.prepare(`PRAGMA journal_mode = ${shared ? 'DELETE' : 'WAL'}`).get();
  const mode = (answer as { readonly journal_mode: string }).journal_mode;
  // Only with a log does NORMAL keep the file whole through a power cut.
  database.exec(`PRAGMA synchronous = ${mode === 'wal' ? 'NORMAL' : 'FULL'}`);
}

function indexOf(path: string, database: DatabaseSync): OutputIndex {
  const find = prepared(
    database,
    'SELECT mtime, inode, source, fingerprint, run, mark, outputs FROM output WHERE key = ? AND bytes = ? ORDER BY written DESC',
  );
  const add = prepared(
    database,
    `INSERT OR REPLACE INTO output (key, bytes, mtime, inode, folded, source, fingerprint, run, written, mark, outputs)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const stale = prepared(
    database,
    'UPDATE output SET fingerprint = ? WHERE key = ? AND bytes = ? AND mtime = ? AND inode = ?',
  );
  const remove = prepared(database, 'DELETE FROM output WHERE key = ? AND bytes = ? AND mtime = ? AND inode = ?');
  const prune = prepared(
    database,
    'DELETE FROM output WHERE key = ? AND written < ? AND NOT (bytes = ? AND mtime = ? AND inode = ?)',
  );
  const known = prepared(database, 'SELECT 1 FROM output WHERE key = ? LIMIT 1');
  let sibling: StatementSync | undefined;
  const siblings = (): StatementSync => {
    database.exec(FOLDED_INDEX);
    return prepared(
      database,
      'SELECT key, written FROM output WHERE folded = ? AND key <> ? ORDER BY written DESC LIMIT 1',
    );
  };
  function rowOf(key: string, version: FileVersion): Row | undefined {
    const rows = (find.all(key, version.bytes) as unknown as readonly Row[]).filter((row) =>
      sameTime(row.mtime, version.mtime),
    );
    // A copy of the directory has other inodes: then the time alone decides.
    return rows.find(({ inode }) => inode === signed(version.inode)) ?? rows[0];
  }

  return {
    find: (key, version) =>
      guarded(path, () => {
        const row = rowOf(key, version);
        return row === undefined ? undefined : provenanceOf(row);
      }),
    knows: (key) => guarded(path, () => known.get(key) !== undefined),
    add: (key, version, { source, fingerprint, run, mark = null, outputs }) =>
      guarded(path, () => {
        const all = outputs === undefined || outputs.length === 1 ? null : JSON.stringify(outputs);
        const made = [normalizeSource(source), fingerprint, run, Date.now(), mark, all];
        add.run(key, ...columns(version), folded(key), ...made);
      }),
    invalidate: (key, version) =>
      guarded(path, () => {
        const row = rowOf(key, version);
        return row !== undefined && stale.run(STALE, key, version.bytes, row.mtime, row.inode).changes > 0;
      }),
    remove: (key, version) => guarded(path, () => void remove.run(key, ...columns(version))),
    prune: (key, version) =>
      guarded(path, () => void prune.run(key, Date.now() - KEPT_MILLISECONDS, ...columns(version))),
    sibling: (key) =>
      guarded(path, () => {
        sibling ??= siblings();
        const row = sibling.get(folded(key), key) as { key: string; written: bigint } | undefined;
        return row === undefined
          ? undefined
          : { key: row.key, recent: Number(row.written) > Date.now() - KEPT_MILLISECONDS };
      }),
    exclusively: (action) => exclusively(path, database, action),
    close: () => database.close(),
  };
}

function prepared(database: DatabaseSync, sql: string): StatementSync {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  return statement;
}

function exclusively<T>(path: string, database: DatabaseSync, action: () => T): T {
  guarded(path, () => database.exec('BEGIN IMMEDIATE'));
  try {
    return action();
  } finally {
    guarded(path, () => database.exec('COMMIT'));
  }
}

interface Row extends Omit<Provenance, 'mark' | 'outputs'> {
  readonly mtime: bigint;
  readonly inode: bigint;
  readonly mark: string | null;
  readonly outputs: string | null;
}

function provenanceOf({ source, fingerprint, run, mark, outputs }: Row): Provenance {
  return {
    ...{ source, fingerprint, run },
    ...(mark === null ? {} : { mark }),
    ...(outputs === null ? {} : { outputs: JSON.parse(outputs) as string[] }),
  };
}

/** Another process may have added it meanwhile. */
function addColumn(database: DatabaseSync, column: string): void {
  try {
    database.exec(`ALTER TABLE output ADD COLUMN ${column} TEXT`);
  } catch (error) {
    if (!(error as Error).message.includes('duplicate column name')) throw error;
  }
}

function columns({ bytes, mtime, inode }: FileVersion): [number, bigint, bigint] {
  return [bytes, mtime, signed(inode)];
}

/** Some file systems number up to 2^64; SQLite's integers end at 2^63. */
function signed(inode: bigint): bigint {
  return BigInt.asIntN(64, inode);
}

/** How case-insensitive disks see a key: what is equal here may be one file there. */
function folded(key: string): string {
  return key.normalize('NFC').toLowerCase();
}

// Copies (rsync, zip, FAT) cut the time to a second or two. A whole second is read as such a cut.
function sameTime(written: bigint, found: bigint): boolean {
  if (written === found) return true;
  const distance = written > found ? written - found : found - written;
  return found % SECOND === 0n && distance < 2n * SECOND;
}

/** `node:sqlite` without its warning that it is experimental: that one warning, in this one import. */
async function importSqlite(): Promise<typeof import('node:sqlite')> {
  const emitWarning = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    if (!String(warning).includes('SQLite'))
      (emitWarning as (...all: unknown[]) => void).call(process, warning, ...rest);
  }) as typeof process.emitWarning;
  try {
    return await import('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

// https://www.sqlite.org/rescode.html, primary codes
const SQLITE_CLASSES: Readonly<
  Record<number, readonly ['AccessDenied' | 'DestinationFull' | 'ServiceUnavailable', string]>
> = {
  3: ['AccessDenied', 'may not be used by this user'],
  5: ['ServiceUnavailable', 'is kept locked by another process'],
  6: ['ServiceUnavailable', 'is kept locked by another process'],
  8: ['AccessDenied', 'may not be written by this user'],
  10: ['ServiceUnavailable', 'could not be read or written: the device reports an error'],
  13: ['DestinationFull', 'does not fit: the disk is full'],
  14: ['AccessDenied', 'cannot be opened or created here'],
};

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = (error as { errcode?: number }).errcode;
    if (code === undefined) throw error;
    const [name, text] = SQLITE_CLASSES[code & 0xff] ?? [
      'UnexpectedError' as const,
      'is damaged; remove it, and what is there counts as not ours',
    ];
    throw new FanoutError(name, `The index ${path} ${text} (${(error as Error).message}).`, { cause: error });
  }
}

/** The version that a file's status shows. */
export function versionOf(stats: BigIntStats): FileVersion {
  return { bytes: Number(stats.size), mtime: stats.mtimeNs, inode: stats.ino };
}
