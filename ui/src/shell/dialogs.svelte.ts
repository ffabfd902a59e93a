// Which dialog of the shell is open: never more than one.

export type DialogName = 'palette' | 'help' | 'window';

let open = $state<DialogName | null>(null);

export const dialogs = {
  get open(): DialogName | null {
    return open;
  },
  show(name: DialogName): void {
    open = name;
  },
  close(): void {
    open = null;
  },
};
