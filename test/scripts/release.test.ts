// A release's changelog, and what must be so before there is one.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { releasedChangelog } from '../../scripts/release.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CHANGES = '# Changes\n\n## Unreleased\n\n- New $& thing.\n\n## 1.2.3 (2026-01-01)\n\n- Old thing.\n';

it('moves what was unreleased under the version and its day', () => {
  expect(releasedChangelog(CHANGES, '1.2.3', '1.3.0', '2026-02-03')).toBe(
    '# Changes\n\n## Unreleased\n\n## 1.3.0 (2026-02-03)\n\n- New $& thing.\n\n## 1.2.3 (2026-01-01)\n\n- Old thing.\n',
  );
});

it("takes this repository's changelog", () => {
  const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(releasedChangelog(changelog, version, '99.0.0', '2026-02-03')).toContain('\n## 99.0.0 (2026-02-03)\n\n- ');
});

it.each([
  ['1.2', 'expected a version of the shape 1.2.3, got "1.2"'],
  ['v1.3.0', 'expected a version of the shape 1.2.3, got "v1.3.0"'],
  ['1.2.3', 'expected a version later than 1.2.3, got 1.2.3'],
  ['1.1.9', 'expected a version later than 1.2.3, got 1.1.9'],
  ['0.9.9', 'expected a version later than 1.2.3, got 0.9.9'],
])('refuses %s after 1.2.3', (version, message) => {
  expect(() => releasedChangelog(CHANGES, '1.2.3', version, '2026-02-03')).toThrow(message);
});

it('refuses a release of nothing, and one that was made', () => {
  const empty = CHANGES.replace('- New $& thing.\n\n', '');
  expect(() => releasedChangelog(empty, '1.2.3', '1.3.0', '2026-02-03')).toThrow(
    'expected changes under "## Unreleased", found none',
  );
  expect(() => releasedChangelog(CHANGES, '1.0.0', '1.2.3', '2026-02-03')).toThrow('expected 1.2.3 to be new');
});

it('the workflow publishes what the package says, by provenance and without a token', () => {
  const workflow = readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8');
  const { scripts, publishConfig } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const [, script = ''] of workflow.matchAll(/npm run ([\w-]+)/g)) expect(Object.keys(scripts)).toContain(script);
  expect(publishConfig).toMatchObject({ provenance: true });
  expect(workflow).toContain('id-token: write');
  expect(workflow).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN/);
});
