// The server's time as this page knows it: its offset comes with every answer that carries the server's clock.

let offset_ms = 0;
let shown = $state(Date.now());

export const clock = {
  /** The server's time now. Not reactive: for requests. */
  now(): number {
    return Date.now() + offset_ms;
  },
  /** The server's time at the last second; reading it in a component keeps ages moving. */
  get shown_ms(): number {
    return shown;
  },
  set(server_now_ms: number): void {
    offset_ms = server_now_ms - Date.now();
    shown = server_now_ms;
  },
};

setInterval(() => {
  if (!document.hidden) shown = clock.now();
}, 1000);
