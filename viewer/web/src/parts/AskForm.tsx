import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { call } from "../lib/api";
import { say } from "../lib/i18n";
import { Refused } from "./Refused";

interface Props {
  /** Of the button that opens the form and of the one that sends it. */
  text: string;
  path: string;
  /** Makes the body to post of what was filled in. */
  body: (filled: FormData) => unknown;
  children: ComponentChildren;
}

/** A form behind a button: it posts, closes when that was taken, and says why when not. */
export function AskForm({ text, path, body, children }: Props) {
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState("");
  const send = async (ev: SubmitEvent) => {
    ev.preventDefault();
    try {
      await call("POST", path, body(new FormData(ev.currentTarget as HTMLFormElement)));
      setOpen(false);
      setProblem("");
    } catch (e) {
      setProblem((e as Error).message);
    }
  };
  if (!open)
    return (
      <button type="button" onClick={() => setOpen(true)}>
        {text}
      </button>
    );
  return (
    <form class="form" onSubmit={(ev) => void send(ev)}>
      {children}
      <div class="actions">
        <button class="main">{text}</button>
        <button type="button" onClick={() => setOpen(false)}>
          {say("close")}
        </button>
      </div>
      {problem && <Refused why={problem} />}
    </form>
  );
}
