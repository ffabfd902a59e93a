// The one event stream of this tab: opened while the tab is seen, closed while it is hidden, opened again when lost.
import type { AlertCounts, ConfigState, TargetCounts } from '../api/types';
import { clock } from './clock.svelte';

export interface Events {
  tick: { now_ms: number };
  alerts: AlertCounts;
  targets: TargetCounts;
  config: ConfigState;
  gap: { dropped: number };
  /** Not the server's: the stream is open again after it was closed, so what is shown may be old. */
  resumed: null;
}

export type Topic = keyof Events;
type Listener<T extends Topic> = (data: Events[T]) => void;
type Link = 'connecting' | 'live' | 'reconnecting';

const URL_OF_STREAM = '/api/ui/stream?topics=tick,alerts,targets,config';
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 8_000;
/** Ticks come once a second; after this long without one the stream counts as lost. */
const SILENCE_MS_MAX = 6_000;

const listeners: { [T in Topic]: Set<Listener<T>> } = {
  tick: new Set(),
  alerts: new Set(),
  targets: new Set(),
  config: new Set(),
  gap: new Set(),
  resumed: new Set(),
};

let link = $state<Link>('connecting');
let lastTick_ms = $state<number | null>(null);
let source: EventSource | null = null;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let silenceTimer: ReturnType<typeof setTimeout> | undefined;
let retry_ms = RETRY_MS_MIN;
let opened = false;

function emit<T extends Topic>(topic: T, data: Events[T]): void {
  for (const listener of listeners[topic]) listener(data);
}

function close(): void {
  clearTimeout(retryTimer);
  clearTimeout(silenceTimer);
  source?.close();
  source = null;
}

function lost(): void {
  close();
  link = 'reconnecting';
  if (document.hidden) return;
  retryTimer = setTimeout(open, retry_ms);
  retry_ms = Math.min(RETRY_MS_MAX, retry_ms * 2);
}

function heard(): void {
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(lost, SILENCE_MS_MAX);
}

function onTick(data: Events['tick']): void {
  clock.set(data.now_ms);
  lastTick_ms = data.now_ms;
  link = 'live';
  retry_ms = RETRY_MS_MIN;
}

function open(): void {
  close();
  source = new EventSource(URL_OF_STREAM);
  heard();
  source.onopen = () => {
    heard();
    if (opened) emit('resumed', null);
    opened = true;
  };
  source.onerror = lost;
  for (const topic of ['tick', 'alerts', 'targets', 'config', 'gap'] as const) {
    source.addEventListener(topic, (event: MessageEvent<string>) => {
      heard();
      const data = JSON.parse(event.data) as Events[typeof topic];
      if (topic === 'tick') onTick(data as Events['tick']);
      emit(topic, data);
    });
  }
}

export const stream = {
  get link(): Link {
    return link;
  },
  /** The server's time at the newest tick. */
  get lastTick_ms(): number | null {
    return lastTick_ms;
  },
  on<T extends Topic>(topic: T, listener: Listener<T>): () => void {
    const set = listeners[topic] as Set<Listener<T>>;
    set.add(listener);
    return () => set.delete(listener);
  },
  /** Opens the stream and follows the tab's visibility until the returned function is called. */
  start(): () => void {
    const follow = () => (document.hidden ? close() : open());
    document.addEventListener('visibilitychange', follow);
    if (!document.hidden) open();
    return () => {
      document.removeEventListener('visibilitychange', follow);
      close();
    };
  },
};
