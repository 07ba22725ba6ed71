import { me, type SignedIn } from "../lib/api";
import { say, sayCode } from "../lib/i18n";
import { when } from "../lib/time";
import { Acting } from "./Acting";

/** One sign-in: since when, how, from where; it can be ended. */
export function SignInLine({ s, path }: { s: SignedIn; path: string }) {
  return (
    <div class="line">
      <strong>{when(s.created_at)}</strong>
      <span>{sayCode("method", s.method)}</span>
      <span>{s.address}</span>
      <span class="quiet">{s.agent}</span>
      <span class="quiet">{say("seen_at", { time: when(s.seen_at) })}</span>
      {s.current && <span class="good">{say("this_sign_in")}</span>}
      <span class="grow" />
      <Acting
        path={path}
        method="DELETE"
        text={say("end_sign_in")}
        label={`${say("end_sign_in")}: ${when(s.created_at)}`}
        sure
        done={() => {
          if (s.current) me.value = null;
        }}
      />
    </div>
  );
}
