import { useState } from "preact/hooks";
import { call } from "../lib/api";
import { say } from "../lib/i18n";
import { Refused } from "./Refused";

interface Props {
  path: string;
  text: string;
  body?: unknown;
  method?: "POST" | "DELETE";
  /** Asks once more before it acts. */
  sure?: boolean;
}

/** A button that posts to a path, or deletes what is there, and says what came back if it was a no. */
export function Acting({ path, text, body, method = "POST", sure = false }: Props) {
  const [asked, setAsked] = useState(false);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const act = async () => {
    if (sure && !asked) return setAsked(true);
    setAsked(false);
    setBusy(true);
    try {
      await call(method, path, body ?? (method === "POST" ? {} : undefined));
      setProblem("");
    } catch (e) {
      setProblem((e as Error).message);
    }
    setBusy(false);
  };
  return (
    <>
      <button type="button" disabled={busy} onClick={() => void act()} onBlur={() => setAsked(false)}>
        {asked ? say("are_you_sure") : text}
      </button>
      {problem && <Refused why={problem} />}
    </>
  );
}
