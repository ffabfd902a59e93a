// The page's one polite live region: what is announced here is read by screen readers when they are idle.

let text = $state('');
let timer: ReturnType<typeof setTimeout> | undefined;
/** Held keys would flood a screen reader; only the last message of a burst is spoken. */
const BURST_MS = 120;

export const announcement = {
  get text(): string {
    return text;
  },
};

export function announce(message: string): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    text = message;
  }, BURST_MS);
}
