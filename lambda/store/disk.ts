// System calls on files: short ones at once where the disk is this machine's own and answers at once, others in the thread pool.
import fs from 'node:fs';
import { join, sep } from 'node:path';
import { promisify } from 'node:util';

/** What a disk is asked to do. Answers come at once or later; errors are `node:fs`'s own. */
export interface Disk {
  open(path: string, flags: string | number): Wait<number>;
  close(descriptor: number): Wait<void>;
  /** Undefined when nothing is there. */
  stat(path: string): Wait<fs.BigIntStats | undefined>;
  fstat(descriptor: number): Wait<fs.BigIntStats>;
  /** Fills `into` from the file's byte `from` on, as far as the file goes; answers how many bytes that was. */
  read(descriptor: number, into: Uint8Array, from: number): Promise<number>;
  /** Writes all of it where the file stands. */
  write(descriptor: number, body: Uint8Array | string): Wait<void>;
  /** The same, never at once: of a long file, piece after piece, nothing else would get its turn. */
  pour(descriptor: number, piece: Uint8Array | string): Promise<void>;
  sync(descriptor: number): Promise<void>;
  link(from: string, to: string): Wait<void>;
  rename(from: string, to: string): Wait<void>;
  unlink(path: string): Wait<void>;
}

type Wait<T> = T | Promise<T>;

/**
 * File systems of local disks, by statfs(2)'s f_type: ext2 to ext4, XFS, Btrfs, F2FS, tmpfs, overlayfs, ZFS. Others may
 * be at the other end of a network.
 */
const LOCAL = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x01021994, 0x794c7630, 0x2fc12fc1]);

/** The same by their names in Linux' list of mounts. */
const LOCAL_NAMES = /^(ext[234]|xfs|btrfs|f2fs|tmpfs|overlay|zfs)$/;

/** Whether a directory, which is there, is on a disk of this machine's own, as far as its file system tells. */
export async function isLocal(directory: string): Promise<boolean> {
  return process.platform === 'linux' && LOCAL.has((await pool.statfs(directory)).type);
}

/** Mount points below `root` that may be at the other end of a network; they are judged by themselves. */
async function farMountsBelow(root: string): Promise<string[]> {
  const [real, table] = await Promise.all([
    fs.promises.realpath(root),
    fs.promises.readFile('/proc/self/mountinfo', 'utf8'),
  ]);
  return farMounts(table, real).map((path) => join(root, path));
}

