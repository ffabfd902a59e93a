// One JSON document of the server, kept fresh: asked again every few seconds and at once when an event says so.
import { describe, get, isAbort } from '../api/client';
import { stream, type Topic } from './stream.svelte';

interface Freshness {
  every_ms: number;
  topics: Topic[];
}

export class Resource<T> {
  data = $state.raw<T | null>(null);
  error = $state<string | null>(null);
  #running: AbortController | null = null;
  #again = false;

  constructor(
    private readonly path: string,
    private readonly freshness: Freshness,
  ) {}

  /** Asks now; while an answer is under way the question is asked once more after it. */
  async load(): Promise<void> {
    if (this.#running) {
      this.#again = true;
      return;
    }
    const running = new AbortController();
    this.#running = running;
    try {
      this.data = await get<T>(this.path, running.signal);
      this.error = null;
    } catch (error) {
      if (!isAbort(error)) this.error = describe(error);
    } finally {
      if (this.#running === running) this.#running = null;
    }
    if (this.#again && !running.signal.aborted) {
      this.#again = false;
      await this.load();
    }
  }

  /** Keeps the document fresh until the returned function is called. */
  start(): () => void {
    void this.load();
    const timer = setInterval(() => {
      if (!document.hidden) void this.load();
    }, this.freshness.every_ms);
    const topics: Topic[] = [...this.freshness.topics, 'gap', 'resumed'];
    const stops = topics.map((topic) => stream.on(topic, () => void this.load()));
    return () => {
      clearInterval(timer);
      for (const stop of stops) stop();
      this.#again = false;
      this.#running?.abort();
      this.#running = null;
    };
  }
}
