// A live tail: lines as they come, gathered and handed on a few times a second, held back while somebody reads, and never more
// than can be held. What is left out is counted.
import { type LineColumns, type Row, toRows } from '../../api/logs';

export const WAITING_MAX = 5_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 8_000;

interface Frame extends LineColumns {
  left_out: number;
  lost: number;
  is_lost: boolean;
}

export type TailState = 'connecting' | 'live' | 'reconnecting';

export class Tail {
  state = $state<TailState>('connecting');
  /** Lines that wait to be shown, the newest first. */
  waiting = $state.raw<Row[]>([]);
  /** Lines that were asked for and are not shown: by the server because they were too many at a time, or here. */
  left_out = $state(0);
  /** Lines of which nobody knows whether they were asked for. */
  lost = $state(0);
  /** How often an unknown number was lost. */
  gaps = $state(0);
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry_ms = RETRY_MS_MIN;
  #stopped = false;

  constructor(
    private readonly query: string,
    /** Called when from now on nothing is missed: at first, and whenever the connection is back. */
    private readonly opened: () => void,
  ) {}

  start(): () => void {
    this.#open();
    return () => {
      this.#stopped = true;
      clearTimeout(this.#timer);
      this.#socket?.close();
      this.#socket = null;
    };
  }

  /** Hands over what waits. */
  take(): Row[] {
    const rows = this.waiting;
    this.waiting = [];
    return rows;
  }

  receive(frame: Frame): void {
    this.left_out += frame.left_out;
    this.lost += frame.lost;
    if (frame.is_lost) this.gaps += 1;
    const all = [...toRows(frame), ...this.waiting];
    this.left_out += Math.max(0, all.length - WAITING_MAX);
    this.waiting = all.slice(0, WAITING_MAX);
  }

  #open(): void {
    const url = new URL('/api/ui/logs/tail', location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('query', this.query);
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onmessage = (event: MessageEvent<string>) => {
      const frame = JSON.parse(event.data) as Frame | { open: true };
      if (!('open' in frame)) {
        this.receive(frame);
        return;
      }
      this.state = 'live';
      this.#retry_ms = RETRY_MS_MIN;
      this.opened();
    };
    socket.onclose = () => {
      if (this.#stopped || this.#socket !== socket) return;
      this.state = 'reconnecting';
      this.#timer = setTimeout(() => this.#open(), this.#retry_ms);
      this.#retry_ms = Math.min(RETRY_MS_MAX, this.#retry_ms * 2);
    };
  }
}