/** The same from the text of proc_pid_mountinfo(5), as paths below `real`, which has no links in it. */
export function farMounts(table: string, real: string): string[] {
  const below = real.endsWith(sep) ? real : real + sep;
  return table.split('\n').flatMap((line) => {
    const [mount = '', about = ''] = line.split(' - ');
    // Blanks, tabs, line feeds and backslashes are written as octal numbers.
    const point = Buffer.from(
      (mount.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    ).toString();
    return point.startsWith(below) && !LOCAL_NAMES.test(about.split(' ')[0] ?? '') ? [point.slice(below.length)] : [];
  });
}

/** Milliseconds that a call on a quick disk takes at most; most take a hundredth of it. */
const QUICK = 0.5;

/** For each millisecond that a call took longer, so many go by before the next is made at once. */
const RESPITE = 50;

/** More bytes take longer to write than their way through the thread pool. */
const MOST_BYTES_AT_ONCE = 512 * 1024;

const pool = {
  open: promisify(fs.open),
  close: promisify(fs.close),
  stat: promisify(fs.stat),
  fstat: promisify(fs.fstat),
  statfs: promisify(fs.statfs),
  read: promisify(fs.read),
  write: promisify(fs.write),
  sync: promisify(fs.fsync),
  link: promisify(fs.link),
  rename: promisify(fs.rename),
  unlink: promisify(fs.unlink),
};

/**
 * The disk below `root`. A way through the thread pool wakes two threads, which takes more CPU time than most calls on a
 * local disk do. But a disk that is slow must not keep all else waiting: those that may be at the other end of a network
 * are left to the pool, and so is every disk for a while after a call that took long, so that no more than a fiftieth of
 * the time is lost to waiting.
 */
export function diskOf(root: string): Disk {
  // Until it is known, also because the directory is still to be made, calls go to the pool.
  let local = process.platform === 'linux' ? undefined : false;
  let asking = false;
  let pooledUntil = 0;
  let far: readonly string[] = [];
  /** Open files on those. */
  const farFiles = new Set<number>();

  function ask(): void {
    if (asking) return;
    asking = true;
    Promise.all([isLocal(root), farMountsBelow(root).catch(() => [])])
      .then(
        ([is, mounts]) => {
          far = mounts;
          local = is;
        },
        () => {},
      )
      .finally(() => {
        asking = false;
      });
  }

  const isFar = (path: string) => far.some((mount) => path.startsWith(mount) && (path[mount.length] ?? sep) === sep);

  function opened(descriptor: number, path: string): number {
    if (far.length > 0 && isFar(path)) farFiles.add(descriptor);
    return descriptor;
  }

  function short<T>(on: string | number, atOnce: () => T, pooled: () => Promise<T>): Wait<T> {
    if (local === undefined) ask();
    if (local !== true) return pooled();
    if (far.length > 0 && (typeof on === 'number' ? farFiles.has(on) : isFar(on))) return pooled();
    const started = performance.now();
    if (started < pooledUntil) return pooled();
    try {
      return atOnce();
    } finally {
      const ended = performance.now();
      const late = ended - started - QUICK;
      if (late > 0) pooledUntil = ended + late * RESPITE;
    }
  }

  return {
    open: (path, flags) =>
      short(
        path,
        () => fs.openSync(path, flags),
        async () => opened(await pool.open(path, flags), path),
      ),
    close: (descriptor) =>
      short(
        descriptor,
        () => fs.closeSync(descriptor),
        () => {
          farFiles.delete(descriptor);
          return pool.close(descriptor);
        },
      ),
    fstat: (descriptor) =>
      short(
        descriptor,
        () => fs.fstatSync(descriptor, { bigint: true }),
        () => pool.fstat(descriptor, { bigint: true }),
      ),
    stat: (path) =>
      short(
        path,
        () => fs.statSync(path, { bigint: true, throwIfNoEntry: false }),
        () => pool.stat(path, { bigint: true }).catch(absent),
      ),
    async read(descriptor, into, from) {
      let filled = 0;
      while (filled < into.length) {
        const { bytesRead } = await pool.read(descriptor, into, filled, into.length - filled, from + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    write(descriptor, body) {
      if (body.length > MOST_BYTES_AT_ONCE) return pour(descriptor, body);
      return short(
        descriptor,
        () => fs.writeFileSync(descriptor, body),
        () => pour(descriptor, body),
      );
    },
    pour,
    sync: (descriptor) => pool.sync(descriptor),
    link: (from, to) =>
      short(
        to,
        () => fs.linkSync(from, to),
        () => pool.link(from, to),
      ),
    rename: (from, to) =>
      short(
        to,
        () => fs.renameSync(from, to),
        () => pool.rename(from, to),
      ),
    unlink: (path) =>
      short(
        path,
        () => fs.unlinkSync(path),
        () => pool.unlink(path),
      ),
  };
}

async function pour(descriptor: number, piece: Uint8Array | string): Promise<void> {
  let at = 0;
  if (typeof piece === 'string') {
    // As a string: a Buffer of each piece would be garbage that is collected late.
    at = (await pool.write(descriptor, piece)).bytesWritten;
    if (at === Buffer.byteLength(piece)) return;
  }
  const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
  while (at < bytes.length) {
    const { bytesWritten } = await pool.write(descriptor, bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}
