import { useLocation } from "preact-iso";
import type { ComponentChildren } from "preact";
import { type Alarm, unseen } from "../lib/alarms";
import { call, may, me } from "../lib/api";
import type { Page } from "../lib/evidence";
import { decidable, type Request, waiting } from "../lib/foureyes";
import { language, say, setLanguage } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { adminPages } from "./AdminNav";
import { Badge } from "./Badge";

export function LanguageButton() {
  const other = language.value === "lv" ? "en" : "lv";
  return (
    <button class="plain" lang={other} onClick={() => setLanguage(other)}>
      {say("language")}
    </button>
  );
}

/** How many requests of others this person can decide. */
function Waiting() {
  const list = usePoll<Page<Request>>(may("approve_request") ? waiting : null, 30_000);
  const n = list.value?.items.filter(decidable).length ?? 0;
  return <Badge n={n} words={say("waiting_count", { n })} />;
}

/** How many alarms nobody has looked at. */
function Unseen() {
  const list = usePoll<Page<Alarm>>(unseen, 30_000);
  const n = list.value?.items.length ?? 0;
  return <Badge n={n} words={say("alarm_count", { n })} />;
}

export function Header() {
  const { path } = useLocation();
  const link = (href: string, text: string, here: boolean, badge?: ComponentChildren) => (
    <a href={href} aria-current={here ? "page" : undefined}>
      {text}
      {badge}
    </a>
  );
  const signOut = async () => {
    const end = await call<{ redirect: string } | undefined>("POST", "/sign-out").catch(() => undefined);
    if (end) location.assign(end.redirect);
    else me.value = null;
  };
  const admin = adminPages()[0];
  return (
    <header class="bar">
      <strong class="brand">Lieciba</strong>
      <nav aria-label={say("pages")}>
        {may("watch_live") && link("/", say("live"), path === "/" || path.startsWith("/sites"))}
        {may("view_sessions") && link("/sessions", say("sessions"), path.startsWith("/sessions"))}
        {may("view_requests") && link("/requests", say("requests"), path === "/requests", <Waiting />)}
        {may("view_appeals") && link("/appeals", say("appeals"), path.startsWith("/appeals"))}
        {may("read_alarms") && link("/alarms", say("alarms"), path === "/alarms", <Unseen />)}
        {may("read_audit") && link("/audit", say("audit"), path === "/audit")}
        {may("read_retention") && link("/retention", say("retention"), path === "/retention")}
        {admin && link(admin.href, say("administration"), path.startsWith("/admin/"))}
      </nav>
      <span class="grow" />
      <LanguageButton />
      <a class="quiet" href="/account" aria-current={path === "/account" ? "page" : undefined}>
        {me.value?.name || me.value?.login}
      </a>
      <button class="plain" onClick={() => void signOut()}>
        {say("sign_out")}
      </button>
    </header>
  );
}
