import { useLocation } from "preact-iso";
import { may } from "../lib/api";
import { say } from "../lib/i18n";

/** The pages of administration that the roles open. */
export const adminPages = () => [
  ...(may("manage_users")
    ? [
        { href: "/admin/users", text: say("users") },
        { href: "/admin/clients", text: say("client_tokens") },
      ]
    : []),
  ...(may("manage_webhooks") ? [{ href: "/admin/webhooks", text: say("webhooks") }] : []),
];

/** The way between them. */
export function AdminNav() {
  const { path } = useLocation();
  return (
    <nav class="sub" aria-label={say("administration")}>
      {adminPages().map((p) => (
        <a key={p.href} href={p.href} aria-current={path === p.href ? "page" : undefined}>
          {p.text}
        </a>
      ))}
    </nav>
  );
}
