// What the server answered to the query in force: lines, volume and fields of one window, asked together and kept apart, so that
// what fails or is late leaves the rest whole.
import { describe, isAbort } from '../../api/client';
import { type FieldsAnswer, logs, type VolumeAnswer } from '../../api/logs';
import { clock } from '../../live/clock.svelte';
import { route } from '../../url/router.svelte';
import { bounds, HOUR } from '../../url/window';
import { timeIn } from './lines';
import { LineList } from './list.svelte';

const POINTS_MAX = 120;

export interface Span {
  from_ms: number;
  to_ms: number;
}

export interface Question {
  query: string;
  /** Whether it makes numbers, so that there are no lines to be asked for. */
  numbers: boolean;
  newestFirst: boolean;
  /** The address of the line that a link names; empty where there is none. */
  row: string;
}

function millis(ns: string): number {
  return Number(ns.slice(0, -6));
}

export class Answers {
  readonly list = new LineList();
  /** The window that was asked for: a live one stands still until it is asked anew. */
  asked = $state.raw<Span>(bounds(route.window, clock.now()));
  volume = $state.raw<VolumeAnswer | null>(null);
  volumeError = $state.raw<Error | null>(null);
  volumeStale = $state(true);
  /** The window that the volume is of: it moves on while the lines stay. */
  drawn = $state.raw<Span>(bounds(route.window, clock.now()));
  fields = $state.raw<FieldsAnswer | null>(null);
  fieldsError = $state<string | null>(null);
  fieldsStale = $state(true);
  /** Lines that came since the list was asked for. */
  newer = $state(0);
  /** What there is where the window has nothing: nothing at all, or lines before it. */
  elsewhere = $state.raw<{ kind: 'nothing' } | { kind: 'before'; at_ms: number } | null>(null);
  #question: Question = { query: '{}', numbers: false, newestFirst: true, row: '' };

  get empty(): boolean {
    return this.list.loaded && this.list.rows.length === 0 && !this.list.error;
  }

  /** Asks everything anew; the returned function gives up what is under way. */
  load(question: Question): () => void {
    const running = new AbortController();
    this.#question = question;
    this.asked = bounds(route.window, clock.now());
    this.newer = 0;
    this.elsewhere = null;
    void this.#loadVolume(this.asked, running.signal, false);
    if (question.numbers) {
      this.list.clear();
      this.fields = null;
      return () => running.abort();
    }
    void this.#loadLines();
    void this.#loadFields(this.asked, running.signal, false);
    return () => {
      running.abort();
      this.list.stop();
    };
  }

  /** Time went on: the volume moves with it; lines stay where they are, and how many are new is told unless they come by themselves. */
  refresh(signal: AbortSignal, tails: boolean): void {
    if (this.list.loading === 'all') return;
    const window = bounds(route.window, clock.now());
    void this.#loadVolume(window, signal, true);
    if (this.#question.numbers) return;
    // A sample that is full says enough; one of few lines grows.
    if (!this.fields?.is_sample) void this.#loadFields(window, signal, true);
    if (this.empty) {
      this.asked = window;
      void this.#loadLines();
    } else if (!tails) void this.#countNewer(window.to_ms, signal);
  }

  async #loadLines(): Promise<void> {
    const { query, newestFirst, row } = this.#question;
    const { from_ms, to_ms } = this.asked;
    const at = timeIn(row);
    const isInside = at !== null && millis(at) >= from_ms && millis(at) < to_ms;
    const isThere = this.list.rows.some((known) => row.startsWith(`${known.ns}-`));
    await this.list.load({ from_ms, to_ms, query, newestFirst, anchor_ns: isInside && !isThere ? at : null });
    if (this.list.rows.length > 0) this.elsewhere = null;
    else if (this.empty) await this.#lookElsewhere();
  }

  /** What is asked again because time went on is not old; only where something else is asked it is dimmed. */
  async #loadVolume(window: Span, signal: AbortSignal, again: boolean): Promise<void> {
    if (!again) this.volumeStale = true;
    try {
      const { query } = this.#question;
      const answer = await logs.volume({ ...window, query, max_points: POINTS_MAX }, signal);
      if (signal.aborted) return;
      this.volume = answer;
      this.drawn = window;
      this.volumeError = null;
    } catch (error) {
      if (isAbort(error)) return;
      this.volumeError = error instanceof Error ? error : new Error(String(error));
      if (this.volume) this.volume = { ...this.volume, series: [] };
    }
    this.volumeStale = false;
  }

  async #loadFields(window: Span, signal: AbortSignal, again: boolean): Promise<void> {
    if (!again) this.fieldsStale = true;
    try {
      const answer = await logs.fields({ ...window, query: this.#question.query }, signal);
      if (signal.aborted) return;
      this.fields = answer;
      this.fieldsError = null;
    } catch (error) {
      if (isAbort(error)) return;
      this.fieldsError = describe(error);
      this.fields = null;
    }
    this.fieldsStale = false;
  }

  async #lookElsewhere(): Promise<void> {
    const { query } = this.#question;
    const selector = /^\s*\{[^{}]*\}/.exec(query)?.[0] ?? '{}';
    const to_ms = Math.max(1, this.asked.from_ms);
    try {
      const [before, names] = await Promise.all([
        logs.lines({ from_ms: 0, to_ms, query: selector, direction: 'backward', limit: 1 }),
        logs.labelNames(0, clock.now() + HOUR),
      ]);
      // Meanwhile something else may have been asked, or have come.
      if (query !== this.#question.query || !this.empty) return;
      const last = before.at_ns[0];
      if (names.data.length === 0) this.elsewhere = { kind: 'nothing' };
      else if (last !== undefined) this.elsewhere = { kind: 'before', at_ms: millis(last) };
    } catch {
      // The empty list says enough.
    }
  }

  async #countNewer(to_ms: number, signal: AbortSignal): Promise<void> {
    const from_ms = this.asked.to_ms;
    if (to_ms <= from_ms) return;
    try {
      const { series } = await logs.volume({ from_ms, to_ms, query: this.#question.query, max_points: 2 }, signal);
      this.newer = series.reduce((sum, one) => one.values.reduce<number>((all, value) => all + (value ?? 0), sum), 0);
    } catch {
      // It is asked again in a moment.
    }
  }
}
