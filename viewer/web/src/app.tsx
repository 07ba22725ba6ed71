import { useEffect } from "preact/hooks";
import { LocationProvider, Route, Router, useLocation } from "preact-iso";
import { call, may, me, type Me } from "./lib/api";
import { say } from "./lib/i18n";
import { readWhyNot, whyNot } from "./lib/passkey";
import { Header } from "./parts/Header";
import { Proof } from "./parts/Proof";
import { Refused } from "./parts/Refused";
import { Secret } from "./parts/Secret";
import { Account, ChangePassword } from "./pages/Account";
import { Clients } from "./pages/admin/Clients";
import { Users } from "./pages/admin/Users";
import { Webhooks } from "./pages/admin/Webhooks";
import { Alarms } from "./pages/Alarms";
import { Appeal } from "./pages/Appeal";
import { Appeals } from "./pages/Appeals";
import { Audit } from "./pages/Audit";
import { Requests } from "./pages/Requests";
import { Retention } from "./pages/Retention";
import { Review } from "./pages/Review";
import { Sessions } from "./pages/Sessions";
import { SignIn } from "./pages/SignIn";
import { Wall } from "./pages/Wall";

readWhyNot();

const NotFound = () => <main class="page">{say("not_found")}</main>;

/** The first page that the roles open: the wall, or else the first of the header's. */
function Home() {
  const { route } = useLocation();
  const first = may("view_sessions") ? "/sessions" : may("read_audit") ? "/audit" : "/retention";
  const wall = may("watch_live");
  useEffect(() => {
    if (!wall) route(first, true);
  }, [wall, first]);
  return wall ? <Wall /> : <main class="page quiet">{say("loading")}</main>;
}

export function App() {
  useEffect(() => {
    call<Me>("GET", "/me")
      .then((m) => (me.value = m))
      .catch(() => (me.value = null));
  }, []);
  if (me.value === undefined) return <main class="page quiet">{say("loading")}</main>;
  if (me.value === null) return <SignIn />;
  if (me.value.must_change)
    return (
      <main class="sign-in">
        <ChangePassword why={say("must_change")} />
      </main>
    );
  return (
    <LocationProvider>
      <Header />
      {whyNot.value && <Refused why={whyNot.value} />}
      <Proof />
      <Secret />
      <Router>
        <Route path="/" component={Home} />
        <Route path="/sites/:site" component={Wall} />
        <Route path="/sessions" component={Sessions} />
        <Route path="/sessions/:id" component={Review} />
        <Route path="/requests" component={Requests} />
        <Route path="/appeals" component={Appeals} />
        <Route path="/appeals/:id" component={Appeal} />
        <Route path="/alarms" component={Alarms} />
        <Route path="/audit" component={Audit} />
        <Route path="/retention" component={Retention} />
        <Route path="/admin/users" component={Users} />
        <Route path="/admin/clients" component={Clients} />
        <Route path="/admin/webhooks" component={Webhooks} />
        <Route path="/account" component={Account} />
        <Route default component={NotFound} />
      </Router>
    </LocationProvider>
  );
}
