// System calls on files: short ones at once where the disk is this machine's own and answers at once, others in the thread pool.
import fs from 'node:fs';
import { promisify } from 'node:util';

/** What a disk is asked to do. Answers come at once or later; errors are `node:fs`'s own. */
export interface Disk {
  open(path: string, flags: string | number): Wait<number>;
  close(descriptor: number): Wait<void>;
  /** Undefined when nothing is there. */
  stat(path: string): Wait<fs.BigIntStats | undefined>;
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

  function ask(): void {
    if (asking) return;
    asking = true;
    pool
      .statfs(root)
      .then(
        ({ type }) => {
          local = LOCAL.has(type);
        },
        () => {},
      )
      .finally(() => {
        asking = false;
      });
  }

  function short<T>(atOnce: () => T, pooled: () => Promise<T>): Wait<T> {
    if (local === undefined) ask();
    if (local !== true) return pooled();
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
        () => fs.openSync(path, flags),
        () => pool.open(path, flags),
      ),
    close: (descriptor) =>
      short(
        () => fs.closeSync(descriptor),
        () => pool.close(descriptor),
      ),
    stat: (path) =>
      short(
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
        () => fs.writeFileSync(descriptor, body),
        () => pour(descriptor, body),
      );
    },
    pour,
    sync: (descriptor) => pool.sync(descriptor),
    link: (from, to) =>
      short(
        () => fs.linkSync(from, to),
        () => pool.link(from, to),
      ),
    rename: (from, to) =>
      short(
        () => fs.renameSync(from, to),
        () => pool.rename(from, to),
      ),
    unlink: (path) =>
      short(
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
