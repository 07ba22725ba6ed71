import { signal } from "@preact/signals";

/** What the server says once, such as a token or a made-up password; null when there is none to show. */
export const secret = signal<{ title: string; value: string } | null>(null);

/** Shows it; nothing is shown where the answer held none. */
export function showOnce(title: string, value: string | undefined) {
  if (value) secret.value = { title, value };
}
