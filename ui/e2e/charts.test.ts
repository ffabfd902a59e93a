// The charts of the Overview: they fill, they move, one drag zooms all of them, and the keyboard reads them.
import { afterEach, describe, expect, it } from 'vitest';
import { CHARTS, chart, closePages, expectNoFaults, hasData, open, useBrowser } from './browser';
import { startServer } from './server';

const FIRST_DATA_MS_MAX = 10_000;

useBrowser();
afterEach(closePages);

function windowOf(url: string): string {
  return new URL(url).searchParams.get('w') ?? '';
}

/** Drags over the middle of a chart. */
async function drag(page: Awaited<ReturnType<typeof open>>['page'], title: string) {
  const box = await chart(page, title).locator('.u-over').boundingBox();
  if (!box) throw new Error(`${title} has no plot`);
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.6, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, y, { steps: 4 });
  await page.mouse.move(box.x + box.width * 0.9, y, { steps: 4 });
  await page.mouse.up();
}

describe('charts', () => {
  it('show CPU, memory, disk and network within ten seconds of the first start, and move', async () => {
    // The clock runs from the start of a server of this test's own, unless the one to test runs already.
    const own = process.env.WATCHKEEPER_URL ? null : await startServer();
    try {
      const start = own?.readyAt_ms ?? Date.now();
      const opened = await open('/', own ? { base: own.url } : {});
      const { page } = opened;
      for (const title of CHARTS) await hasData(page, title);
      expect(Date.now() - start).toBeLessThan(FIRST_DATA_MS_MAX);
      const picture = () =>
        chart(page, 'CPU by mode')
          .locator('canvas')
          .evaluate((c) => (c as HTMLCanvasElement).toDataURL());
      const before = await picture();
      await expect.poll(picture, { timeout: 6_000 }).not.toBe(before);
      await expectNoFaults(opened);
    } finally {
      await closePages();
      await own?.stop();
    }
  });

  it('fetch only the newest points once they are filled', async () => {
    const { page } = await open('/');
    for (const title of CHARTS) await hasData(page, title);
    const request = await page.waitForRequest((r) => r.url().endsWith('/api/ui/series'), { timeout: 8_000 });
    const body = request.postDataJSON() as { from_ms: number; to_ms: number; queries: unknown[] };
    expect(body.to_ms - body.from_ms).toBeLessThan(60_000);
    expect(body.queries.length).toBeGreaterThanOrEqual(CHARTS.length);
  });

  it('are all zoomed by one drag; Esc undoes it', async () => {
    const { page } = await open('/');
    for (const title of CHARTS) await hasData(page, title);
    await page.waitForTimeout(6_000);
    // The open page goes on asking for what is new; the window's own request is one among those.
    const asked: [number, number][] = [];
    page.on('request', (r) => {
      if (!r.url().endsWith('/api/ui/series')) return;
      const body = r.postDataJSON() as { from_ms: number; to_ms: number; queries: unknown[] };
      if (body.queries.length >= 4) asked.push([body.from_ms, body.to_ms]);
    });
    await drag(page, 'CPU by mode');
    await expect.poll(() => windowOf(page.url())).toMatch(/Z\.\.\d{4}-.*Z$/);
    const [from = 0, to = 0] = windowOf(page.url())
      .split('..')
      .map((text) => Date.parse(text));
    await expect.poll(() => asked).toContainEqual([from, to]);
    for (const title of ['CPU by mode', 'Memory by state', 'Network throughput']) {
      await chart(page, title)
        .getByRole('button', { name: /as table/ })
        .click();
      const times = await chart(page, title).locator('table').nth(1).locator('tbody th').allTextContents();
      expect(times.length).toBeGreaterThan(0);
      // The page runs in the time zone of this process, as Date.parse does.
      for (const text of times)
        expect(Date.parse(text.replace(' ', 'T'))).toSatisfy((at: number) => at >= from && at <= to);
    }
    await page.keyboard.press('Escape');
    await expect.poll(() => windowOf(page.url())).toBe('');
    await expect.poll(() => page.locator('[data-connection]').getAttribute('data-connection')).toBe('Live');
  });

  it('share the cursor', async () => {
    const { page } = await open('/');
    for (const title of CHARTS) await hasData(page, title);
    const box = await chart(page, 'CPU by mode').locator('.u-over').boundingBox();
    if (!box) throw new Error('no plot');
    await page.mouse.move(box.x + box.width * 0.9, box.y + 20);
    await page.mouse.move(box.x + box.width * 0.92, box.y + 24);
    const at = (title: string) => chart(page, title).locator('.at').textContent();
    await expect.poll(() => at('CPU by mode')).toMatch(/^\d\d:\d\d:\d\d$/);
    expect(await at('Network throughput')).toBe(await at('CPU by mode'));
  });

  it('are read with the arrow keys', async () => {
    const { page } = await open('/');
    await hasData(page, 'CPU by mode');
    await chart(page, 'CPU by mode').getByRole('application').focus();
    const spoken = () => page.locator('[data-live-region]').textContent();
    await page.keyboard.press('End');
    await expect.poll(spoken).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d: .*user .*%/);
    const last = await spoken();
    await page.keyboard.press('ArrowLeft');
    await expect.poll(spoken).not.toBe(last);
    await page.keyboard.press('+');
    await expect.poll(() => windowOf(page.url())).not.toBe('');
  });

  it('step and zoom by buttons, keys and the dialog', async () => {
    const { page } = await open('/');
    await page.getByRole('button', { name: 'Zoom out' }).click();
    expect(windowOf(page.url())).toBe('now-30m');
    await page.keyboard.press('[');
    await expect.poll(() => windowOf(page.url())).toContain('..');
    await page.keyboard.press(']');
    await expect.poll(() => windowOf(page.url())).toBe('now-30m');
    await page.locator('[data-window]').click();
    await page.getByRole('textbox', { name: 'From' }).fill('nonsense');
    await page.getByRole('button', { name: 'Apply' }).click();
    expect(await page.getByRole('dialog').getByRole('alert').textContent()).toContain('nonsense');
    await page.getByRole('textbox', { name: 'From' }).fill('now-2h');
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect.poll(() => windowOf(page.url())).toBe('now-2h');
  });
});
