// The lines of a query, page by page at both ends: the next page begins where the one before ended, so that none is lost or
// shown twice.
import { ApiError, isAbort } from '../../api/client';
import { type LinesRequest, logs, type Row, toRows } from '../../api/logs';
import { compareNs, cutAt } from './order';

export const PAGE_LINES = 1000;
/** The first page is shorter: it is what is looked at first. */
export const FIRST_LINES = 200;
/** More are not held; a shorter window or a filter shows the others. */
export const HELD_MAX = 100_000;

export interface Asked {
  from_ms: number;
  to_ms: number;
  query: string;
  newestFirst: boolean;
  /** The time of the line that a link names. */
  anchor_ns: string | null;
}

type Edge = 'start' | 'end';

function after(ns: string): string {
  return (BigInt(ns) + 1n).toString();
}

export class LineList {
  rows = $state.raw<Row[]>([]);
  /** Which end more lines are being fetched for; `all` while the list is asked anew and the old one stays in sight. */
  loading = $state<Edge | 'all' | null>(null);
  error = $state.raw<ApiError | Error | null>(null);
  loaded = $state(false);
  /** One time has more lines than are told of it. */
  partial = $state(false);
  server_ms = $state(0);
  lines_read = $state(0);
  asked = $state.raw<Asked | null>(null);
  /** Where the next page begins at either end; null where there is none. */
  cursors = $state.raw<Record<Edge, string | null>>({ start: null, end: null });
  #running: AbortController | null = null;

  get full(): boolean {
    return this.rows.length >= HELD_MAX;
  }

  /** Asks for the first lines; what is under way is given up. */
  async load(asked: Asked): Promise<void> {
    this.stop();
    const running = new AbortController();
    this.#running = running;
    this.loading = 'all';
    try {
      const { anchor_ns } = asked;
      // The page begins with the line that the link names, whichever way the list runs.
      const cursor = anchor_ns === null ? undefined : asked.newestFirst ? after(anchor_ns) : anchor_ns;
      const limit = anchor_ns === null ? FIRST_LINES : PAGE_LINES;
      const answer = await logs.lines(this.#request(asked, 'end', limit, cursor), running.signal);
      if (running.signal.aborted) return;
      this.asked = asked;
      this.rows = toRows(answer);
      this.cursors = { start: cursor ?? null, end: answer.next_ns };
      this.partial = answer.partial;
      this.server_ms = answer.server_ms;
      this.lines_read = answer.lines_read;
      this.error = null;
      this.loaded = true;
    } catch (error) {
      if (isAbort(error)) return;
      this.error = error instanceof Error ? error : new Error(String(error));
      // Lines of another question would be taken for the answer to this one.
      if (error instanceof ApiError && error.status === 400) this.rows = [];
      this.loaded = true;
    } finally {
      if (this.#running === running) {
        this.#running = null;
        this.loading = null;
      }
    }
  }

  /** Fetches the next page at one end, where there is one. */
  async more(edge: Edge): Promise<void> {
    const cursor = this.cursors[edge];
    const { asked } = this;
    if (this.loading || cursor === null || !asked || this.full) return;
    const running = new AbortController();
    this.#running = running;
    this.loading = edge;
    try {
      const answer = await logs.lines(this.#request(asked, edge, PAGE_LINES, cursor), running.signal);
      if (running.signal.aborted) return;
      const rows = toRows(answer);
      this.rows = edge === 'end' ? [...this.rows, ...rows] : [...rows.reverse(), ...this.rows];
      this.cursors = { ...this.cursors, [edge]: answer.next_ns };
      this.partial = this.partial || answer.partial;
      this.error = null;
    } catch (error) {
      if (!isAbort(error)) this.error = error instanceof Error ? error : new Error(String(error));
    } finally {
      if (this.#running === running) {
        this.#running = null;
        this.loading = null;
      }
    }
  }

  /** Puts lines that just came in front. The list stays as long as it may be: what leaves it can be fetched again. */
  prepend(fresh: Row[], held_max: number): void {
    const joined = [...fresh, ...this.rows];
    const first = this.rows[0];
    const last = fresh.at(-1);
    // Lines may come late: then their place is further down.
    if (first && last && compareNs(last.ns, first.ns) < 0) joined.sort((a, b) => compareNs(b.ns, a.ns));
    const kept = cutAt(joined, held_max);
    if (kept.length < joined.length) this.cursors = { ...this.cursors, end: kept.at(-1)?.ns ?? null };
    this.rows = kept;
  }

  clear(): void {
    this.stop();
    this.rows = [];
    this.error = null;
    this.cursors = { start: null, end: null };
  }

  stop(): void {
    this.#running?.abort();
    this.#running = null;
    this.loading = null;
  }

  #request(asked: Asked, edge: Edge, limit: number, cursor_ns: string | undefined): LinesRequest {
    const { from_ms, to_ms, query, newestFirst } = asked;
    const direction = newestFirst === (edge === 'end') ? 'backward' : 'forward';
    return { from_ms, to_ms, query, direction, limit, ...(cursor_ns === undefined ? {} : { cursor_ns }) };
  }
}
