// Makes a release ready: version, changelog, everything that must hold; run: npm run release -- 1.2.3. It publishes nothing.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const HEADING = '## Unreleased';

/**
 * The changelog with what was unreleased under the version and its day. Throws where the version is no later one of
 * https://semver.org, stands in it already, or nothing is unreleased.
 */
export function releasedChangelog(changelog: string, from: string, version: string, day: string): string {
  const [now, next] = [from, version].map((each) => /^(\d+)\.(\d+)\.(\d+)$/.exec(each)?.slice(1).map(Number));
  if (now === undefined || next === undefined) {
    throw new Error(`expected a version of the shape 1.2.3, got ${JSON.stringify(version)}`);
  }
  const place = next.findIndex((number, at) => number !== now[at]);
  if (place < 0 || (next[place] ?? 0) < (now[place] ?? 0)) {
    throw new Error(`expected a version later than ${from}, got ${version}`);
  }
  if (changelog.includes(`\n## ${version} `)) throw new Error(`expected ${version} to be new, the changelog has it`);
  const [, changes = ''] = new RegExp(`^${HEADING}\\n([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, 'm').exec(changelog) ?? [];
  if (changes.trim() === '') throw new Error(`expected changes under "${HEADING}", found none`);
  return changelog.replace(HEADING, () => `${HEADING}\n\n## ${version} (${day})`);
}

function release(root: string, version: string): void {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const npm = (...args: string[]) => execFileSync('npm', args, { cwd: root, stdio: 'inherit' });
  const dirty = git('status', '--porcelain');
  if (dirty !== '') throw new Error(`expected a clean tree, got changes:\n${dirty}`);
  const changelog = join(root, 'CHANGELOG.md');
  const { version: from } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const text = releasedChangelog(readFileSync(changelog, 'utf8'), from, version, new Date().toISOString().slice(0, 10));
  // The tarball is looked at before anything is said of it: its files, licences, types, and that it runs.
  npm('ci');
  npm('test');
  npm('run', 'package-test');
  writeFileSync(changelog, text);
  npm('version', version, '--no-git-tag-version');
  git('add', 'CHANGELOG.md', 'package.json', 'package-lock.json');
  git('commit', '-m', `Version ${version}`);
  git('tag', '-a', `v${version}`, '-m', `Version ${version}`);
  console.log(`Version ${version} is committed and tagged. To publish it: git push --follow-tags`);
}

if (import.meta.main) {
  try {
    release(resolve(import.meta.dirname, '..'), process.argv[2] ?? '');
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
