import { say } from "../lib/i18n";
import { Refused } from "./Refused";

interface Read {
  value: { items: unknown[]; next_before?: unknown } | undefined;
  error: string;
}

/** What a list says beside its rows: that it is being read, why it is not, that it is empty, that there is more. */
export function ListState({ of, none = "" }: { of: Read; none?: string }) {
  if (of.error) return <Refused why={of.error} />;
  if (!of.value) return <p class="quiet">{say("loading")}</p>;
  if (of.value.items.length === 0) return none ? <p class="quiet">{none}</p> : null;
  if (of.value.next_before) return <p class="quiet">{say("only_newest", { n: of.value.items.length })}</p>;
  return null;
}
