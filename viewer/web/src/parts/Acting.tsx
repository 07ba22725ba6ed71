import { useState } from "preact/hooks";
import { call } from "../lib/api";
import { Refused } from "./Refused";

/** A button that posts to a path and says what came back if it was a no. */
export function Acting({ path, text, body = {} }: { path: string; text: string; body?: unknown }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const act = async () => {
    setBusy(true);
    try {
      await call("POST", path, body);
      setProblem("");
    } catch (e) {
      setProblem((e as Error).message);
    }
    setBusy(false);
  };
  return (
    <>
      <button type="button" disabled={busy} onClick={() => void act()}>
        {text}
      </button>
      {problem && <Refused why={problem} />}
    </>
  );
}
