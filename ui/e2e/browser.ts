// One Chromium for a test file, pages with what every test expects of them: no error in the console.
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject } from 'vitest';

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const CHARTS = ['CPU by mode', 'Memory by state', 'Network throughput', 'Disk throughput'];
export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 390, height: 844 };

interface Look {
  size?: { width: number; height: number };
  dark?: boolean;
  /** Another address than the server's own. */
  base?: string;
  /** Changes what the server answers, before the page asks. */
  prepare?: (context: BrowserContext) => Promise<void>;
}

let browser: Browser;
const contexts: BrowserContext[] = [];

/** Starts the browser for the tests of a file and closes it after them. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
  });
  afterAll(async () => {
    await browser?.close();
  });
}

export interface Opened {
  page: Page;
  /** Errors of the console and of the page: script errors and refusals of the content security policy. */
  faults: string[];
}

export async function open(path: string, look: Look = {}): Promise<Opened> {
  const context = await browser.newContext({
    viewport: look.size ?? WIDE,
    colorScheme: look.dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
  });
  contexts.push(context);
  await look.prepare?.(context);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // A request we cut on purpose is reported by the browser as a failed load.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(message.text());
  });
  await page.goto((look.base ?? inject('url')) + path);
  await page.locator('main :is(h1, h2)').first().waitFor();
  return { page, faults };
}

export async function closePages(): Promise<void> {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
}

export function chart(page: Page, title: string) {
  return page.locator(`[data-chart="${title}"]`);
}

/** Waits until a chart has drawn values. */
export async function hasData(page: Page, title: string, timeout = 15_000): Promise<void> {
  await chart(page, title).locator('.legend .value', { hasText: /\d/ }).first().waitFor({ timeout });
}

/** The violations axe finds, one line each. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const run = (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run;
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    return (await run(document, { runOnly: { type: 'tag', values: tags } })).violations.map((violation) => ({
      id: violation.id,
      nodes: violation.nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
    }));
  });
  return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.replaceAll('\n', ' ')}`));
}

/** How far the page can be scrolled sideways, which must be nothing. */
export async function sideways(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

export async function expectNoFaults(opened: Opened): Promise<void> {
  expect(opened.faults).toEqual([]);
}
