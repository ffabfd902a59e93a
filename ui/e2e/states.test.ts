// What a healthy server does not show: refusals, lost connections, failing panels and very long lists. Each is made by
// changing single answers of the real server on their way to the page.
import type { BrowserContext } from 'playwright-core';
import { afterEach, describe, expect, it } from 'vitest';
import type { Alert, AlertList, Overview, SeriesResponse } from '../src/api/types';
import { chart, closePages, hasData, NARROW, open, sideways, useBrowser, violations } from './browser';
import { startProxy } from './proxy';

useBrowser();
afterEach(closePages);

/** Passes an answer of the server through `change`. */
function changed<T>(path: string, change: (answer: T) => void) {
  return async (context: BrowserContext) => {
    await context.route(`**${path}`, async (route) => {
      const response = await route.fetch();
      const answer = (await response.json()) as T;
      change(answer);
      await route.fulfill({ response, json: answer });
    });
  };
}

function alert(index: number, now_ms: number): Alert {
  return {
    fingerprint: `f${index}`,
    name: `Alert${index}`,
    state: 'firing',
    severity: index % 2 ? 'warning' : 'critical',
    summary: `Something is wrong with host ${index}`,
    description: 'It has been wrong for a while.',
    labels: { instance: `host-${index}`, path: '/a/very/long/path/that/does/not/fit/into/a/narrow/column/at/all' },
    annotations: { runbook_url: 'https://example.org/runbook' },
    value: index,
    active_at_ms: now_ms - 60_000 * (index + 1),
    firing_at_ms: now_ms - 30_000 * (index + 1),
    resolved_at_ms: null,
    group: 'builtin',
    expr: `some_metric{instance="host-${index}"} > 0.9`,
    for_ms: 300_000,
    notifications: [
      {
        receiver: 'ops',
        channel: 'webhook',
        status: 'pending',
        attempts: 3,
        sent_at_ms: null,
        error: 'connection refused',
        next_attempt_ms: now_ms + 60_000,
      },
    ],
  };
}

const manyAlerts = (count: number) =>
  changed<AlertList>('/api/ui/alerts', (answer) => {
    answer.rows = Array.from({ length: count }, (_, i) => alert(i, answer.now_ms));
  });

describe('a refused configuration', () => {
  it('is told in full', async () => {
    const error = 'watchkeeper.yaml:14:3: unknown key `scrape_interval_s`; did you mean `scrape_interval`?';
    const prepare = changed<Overview>('/api/ui/overview', (answer) => {
      answer.config = { ...answer.config, ok: false, error };
    });
    const { page } = await open('/', { prepare });
    await expect.poll(() => page.getByRole('alert').first().textContent()).toContain(error);
    expect(await violations(page)).toEqual([]);
  });
});

describe('a store in trouble', () => {
  it('is told with the files and the mend, and a target that is cut with its metric', async () => {
    const fault =
      'the disk is full: the filesystem of /data has 3 MiB left; make room, and samples are taken again at once';
    const damage = 'block 01M7YYYEV4TH5QVP8JGKMDCQSP.blk: a page is damaged; set aside; all other blocks answer';
    const prepare = changed<Overview>('/api/ui/overview', (answer) => {
      answer.store = { fault, damage: [damage] };
      answer.targets.rows = [
        {
          job: 'shop',
          instance: '10.0.0.7:8080',
          url: 'http://10.0.0.7:8080/metrics',
          health: 'up',
          last_scrape_ms: answer.now_ms,
          last_duration_seconds: 0.1,
          last_error: null,
          series_refused: { count: 800_101, metric: 'sessions_open', limit: 200_000 },
          interval_ms: 15_000,
          labels: {},
        },
      ];
    });
    const { page } = await open('/', { prepare });
    const attention = () => page.locator('section[aria-labelledby="attention"]').textContent();
    await expect.poll(attention).toContain(fault);
    expect(await attention()).toContain(damage);
    const targets = await page.locator('#targets').textContent();
    expect(targets).toContain('800,101 samples of new series refused, most of them sessions_open');
    expect(await violations(page)).toEqual([]);
  });
});

