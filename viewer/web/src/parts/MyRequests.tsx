import { isOpen, type Request } from "../lib/foureyes";
import { say } from "../lib/i18n";
import { Asked } from "./Asked";

/** Where one's own requests to see this session stand, and what was approved and not begun. */
export function MyRequests({ requests }: { requests: Request[] }) {
  const open = requests.filter(isOpen);
  const refused = requests.find((r) => r.state === "refused");
  return (
    <div role="status">
      {open.map((r) => (
        <div class="line" key={r.id}>
          <Asked r={r} />
        </div>
      ))}
      {open.length === 0 && refused && (
        <p class="failed">
          ✕ {say("refused_because")}: {refused.note} ({refused.decided_by})
        </p>
      )}
    </div>
  );
}
