// A real browser for the pages: Debian's chromium, driven from here. Where there is none, tests are skipped, but never in CI.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { chromium } from 'playwright-core';

/** Where browsers of that kind are: the environment's, Debian's, others'. */
const PLACES = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = PLACES.find((path) => path !== undefined && existsSync(path));

/** Whether there is one; in CI there must be, as the first test that needs it then says. */
export const haveBrowser = executablePath !== undefined || process.env['CI'] !== undefined;

export interface Looked {
  readonly page: Page;
  /** What went to the console as an error or a warning, what was thrown, and what the policy refused. */
  readonly complaints: string[];
  /** Every request but the one for the page itself; pictures in the page are none. */
  readonly requests: string[];
}

export interface Browser extends AsyncDisposable {
  /** Opens a file in a new window. Default: light, 1240 pixels wide. */
  open(file: string, options?: { readonly scheme?: 'light' | 'dark'; readonly width?: number }): Promise<Looked>;
}

/** Starts it. Throws when there is none. */
export async function startBrowser(): Promise<Browser> {
  if (executablePath === undefined)
    throw new Error(`expected a browser at ${PLACES.slice(1).join(' or ')}, found none`);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  return {
    async open(file, { scheme = 'light', width = 1240 } = {}) {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme });
      const complaints: string[] = [];
      const requests: string[] = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      const url = pathToFileURL(file).href;
      page.on('request', (request) => {
        if (request.url() !== url && !request.url().startsWith('data:')) requests.push(request.url());
      });
      await page.goto(url);
      return { page, complaints, requests };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds of serious and critical, each as `rule: where`. */
export async function axeProblems(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html }) => `${id}: ${html.slice(0, 200)}`));
  });
}
