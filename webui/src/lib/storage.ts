/* What the browser remembers for this person. A browser that forbids storage forgets. */

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`katydid.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`katydid.${key}`, value);
  } catch {
    // Private windows may refuse; nothing depends on it.
  }
}
