import { useEffect, useState } from "preact/hooks";
import { call, changes } from "./api";

/** Reads a path again and again while the page is seen. */
export function usePoll<T>(path: string | null, everyMs: number): { value: T | undefined; error: string } {
  const [state, set] = useState<{ value: T | undefined; error: string }>({ value: undefined, error: "" });
  const changed = changes.value;
  useEffect(() => {
    if (!path) return;
    let timer = 0;
    let gone = false;
    const read = async () => {
      if (!document.hidden) {
        try {
          const value = await call<T>("GET", path);
          if (!gone) set({ value, error: "" });
        } catch (e) {
          if (!gone) set((s) => ({ ...s, error: (e as Error).message }));
        }
      }
      if (!gone) timer = window.setTimeout(() => void read(), everyMs);
    };
    void read();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [path, everyMs, changed]);
  return state;
}
