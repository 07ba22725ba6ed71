import type { Page } from "../lib/evidence";
import { me } from "../lib/api";
import { decidable, isOpen, type Request } from "../lib/foureyes";
import { say } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { ListState } from "../parts/ListState";
import { RequestCard } from "../parts/RequestCard";

/** What waits for the person who looks, what they asked for, and what was decided. */
export function Requests() {
  const list = usePoll<Page<Request>>("/requests?limit=200", 5000);
  const all = list.value?.items ?? [];
  const forMe = all.filter((r) => decidable(r) || r.can.includes("use"));
  const mine = all.filter((r) => r.asked_by_id === me.value?.id && !forMe.includes(r) && isOpen(r));
  const others = all.filter((r) => isOpen(r) && !forMe.includes(r) && !mine.includes(r));
  const rest = all.filter((r) => !isOpen(r));
  return (
    <main class="page">
      <h1>{say("requests")}</h1>
      <ListState of={list} />
      {list.value && (
        <>
          <Group title={say("waits_for_you")} requests={forMe} none={say("nothing_waits")} />
          <Group title={say("my_requests")} requests={mine} />
          <Group title={say("open_requests")} requests={others} />
          <Group title={say("decided_requests")} requests={rest} />
        </>
      )}
    </main>
  );
}

function Group({ title, requests, none = "" }: { title: string; requests: Request[]; none?: string }) {
  if (requests.length === 0 && !none) return null;
  return (
    <section class="requests" aria-label={title}>
      <h2>{title}</h2>
      {requests.length === 0 && <p class="quiet">{none}</p>}
      {requests.map((r) => (
        <RequestCard key={r.id} request={r} />
      ))}
    </section>
  );
}
