import { useState } from "preact/hooks";
import { call } from "../lib/api";
import { say } from "../lib/i18n";
import { Refused } from "./Refused";

interface Props<T> {
  path: string;
  text: string;
  /** Says in full what the button acts on, for those who do not see what stands beside it. */
  label?: string;
  body?: unknown;
  method?: "POST" | "PATCH" | "DELETE";
  /** Asks once more before it acts. */
  sure?: boolean;
  /** Takes the answer. */
  done?: (answer: T) => void;
}

/** A button that posts to a path, or deletes what is there, and says what came back if it was a no. */
export function Acting<T = unknown>({
  path,
  text,
  label,
  body,
  method = "POST",
  sure = false,
  done,
}: Props<T>) {
  const [asked, setAsked] = useState(false);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const act = async () => {
    if (sure && !asked) return setAsked(true);
    setAsked(false);
    setBusy(true);
    try {
      const answer = await call<T>(method, path, body ?? (method === "DELETE" ? undefined : {}));
      setProblem("");
      done?.(answer);
    } catch (e) {
      setProblem((e as Error).message);
    }
    setBusy(false);
  };
  return (
    <>
      <button
        type="button"
        disabled={busy}
        aria-label={label && !asked ? label : undefined}
        onClick={() => void act()}
        onBlur={() => setAsked(false)}
      >
        {asked ? say("are_you_sure") : text}
      </button>
      {problem && <Refused why={problem} />}
    </>
  );
}