describe('a lost connection', () => {
  it('is told, and mends itself', async () => {
    const proxy = await startProxy();
    const { page } = await open('/', { base: proxy.url });
    await hasData(page, 'CPU by mode');
    const state = () => page.locator('[data-connection]').getAttribute('data-connection');
    await expect.poll(state).toBe('Live');
    await proxy.cut();
    await expect.poll(state, { timeout: 12_000 }).toBe('Reconnecting');
    expect(await chart(page, 'CPU by mode').locator('.legend .value').first().textContent()).toMatch(/\d/);
    await proxy.mend();
    await expect.poll(state, { timeout: 15_000 }).toBe('Live');
    await proxy.cut();
  });
});

describe('a panel that fails', () => {
  it('says why, and leaves the others whole', async () => {
    const { page } = await open('/', {
      prepare: async (context) => {
        await context.route('**/api/ui/series', async (route) => {
          const asked = route.request().postDataJSON() as { queries: { id: string; expr: string }[] };
          const wrong = asked.queries.find((q) => q.expr.includes('system_network_io'))?.id;
          const response = await route.fetch();
          const answer = (await response.json()) as SeriesResponse;
          for (const result of answer.results) {
            if (result.id === wrong)
              Object.assign(result, { error: 'too many samples: ask for a shorter window', series: [] });
          }
          await route.fulfill({ response, json: answer });
        });
      },
    });
    await hasData(page, 'Memory by state');
    await expect
      .poll(() => chart(page, 'Network throughput').getByRole('status').textContent())
      .toContain('ask for a shorter window');
  });
});

describe('many alerts', () => {
  it('are drawn as virtual rows that scroll to the end', async () => {
    const { page } = await open('/alerts', { prepare: manyAlerts(10_000) });
    const rows = page.locator('tr[data-row]');
    await expect.poll(() => rows.count()).toBeGreaterThan(10);
    expect(await rows.count()).toBeLessThan(120);
    // The order is critical first, then the newest: the oldest warning is the last of the list.
    const height = await page.evaluate(() => document.querySelector('tbody')?.getBoundingClientRect().height ?? 0);
    expect(height).toBeGreaterThan(10_000 * 24);
    await page.evaluate((px) => scrollTo(0, px - innerHeight / 2), height);
    await page.getByRole('button', { name: 'Alert9999', exact: true }).waitFor();
    expect(await rows.count()).toBeLessThan(120);
  });

  it('one that a link names is opened and in sight', async () => {
    const { page } = await open('/alerts?open=f777', { prepare: manyAlerts(2000) });
    await expect.poll(() => page.locator('tr.detail').textContent()).toContain('host-777');
    expect(await page.getByRole('button', { name: 'Alert777', exact: true }).isVisible()).toBe(true);
    expect(await page.evaluate(() => scrollY)).toBeGreaterThan(1000);
  });

  it('are filtered by what is typed, and the URL keeps it', async () => {
    const { page } = await open('/alerts', { prepare: manyAlerts(300) });
    await page.keyboard.press('/');
    await page.keyboard.type('host-29 ');
    await expect.poll(() => page.locator('tr[data-row]').count()).toBe(11);
    expect(new URL(page.url()).searchParams.get('q')).toBe('host-29 ');
    await page.getByRole('button', { name: /^warning/ }).click();
    await expect.poll(() => page.locator('tr[data-row]').count()).toBe(6);
  });

  it.each([
    ['wide', {}],
    ['dark', { dark: true }],
    ['narrow', { size: NARROW }],
  ])('one opened is complete and accessible (%s)', async (_, look) => {
    const { page } = await open('/alerts', { ...look, prepare: manyAlerts(5) });
    await page.getByRole('button', { name: 'Alert2' }).click();
    const detail = page.locator('tr.detail');
    await expect.poll(() => detail.textContent()).toContain('some_metric{instance="host-2"} > 0.9');
    expect(await detail.textContent()).toContain('connection refused');
    expect(await detail.textContent()).toMatch(/next try in .*3 tries/);
    expect(await violations(page)).toEqual([]);
    expect(await sideways(page)).toBe(0);
  });
});
