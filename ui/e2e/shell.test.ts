// The frame: palette, keys, themes, budgets, accessibility and narrow screens.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { closePages, expectNoFaults, hasData, NARROW, open, sideways, useBrowser, violations, WIDE } from './browser';

const FIRST_JS_BYTES_MAX = 90 * 1024;
const LATER_JS_BYTES_MAX = 170 * 1024;
const ROUTE_MS_MAX = 100;
const PAGES = ['/', '/host', '/alerts', '/metric?name=system_memory_usage_bytes', '/explore/logs'];

useBrowser();
afterEach(closePages);

describe('budgets', () => {
  it('the first JavaScript is small enough, and what comes later too', () => {
    const assets = join(import.meta.dirname, '../dist/assets');
    const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'));
    const text = (name: string) => readFileSync(join(assets, name), 'utf8');
    const packed = (name: string) => gzipSync(readFileSync(join(assets, name)), { level: 9 }).length;
    // What index.html names, and what that imports without being asked to.
    const first = new Set(
      [...readFileSync(join(assets, '../index.html'), 'utf8').matchAll(/assets\/(\w+\.js)/g)].map((m) => m[1] ?? ''),
    );
    for (const name of first) {
      for (const found of text(name).matchAll(/(?:from|import)\s*["']\.\/(\w+\.js)["']/g)) first.add(found[1] ?? '');
    }
    expect([...first].sort()).toEqual(['index.js', 'vendor.js']);
    expect([...first].reduce((sum, name) => sum + packed(name), 0)).toBeLessThanOrEqual(FIRST_JS_BYTES_MAX);
    const later = scripts.filter((name) => !first.has(name));
    expect(later).toContain('Explore.js');
    for (const name of later) expect(packed(name)).toBeLessThanOrEqual(LATER_JS_BYTES_MAX);
  });

  it('another page appears at once', async () => {
    const { page } = await open('/');
    await hasData(page, 'CPU by mode');
    const times: number[] = [];
    for (const name of ['Alerts', 'Overview', 'Alerts', 'Overview']) {
      times.push(
        await page
          .getByRole('navigation', { name: 'Pages' })
          .getByRole('link', { name })
          .evaluate(async (link, word) => {
            const start = performance.now();
            (link as HTMLAnchorElement).click();
            while (document.querySelector('main h1')?.textContent !== word)
              await new Promise((next) => setTimeout(next, 1));
            return performance.now() - start;
          }, name),
      );
    }
    // The best of four: this machine may be busy with other work.
    expect(Math.min(...times)).toBeLessThanOrEqual(ROUTE_MS_MAX);
  });
});

describe('palette and keys', () => {
  it('goes to pages, sections and metrics', async () => {
    const opened = await open('/');
    const { page } = opened;
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('alerts');
    await page.keyboard.press('Enter');
    await expect.poll(() => new URL(page.url()).pathname).toBe('/alerts');
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('system memory usage');
    await page
      .getByRole('option', { name: /system_memory_usage_bytes/ })
      .first()
      .click();
    await expect.poll(() => new URL(page.url()).searchParams.get('name')).toBe('system_memory_usage_bytes');
    await hasData(page, 'system_memory_usage_bytes');
    await expectNoFaults(opened);
  });

  it('single keys go to pages, and can be turned off', async () => {
    const { page } = await open('/');
    const press = async (keys: string) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    await press('gh');
    await expect.poll(() => new URL(page.url()).pathname).toBe('/host');
    await press('ga');
    await expect.poll(() => new URL(page.url()).pathname).toBe('/alerts');
    await press('?');
    await page.getByRole('checkbox', { name: 'Single-key shortcuts' }).uncheck();
    await page.keyboard.press('Escape');
    await press('go');
    await page.waitForTimeout(200);
    expect(new URL(page.url()).pathname).toBe('/alerts');
  });

  it('pauses and goes live again', async () => {
    const { page } = await open('/');
    const state = () => page.locator('[data-connection]').getAttribute('data-connection');
    await expect.poll(state).toBe('Live');
    await page.keyboard.press('p');
    await expect.poll(state).toBe('Paused');
    await page.locator('[data-connection]').click();
    await expect.poll(state).toBe('Live');
  });

  it('the theme is kept', async () => {
    const { page } = await open('/');
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    expect(await ground()).toBe('rgb(247, 248, 249)');
    const button = page.getByRole('button', { name: /^Theme/ });
    await button.click();
    await button.click();
    expect(await ground()).toBe('rgb(15, 18, 21)');
    await page.reload();
    expect(await ground()).toBe('rgb(15, 18, 21)');
  });
});

describe.each([
  ['light', { size: WIDE, dark: false }],
  ['dark', { size: WIDE, dark: true }],
  ['390 px', { size: NARROW, dark: false }],
])('in %s', (_, look) => {
  it.each(PAGES)('%s has no accessibility violation, no fault and no sideways scrolling', async (path) => {
    const opened = await open(path, look);
    const { page } = opened;
    await page.waitForTimeout(1_500);
    expect(await violations(page)).toEqual([]);
    expect(await sideways(page)).toBe(0);
    await expectNoFaults(opened);
  });

  it('the dialogs have no accessibility violation', async () => {
    const { page } = await open('/', look);
    for (const show of [
      () => page.keyboard.press('Control+k'),
      () => page.keyboard.press('?'),
      () => page.locator('[data-window]').click(),
    ]) {
      await show();
      await page.getByRole('dialog').waitFor();
      expect(await violations(page)).toEqual([]);
      expect(await sideways(page)).toBe(0);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
    }
  });
});
