// What the reader prefers on this device: theme, clock and single-key shortcuts.

export type Theme = 'system' | 'light' | 'dark';

interface Stored {
  theme: Theme;
  utc: boolean;
  keys: boolean;
}

const STORAGE_KEY = 'watchkeeper.settings';
const DEFAULTS: Stored = { theme: 'system', utc: false, keys: true };

function load(): Stored {
  try {
    const stored = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}') as Partial<Stored>;
    const theme = stored.theme === 'light' || stored.theme === 'dark' ? stored.theme : 'system';
    return { theme, utc: stored.utc === true, keys: stored.keys !== false };
  } catch {
    return DEFAULTS;
  }
}

const systemDark = matchMedia('(prefers-color-scheme: dark)');
let current = $state.raw<Stored>(load());
let systemIsDark = $state(systemDark.matches);
systemDark.addEventListener('change', () => {
  systemIsDark = systemDark.matches;
});

function apply(): void {
  if (current.theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = current.theme;
}
apply();

function change(part: Partial<Stored>): void {
  current = { ...current, ...part };
  apply();
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(current));
  } catch {
    // A browser that refuses storage still gets the setting until the tab closes.
  }
}

export const settings = {
  get theme(): Theme {
    return current.theme;
  },
  set theme(theme: Theme) {
    change({ theme });
  },
  get utc(): boolean {
    return current.utc;
  },
  set utc(utc: boolean) {
    change({ utc });
  },
  get keys(): boolean {
    return current.keys;
  },
  set keys(keys: boolean) {
    change({ keys });
  },
  get dark(): boolean {
    return current.theme === 'system' ? systemIsDark : current.theme === 'dark';
  },
};
